"""The reserve: what is taken lies apart, is given back, and is refused where there is no more."""

from __future__ import annotations

import numpy as np
import pytest
from inspyrenet.library import load
from inspyrenet.memory import Reserve

from tests.layers.inference.conftest import LEVELS, kernels_of

LIBRARY = load(LEVELS[0])
BEYOND_BYTES = 11 * 64 * 4  # eleven pixels of 64 channels, which `slide` reads behind a map


def test_arrays_do_not_overlap_and_begin_at_cache_lines() -> None:
    reserve = Reserve(LIBRARY, 10_000)
    arrays = [reserve.take(*shape) for shape in ((1,), (3, 5), (16,), (17, 2), (2, 3, 4))]
    for index, array in enumerate(arrays):
        array[...] = index
    assert all((array == index).all() for index, array in enumerate(arrays))
    assert all(array.ctypes.data % 64 == 0 for array in arrays)


def test_what_is_returned_is_given_again() -> None:
    reserve = Reserve(LIBRARY, 1000)
    with reserve.returned():
        first = reserve.take(600).ctypes.data
    with reserve.returned():
        assert reserve.take(900).ctypes.data == first


def test_a_failure_inside_gives_back_too() -> None:
    """Else the picture after one that was interrupted would find no memory, nor any after that."""
    reserve = Reserve(LIBRARY, 1000)

    def fail() -> None:
        with reserve.returned():
            reserve.take(900)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert reserve.take(900).size == 900


def test_behind_the_last_array_is_what_kernels_may_read() -> None:
    reserve = Reserve(LIBRARY, 4096)
    last = reserve.take(4096)
    end = last.ctypes.data + last.nbytes
    assert end + BEYOND_BYTES <= reserve._address + reserve._bytes


def test_more_than_there_is_is_refused() -> None:
    reserve = Reserve(LIBRARY, 1000)
    with pytest.raises(MemoryError, match=r"a map of \(2, 600\)"):
        reserve.take(2, 600)
    assert reserve.take(1000).size == 1000


def test_more_than_the_machine_has_is_refused() -> None:
    with pytest.raises(MemoryError, match="bytes of memory to reserve"):
        Reserve(LIBRARY, 2**60)


def test_new_memory_is_there() -> None:
    assert not np.any(Reserve(LIBRARY, 10_000).take(10_000))


@pytest.mark.parametrize("wrong", [np.float64, np.int32])
def test_other_numbers_than_float32_are_refused(wrong: type) -> None:
    """A kernel would take their bytes for floats."""
    with pytest.raises(TypeError, match="float32, not"):
        kernels_of(LEVELS[0], 1).soften(np.ones((2, 3), wrong))
