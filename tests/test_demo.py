"""`make demo`: every step right is 0, any step wrong is not."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from local.emulator import ROOT
from tests.pictures import opened, save, scene

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def demo(model_dir: Path, photos: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "demo", "--model-dir", str(model_dir), "--photos", str(photos), "--out", str(out)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_demo_shows_every_way_in_and_succeeds(brightness: Path, tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    (photos / "disc.jpg").write_bytes(save(scene(200, 150), "JPEG"))
    done = demo(brightness, photos, out)
    assert done.returncode == 0, done.stdout + done.stderr
    for step in ("cold", "warm", "HTTP API", "Function URL", "REST", "none", "upload", "queue", "batch job"):
        assert step in done.stdout
    assert "WRONG" not in done.stdout
    ways = ("function-url.png", "http-api.png", "job.webp", "queue.png", "rest.png", "upload.png")
    made = sorted(path.name for path in out.glob("disc-*"))
    assert made == [f"disc-{way}" for way in ways]
    for name in set(made) - {"disc-job.webp"}:
        cutout = opened((out / name).read_bytes())
        assert (cutout.mode, cutout.size) == ("RGBA", (200, 150))
        low, high = cutout.getchannel("A").getextrema()
        assert low != high
    page = (out / "index.html").read_text(encoding="utf-8")
    assert page.count('class="cutout"') == len(made)
    for said in ("batchItemFailures", "Dead letters: {&quot;hello&quot;", "Succeeded", "PermanentFailure", "bg_color"):
        assert said in page


def test_the_demo_fails_where_the_model_does(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "disc.jpg").write_bytes(save(scene(), "JPEG"))
    done = demo(tmp_path / "no-model", photos, tmp_path / "out")
    assert done.returncode == 1
    assert "WRONG" in done.stdout
    assert "model.json cannot be read" in done.stdout


def test_the_demo_without_pictures_says_so(brightness: Path, tmp_path: Path) -> None:
    done = demo(brightness, tmp_path, tmp_path / "out")
    assert done.returncode != 0
    assert "holds no picture" in done.stderr


def test_make_names_a_folder_that_holds_no_model(tmp_path: Path) -> None:
    """`make demo MODEL_DIR=/nowhere` said "No rule to make target '/nowhere/model.json'"."""
    command = ["make", "--no-print-directory", f"{tmp_path}/model.json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert f"{tmp_path} has no model.json: build it with make model" in done.stderr
