"""The threads behind the kernels: their arithmetic's mode, their number, their end."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from inspyrenet import Kernels
from inspyrenet.library import load

from tests.layers.inference.cases import finish_block, linear, placed_matrix
from tests.layers.inference.conftest import LEVELS, THREADS, kernels_of
from tests.layers.inference.memory import Anywhere


@pytest.mark.parametrize("threads", THREADS)
def test_what_is_below_the_normal_numbers_becomes_zero(level: str, threads: int) -> None:
    """On each thread: there are more strips than one takes."""
    kernels, rows = kernels_of(level, threads), 20_000
    tokens, weight = np.full((rows, 64), 1e-20, np.float32), np.full((64, 64), 1e-21, np.float32)
    out = np.ones((rows, 64), np.float32)
    kernels.linear(tokens, placed_matrix(kernels, Anywhere(), weight), out)
    assert not out.any()


def test_the_callers_arithmetic_stays_as_it_was(level: str) -> None:
    small = np.full(16, 1e-20, np.float32)
    for threads in THREADS:
        kernels = kernels_of(level, threads)
        kernels.soften(np.ones((40, 8), np.float32))
        assert (small * small).all()


def test_many_short_tasks_end_each(level: str) -> None:
    """A task that begins while a thread is still waking up for the one before is not lost and not done twice."""
    kernels, rows = kernels_of(level, 3), np.zeros((4, 16), np.float32)
    for _ in range(3000):
        kernels.soften(rows)
    assert np.allclose(rows, 1 / 16)


def test_the_same_bits_again_and_again(level: str) -> None:
    """Threads that shared a scratch would show here, in strips of many floats."""
    for case in (finish_block(900, 64), linear(3000, 96, 64, 0)):
        alone = case.run(kernels_of(level, 1), Anywhere())
        for _ in range(8):
            assert np.array_equal(case.run(kernels_of(level, 3), Anywhere()), alone)


def running_threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="counts threads as Linux shows them")
def test_the_threads_end_with_the_object() -> None:
    before = running_threads()
    kernels = Kernels(4, load(LEVELS[0]))
    assert running_threads() == before + 3
    del kernels
    gc.collect()
    assert running_threads() == before


def test_one_thread_after_another_may_call() -> None:
    """As a server's threads do, whose lock lets in one at a time."""
    kernels, case = kernels_of(LEVELS[-1], 2), linear(100, 64, 64, 0)
    found: list[np.ndarray] = []
    for _ in range(4):
        thread = threading.Thread(target=lambda: found.append(case.run(kernels, Anywhere())))
        thread.start()
        thread.join()
    assert len(found) == 4
    assert all(np.array_equal(one, found[0]) for one in found)


@pytest.mark.parametrize("threads", [0, -1])
def test_no_threads_are_refused(threads: int) -> None:
    with pytest.raises(ValueError, match="at least one thread"):
        Kernels(threads, load(LEVELS[0]))


FORKED = """
import os
import sys
from inspyrenet import Kernels
from inspyrenet.library import load
from tests.layers.inference.cases import linear
from tests.layers.inference.memory import Anywhere

kernels, case = Kernels(3, load(sys.argv[1])), linear(700, 96, 96, 0)
expected = case.run(kernels, Anywhere())
child = os.fork()
found = case.run(kernels, Anywhere())
del kernels
if child == 0:
    os._exit(0 if (found == expected).all() else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_works_alone(level: str) -> None:
    """Threads stay with the parent: a child that waited for them would wait for ever."""
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORKED, level], check=True, timeout=60)
