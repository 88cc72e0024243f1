"""The kernels on arm64, whatever this machine is: cross-compiled by Zig, run by qemu's emulator of one program.

apt-get install qemu-user && pip install ziglang==0.17.1
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys

import pytest

from tests.layers.inference.compiled import DRIVER, compile_once
from tests.layers.model.shop import ROOT

pytestmark = pytest.mark.slow

EMULATOR = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
ZIG = [sys.executable, "-m", "ziglang", "cc", "-O3", "-Werror", "-mcpu=baseline"]
needs_zig = pytest.mark.skipif(
    importlib.util.find_spec("ziglang") is None, reason="no ziglang here to cross-compile with"
)
CACHE = {name: str(ROOT / ".cache" / "zig") for name in ("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR")}


@needs_zig
@pytest.mark.parametrize("libc", ["gnu.2.17", "musl"])
def test_compiles_without_a_warning(libc: str) -> None:
    """As setup.py compiles it on a machine of that kind."""
    compile_once([*ZIG, "-target", f"aarch64-linux-{libc}", "-shared", "-fPIC"], f"arm64-{libc}.so", environment=CACHE)


@needs_zig
@pytest.mark.skipif(EMULATOR is None, reason="no qemu-aarch64 here")
def test_agrees_with_plain_c() -> None:
    """The driver's definitions are compiled with it: nothing of arm64 has to be installed."""
    program = compile_once([*ZIG, "-target", "aarch64-linux-musl", "-static"], "arm64", DRIVER, environment=CACHE)
    ended = subprocess.run([str(EMULATOR), str(program)], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, "agrees\n")
