"""Whether a run can be believed: a machine whose speed drifts, or that works for others meanwhile, tells nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.tables import QUIET_CORES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.figures import Run

PRODUCT = "float32 product of 2,048²"
SPREAD = "spread"  # the column, and what a table of spreads is called by
MOST_SPREAD = 5.0  # percent, of the middle half


def spread_table(table: str) -> str:
    """Name the table of spreads that `make bench` writes beside one of figures."""
    return f"{SPREAD}-{table.partition('-')[2]}"


def verdict(runs: Sequence[Run], table: str) -> str:
    """Say of each run of a table of spreads whether its machine was quiet enough."""
    return "\n".join(f"{run.circumstances.machine.name}: {judged(run)}" for run in runs if run.table == table)


def judged(run: Run) -> str:
    """Judge one run."""
    wrong = faults(run)
    if not wrong:
        return f"quiet enough: nothing spread by more than {MOST_SPREAD:g} %, and other work took next to nothing."
    return f"too noisy to tell: {', '.join(wrong)}. Run it again on a quiet machine."


def faults(run: Run) -> list[str]:
    """List what speaks against a run: of any table the other work, and of a table of spreads what spread too far."""
    wrong = []
    for row in run.rows if SPREAD in run.columns else ():
        share = run.value(row.name, SPREAD)
        if share is not None and share > MOST_SPREAD:
            wrong.append(f"“{row.name}” spread by {share:.1f} %")
    others = run.circumstances.other_cores
    if others is not None and others >= QUIET_CORES:
        wrong.append(f"other work took {others:.1f} cores")
    return wrong
