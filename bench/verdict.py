"""Whether a run can be believed: a machine whose speed drifts, or that works for others meanwhile, tells nothing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bench.tables import QUIET_CORES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.figures import Run

# Rows that `make bench` writes: the machine's own peak between the contestants, how far it spread, and their results.
PRODUCT = "float32 product of 2,048²"
PRODUCT_SPREAD, LATER_SPREAD = "spread of that product", "spread of a later result"
MOST_SPREAD = 5.0  # percent, of the middle half


def verdict(runs: Sequence[Run], table: str) -> str:
    """Say of each of `make bench`'s runs of a table whether its machine was quiet enough."""
    ruled = [run for run in runs if run.table == table and run.has(LATER_SPREAD)]
    return "\n".join(f"{run.circumstances.machine.name}: {judged(run)}" for run in ruled)


def judged(run: Run) -> str:
    """Judge one run."""
    wrong = faults(run)
    if not wrong:
        return f"quiet enough: nothing spread by more than {MOST_SPREAD:g} %, and other work took next to nothing."
    return f"too noisy to tell: {', '.join(wrong)}. Run it again on a quiet machine."


def noise(run: Run) -> float:
    """Say by what share a run's figures may be off: its widest spread; without end where other work took a part."""
    if _others(run):
        return math.inf
    return max((percent for _, percent in _spreads(run)), default=0.0) / 100


def faults(run: Run) -> list[str]:
    """List what speaks against a run: what spread too far, and other work."""
    wrong = [f"{what} spread by {percent:.1f} %" for what, percent in _spreads(run) if percent > MOST_SPREAD]
    if others := _others(run):
        wrong.append(f"other work took {others:.1f} cores")
    return wrong


def _spreads(run: Run) -> Iterator[tuple[str, float]]:
    """Give what a run says it spread by, in percent."""
    for row in (PRODUCT_SPREAD, LATER_SPREAD):
        for column in run.columns if run.has(row) else ():
            percent = run.value(row, column)
            if percent is not None:
                yield "the machine's own peak" if row == PRODUCT_SPREAD else f"“{column}”", percent


def _others(run: Run) -> float:
    """Give the cores that other work took, if they count; else 0."""
    others = run.circumstances.other_cores or 0.0
    return others if others >= QUIET_CORES else 0.0
