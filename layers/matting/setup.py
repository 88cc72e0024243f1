"""Compile the C files with the Zig compiler that pip installed for this build, into a library that ctypes loads."""

import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

# The C library of Amazon Linux 2 and of everything younger. Baseline processors: AVX2 gains too little (see README.md).
GLIBC = "2.17"
# Without contraction into fused multiply-adds, x86-64 and arm64 compute the same bits.
CODE = ["-std=c11", "-mcpu=baseline", "-O3", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror"]
LIBRARY = ["-shared", "-fPIC", "-fvisibility=hidden", "-g0", "-s"]


def linux_target() -> str | None:
    """Name the machine to compile for, or None where the compiler's own idea of it will do (macOS, Windows)."""
    if sys.platform != "linux":
        return None
    machine = {"arm64": "aarch64", "amd64": "x86_64"}.get(platform.machine(), platform.machine())
    return f"{machine}-linux-gnu.{GLIBC}" if platform.libc_ver()[0] == "glibc" else f"{machine}-linux-musl"


class CompileKernel(build_ext):
    """Build a plain shared library: it does not know Python, so one wheel serves every version of it."""

    def get_ext_filename(self, fullname: str) -> str:
        """Leave out the Python version that an extension's name carries."""
        return str(Path(*fullname.split("."))) + ".so"

    def build_extension(self, ext: Extension) -> None:
        """Compile and link in one step, for the oldest system that the wheel's tag promises."""
        library = Path(self.get_ext_fullpath(ext.name))
        library.parent.mkdir(parents=True, exist_ok=True)
        target = linux_target()
        command = [sys.executable, "-m", "ziglang", "cc", *CODE, *LIBRARY, *(["-target", target] if target else [])]
        # Zig caches 60 MB in $HOME, which may be read-only, unless it is told otherwise.
        with tempfile.TemporaryDirectory() as cache:
            subprocess.run(  # noqa: S603 - our own compiler, flags and file
                [*command, "-o", str(library), *ext.sources],
                check=True,
                env=os.environ | {"ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache},
            )


class TagForAnyPython(bdist_wheel):
    """Name the wheel after the platform alone."""

    def get_tag(self) -> tuple[str, str, str]:
        """Promise any Python 3 on a platform as old as the one compiled for."""
        platform_tag = super().get_tag()[2]
        if (linux_target() or "").endswith(GLIBC):
            platform_tag = platform_tag.replace("linux_", f"manylinux_{GLIBC.replace('.', '_')}_", 1)
        return "py3", "none", platform_tag


setup(
    ext_modules=[Extension("matting.kernel", ["src/matting/kernel.c", "src/matting/png.c"])],
    cmdclass={"build_ext": CompileKernel, "bdist_wheel": TagForAnyPython},
)
