"""model.json: what the artefact says of itself. No constant of a model is written anywhere else.

Enters: the folder of an artefact (made by `layers/model`). Leaves: a frozen Manifest, or a ModelError that names the
file and the field. It must not load the weights.

This is the reading end of a contract whose writing end is layers/model/manifest.py. The two share no code, since
handler/ and layers/ do not import each other; tests/model/test_manifest.py holds them together.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

from handler.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SCHEMA_VERSION = 1
MANIFEST = "model.json"


@dataclass(frozen=True)
class Memory:
    """What the process occupies at its peak with a network: `base_bytes` + `bytes_per_network_px` × pixels."""

    base_bytes: int
    bytes_per_network_px: int


@dataclass(frozen=True)
class Kernels:
    """What the package `inspyrenet` runs instead of the graph, where it loads."""

    tensors: Path  # index of the weights
    memory: Memory | None


@dataclass(frozen=True)
class Manifest:
    """One artefact's description; units and meanings as in `layers/model/README.md`."""

    name: str
    version: str
    licence: str
    engine: Literal["onnxruntime", "torch"]
    weights: Path
    mode: str | None  # of the torch engine: base, fast, base-nightly
    size_policy: Literal["fixed", "flexible"]
    base_px: int
    multiple_px: int
    shorter_side_max_px: int
    input_resample: Literal["bilinear", "lanczos"]
    input_scale: Literal["255", "picture-max"]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    output_normalise: Literal["none", "min-max"]
    output_resample: Literal["bilinear-align-corners", "lanczos"]
    memory: Memory | None = None  # None: not measured
    kernels: Kernels | None = None
    weights_sha256: str | None = None
    session: Mapping[str, Any] = field(default_factory=dict)


def read_manifest(directory: Path) -> Manifest:
    """Read and check `directory`/model.json.

    Raises ModelError where the file or a field is missing, or a value is not one of those known.
    """
    path = directory / MANIFEST
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read ({error.strerror}): MODEL_DIR must name a folder with {MANIFEST} and its weights, "
            "as `make model` builds it."
        ) from error
    except ValueError as error:
        raise ModelError(f"{path} is not JSON ({error}). Build the artefact again.") from error
    try:
        if document["schema_version"] != SCHEMA_VERSION:
            raise ModelError(
                f"{path} has schema_version {document['schema_version']!r}; this code reads {SCHEMA_VERSION}. "
                "Build the artefact with this version of `make model`."
            )
        entering, leaving = document["input"], document["output"]
        kernels = document.get("kernels")
        flexible = entering["size_policy"] == "flexible"
        return Manifest(
            name=str(document["name"]),
            version=str(document["version"]),
            licence=str(document["licence"]),
            engine=_one_of(document, "engine", ("onnxruntime", "torch")),
            weights=directory / str(document["weights"]),
            mode=document.get("mode"),
            size_policy=_one_of(entering, "size_policy", ("fixed", "flexible")),
            base_px=int(entering["base_px"]),
            multiple_px=int(entering["multiple_px"]) if flexible else 32,
            shorter_side_max_px=int(entering["shorter_side_max_px"]) if flexible else 1280,
            input_resample=_one_of(entering, "resample", ("bilinear", "lanczos")),
            input_scale=_one_of(entering, "scale", ("255", "picture-max")),
            mean=tuple(float(value) for value in entering["mean"]),
            std=tuple(float(value) for value in entering["std"]),
            output_normalise=_one_of(leaving, "normalise", ("none", "min-max")),
            output_resample=_one_of(leaving, "resample", ("bilinear-align-corners", "lanczos")),
            memory=_memory(document),
            kernels=Kernels(directory / str(kernels["tensors"]), _memory(kernels)) if kernels else None,
            weights_sha256=None if document.get("weights_sha256") is None else str(document["weights_sha256"]),
            session=dict(document.get("session", {})),
        )
    except KeyError as error:
        raise ModelError(f"{path} lacks {error}. Build the artefact again.") from error
    except (TypeError, ValueError) as error:
        raise ModelError(f"{path} makes no sense: {error}. Build the artefact again.") from error


def _memory(section: Mapping[str, Any]) -> Memory | None:
    memory = section.get("memory")
    return Memory(int(memory["base_bytes"]), int(memory["bytes_per_network_px"])) if memory else None


def _one_of(section: Mapping[str, Any], name: str, known: tuple[str, ...]) -> Any:  # noqa: ANN401 - a Literal of `known`
    if section[name] not in known:
        raise ValueError(f"{name} is {section[name]!r} and has to be one of {', '.join(known)}")
    return cast("Any", section[name])
