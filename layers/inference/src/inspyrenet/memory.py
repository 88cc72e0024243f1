"""The memory that a network's maps live in: one reserve, taken from like a stack, kept between pictures.

Pages that were touched once stay, so a second picture of the same size costs no page faults; what was never touched
costs nothing.
"""

from __future__ import annotations

import ctypes
import math
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from inspyrenet.kernels import Kernels
    from inspyrenet.library import Library

_LINE_FLOATS = 16  # a cache line
# Kernels read whole tiles of rows, so up to eleven pixels beyond a map's end.
_BEYOND_FLOATS = 12 * 64


class Reserve:
    """Arrays of float32 from memory that is reserved once and released with the object."""

    def __init__(self, library: Library, floats: int) -> None:
        self._library = library
        self._bytes = (floats + _BEYOND_FLOATS) * 4
        address = library.inspyrenet_allocate(self._bytes)
        if not address:
            raise MemoryError(f"no {self._bytes:,} bytes of memory to reserve")
        self._address = address
        memory = (ctypes.c_float * (self._bytes // 4)).from_address(address)
        self._floats: NDArray[np.float32] = np.ctypeslib.as_array(memory)
        self._taken = 0

    def take(self, *shape: int) -> NDArray[np.float32]:
        """Give an array that holds anything. MemoryError: the reserve was made too small."""
        first = self._taken
        count = math.prod(shape)
        if first + count + _BEYOND_FLOATS > len(self._floats):
            raise MemoryError(f"a map of {shape} after {first * 4:,} bytes does not fit {self._bytes:,}")
        self._taken = first + -(-count // _LINE_FLOATS) * _LINE_FLOATS
        return self._floats[first : first + count].reshape(shape)

    @contextmanager
    def returned(self) -> Iterator[None]:
        """Give back, at the end, all that is taken inside."""
        before = self._taken
        try:
            yield
        finally:
            self._taken = before

    def __del__(self) -> None:
        if getattr(self, "_address", 0):
            self._library.inspyrenet_release(self._address, self._bytes)


@dataclass(frozen=True)
class Workshop:
    """What a network runs on: the kernels, and the memory of its maps."""

    kernels: Kernels
    maps: Reserve
