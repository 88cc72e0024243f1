"""What the project wants to reach on two cores of a Zen 4, and what the newest figures of a machine say of it.

Enters: the runs of one machine. Leaves: Markdown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.contest import AROUND, FIRST, LATER, LOADED
from bench.figures import OURS
from bench.tables import UNKNOWN, line
from bench.verdict import faults, noise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.figures import Run

# Contestants beside ours, and rows that `make bench` alone writes.
EMPTY, FILLED = "naive, numba's cache empty", "naive, cache filled"
PLAIN, GRAPH = "plain ONNX export", "ours, the graph alone"
ARITHMETIC = "a later result, in times of the untouched arithmetic at peak"
OVER_TEN = "peak memory over ten requests"

BASE, FAST, LARGE = "upstream-base-static-512x512", "upstream-fast-static-512x512", "upstream-fast-static-4000x3000"
REMBG = ("rembg-512x512", "rembg-4000x3000", "rembg-empty-cache-512x512")


@dataclass(frozen=True)
class Target:
    """A bound on a figure of ours: on its value, or on its share of what another contestant has in the same row."""

    name: str
    most: float
    tables: tuple[str, ...]
    row: str | None = None  # None: every row, of which the worst counts
    unit: str = ""
    share_of_peer: bool = False  # of the one with numba's cache filled, or the only one

    def here(self, runs: Sequence[Run]) -> float | None:
        """Give what was reached, the worst of all; None where a table was not measured."""
        found: list[float] = []
        for table in self.tables:
            run = latest(runs, table)
            if run is None:
                return None
            rows = [row.name for row in run.rows] if self.row is None else [self.row]
            values = [self._value(run, row) for row in rows if run.has(row)]
            if None in values or not values:
                return None
            found += [value for value in values if value is not None]
        return max(found)

    def verdict(self, runs: Sequence[Run]) -> str:
        """Say whether it was reached, where the machine's noise leaves no doubt of it."""
        value = self.here(runs)
        if value is None:
            return "not measured"
        if self.unit == "MB":  # which no noise changes
            return self._judged(value)
        about = [run for table in self.tables if (run := latest(runs, table)) is not None]
        if not any(faults(run) for run in about):
            return self._judged(value)
        off = 1 + max(noise(run) for run in about)
        verdicts = {self._judged(value / off), self._judged(value * off)}
        return verdicts.pop() if len(verdicts) == 1 else "too noisy to tell"

    def _judged(self, value: float) -> str:
        return "reached" if value <= self.most else "not reached"

    def _value(self, run: Run, row: str) -> float | None:
        if not self.share_of_peer:
            return run.value(row, OURS)
        ratio = run.ratio(row, peer(run))
        return 1 / ratio if ratio else None

    def said(self, value: float) -> str:
        """Write a value as the target is written."""
        if self.share_of_peer:
            return f"1/{1 / value:.2f}"
        return f"{value:,.0f} {self.unit}" if value >= 100 else f"{value:.2f} {self.unit}"


TARGETS = (
    Target("base, a later result, of naive", 1 / 2.8, (BASE,), LATER, share_of_peer=True),
    Target("base, a later result, of the untouched arithmetic at peak", 0.75, (BASE,), ARITHMETIC, "×"),
    Target(
        "base, start → first result, of naive with numba's cache filled", 1 / 3.5, (BASE,), FIRST, share_of_peer=True
    ),
    Target("base, peak memory over ten requests", 1_600, (BASE,), OVER_TEN, "MB"),
    Target("base, start → model loaded", 0.6, (BASE,), LOADED, "s"),
    Target("fast, a later result, of naive", 1 / 2.8, (FAST,), LATER, share_of_peer=True),
    Target("fast, a later result, of the untouched arithmetic at peak", 0.75, (FAST,), ARITHMETIC, "×"),
    Target("12 megapixels, all but the network, of upstream", 1 / 3, (LARGE,), AROUND, share_of_peer=True),
    Target("12 megapixels, all but the network", 1.2, (LARGE,), AROUND, "s"),
    Target("u2netp, every cell, of rembg", 1.0, REMBG, share_of_peer=True),
)


def latest(runs: Sequence[Run], table: str) -> Run | None:
    """Choose the newest run of a table."""
    return next((run for run in reversed(runs) if run.table == table), None)


def peer(run: Run) -> str:
    """Name the contestant that ours is compared with: the one with numba's cache filled, where there are several."""
    others = [column for column in run.columns if column != OURS]
    return next((column for column in others if "cache filled" in column), others[0])


def reached(runs: Sequence[Run], machine: str) -> str:
    """Lay out every target, and what the newest runs of one machine say."""
    lines = [line([f"targets, on {machine}", "wanted", "here", ""]), "|---|---|---|---|"]
    for target in TARGETS:
        value = target.here(runs)
        here = UNKNOWN if value is None else target.said(value)
        lines.append(line([target.name, f"≤ {target.said(target.most)}", here, target.verdict(runs)]))
    return "\n".join(lines)


def newest(runs: Sequence[Run]) -> str:
    """Lay them out for the machine of the newest run of `make bench`. KeyError: there is none."""
    of_base = [run for run in runs if run.table == BASE and run.has(ARITHMETIC)]
    if not of_base:
        raise KeyError(f"{BASE}: bench/figures holds no run of make bench")
    machine = of_base[-1].circumstances.machine.name
    return reached([run for run in runs if run.circumstances.machine.name == machine], machine)
