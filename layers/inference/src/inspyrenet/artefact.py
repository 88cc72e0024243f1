"""Finds a network's tensors in an artefact's file of weights.

Enters: the index that `layers/model/layout.py` writes. Leaves: arrays that view the file, whose pages are read when the
kernels pack them and given back afterwards.
"""

from __future__ import annotations

import json
import mmap
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def read_tensors(index: Path) -> dict[str, NDArray[np.float32]]:
    """Map the tensors that `index` lists, by name.

    Raises OSError where a file cannot be read, KeyError, TypeError or ValueError where the index makes no sense or the
    weights are shorter than it says.
    """
    document: dict[str, Any] = json.loads(index.read_bytes())
    with (index.parent / document["file"]).open("rb") as file:
        weights = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    end = max(entry["offset"] + 4 * int(np.prod(entry["shape"])) for entry in document["tensors"].values())
    if hasattr(weights, "madvise"):  # one read from front to back, ahead of the packing
        weights.madvise(mmap.MADV_SEQUENTIAL, 0, end)
        weights.madvise(mmap.MADV_WILLNEED, 0, end)
    return {
        name: np.frombuffer(weights, np.float32, int(np.prod(entry["shape"])), entry["offset"]).reshape(entry["shape"])
        for name, entry in document["tensors"].items()
    }
