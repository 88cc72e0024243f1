"""Whether a run can be believed: a machine whose speed drifts, or that works for others meanwhile, tells nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.tables import QUIET_CORES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.figures import Run

PRODUCT = "float32 product of 2,048²"
MOST_SPREAD = 5.0  # percent, of the middle half


def verdict(runs: Sequence[Run], table: str) -> str:
    """Say of each run of a table of spreads whether its machine was quiet enough."""
    return "\n".join(f"{run.circumstances.machine.name}: {judged(run)}" for run in runs if run.table == table)


def judged(run: Run) -> str:
    """Judge one run."""
    spreads = [(row.name, row.values[1]) for row in run.rows]
    wrong = [f"“{name}” spread by {of:.1f} %" for name, of in spreads if of is not None and of > MOST_SPREAD]
    others = run.circumstances.other_cores
    if others is not None and others >= QUIET_CORES:
        wrong.append(f"other work took {others:.1f} cores")
    if not wrong:
        return f"quiet enough: nothing spread by more than {MOST_SPREAD:g} %, and other work took next to nothing."
    return f"too noisy to tell: {', '.join(wrong)}. Run it again on a quiet machine."
