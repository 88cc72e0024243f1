"""The compiled half of the package: the C files, compiled for several instruction sets, of which the best is taken.

Enters: nothing. Leaves: the loaded library, its functions' arguments declared.
"""

from __future__ import annotations

import ctypes
from ctypes import c_bool, c_int, c_size_t, c_ssize_t, c_void_p
from pathlib import Path
from typing import Any

Library = ctypes.CDLL

# Ascending: setup.py compiles what the platform has of them.
BASELINE = "baseline"
LEVELS = (BASELINE, "avx2", "avx512")

_POOL = c_void_p
_MAP = c_void_p
_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "level": (c_int, ()),
    "panel": (c_int, ()),
    "open_pool": (_POOL, (c_int,)),
    "threads": (c_int, (_POOL,)),
    "close_pool": (None, (_POOL,)),
    "allocate": (c_void_p, (c_size_t,)),
    "release": (None, (c_void_p, c_size_t)),
    "pack": (None, (_POOL, _MAP, c_ssize_t, c_ssize_t, c_int, c_int, _MAP)),
    "pack_filter": (None, (_POOL, _MAP, c_int, c_int, c_int, _MAP)),
    "linear": (
        None,
        (_POOL, _MAP, c_ssize_t, c_int, c_int, _MAP, _MAP, _MAP, _MAP, c_int, _MAP, c_ssize_t, c_int),
    ),
    "normalise": (None, (_POOL, _MAP, c_int, c_int, _MAP, _MAP, _MAP)),
    "finish_block": (None, (_POOL, _MAP, _MAP, c_int, c_int, *(8 * (_MAP,)))),
    "attend_windows": (None, (_POOL, _MAP, _MAP, c_int, c_int, c_int, c_int, _MAP, _MAP)),
    "convolve": (
        c_bool,
        (
            *(_POOL, c_int, c_void_p, c_void_p, c_void_p, c_int, c_int, c_int, c_int, c_int),
            *(_MAP, _MAP, c_int, _MAP, c_bool, c_bool, _MAP, _MAP),
        ),
    ),
    "slide": (c_bool, (_POOL, _MAP, c_int, c_int, c_int, c_int, c_bool, _MAP, _MAP, c_int, _MAP)),
    "resize": (
        None,
        (_POOL, _MAP, c_ssize_t, c_int, c_int, c_int, c_int, c_int, c_int, c_int, c_bool, _MAP),
    ),
    "to_planes": (None, (_POOL, _MAP, c_ssize_t, c_int, c_int, _MAP)),
    "from_planes": (None, (_POOL, _MAP, _MAP, c_int, c_int, _MAP)),
    "soften": (None, (_POOL, _MAP, c_int, c_int)),
    "weigh": (None, (_POOL, _MAP, _MAP, c_int, c_int, c_int, _MAP)),
    "gather": (
        c_bool,
        (_POOL, _MAP, c_int, c_int, c_int, _MAP, c_int, c_int, c_int, _MAP, c_int, c_int, _MAP),
    ),
    "apply_gelu": (None, (_MAP, c_int)),
    "apply_exponential": (None, (_MAP, c_int)),
}


def path_of(level: str) -> Path:
    """Say where the library for an instruction set lies, if it was built."""
    return Path(__file__).with_name(f"kernels-{level}.so")


def available() -> tuple[str, ...]:
    """Name what was built and this processor runs, the slowest first."""
    baseline = load(BASELINE)
    return tuple(level for level in LEVELS[: baseline.inspyrenet_level() + 1] if path_of(level).exists())


def load(level: str) -> Library:
    """Load one of the libraries. OSError: it is not there, or not for this platform."""
    return load_from(path_of(level))


def load_from(path: Path) -> Library:
    """Load a library that was compiled otherwise, as the tests compile it with sanitizers."""
    library = ctypes.CDLL(str(path))
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, f"inspyrenet_{name}")
        function.restype, function.argtypes = result, arguments
    return library


def load_best() -> Library:
    """Load the fastest library that this processor runs."""
    return load(available()[-1])


__all__ = ["Library", "available", "load", "load_best", "load_from", "path_of"]
