"""Prove an artefact against upstream: `python -m layers.model.verify DIR --checkpoint FILE --picture FILE ...`.

Enters: a built artefact and the checkpoint it came from. Leaves: a table of differences, and a failure beyond the
bounds. Must not know: the function. The preprocessing, resizing and session here are written from the manifest once
more, on purpose: a proof that called the function's own code would share its mistakes.

Two references, for two questions. At the network's output: upstream's network computed in float64, which is the same on
every machine; its float32 is not, and may be off by more than the artefact is. In the 8-bit matte: upstream as shipped.

A comparison on constant mattes shows nothing, so those without variety are named and left out; two have to remain in
each mode.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import inspyrenet
import numpy as np
import onnxruntime
import torch
from PIL import Image
from torch.nn import functional

from layers.model import manifest, reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    Float = NDArray[np.float32]

LEAST_MATTE_STD = 0.15
LEAST_COMPARED = 2
WORST_AT_NETWORK = 1e-4
WORST_IN_8BIT = 1
_LEVELS = {
    "disable": onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
}


class VerificationError(Exception):
    """The artefact does not give upstream's answer, or the comparison would not have shown it."""


@dataclass(frozen=True)
class Comparison:
    """One picture at one size by one engine: differences at the network's output, and in the 8-bit matte.

    `upstream_worst` is what upstream's own float32 is off by: how far the weights amplify rounding on this machine.
    """

    label: str
    engine: str
    size: tuple[int, int]
    worst: float
    mean: float
    upstream_worst: float
    worst_8bit: int
    differing: float

    def __str__(self) -> str:
        return (
            f"{self.label:<24} {self.engine:<7} {self.size[0]:>5}x{self.size[1]:<5} worst {self.worst:.1e}  "
            f"mean {self.mean:.1e}  "
            f"(upstream in float32: {self.upstream_worst:.1e})  8 bit: worst {self.worst_8bit}, "
            f"{self.differing:.3%} of pixels differ"
        )

    @property
    def passed(self) -> bool:
        """Whether both bounds hold; a NaN does not."""
        return self.worst <= WORST_AT_NETWORK and self.worst_8bit <= WORST_IN_8BIT


def open_session(folder: Path) -> onnxruntime.InferenceSession:
    """Open the artefact with the options of its manifest."""
    document = manifest.read(folder)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = _LEVELS[document.session["graph_optimization"]]
    options.enable_mem_pattern = document.session.get("memory_pattern", True)
    for key, value in document.session.get("config_entries", {}).items():
        options.add_session_config_entry(key, value)
    return onnxruntime.InferenceSession(folder / document.weights, options, providers=["CPUExecutionProvider"])


def open_engines(folder: Path) -> dict[str, Callable[[Float], Float]]:
    """Open all that may run the artefact, the graph first: (1, 3, H, W) to (1, 1, H, W) each."""
    document, session = manifest.read(folder), open_session(folder)
    engines: dict[str, Callable[[Float], Float]] = {"graph": lambda given: session.run(None, {"picture": given})[0]}
    if document.kernels is not None:
        kernels = inspyrenet.Kernels(os.cpu_count() or 1, inspyrenet.load_best())
        tensors = inspyrenet.Tensors(folder / document.kernels.tensors)
        network = inspyrenet.Network(tensors, document.input.base_px, kernels)
        engines["kernels"] = lambda given: network.infer(given[0])[None, None]
    return engines


def preprocess(picture: Image.Image, size: tuple[int, int], spec: manifest.InputSpec) -> Float:
    """Turn an RGB picture into (1, 3, *size) float32, as the manifest says; `size` is (height, width)."""
    resample = {"bilinear": Image.Resampling.BILINEAR, "lanczos": Image.Resampling.LANCZOS}[spec.resample]
    pixels = np.asarray(picture.resize(size[::-1], resample), dtype=np.float32)
    pixels = pixels / np.float32(255 if spec.scale == "255" else max(pixels.max(), 1))
    normalised = (pixels - np.array(spec.mean, dtype=np.float32)) / np.array(spec.std, dtype=np.float32)
    return np.ascontiguousarray(normalised.transpose(2, 0, 1)[None], dtype=np.float32)


