"""What a model takes, taken out of bench/figures in the one form that costs and waiting are reckoned from.

Enters: the runs of `make bench-threads`. Leaves: the model's work, and the memory that it needs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench.contest import FIRST, LATER, PEAK
from bench.figures import OURS
from bench.prices import Billed
from bench.scaling import Scaling
from bench.targets import GRAPH
from bench.threads import ONE, SMALL, TWO, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.figures import Run


@dataclass(frozen=True)
class Timed:
    """One model on one size of picture, on one machine."""

    model: str
    size: str
    machine: str
    picture: Scaling  # a warm picture, the whole way
    cold: Scaling  # what a cold start adds to the first picture
    peak_mb: float
    architecture: str

    @property
    def least_mb(self) -> int:
        """Give the least memory size that holds the measured peak: Lambda's MB are of 2^20 bytes, and it counts all."""
        return int(self.peak_mb * 1e6 / 2**20) + 1

    def fits(self, memory_mb: int) -> bool:
        """Whether a memory size holds the measured peak."""
        return memory_mb >= self.least_mb

    def at(self, memory_mb: int, architecture: str = "x86_64") -> Billed:
        """Give what Lambda bills for it."""
        return Billed(self.picture, self.cold, memory_mb, architecture)


def timed(runs: Sequence[Run], model: str, size: str = SMALL) -> list[Timed]:
    """Take a model from every machine that measured it. KeyError: none did."""
    found = [_of(run, model, size) for run in runs if run.table == table(model, size)]
    if not found:
        raise KeyError(f"{table(model, size)}: bench/figures holds no run of it; make bench-threads makes one")
    return found


def slowest(runs: Sequence[Run], model: str, size: str = SMALL) -> Timed:
    """Choose the slowest machine that measured a model."""
    return max(timed(runs, model, size), key=lambda one: one.picture.seconds(2))


def slowest_like(runs: Sequence[Run], table_name: str, model: str) -> Timed:
    """Reckon what was measured on two cores alone, by the proportions of the same model's smaller picture.

    A run from before the kernels counts with its graph, which takes longer: an upper bound.
    """
    known = slowest(runs, model)
    seconds = []
    for run in runs:
        ours = OURS if OURS in run.columns else GRAPH
        first_s, later_s = (run.value(row, ours) if run.has(row) else None for row in (FIRST, LATER))
        if run.table == table_name and first_s is not None and later_s is not None:
            seconds.append((later_s, first_s - later_s, run.circumstances.machine.name))
    if not seconds:
        raise KeyError(f"{table_name}: bench/figures holds no run of it")
    later_s, cold_s, machine = max(seconds)
    return replace(
        known,
        machine=machine,
        size=table_name.rpartition("-")[2],
        picture=Scaling.like(known.picture, later_s),
        cold=Scaling.like(known.cold, cold_s),
    )


def _of(run: Run, model: str, size: str) -> Timed:
    def both(row: str) -> tuple[float, float]:
        one, two = run.value(row, ONE), run.value(row, TWO)
        if one is None or two is None:
            raise KeyError(f"{run.file_name} lacks {row}")
        return one, two

    first, later = both(FIRST), both(LATER)
    machine = run.circumstances.machine
    return Timed(
        model=model,
        size=size,
        machine=machine.name,
        picture=Scaling.through(*later),
        cold=Scaling.through(first[0] - later[0], first[1] - later[1]),
        peak_mb=max(both(PEAK)),
        architecture="arm64" if machine.architecture == "aarch64" else "x86_64",
    )
