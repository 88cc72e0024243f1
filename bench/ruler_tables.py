"""What `make bench` measured, as the rows of its tables."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from bench.contest import rows, spread
from bench.figures import OURS, Row
from bench.operations import REST, Step
from bench.targets import ARITHMETIC, GRAPH, OVER_TEN
from bench.verdict import LATER_SPREAD, PRODUCT_SPREAD

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.contest import Figures
    from bench.contestants import Contest

# Multiplications and additions of upstream's network at its base size, in static mode.
UNTOUCHED_GFLOP: Mapping[str, float] = {"base": 1_565, "fast": 210}
TOGETHER = "together"


def figures_rows(
    figures: Mapping[str, Figures], runs: Mapping[str, Sequence[Figures]], ready: Mapping[str, float]
) -> tuple[Row, ...]:
    """Lay out what was timed; `ready` are seconds from a start to a warm-up's answer."""
    over_ten = tuple(runs[name][-1].peak_bytes / 1e6 if name in {OURS, GRAPH} else None for name in figures)
    nobody = (None,) * (len(figures) - 1)
    return (
        *rows(figures, inside=True),
        Row(OVER_TEN, ("MB",) * len(figures), over_ten),
        *(
            Row(f"start → {mark} (64×64, dynamic)", ("s",) * len(figures), (*nobody, round(value, 4)))
            for mark, value in ready.items()
        ),
    )


def machine_rows(
    contest: Contest,
    figures: Mapping[str, Figures],
    runs: Mapping[str, Sequence[Figures]],
    product: str,
    peaks: Sequence[float],
) -> tuple[Row, ...]:
    """Lay out the machine's peak, by which `product`, what results are in its terms, and how far both spread."""
    nobody = (None,) * (len(figures) - 1)
    spreads = tuple(_percent([one.warm_s for one in runs[name]]) if name in runs else None for name in figures)
    found = [
        Row(product, ("GFLOP/s",) * len(figures), (*nobody, round(statistics.median(peaks), 2))),
        Row(PRODUCT_SPREAD, ("%",) * len(figures), (*nobody, _percent(peaks))),
        Row(LATER_SPREAD, ("%",) * len(figures), spreads, (*nobody, None)),
    ]
    if contest.resize == "static":
        light_s = UNTOUCHED_GFLOP[contest.mode] / statistics.median(peaks)
        multiples = tuple(round(one.warm_s / light_s, 4) for one in figures.values())
        found.insert(0, Row(ARITHMETIC, ("×",) * len(figures), multiples, (*nobody, None)))
    return tuple(found)


def _percent(values: Sequence[float]) -> float:
    return round(100 * spread(values), 2)


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
