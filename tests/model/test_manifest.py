"""model.json: read whole, or refused with the file and the field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from handler.errors import ModelError
from handler.model.manifest import read_manifest
from layers.model import manifest as written
from tests import artefacts

if TYPE_CHECKING:
    from pathlib import Path


def test_what_the_build_writes_is_what_the_function_reads(u2netp: Path) -> None:
    ours, theirs = read_manifest(u2netp), written.read(u2netp)
    assert (ours.name, ours.version, ours.licence, ours.engine) == (
        theirs.name,
        theirs.version,
        theirs.licence,
        theirs.engine,
    )
    assert ours.weights == u2netp / theirs.weights
    assert (ours.base_px, ours.size_policy) == (theirs.input.base_px, theirs.input.size_policy)
    assert (ours.mean, ours.std) == (theirs.input.mean, theirs.input.std)
    assert ours.session == theirs.session


def test_a_flexible_artefact_brings_its_geometry(brightness: Path) -> None:
    manifest = read_manifest(brightness)
    assert (manifest.size_policy, manifest.base_px, manifest.multiple_px) == ("flexible", 64, 32)


def test_the_schemas_are_the_same_on_both_sides() -> None:
    from handler.model.manifest import MANIFEST, SCHEMA_VERSION  # noqa: PLC0415 - beside their counterparts

    assert (MANIFEST, SCHEMA_VERSION) == (written.FILE_NAME, written.SCHEMA_VERSION)


@pytest.mark.parametrize(
    "field", ["schema_version", "name", "version", "licence", "engine", "weights", "input", "output"]
)
def test_a_missing_field_is_named(tmp_path: Path, field: str) -> None:
    artefacts.write(tmp_path, artefacts.brightness(), **{field: None})
    with pytest.raises(ModelError, match=f"model.json lacks '{field}'"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"schema_version": 2}, "schema_version 2; this code reads 1"),
        ({"engine": "tensorflow"}, "engine is 'tensorflow' and has to be one of onnxruntime, torch"),
        ({"input": {"size_policy": "any"}}, "size_policy is 'any'"),
        ({"input": {"resample": "nearest"}}, "resample is 'nearest'"),
        ({"input": {"scale": "1"}}, "scale is '1'"),
        ({"input": {"base_px": "wide"}}, "makes no sense"),
        ({"input": {"mean": 3}}, "makes no sense"),
        ({"output": {"normalise": "softmax"}}, "normalise is 'softmax'"),
        ({"input": 7}, "makes no sense"),
        ({"session": 7}, "makes no sense"),
    ],
    ids=str,
)
def test_a_value_without_sense_is_named(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    artefacts.write(tmp_path, artefacts.brightness(), **changes)
    with pytest.raises(ModelError, match=says):
        read_manifest(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", "7", "null", '"a"', '{"schema_version": 1}'])
def test_a_file_that_is_no_manifest_is_a_model_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "model.json").write_text(content, encoding="utf-8")
    with pytest.raises(ModelError, match=r"model\.json"):
        read_manifest(tmp_path)


def test_no_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="make model"):
        read_manifest(tmp_path / "nowhere")
