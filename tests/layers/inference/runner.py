"""Runs every case in a process of its own: python -m tests.layers.inference.runner LIBRARY MEMORY [KERNEL …].

MEMORY is `anywhere`, for a library with a sanitizer in it, or `front` or `end`: which side of each array is guarded. A
kernel that reads or writes where it must not ends the process, so each case is named before it begins.
"""

from __future__ import annotations

import faulthandler
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from inspyrenet import Kernels
from inspyrenet.library import load_from

from tests.layers.inference.cases import all_cases
from tests.layers.inference.memory import Anywhere, Guarded

if TYPE_CHECKING:
    from tests.layers.inference.memory import Memory


def main(library: str, where: str, *kernels_wanted: str) -> None:
    """Run the cases of the kernels named, of all by default; the last line is "done"."""
    faulthandler.enable()
    kernels = Kernels(2, load_from(Path(library)))
    memory: Memory = Anywhere() if where == "anywhere" else Guarded(flush_with_front=where == "front")
    for case in all_cases():
        if not kernels_wanted or case.kernel in kernels_wanted:
            sys.stdout.write(f"{case}\n")
            sys.stdout.flush()
            case.run(kernels, memory)
    sys.stdout.write("done\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
