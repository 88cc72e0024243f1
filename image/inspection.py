"""Runs inside the image, with its own Python and no privileges: is everything there, readable and compiled?

Enters: the image's file system. Leaves: exit code 0, or a line for each thing that is not as it should be.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
from pathlib import Path

UNCHECKED_HASH = 0b01  # the flags field of https://peps.python.org/pep-0552/
COMPILERS = ("cc", "gcc", "clang", "g++", "make", "zig")
NOT_FOR_THE_DEFAULT = ("torch", "transparent_background", "numba", "pytest", "moto", "ziglang", "mypy")


def faults() -> list[str]:
    """Name what is wrong."""
    found = []
    reference = json.loads(Path("/opt/model/model.json").read_bytes())["engine"] == "torch"
    for root in (Path("/opt"), Path("/var/task")):
        for path in root.rglob("*"):
            if not os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0)):
                found.append(f"{path} cannot be read by an unprivileged user")
            elif path.suffix == ".py":
                found += _bytecode_faults(path)
            elif path.name == "tests" and path.is_dir() and not reference:
                found.append(f"{path} holds tests")
    found += [f"a compiler is here: {name}" for name in COMPILERS if shutil.which(name)]
    found += [f"a pip cache is here: {path}" for path in Path("/root").glob(".cache/pip")]
    if not reference:
        found += [f"{name} is here" for name in NOT_FOR_THE_DEFAULT if importlib.util.find_spec(name)]
    return found


def _bytecode_faults(source: Path) -> list[str]:
    compiled = Path(importlib.util.cache_from_source(str(source)))
    if not compiled.exists():
        return [f"{source} has no bytecode"]
    with compiled.open("rb") as file:
        flags = int.from_bytes(file.read(8)[4:], "little")
    return [] if flags == UNCHECKED_HASH else [f"{compiled} is checked against its source's time stamp"]


if __name__ == "__main__":
    wrong = faults()
    print(*wrong, sep="\n", end="\n" if wrong else "")  # noqa: T201 - it is what this script is for
    sys.exit(bool(wrong))
