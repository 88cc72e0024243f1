"""The kernels under clang's sanitizers: addresses, undefined behaviour, races. Debian: apt-get install clang.

Where there is no clang with its run-time libraries, test_borders.py is what looks for stray reads and writes.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from inspyrenet.library import LEVELS as ALL_LEVELS

from tests.layers.inference.compiled import DRIVER, HERE, compile_once
from tests.layers.inference.conftest import LEVELS

pytestmark = pytest.mark.slow

CLANG = next((found for name in ("clang", "clang-19", "clang-16", "clang-14") if (found := shutil.which(name))), None)
PROCESSORS = dict(zip(ALL_LEVELS, ("x86-64", "x86-64-v3", "x86-64-v4"), strict=True))


def clang(level: str) -> list[str]:
    assert CLANG is not None
    processor = [f"-march={PROCESSORS[level]}"] if platform.machine() == "x86_64" else []
    return [CLANG, "-O1", "-g", *processor]


def runtime(file_name: str) -> Path | None:
    """Find a sanitizer's run-time library, which Debian packs apart from the compiler."""
    if CLANG is None:
        return None
    found = subprocess.run([CLANG, f"-print-file-name={file_name}"], capture_output=True, text=True, check=True)
    path = Path(found.stdout.strip())
    return path if path.is_absolute() else None


@pytest.mark.parametrize("level", LEVELS)
def test_no_stray_access_and_no_undefined_behaviour(level: str) -> None:
    """All cases; a thread's scratch is watched here, too."""
    first = runtime(f"libclang_rt.asan-{platform.machine()}.so")
    if first is None:
        pytest.skip("no clang here that has AddressSanitizer's run-time library")
    sanitizer = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-shared-libsan"]
    in_heap = ["-include", str(HERE / "in_heap.h")]
    library = compile_once([*clang(level), *sanitizer, *in_heap, "-shared", "-fPIC"], f"asan-{level}.so")
    ended = subprocess.run(
        [sys.executable, "-m", "tests.layers.inference.runner", str(library), "anywhere"],
        # Before Python itself, which has no sanitizer in it. The leaks would be Python's own.
        env=os.environ | {"LD_PRELOAD": str(first), "ASAN_OPTIONS": "detect_leaks=0"},
        capture_output=True,
        text=True,
        check=False,
    )
    last = ended.stdout.splitlines()[-1] if ended.stdout else "before the first case"
    assert last == "done", f"{last}: {ended.stderr[:3000]}"


@pytest.mark.parametrize("level", LEVELS)
def test_no_race(level: str) -> None:
    """The driver's cases with up to three threads: ThreadSanitizer has to be in a program from its start."""
    if runtime(f"libclang_rt.tsan-{platform.machine()}.a") is None:
        pytest.skip("no clang here that has ThreadSanitizer's run-time library")
    program = compile_once([*clang(level), "-fsanitize=thread"], f"tsan-{level}", DRIVER)
    ended = subprocess.run([program], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "agrees\n", "")
