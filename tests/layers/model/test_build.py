"""Building what needs no torch, and the manifest's two ways."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from layers.model import build, fetch, manifest
from layers.model.checkpoints import CHECKPOINTS, StateDict

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build u2netp as a user does."""
    out = tmp_path_factory.mktemp("u2netp")
    assert build.main(["u2netp", "--out", str(out)]) == 0
    return out


def test_u2netp_is_the_published_file(embedded: Path) -> None:
    """Its checksum is the one in checkpoints.py, and in the manifest."""
    checkpoint = CHECKPOINTS["u2netp"]
    assert checkpoint.checksum is not None
    assert fetch.digest(embedded / "model.onnx") == checkpoint.checksum.hexdigest
    assert json.loads((embedded / "model.json").read_text())["weights_sha256"] == checkpoint.checksum.hexdigest


def test_a_manifest_is_read_as_it_was_written(embedded: Path, tmp_path: Path) -> None:
    """Writing what was read gives the same bytes."""
    manifest.write(manifest.read(embedded), tmp_path)
    assert (tmp_path / "model.json").read_text() == (embedded / "model.json").read_text()


def test_another_schema_version_is_refused(tmp_path: Path) -> None:
    """A manifest of the future is not guessed at."""
    (tmp_path / "model.json").write_text('{"schema_version": 2}')
    with pytest.raises(ValueError, match="schema_version 2, this code reads 1"):
        manifest.read(tmp_path)


def test_a_checkpoint_that_is_not_there_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command line ends with 1, without a traceback."""
    assert build.main(["u2netp", "--out", str(tmp_path), "--checkpoint", str(tmp_path / "none")]) == 1
    assert "name an existing file" in capsys.readouterr().err


def test_building_imports_no_torch() -> None:
    """The default image's build stage has neither torch nor onnxruntime."""
    code = "import sys, layers.model.build; print({'torch', 'onnxruntime', 'numpy'} & set(sys.modules))"
    outcome = subprocess.run(  # a command of fixed words
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert outcome.stdout.strip() == "set()"


def test_the_torch_artefact_is_the_checkpoint_and_a_manifest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Any file is copied as it is, and named for not being the published one."""
    given = tmp_path / "own.pth"
    given.write_bytes(b"weights")
    arguments = ["inspyrenet-fast", "--engine", "torch", "--checkpoint", str(given), "--out", str(tmp_path / "out")]
    assert build.main(arguments) == 0
    document = manifest.read(tmp_path / "out")
    assert (document.engine, document.mode, document.version) == ("torch", "fast", "custom")
    assert (tmp_path / "out" / document.weights).read_bytes() == b"weights"
    assert "is not the published inspyrenet-fast" in capsys.readouterr().err


@pytest.mark.parametrize(
    "checkpoint", [c for c in CHECKPOINTS.values() if isinstance(c, StateDict)], ids=lambda c: c.name
)
def test_sizes_and_modes_are_upstreams(checkpoint: StateDict) -> None:
    """The base size and file name of transparent-background's config.yaml."""
    assert checkpoint.base_px == (384 if checkpoint.mode == "fast" else 1024)
    assert checkpoint.url.endswith(f"ckpt_{checkpoint.mode.replace('-', '_')}.pth")


def test_a_download_that_nobody_vouches_for_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Upstream replaces base-nightly in place and publishes no checksum of it."""
    assert build.main(["inspyrenet-base-nightly", "--out", str(tmp_path / "out")]) == 1
    assert "publishes no checksum of inspyrenet-base-nightly" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_download_that_nobody_vouches_for_is_taken_if_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The manifest keeps saying that it was not verified."""
    monkeypatch.chdir(tmp_path)
    downloaded = tmp_path / build.DOWNLOADS / "ckpt_base_nightly.pth"  # as an earlier download leaves it
    downloaded.parent.mkdir(parents=True)
    downloaded.write_bytes(b"weights")
    options = ["--engine", "torch", "--allow-unverified", "--out", str(tmp_path / "out")]
    assert build.main(["inspyrenet-base-nightly", *options]) == 0
    assert manifest.read(tmp_path / "out").version == "1.2.12, unverified"
    assert "is taken as it is" in capsys.readouterr().err
