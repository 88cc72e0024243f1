"""InSPyReNet behind the function's door: the incident's sizes, upstream's pictures, both engines, the emulator.

Needs torch: `.venv-model`. The fast network throughout: the same graph at a seventh of the cost.
"""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("torch")

from PIL import Image  # behind the skip, as all that only .venv-model has

from handler.job import Done, Inline, Invocation, Job, Output, Rendering
from handler.pipeline import Pipeline
from handler.settings import Settings
from handler.warmup import warm_up
from layers.model import build, reference
from layers.model.checkpoints import CHECKPOINTS
from local import events
from local.emulator import ROOT, Emulator
from local.s3 import local_s3
from tests.layers.model.shop import FAST
from tests.layers.pymatting_alone import estimate_foreground_ml

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.layers.model.shop import Shop

pytestmark = [pytest.mark.model, pytest.mark.timeout(1200)]

INVOCATION = Invocation("test")


def photograph() -> Image.Image:
    return Image.open(ROOT / "demo" / "photos" / "chelsea.jpg").convert("RGB")


def pipeline_of(folder: Path, resize: str = "static") -> Pipeline:
    return Pipeline(Settings.from_env({"MODEL_DIR": str(folder), "INSPIRENET_RESIZE": resize, "THREADS": "2"}))


def cut_out(pipeline: Pipeline, picture: Image.Image) -> NDArray[np.uint8]:
    out = io.BytesIO()
    picture.save(out, "PNG")
    outcome = pipeline.cut_out(Job("http", Inline(out.getvalue()), (Output(Rendering(format="png")),)), INVOCATION)
    assert isinstance(outcome, Done)
    return np.asarray(Image.open(io.BytesIO(outcome.files[0].data)))


@pytest.mark.parametrize("resize", ["static", "dynamic"])
@pytest.mark.parametrize(
    "size", [(1, 1), (16, 16), (17, 17), (32, 32), (64, 64), (128, 128), (640, 16)], ids=lambda size: f"{size}"
)
def test_warm_up_succeeds_on_every_size_of_the_incident(size: tuple[int, int], resize: str, shop: Shop) -> None:
    warmth = warm_up(pipeline_of(shop.artefact(FAST), resize), INVOCATION, *size)
    assert (warmth.status_code, warmth.model_ready) == (200, True), warmth.message


@pytest.mark.parametrize("resize", ["static", "dynamic"])
def test_a_finished_picture_is_upstreams(resize: reference.Resize, shop: Shop) -> None:
    """Matte within 1 of 255 everywhere; colours within 2 on 99.9 % of what is seen, half a step on average."""
    picture = photograph()
    remover = reference.load_remover("fast", shop.checkpoint(FAST), resize)
    remover.matting_fn = estimate_foreground_ml()  # what upstream takes; load_remover leaves the compile out
    expected = np.asarray(remover.process(picture, type="rgba")).astype(int)  # (H, W, 4)
    found = cut_out(pipeline_of(shop.artefact(FAST), resize), picture).astype(int)
    assert expected[..., 3].std() > 0.15 * 255
    assert np.abs(found[..., 3] - expected[..., 3]).max() <= 1
    seen = (expected[..., 3] > 0) & (found[..., 3] > 0)
    difference = np.abs(found[seen][:, :3] - expected[seen][:, :3])
    assert difference.mean() <= 0.5
    assert (difference.max(axis=1) <= 2).mean() >= 0.999


# Upstream leaves its configuration file to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_both_engines_give_the_same_matte(shop: Shop, tmp_path: Path) -> None:
    build.build(CHECKPOINTS["inspyrenet-fast"], tmp_path, shop.checkpoint(FAST), build.Recipe(engine="torch"))
    rgb = np.asarray(photograph())
    expected = pipeline_of(tmp_path).model.predict(rgb)
    found = pipeline_of(shop.artefact(FAST)).model.predict(rgb)
    assert expected.std() > 0.15
    assert np.abs(found - expected).max() <= 1e-3


LOADING = """
import sys
from handler.pipeline import Pipeline
from handler.settings import Settings
Pipeline(Settings.from_env()).model.load()
print("LOADED", [name for name in ("torch", "numba", "pymatting") if name in sys.modules])
"""


def test_the_torch_engine_compiles_nothing_and_writes_to_tmp_alone(shop: Shop, tmp_path: Path) -> None:
    """On Lambda numba's cache cannot be written, so each cold start would compile PyMatting for 50 s."""
    home, scratch = tmp_path / "home", tmp_path / "scratch"
    home.mkdir()
    scratch.mkdir()
    folder = tmp_path / "artefact"
    build.build(CHECKPOINTS["inspyrenet-fast"], folder, shop.checkpoint(FAST), build.Recipe(engine="torch"))
    done = subprocess.run(
        [sys.executable, "-c", LOADING],
        env={"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(scratch), "MODEL_DIR": str(folder)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "LOADED ['torch']"
    assert done.stderr == ""
    assert list(home.iterdir()) == []


def test_the_function_answers_every_kind_of_event_with_it(shop: Shop) -> None:
    out = io.BytesIO()
    photograph().save(out, "JPEG")
    with (
        local_s3("photos", "cutouts") as store,
        Emulator(
            {
                "MODEL_DIR": str(shop.artefact(FAST)),
                "INSPIRENET_MODE": "fast",
                "AWS_ENDPOINT_URL_S3": store.url,
                "OUTPUT_BUCKET": "cutouts",
            }
        ) as function,
    ):
        ping = function.invoke(events.load("scheduled"))
        assert (ping.status_code, ping.payload["cold_start"]) == (200, True), function.log()

        body, headers = events.form({"format": "png"}, {"image_file": ("chelsea.jpg", out.getvalue())})
        answer = function.invoke(events.request("function-url", "POST", "/v1.0/removebg", body, headers))
        assert answer.status_code == 200, answer.payload
        matte = np.asarray(Image.open(io.BytesIO(base64.b64decode(answer.payload["body"]))))[..., 3]
        assert matte.std() > 0.15 * 255

        store.client.put_object(Bucket="photos", Key="chelsea.jpg", Body=out.getvalue())
        upload = function.invoke(events.upload("photos", "chelsea.jpg"))
        assert upload.status_code == 200, upload.payload
        stored = store.client.get_object(Bucket="cutouts", Key="cutouts/chelsea.jpg.png")
        assert json.dumps(stored["Metadata"]).count("inspyrenet-fast") == 1
