"""ONNX Runtime on the CPU.

Enters: a (1, 3, h, w) float32 batch. Leaves: the graph's first output as (h, w).
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

# From 1.32 on, ONNX Runtime on Linux writes a device's id below HOME and sends events to its makers, unless it is told
# before it is imported: https://github.com/microsoft/onnxruntime/pull/27379
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime as ort

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from handler.model.manifest import Manifest

OPTIMISATION = {
    "disable": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}


# Sessions open and run in this one thread. "Denormals as zero" is a mode of the processor, which ONNX Runtime sets on a
# session's own pool and, for the process's first session alone, on the thread that opens it; never on one that runs it
# later (https://github.com/microsoft/onnxruntime/pull/5391). On each request's own thread InSPyReNet would take 9.0 s,
# not 6.4. Nor does the mode leak into numpy's arithmetic this way.
_THREAD = ThreadPoolExecutor(max_workers=1, thread_name_prefix="onnxruntime")


class OnnxEngine:
    """One session. Its options are the artefact's own, since they decide load time, speed and memory together."""

    def __init__(self, manifest: Manifest, threads: int) -> None:
        self._session = _THREAD.submit(_open, manifest, threads).result()
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[0].name

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take (1, 3, h, w), give (h, w)."""
        run = _THREAD.submit(self._session.run, [self._output], {self._input: batch})
        saliency: NDArray[np.float32] = run.result()[0]  # (1, 1, h, w)
        return saliency.reshape(saliency.shape[-2:])  # not squeeze: a side of 1 px stays a side


def _open(manifest: Manifest, threads: int) -> ort.InferenceSession:
    options = session_options(manifest, threads)
    return ort.InferenceSession(os.fspath(manifest.weights), sess_options=options, providers=["CPUExecutionProvider"])


def session_options(manifest: Manifest, threads: int) -> ort.SessionOptions:
    """Make the options that an artefact's session is opened with."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only: warnings about the host's devices are no use in a log
    options.graph_optimization_level = OPTIMISATION[manifest.session.get("graph_optimization", "all")]
    options.enable_cpu_mem_arena = manifest.session.get("memory_arena", True)
    options.enable_mem_pattern = manifest.session.get("memory_pattern", True)
    for name, value in manifest.session.get("config_entries", {}).items():
        options.add_session_config_entry(name, value)
    return options
