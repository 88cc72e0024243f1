"""A run's figures as a file in bench/figures: what was run, where, and what it printed. README is pasted from these.

One file per table and machine, `TABLE--MACHINE.json`; a new run on the same machine replaces it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "bench" / "figures"
OURS = "ours"


@dataclass(frozen=True)
class Circumstances:
    """When and where a run took place. What an old run did not record is None."""

    date: str
    machine: Machine
    commit: str | None = None  # with `-dirty` where code differed from it
    other_cores: float | None = None  # how many cores' time something else took meanwhile: 0 on a quiet machine


@dataclass(frozen=True)
class Row:
    """One thing that was measured, for each column of its table; None where that column was not."""

    name: str
    units: tuple[str, ...]  # s, MB: one per column
    values: tuple[float | None, ...]  # one per column
    # How many times ours goes into each column's value; only where it was printed and the values were rounded or lost.
    ratios: tuple[float | None, ...] | None = None


@dataclass(frozen=True)
class Run:
    """What one command printed on one machine."""

    table: str
    title: str
    command: str  # as anybody would type it: no path of the machine it ran on
    circumstances: Circumstances
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    libraries: Mapping[str, str] | None = None  # versions; None where an old run did not record them
    note: str | None = None

    @property
    def file_name(self) -> str:
        """Name its file: a machine has one of each table."""
        return f"{self.table}--{self.circumstances.machine.slug}.json"

    def value(self, row: str, column: str) -> float | None:
        """Give one figure; None where it was not measured."""
        return self._row(row).values[self.columns.index(column)] if column in self.columns else None

    def ratio(self, row: str, column: str) -> float | None:
        """Give how many times ours goes into another column's figure; None where that is not known."""
        found, at = self._row(row), self.columns.index(column) if column in self.columns else None
        if at is None:
            return None
        if found.ratios is not None:
            return found.ratios[at]
        theirs, mine = found.values[at], self.value(row, OURS)
        return theirs / mine if theirs is not None and mine else None

    def has(self, row: str) -> bool:
        """Tell whether something was measured at all."""
        return any(one.name == row for one in self.rows)

    def _row(self, name: str) -> Row:
        return next(row for row in self.rows if row.name == name)


def write(run: Run, folder: Path = FOLDER) -> Path:
    """Write a run's file, in place of an earlier one of the same table and machine."""
    path = folder / run.file_name
    path.write_text(json.dumps(asdict(run), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return path


def read(path: Path) -> Run:
    """Read a run's file."""
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    circumstances, rows, columns = (document.pop(name) for name in ("circumstances", "rows", "columns"))
    machine = circumstances.pop("machine")
    return Run(
        **document,
        circumstances=Circumstances(**circumstances, machine=Machine(**{**machine, "flags": tuple(machine["flags"])})),
        columns=tuple(columns),
        rows=tuple(_row(row) for row in rows),
    )


def read_all(folder: Path = FOLDER) -> tuple[Run, ...]:
    """Read every run there is, the oldest first."""
    runs = [read(path) for path in sorted(folder.glob("*.json"))]
    return tuple(sorted(runs, key=lambda run: run.circumstances.date))


def _row(document: Mapping[str, Any]) -> Row:
    ratios = document["ratios"]
    return Row(
        name=document["name"],
        units=tuple(document["units"]),
        values=tuple(document["values"]),
        ratios=None if ratios is None else tuple(ratios),
    )
