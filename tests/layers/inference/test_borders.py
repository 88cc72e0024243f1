"""No kernel reads or writes a byte beyond its arrays, or further beyond than its comment says."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from inspyrenet.library import path_of

from tests.layers.inference.conftest import LEVELS


@pytest.mark.parametrize("side", ["front", "end"])
@pytest.mark.parametrize("level", LEVELS)
def test_stays_inside_its_arrays(level: str, side: str) -> None:
    """Each array begins, or ends, at a page that nobody may touch; the process that does ends, and named its case."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.layers.inference.runner", str(path_of(level)), side],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    last = ended.stdout.splitlines()[-1] if ended.stdout else "before the first case"
    assert last == "done", f"{last}: {ended.stderr[-2000:]}"


@pytest.mark.parametrize(("side", "at"), [("front", -1), ("end", 5)])
def test_a_single_float_beyond_is_seen(side: str, at: int) -> None:
    """What the test above rests on."""
    read = (
        "import ctypes; from tests.layers.inference.memory import Guarded; "
        f"array = Guarded(flush_with_front={side == 'front'}).empty(5); "
        f"ctypes.c_float.from_address(array.ctypes.data + 4 * {at}).value"
    )
    assert subprocess.run([sys.executable, "-c", read], check=False).returncode in {-signal.SIGSEGV, -signal.SIGBUS}
