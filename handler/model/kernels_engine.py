"""InSPyReNet on the kernels of layers/inference: faster than its graph, and in less memory (`make bench`).

Enters: a (1, 3, h, w) float32 batch. Leaves: the saliency as (h, w).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from inspyrenet import Kernels, Network, Tensors, load_best

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray


# At import, so that a platform without them shows before anything is read.
_LIBRARY = load_best()


class KernelsEngine:
    """One network. A second caller waits for the first, since both would work in the same memory."""

    def __init__(self, tensors: Path, base_px: int, threads: int) -> None:
        self._network = Network(Tensors(tensors), base_px, Kernels(threads, _LIBRARY))
        self._lock = threading.Lock()

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take (1, 3, h, w), give (h, w)."""
        with self._lock:
            return self._network.infer(batch[0])
