"""What `make bench` measured, as the rows of its three tables."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from bench.contest import LATER, rows, spread
from bench.figures import OURS, Row
from bench.operations import REST, Step
from bench.targets import ARITHMETIC, GRAPH, OVER_TEN
from bench.verdict import PRODUCT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.contest import Figures
    from bench.contestants import Contest

# Multiplications and additions of upstream's network at its base size, in static mode.
UNTOUCHED_GFLOP: Mapping[str, float] = {"base": 1_565, "fast": 210}
TOGETHER = "together"


def figures_rows(
    contest: Contest,
    figures: Mapping[str, Figures],
    runs: Mapping[str, Sequence[Figures]],
    peaks: Sequence[float],
    ready: Mapping[str, float],
) -> tuple[Row, ...]:
    """Lay out what was timed; `peaks` in GFLOP/s, `ready` from a start to a warm-up's answer."""
    seconds = ("s",) * len(figures)
    none = (None,) * len(figures)
    found = list(rows(figures, inside=True))
    if contest.resize == "static":
        light_s = UNTOUCHED_GFLOP[contest.mode] / statistics.median(peaks)
        multiples = tuple(round(one.warm_s / light_s, 4) for one in figures.values())
        found.append(Row(ARITHMETIC, ("×",) * len(figures), multiples, none))
    over_ten = tuple(runs[name][-1].peak_bytes / 1e6 if name in {OURS, GRAPH} else None for name in figures)
    found.append(Row(OVER_TEN, ("MB",) * len(figures), over_ten))
    found += [
        Row(f"start → {mark} (64×64, dynamic)", seconds, (*none[1:], round(value, 4))) for mark, value in ready.items()
    ]
    return tuple(found)


def spread_rows(runs: Mapping[str, Sequence[Figures]], peaks: Sequence[float], product: str) -> tuple[Row, ...]:
    """Say how far the peak, measured by `product`, and the results went apart."""
    named = [(f"{PRODUCT}, {product}", "GFLOP/s", peaks)]
    named += [(f"{LATER}: {name}", "s", [one.warm_s for one in those]) for name, those in runs.items()]
    return tuple(
        Row(name, (unit, "%"), (round(statistics.median(values), 4), round(100 * spread(values), 2)))
        for name, unit, values in named
    )


def operation_rows(steps: dict[str, tuple[Step, ...]]) -> tuple[Row, ...]:
    """Lay out each contestant's seconds, GFLOP and GFLOP/s; the kinds of ours first."""
    kinds = list(dict.fromkeys(step.kind for those in reversed(steps.values()) for step in those))
    kinds.sort(key=REST.__eq__)
    sums = {
        name: Step(TOGETHER, sum(step.seconds for step in those), sum(step.gflop for step in those))
        for name, those in steps.items()
    }
    table = {name: {step.kind: step for step in (*those, sums[name])} for name, those in steps.items()}
    return tuple(
        Row(kind, ("s", "GFLOP", "GFLOP/s") * len(steps), tuple(_cells([table[name].get(kind) for name in steps])))
        for kind in (*kinds, TOGETHER)
    )


def _cells(steps: Sequence[Step | None]) -> list[float | None]:
    cells: list[float | None] = []
    for step in steps:
        if step is None:
            cells += [None, None, None]
        else:
            counted = step.gflop >= 1  # a speed of next to no arithmetic says nothing
            gflop, gflops = (round(step.gflop, 1), round(step.gflop / step.seconds, 1)) if counted else (None, None)
            cells += [round(step.seconds, 4), gflop, gflops]
    return cells
