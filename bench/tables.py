"""Runs as Markdown: one table, a group of rows for each machine, the figures of ours last and a ratio to each peer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.figures import OURS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.figures import Circumstances, Run

UNKNOWN = "–"
QUIET_CORES = 0.1  # what a system's own chores take at most


def markdown(runs: Sequence[Run]) -> str:
    """Lay out runs of one table."""
    columns = list(dict.fromkeys(column for run in runs for column in run.columns))
    compared = OURS in columns
    if compared:  # a machine that left a peer out must not move ours away from the end
        columns = [column for column in columns if column != OURS] + [OURS]
    heads = [runs[0].title, *columns, *(["ratio"] if compared else [])]
    lines = [line(heads), f"|{'---|' * len(heads)}"]
    for run in runs:
        lines.append(line([_where(run.circumstances), *([""] * (len(heads) - 1))]))
        for row in run.rows:
            cells = [_cell(run, row.name, column) for column in columns]
            if compared:
                peers = [(run.ratio(row.name, column), column) for column in columns if column != OURS]
                cells.append(", ".join(f"1/{ratio:.1f}" for ratio, _ in peers if ratio is not None))
            lines.append(line([row.name, *cells]))
    return "\n".join(lines)


def line(cells: Sequence[str]) -> str:
    """Write one line of a table."""
    return f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |")


def _where(circumstances: Circumstances) -> str:
    said = f"**{circumstances.machine.name}**, {circumstances.date}"
    disturbed = circumstances.other_cores is not None and circumstances.other_cores >= QUIET_CORES
    return f"{said}, while other work took {circumstances.other_cores:.1f} cores" if disturbed else said


def _cell(run: Run, row: str, column: str) -> str:
    value = run.value(row, column)
    if value is None:
        return UNKNOWN
    unit = next(one for one in run.rows if one.name == row).units[run.columns.index(column)]
    if unit in {"s", "×"}:
        return f"{value:.2f} {unit}"
    return f"{value:,.0f} {unit}" if value >= 100 else f"{round(value, 1):g} {unit}"


def span(values: Sequence[float], form: str) -> str:
    """Write the least and the largest of some values: "between 1/1.9 and 1/3.4", or the one that there is."""
    least, most = form.format(min(values)), form.format(max(values))
    return least if least == most else f"between {least} and {most}"
