"""Compile the kernels with the Zig compiler that pip installed for this build, once for each instruction set."""

import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

# The C library of Amazon Linux 2 and of everything younger.
GLIBC = "2.17"
# `level.c` says what a processor needs for each; "baseline" is any processor of the platform; any arm64 has NEON.
LEVELS = {
    "x86_64": {"baseline": "x86_64", "avx2": "x86_64_v3", "avx512": "x86_64_v4"},
    "aarch64": {"baseline": "baseline"},
}
# Fused multiply-adds, since the kernels live of them: results differ between instruction sets by roundings.
CODE = ["-std=c11", "-O3", "-ffp-contract=fast", "-fno-math-errno", "-Wall", "-Wextra", "-Werror", "-Wno-psabi"]
LIBRARY = ["-shared", "-fPIC", "-fvisibility=hidden", "-g0", "-s"]


def machine() -> str:
    """Name the processor's architecture as Linux does."""
    return {"arm64": "aarch64", "amd64": "x86_64"}.get(platform.machine().lower(), platform.machine())


def linux_target() -> list[str]:
    """Say for which C library to compile; the compiler's own idea will do elsewhere."""
    if sys.platform != "linux":
        return []
    return [
        "-target",
        f"{machine()}-linux-gnu.{GLIBC}" if platform.libc_ver()[0] == "glibc" else f"{machine()}-linux-musl",
    ]


class CompileKernels(build_ext):
    """Build plain shared libraries: they do not know Python, so one wheel serves every version of it."""

    def get_ext_filename(self, fullname: str) -> str:
        """Leave out the Python version that an extension's name carries."""
        return str(Path(*fullname.split("."))) + ".so"

    def build_extension(self, ext: Extension) -> None:
        """Compile and link in one step, for the oldest system that the wheel's tag promises."""
        library = Path(self.get_ext_fullpath(ext.name))
        library.parent.mkdir(parents=True, exist_ok=True)
        processor = LEVELS[machine()][ext.name.rsplit("-", 1)[1]] if machine() in LEVELS else "baseline"
        command = [sys.executable, "-m", "ziglang", "cc", *CODE, *LIBRARY, f"-mcpu={processor}", *linux_target()]
        # Zig caches 60 MB in $HOME, which may be read-only, unless it is told otherwise.
        with tempfile.TemporaryDirectory() as cache:
            subprocess.run(  # noqa: S603 - our own compiler, flags and files
                [*command, "-o", str(library), *ext.sources],
                check=True,
                env=os.environ | {"ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache},
            )


class TagForAnyPython(bdist_wheel):
    """Name the wheel after the platform alone."""

    def get_tag(self) -> tuple[str, str, str]:
        """Promise any Python 3 on a platform as old as the one compiled for."""
        platform_tag = super().get_tag()[2]
        if any(target.endswith(GLIBC) for target in linux_target()):
            platform_tag = platform_tag.replace("linux_", f"manylinux_{GLIBC.replace('.', '_')}_", 1)
        return "py3", "none", platform_tag


SOURCES = sorted(str(path) for path in Path("src/inspyrenet").glob("*.c"))
HEADERS = sorted(str(path) for path in Path("src/inspyrenet").glob("*.h"))

setup(
    ext_modules=[
        Extension(f"inspyrenet.kernels-{level}", SOURCES, depends=HEADERS)
        for level in LEVELS.get(machine(), ["baseline"])
    ],
    cmdclass={"build_ext": CompileKernels, "bdist_wheel": TagForAnyPython},
)
