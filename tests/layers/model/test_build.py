"""Building what needs no torch, and the manifest's two ways."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from layers.model import build, fetch, manifest
from layers.model.sources import SOURCES, Checkpoint

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build u2netp as a user does."""
    out = tmp_path_factory.mktemp("u2netp")
    assert build.main(["u2netp", "--out", str(out)]) == 0
    return out


def test_u2netp_is_the_published_file(embedded: Path) -> None:
    """Its checksum is the one in sources.py, and in the manifest."""
    source = SOURCES["u2netp"]
    assert source.checksum is not None
    assert fetch.digest(embedded / "model.onnx") == source.checksum.hexdigest
    assert json.loads((embedded / "model.json").read_text())["weights_sha256"] == source.checksum.hexdigest


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


@pytest.mark.parametrize("source", [s for s in SOURCES.values() if isinstance(s, Checkpoint)], ids=lambda s: s.name)
def test_sizes_and_modes_are_upstreams(source: Checkpoint) -> None:
    """The base size and file name of transparent-background's config.yaml."""
    assert source.base_px == (384 if source.mode == "fast" else 1024)
    assert source.url.endswith(f"ckpt_{source.mode.replace('-', '_')}.pth")