def to_matte_8bit(saliency: Float, picture: Image.Image) -> NDArray[np.uint8]:
    """Resize (1, 1, H, W) to the picture's size and truncate to 8 bits, as upstream does: (height, width) uint8."""
    size = (picture.height, picture.width)
    resized = functional.interpolate(torch.from_numpy(saliency), size, mode="bilinear", align_corners=True)
    return (resized[0, 0].numpy() * 255).astype(np.uint8)


@dataclass(frozen=True)
class LeftOut:
    """A picture whose matte is too flat for a comparison to show anything; `spread` is its standard deviation."""

    label: str
    spread: float

    def __str__(self) -> str:
        return f"{self.label:<24} left out: its matte is flat (standard deviation {self.spread:.2f})"


def compare(
    engines: Mapping[str, Callable[[Float], Float]],
    remover: Any,  # noqa: ANN401  # upstream is untyped
    spec: manifest.InputSpec,
    pictures: Mapping[str, Image.Image],
) -> Iterator[Comparison | LeftOut]:
    """Compare each engine on each picture, at the size that `remover` takes it to."""
    exact = reference.Exact(remover.model)
    for label, picture in pictures.items():
        shipped = reference.predict(remover, picture)
        if (spread := float(shipped.saliency.std())) <= LEAST_MATTE_STD:
            yield LeftOut(label, spread)
            continue
        expected = exact(shipped.given).numpy()
        size = (expected.shape[-2], expected.shape[-1])
        for engine, run in engines.items():
            found = run(preprocess(picture, size, spec))
            difference = np.abs(found - expected)
            difference_8bit = np.abs(to_matte_8bit(found, picture).astype(int) - shipped.matte)
            yield Comparison(
                label,
                engine,
                size,
                worst=float(difference.max()),
                mean=float(difference.mean()),
                upstream_worst=float(np.abs(shipped.saliency.numpy() - expected).max()),
                worst_8bit=int(difference_8bit.max()),
                differing=float((difference_8bit > 0).mean()),
            )


def verify(
    folder: Path, checkpoint: Path, pictures: Mapping[str, Image.Image], resizes: Sequence[reference.Resize]
) -> bool:
    """Print a line per picture, engine and mode to stdout; True where all comparisons are within the bounds.

    Raises VerificationError where a mode has fewer than `LEAST_COMPARED` pictures that are worth comparing.
    """
    document = manifest.read(folder)
    if document.mode is None or document.engine != "onnxruntime":
        raise VerificationError(
            f"{folder} holds {document.name} for {document.engine}: only an ONNX export of InSPyReNet has something "
            "to be compared with"
        )
    engines, passed = open_engines(folder), True
    for resize in resizes:
        if resize == "dynamic" and document.input.size_policy == "fixed":
            continue
        remover, compared = reference.load_remover(document.mode, checkpoint, resize), set[str]()
        for outcome in compare(engines, remover, document.input, pictures):
            failed = isinstance(outcome, Comparison) and not outcome.passed
            passed &= not failed
            if isinstance(outcome, Comparison):
                compared.add(outcome.label)
            sys.stdout.write(f"{resize:<8} {outcome}{'  FAILED' if failed else ''}\n")
            sys.stdout.flush()
        if len(compared) < LEAST_COMPARED:
            raise VerificationError(
                f"in {resize} mode {len(compared)} of {len(pictures)} pictures ({', '.join(pictures)}) could be "
                f"compared, at least {LEAST_COMPARED} have to be: their mattes need a standard deviation above "
                f"{LEAST_MATTE_STD}, since on constant mattes any two networks agree; add pictures with a clear "
                "subject (--picture), or calibrate the checkpoint"
            )
    return passed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 1 where the artefact does not give upstream's answer."""
    parser = argparse.ArgumentParser(prog="python -m layers.model.verify", description="Prove an artefact.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--picture", type=Path, action="append", required=True, help="once for each; two or more")
    parser.add_argument("--resize", choices=["static", "dynamic"], action="append", help="default: both")
    options = parser.parse_args(arguments)
    pictures = {path.name: Image.open(path).convert("RGB") for path in options.picture}
    try:
        passed = verify(options.folder, options.checkpoint, pictures, options.resize or ["static", "dynamic"])
    except (VerificationError, FileNotFoundError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if not passed:
        sys.stderr.write(
            f"beyond {WORST_AT_NETWORK} from upstream's network in float64, or {WORST_IN_8BIT} from its 8-bit matte: "
            "do not ship it\n"
        )
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
