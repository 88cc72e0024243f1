"""Prints a network's steps in each of some runs, as one JSON line: MODEL_DIR's, on THREADS threads.

Arguments: picture, how many runs. A first run comes before them and is left out.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING

import inspyrenet
import numpy as np
from PIL import Image

from bench.operations import Step, steps_of_profile
from handler.model.door import to_batch
from handler.model.manifest import read_manifest
from handler.model.onnx_engine import session_options
from handler.settings import Settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from handler.model.manifest import Manifest


def steps(manifest: Manifest, threads: int, batch: NDArray[np.float32], runs: int) -> list[list[Step]]:
    """Choose what tells an artefact's steps: the kernels time themselves, ONNX Runtime has a profiler."""
    if manifest.kernels:
        return traced(manifest.kernels.tensors, manifest.base_px, threads, batch, runs)
    return profiled(manifest, threads, batch, runs)


def traced(tensors: Path, base_px: int, threads: int, batch: NDArray[np.float32], runs: int) -> list[list[Step]]:
    """Let the kernels say what each of them took, and what the network took beside them."""
    network = inspyrenet.Network(inspyrenet.Tensors(tensors), base_px, inspyrenet.Kernels(threads))
    found = []
    for _ in range(1 + runs):
        trace, begun = inspyrenet.Trace(), time.perf_counter()
        network.infer(batch[0], trace)
        whole_s = time.perf_counter() - begun
        kernels = [Step(step.kind, step.seconds, step.gflop) for step in trace.steps]
        found.append([*kernels, Step("beside the kernels", whole_s - sum(step.seconds for step in kernels), 0)])
    return found[1:]


def profiled(manifest: Manifest, threads: int, batch: NDArray[np.float32], runs: int) -> list[list[Step]]:
    """Let ONNX Runtime's own profiler time the graph's nodes."""
    import onnxruntime  # noqa: PLC0415 - after onnx_engine, which tells it to send no telemetry

    options = session_options(manifest, threads)
    options.enable_profiling = True
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(os.fspath(manifest.weights), options, providers=["CPUExecutionProvider"])
        for _ in range(1 + runs):
            session.run(None, {session.get_inputs()[0].name: batch})
        return steps_of_profile(json.loads(Path(session.end_profiling()).read_text(encoding="utf-8")))


def main() -> None:
    """Print the line."""
    settings = Settings.from_env()
    manifest = read_manifest(settings.model_dir)
    with Image.open(sys.argv[1]) as image:
        rgb = np.asarray(image.convert("RGB"))
    batch = to_batch(rgb, (manifest.base_px, manifest.base_px), manifest)
    found = steps(manifest, settings.threads, batch, int(sys.argv[2]))
    sys.stdout.write(json.dumps({"runs": [[astuple(step) for step in one] for one in found]}) + "\n")


if __name__ == "__main__":
    main()
