"""Where the kernels' arrays lie in a test: anywhere, or right beside memory that must not be touched."""

from __future__ import annotations

import ctypes
import math
import mmap
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from tests.layers.inference.bounded import Floats

_NOTHING_ALLOWED = 0  # PROT_NONE
STALE = np.float32(1e30)  # what memory holds that was never written: it shows wherever it gets into a result


class Memory(Protocol):
    """Gives arrays. `beyond`: how many floats behind an array a kernel may read, as its comment says."""

    def empty(self, *shape: int, beyond: int = 0) -> Floats: ...


class Anywhere:
    """Memory as numpy gives it."""

    def empty(self, *shape: int, beyond: int = 0) -> Floats:
        count = math.prod(shape)
        return np.full(count + beyond, STALE)[:count].reshape(shape)


class Guarded:
    """Each array between two pages that nobody may read or write, and flush with one of them."""

    def __init__(self, *, flush_with_front: bool) -> None:
        self._front = flush_with_front
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

    def empty(self, *shape: int, beyond: int = 0) -> Floats:
        count, page = math.prod(shape), mmap.PAGESIZE
        bytes_ = 4 * (count + beyond)
        inside = max(1, -(-bytes_ // page)) * page
        mapped = mmap.mmap(-1, inside + 2 * page)
        start = np.frombuffer(mapped, np.uint8).ctypes.data
        for guard in (start, start + page + inside):
            if self._libc.mprotect(guard, page, _NOTHING_ALLOWED):
                raise OSError(ctypes.get_errno(), "mprotect")
        floats = np.frombuffer(mapped, np.float32, count + beyond, page + (0 if self._front else inside - bytes_))
        floats[...] = STALE
        return floats[:count].reshape(shape)


def copy(memory: Memory, array: Floats, beyond: int = 0) -> Floats:
    """Place a copy of an array."""
    out = memory.empty(*array.shape, beyond=beyond)
    out[...] = array
    return out


__all__ = ["STALE", "Anywhere", "Guarded", "Memory", "copy"]
