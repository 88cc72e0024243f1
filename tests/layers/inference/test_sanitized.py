"""The kernels under clang's sanitizers: addresses, undefined behaviour, races. Debian: apt-get install clang.

Where there is no clang with its run-time libraries, test_borders.py is what looks for stray reads and writes.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from inspyrenet.library import LEVELS as ALL_LEVELS

from tests.layers.inference.conftest import LEVELS
from tests.layers.model.shop import ROOT

pytestmark = pytest.mark.slow

SOURCES = ROOT / "layers" / "inference" / "src" / "inspyrenet"
IN_HEAP = Path(__file__).with_name("in_heap.h")
CLANG = next((found for name in ("clang", "clang-19", "clang-16", "clang-14") if (found := shutil.which(name))), None)
PROCESSORS = dict(zip(ALL_LEVELS, ("x86-64", "x86-64-v3", "x86-64-v4"), strict=True))
SANITIZERS = {"asan": ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"], "tsan": ["-fsanitize=thread"]}


def runtime(sanitizer: str) -> Path | None:
    """Find the library that a process needs first, since Python itself has no sanitizer in it."""
    if CLANG is None:
        return None
    name = f"libclang_rt.{sanitizer}-{platform.machine()}.so"
    found = subprocess.run([CLANG, f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    path = Path(found.stdout.strip())
    return path if path.is_absolute() else None


def build(sanitizer: str, level: str) -> Path:
    """Compile once for each state of the sources, into .cache/."""
    assert CLANG is not None
    processor = [f"-march={PROCESSORS[level]}"] if platform.machine() == "x86_64" else []
    command = [
        *(CLANG, "-std=c11", "-O1", "-g", "-ffp-contract=fast", "-fno-math-errno", "-Wno-psabi", "-pthread", "-shared", "-fPIC"),
        *("-shared-libsan", *SANITIZERS[sanitizer], *processor, "-include", str(IN_HEAP)),
    ]
    sources = sorted(SOURCES.glob("*.c"))
    state = hashlib.sha256(" ".join(command).encode())
    for path in (IN_HEAP, *sources, *sorted(SOURCES.glob("*.h"))):
        state.update(path.read_bytes())
    library = ROOT / ".cache" / "sanitized" / f"{state.hexdigest()[:16]}-{sanitizer}-{level}.so"
    if not library.exists():
        library.parent.mkdir(parents=True, exist_ok=True)
        unfinished = library.with_suffix(f".{os.getpid()}")
        subprocess.run([*command, "-o", str(unfinished), *map(str, sources)], check=True)
        unfinished.replace(library)
    return library


@pytest.mark.parametrize("sanitizer", SANITIZERS)
@pytest.mark.parametrize("level", LEVELS)
def test_a_sanitizer_finds_nothing(sanitizer: str, level: str) -> None:
    """Two threads over all cases."""
    first = runtime(sanitizer)
    if first is None:
        pytest.skip(f"no clang here that has {sanitizer}'s run-time library")
    library = build(sanitizer, level)
    command = [sys.executable, "-m", "tests.layers.inference.runner", str(library), "anywhere"]
    if sanitizer == "tsan" and shutil.which("setarch"):
        command = ["setarch", platform.machine(), "--addr-no-randomize", *command]  # it wants fixed places in memory
    ended = subprocess.run(
        command,
        env=os.environ
        | {
            "LD_PRELOAD": str(first),
            "ASAN_OPTIONS": "detect_leaks=0",  # Python's own
            "TSAN_OPTIONS": "halt_on_error=1",
            "OPENBLAS_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    last = ended.stdout.splitlines()[-1] if ended.stdout else "before the first case"
    assert last == "done", f"{last}: {ended.stderr[:3000]}"
    assert "WARNING" not in ended.stderr
