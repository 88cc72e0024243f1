"""The kernels of each instruction set, with some numbers of threads."""

from __future__ import annotations

import functools

import pytest
from inspyrenet import Kernels
from inspyrenet.library import available, load

LEVELS = available()
THREADS = (1, 2, 3)


@functools.cache
def kernels_of(level: str, threads: int) -> Kernels:
    """Start the threads once: they outlive the tests of a file."""
    return Kernels(threads, load(level))


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest) -> str:
    """Give each instruction set that this processor runs."""
    return str(request.param)
