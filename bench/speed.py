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
AROUND = "a later result, all but the network"

TABLES = {"u2netp": "rembg-512x512", "inspyrenet-base": "upstream-base-static-512x512"}
# The fast network was timed on a large picture; around it, a small one costs what it costs around base.
FAST_ALONE = "alone-inspyrenet-fast-512x512"
FAST_TABLE, AROUND_TABLE = "upstream-fast-static-4000x3000", "upstream-base-static-512x512"

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
    for model, seconds in {**{name: measured(runs, table) for name, table in TABLES.items()}, **fast(runs)}.items():
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


def measured(runs: Sequence[Run], table: str) -> list[Seconds]:
    """Take ours out of a table, on each machine that kept it.

    Where a machine's first picture was not kept, what a start added on another is added to its later one.
    """
    kept = [
        tuple(run.value(row, OURS) if run.has(row) else None for row in (LATER, FIRST))
        for run in runs
        if run.table == table
    ]
    added_s = max(cold - warm for warm, cold in kept if warm is not None and cold is not None)
    return [Seconds(warm, warm + added_s if cold is None else cold) for warm, cold in kept if warm is not None]


def fast(runs: Sequence[Run]) -> dict[str, list[Seconds]]:
    """Give the fast network's seconds, or predict them: its own on a large picture, and those around base's."""
    if any(run.table == FAST_ALONE for run in runs):
        return {"inspyrenet-fast": measured(runs, FAST_ALONE)}
    (large,) = [run for run in runs if run.table == FAST_TABLE]
    machine = large.circumstances.machine
    (small,) = [run for run in runs if run.table == AROUND_TABLE and run.circumstances.machine == machine]
    parts = (large.value(FIRST, OURS), large.value(LATER, OURS), large.value(AROUND, OURS), small.value(AROUND, OURS))
    first_s, later_s, around_s, small_s = (part if part is not None else math.nan for part in parts)
    warm_s = later_s - around_s + small_s
    return {"inspyrenet-fast (predicted)": [Seconds(warm_s, first_s - later_s + warm_s)]}


def reach(seconds: Sequence[float]) -> str:
    """Write the least and the largest."""
    least, most = f"{min(seconds):.1f}", f"{max(seconds):.1f}"
    return f"{least} s" if least == most else f"{least} to {most} s"


def verdict(warm: Sequence[float], cold: Sequence[float], wait_s: float) -> str:
    """Say which requests a caller lives to see, on the slowest machine."""
    if max([*warm, *cold]) <= wait_s:
        return "yes"
    return "warm" if max(warm) <= wait_s else "on the faster machine" if min(warm) <= wait_s else "no"
