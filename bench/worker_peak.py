"""Prints how long float32 matrix products of SIDE² take, as one JSON line. Arguments: library, threads, how many.

Runs where its library is: numpy in .venv, torch in .venv-model. Threads are also bound by the environment.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SIDE = 2_048
UNTIMED = 2


def product(library: str, threads: int) -> Callable[[], object]:
    """Prepare the product of two squares."""
    if library == "torch":
        import torch  # noqa: PLC0415 - one library or the other

        torch.set_num_threads(threads)
        generator = torch.Generator().manual_seed(1)
        left, right = (torch.rand(SIDE, SIDE, generator=generator) for _ in range(2))
        out = torch.empty(SIDE, SIDE)
        return lambda: torch.mm(left, right, out=out)
    import numpy as np  # noqa: PLC0415 - one library or the other

    random = np.random.default_rng(1)
    first, second = (random.random((SIDE, SIDE), np.float32) for _ in range(2))
    made = np.empty_like(first)
    return lambda: np.matmul(first, second, out=made)


def main() -> None:
    """Print the line."""
    multiply = product(sys.argv[1], int(sys.argv[2]))
    seconds = []
    for _ in range(UNTIMED + int(sys.argv[3])):
        begun = time.perf_counter()
        multiply()
        seconds.append(time.perf_counter() - begun)
    sys.stdout.write(json.dumps({"seconds": seconds[UNTIMED:]}) + "\n")


if __name__ == "__main__":
    main()
