"""The machine's own peak: the float32 matrix product of 2,048² by the quickest library there is, in GFLOP/s.

Measured between the contestants again and again: a virtual machine's speed drifts, and theirs with it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass

from bench.figures import ROOT
from bench.worker_peak import SIDE

GFLOP = 2 * SIDE**3 / 1e9
PRODUCTS = 9  # of which the quickest counts: whatever else the machine does only adds to it
# Each library's own variable for its threads, https://github.com/OpenMathLib/OpenBLAS#setting-the-number-of-threads-at-runtime
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Library:
    """What multiplies, and the Python that has it."""

    name: str
    module: str
    python: str

    def gflops(self, threads: int) -> float:
        """Measure it, in a process of its own."""
        done = subprocess.run(
            [self.python, "-m", "bench.worker_peak", self.module, str(threads), str(PRODUCTS)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **dict.fromkeys(THREAD_VARIABLES, str(threads))},
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        seconds: list[float] = json.loads(done.stdout.splitlines()[-1])["seconds"]
        return GFLOP / min(seconds)


NUMPY = Library("numpy's OpenBLAS", "numpy", sys.executable)
MODEL_PYTHON = str(ROOT / ".venv-model" / "bin" / "python")
TORCH = Library("torch", "torch", MODEL_PYTHON)


def quickest(libraries: tuple[Library, ...], threads: int) -> Library:
    """Choose the library that the machine's peak is measured by."""
    return max(libraries, key=lambda library: library.gflops(threads))
