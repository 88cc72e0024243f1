"""What a request takes on Lambda, by model and memory size, beside what its clients wait: reckoned from bench/figures.

Enters: the runs of every machine. Leaves: Markdown. Measured is with one core and with two; bench/scaling.py says what
Lambda's share by memory size makes of it, which is a prediction. AWS's own time to place a container is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.growth import MODELS
from bench.scaling import VCPU_MB, threads
from bench.tables import UNKNOWN
from bench.timed import timed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.figures import Run

MEMORY_MB = (VCPU_MB, 3_008, 2 * VCPU_MB)

# How long a caller waits: its kind, and seconds.
CALLERS: Mapping[str, float] = {
    "the official Ruby client, which then tries twice more": 10.0,
    "a REST API": 29.0,
    "an HTTP API": 30.0,
}


def speed(runs: Sequence[Run]) -> str:
    """Write the table."""
    heads = [
        "model",
        "memory",
        "threads",
        "a cold request",
        "a warm one",
        *(f"{wait:g} s" for wait in CALLERS.values()),
    ]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for model in MODELS:
        for memory_mb in MEMORY_MB:
            every = timed(runs, model)
            about = [model, f"{memory_mb:,} MB", str(threads(memory_mb))]
            if not all(one.fits(memory_mb) for one in every):
                needed_mb = max(one.least_mb for one in every)
                lines.append(
                    f"| {' | '.join([*about, UNKNOWN, UNKNOWN, *[f'needs {needed_mb:,} MB'] * len(CALLERS)])} |"
                )
                continue
            billed = [one.at(memory_mb) for one in every]
            warm = [one.picture_s for one in billed]
            cold = [one.picture_s + one.cold_s for one in billed]
            fits = [verdict(warm, cold, wait) for wait in CALLERS.values()]
            lines.append(f"| {' | '.join([*about, reach(cold), reach(warm), *fits])} |")
    said = "; ".join(f"{wait:g} s is {caller}" for caller, wait in CALLERS.items())
    return "\n".join([*lines, "", f"{said}."])


def reach(seconds: Sequence[float]) -> str:
    """Write the least and the largest."""
    least, most = f"{min(seconds):.1f}", f"{max(seconds):.1f}"
    return f"{least} s" if least == most else f"{least} to {most} s"


def verdict(warm: Sequence[float], cold: Sequence[float], wait_s: float) -> str:
    """Say which requests a caller lives to see, on the slowest machine."""
    if max([*warm, *cold]) <= wait_s:
        return "yes"
    return "warm" if max(warm) <= wait_s else "on the faster machine" if min(warm) <= wait_s else "no"
