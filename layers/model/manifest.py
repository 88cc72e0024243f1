"""The manifest `model.json`: everything the function must know about an artefact, beside its weights.

Enters: what a build decided. Leaves: the JSON document, and back. Must not know: how the weights were made or are run.

This is the writing end of a contract with the function, whose reading end is handler/model/manifest.py: it takes only
what it runs by, and refuses what it does not know. The two share no code, since layers/ and handler/ do not import each
other; tests/model/test_manifest.py holds them together. `read` here is for the verification, which judges the artefact
without the function.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pathlib import Path

    from layers.model.checkpoints import Mode

FILE_NAME = "model.json"
SCHEMA_VERSION = 1
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
MULTIPLE_PX = 32  # InSPyReNet: patches of 4 px are halved three times, and the decoder's doublings have to meet again


@dataclass(frozen=True)
class InputSpec:
    """How a picture becomes the network's input, NCHW float32.

    `scale`: "255" divides by 255, "picture-max" by the picture's own maximum; then minus `mean`, over `std`.
    `size_policy` "fixed" takes `base_px` squared only; "flexible" takes any multiples of `multiple_px`, and upstream's
    dynamic resize bounds the shorter side to `shorter_side_max_px`.
    """

    size_policy: Literal["fixed", "flexible"]
    base_px: int
    resample: Literal["bilinear", "lanczos"]
    scale: Literal["255", "picture-max"]
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    multiple_px: int | None = None
    shorter_side_max_px: int | None = None


@dataclass(frozen=True)
class OutputSpec:
    """How the network's first output becomes a matte of the picture's size, in [0, 1]."""

    normalise: Literal["none", "min-max"]
    resample: Literal["bilinear-align-corners", "lanczos"]


@dataclass(frozen=True)
class MemorySpec:
    """What a process with this network loaded occupies at its peak: `base_bytes` + `bytes_per_network_px` × pixels."""

    base_bytes: int
    bytes_per_network_px: int


@dataclass(frozen=True)
class KernelsSpec:
    """What the kernels of layers/inference run instead of the graph: an index of the weights, and their memory."""

    tensors: str
    memory: MemorySpec


@dataclass(frozen=True)
class Manifest:
    """One artefact. `weights` names the file beside the manifest; `session` holds ONNX Runtime options.

    `kernels` is for where the package `inspyrenet` loads; the graph is for everywhere else.
    """

    name: str
    version: str
    licence: str
    checkpoint_url: str
    checkpoint_sha256: str
    engine: Literal["onnxruntime", "torch"]
    weights: str
    weights_sha256: str
    input: InputSpec
    output: OutputSpec
    session: dict[str, Any] = field(default_factory=dict)
    external_weights: str | None = None
    external_weights_sha256: str | None = None
    mode: Mode | None = None
    memory: MemorySpec | None = None  # None: not measured
    kernels: KernelsSpec | None = None
    schema_version: int = SCHEMA_VERSION


def write(manifest: Manifest, folder: Path) -> Path:
    """Write `model.json` into `folder`; fields that say nothing (None) are left out."""
    document = {
        key: ({k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value)
        for key, value in asdict(manifest).items()
        if value is not None
    }
    path = folder / FILE_NAME
    path.write_text(json.dumps({"schema_version": document.pop("schema_version"), **document}, indent=2) + "\n")
    return path


def read(folder: Path) -> Manifest:
    """Read the manifest in `folder`.

    Raises ValueError for another schema version, FileNotFoundError where there is none.
    """
    document = json.loads((folder / FILE_NAME).read_text())
    if document.get("schema_version") != SCHEMA_VERSION:
        raise ValueError(
            f"{folder / FILE_NAME} has schema_version {document.get('schema_version')!r}, this code reads "
            f"{SCHEMA_VERSION}: build the artefact again"
        )
    given = document.pop("input")
    given["mean"], given["std"] = tuple(given["mean"]), tuple(given["std"])
    if "memory" in document:
        document["memory"] = MemorySpec(**document["memory"])
    if "kernels" in document:
        kernels = document["kernels"]
        document["kernels"] = KernelsSpec(kernels["tensors"], MemorySpec(**kernels["memory"]))
    return Manifest(input=InputSpec(**given), output=OutputSpec(**document.pop("output")), **document)
