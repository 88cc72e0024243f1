"""What a request takes on Lambda, by model and memory size, beside what its clients wait: reckoned from bench/figures.

Enters: the runs of every machine. Leaves: Markdown. Measured is with two cores; Lambda's share by memory size stretches
the seconds as `bench.costs` says, which is a prediction. AWS's own time to place a container is left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.contest import FIRST, LATER
from bench.costs import VCPU_MB, slowdown
from bench.figures import OURS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.figures import Run

MEMORY_MB = (1769, 3008, 3538)
MEASURED_CORES = 2

TABLES: Mapping[str, tuple[str, ...]] = {
    "u2netp": ("rembg-512x512",),
    "inspyrenet-base": ("upstream-base-static-512x512", "alone-inspyrenet-base-512x512"),
    "inspyrenet-fast": ("alone-inspyrenet-fast-512x512",),
}

# How long a caller waits: its kind, and seconds.
CALLERS: Mapping[str, float] = {
    "the official Ruby client, which then tries twice more": 10.0,
    "a REST API": 29.0,
    "an HTTP API": 30.0,
}


@dataclass(frozen=True)
class Seconds:
    """What one machine's two cores took."""

    warm_s: float
    cold_s: float  # the first picture of a process


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
    for model, tables in TABLES.items():
        seconds = measured(runs, tables)
        for memory_mb in MEMORY_MB:
            stretch = slowdown(MEASURED_CORES, memory_mb)
            warm = [one.warm_s * stretch for one in seconds]
            cold = [one.cold_s * stretch for one in seconds]
            fits = [verdict(warm, cold, wait) for wait in CALLERS.values()]
            threads = math.ceil(memory_mb / VCPU_MB)
            cells = [model, f"{memory_mb:,} MB", str(threads), reach(cold), reach(warm), *fits]
            lines.append(f"| {' | '.join(cells)} |")
    said = "; ".join(f"{wait:g} s is {caller}" for caller, wait in CALLERS.items())
    return "\n".join([*lines, "", f"{said}."])


def measured(runs: Sequence[Run], tables: tuple[str, ...]) -> list[Seconds]:
    """Take ours out of a model's tables, on each machine that kept one.

    Where a machine's first picture was not kept, what a start added on another is added to its later one.
    """
    kept = [
        tuple(run.value(row, OURS) if run.has(row) else None for row in (LATER, FIRST))
        for run in runs
        if run.table in tables
    ]
    added_s = max(cold - warm for warm, cold in kept if warm is not None and cold is not None)
    return [Seconds(warm, warm + added_s if cold is None else cold) for warm, cold in kept if warm is not None]


def reach(seconds: Sequence[float]) -> str:
    """Write the least and the largest."""
    least, most = f"{min(seconds):.1f}", f"{max(seconds):.1f}"
    return f"{least} s" if least == most else f"{least} to {most} s"


def verdict(warm: Sequence[float], cold: Sequence[float], wait_s: float) -> str:
    """Say which requests a caller lives to see, on the slowest machine."""
    if max([*warm, *cold]) <= wait_s:
        return "yes"
    return "warm" if max(warm) <= wait_s else "on the faster machine" if min(warm) <= wait_s else "no"
