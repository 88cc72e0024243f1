"""Finds a network's tensors in an artefact's file of weights.

Enters: the index that `layers/model/layout.py` writes. Leaves: arrays that view the file.
"""

from __future__ import annotations

import json
import math
import mmap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

# How much is viewed before the file's pages are given back, which the kernel would otherwise count to the process as
# long as the file is mapped. Whoever looks again reads them again.
_VIEWED_BYTES = 32 * 1024**2


class Tensors(Mapping[str, "NDArray[np.float32]"]):
    """The tensors that `index` lists, by name; a view is meant to be packed at once and let go.

    Raises OSError where a file cannot be read, KeyError, TypeError or ValueError where the index makes no sense or the
    weights are shorter than it says.
    """

    def __init__(self, index: Path) -> None:
        document: dict[str, Any] = json.loads(index.read_bytes())
        self._places: dict[str, tuple[int, tuple[int, ...]]] = {
            name: (int(entry["offset"]), tuple(int(side) for side in entry["shape"]))
            for name, entry in document["tensors"].items()
        }
        with (index.parent / document["file"]).open("rb") as file:
            self._file = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        end = max(offset + 4 * math.prod(shape) for offset, shape in self._places.values())
        if end > len(self._file):
            raise ValueError(f"{document['file']} has {len(self._file):,} bytes, and {index.name} speaks of {end:,}")
        if hasattr(mmap, "MADV_WILLNEED"):  # one piece from front to back, read ahead of the packing
            self._file.madvise(mmap.MADV_WILLNEED, 0, end)
        self._viewed_bytes = 0

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        offset, shape = self._places[name]
        count = math.prod(shape)
        if self._viewed_bytes >= _VIEWED_BYTES and hasattr(mmap, "MADV_DONTNEED"):
            self._file.madvise(mmap.MADV_DONTNEED)
            self._viewed_bytes = 0
        self._viewed_bytes += 4 * count
        return np.frombuffer(self._file, np.float32, count, offset).reshape(shape)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
