"""`make bench-threads`: every model on one core and on two, through the pipeline. Costs on Lambda are reckoned from it.

A process is bound to as many cores as it gets threads, as Lambda's share binds it: nothing of it can use another.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.contest import AROUND, FIRST, LATER, LOADED, PEAK, Contender, Figures, medians, once
from bench.figures import ROOT, Row, Run
from bench.machine import versions
from bench.peak import NUMPY
from bench.pictures import photograph
from bench.record import Watch, record
from bench.verdict import PRODUCT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

ONE, TWO = "1 core", "2 cores"
CORES = {ONE: 1, TWO: 2}
SMALL, LARGE = "512x512", "4000x3000"


@dataclass(frozen=True)
class Subject:
    """A model, and the size of picture that it is shown."""

    model: str
    size: str
    results: int  # of each process, the first among them

    @property
    def table(self) -> str:
        """Name its table."""
        return table(self.model, self.size)

    @property
    def folder(self) -> Path:
        """Find its artefact."""
        return ROOT / ("build/model" if self.model == "u2netp" else ".cache/synthetic") / self.model


SUBJECTS = (
    Subject("u2netp", SMALL, 6),
    Subject("u2netp", LARGE, 3),
    Subject("inspyrenet-fast", SMALL, 4),
    Subject("inspyrenet-fast", LARGE, 3),
    Subject("inspyrenet-base", SMALL, 2),
)


def table(model: str, size: str) -> str:
    """Name the table of a model and a size of picture."""
    return f"threads-{model}-{size}"


def main() -> None:
    """Write a file and print a table for each model."""
    parser = argparse.ArgumentParser(prog="python -m bench.threads")
    parser.add_argument("--rounds", type=int, default=5, help="processes of each, in turns")
    parser.add_argument("--model", choices=sorted({one.model for one in SUBJECTS}), help="this one alone")
    asked = parser.parse_args()
    if len(os.sched_getaffinity(0)) < max(CORES.values()):
        raise SystemExit("This process may use one core alone: what a second one is worth cannot be measured here.")
    for subject in SUBJECTS:
        if asked.model in {None, subject.model}:
            _measure(subject, asked.rounds)


def _measure(subject: Subject, rounds: int) -> None:
    watch = Watch.start()
    runs: dict[str, list[Figures]] = {name: [] for name in CORES}
    peaks: dict[str, list[float]] = {name: [] for name in CORES}
    width_px, height_px = (int(side) for side in subject.size.split("x"))
    for _ in range(rounds):
        for name, cores in CORES.items():
            ours = Contender(
                name,
                [sys.executable, "-m", "bench.worker_ours"],
                {"MODEL_DIR": str(subject.folder), "THREADS": str(cores)},
            )
            with _bound_to(cores):
                peaks[name].append(NUMPY.gflops(cores))
                runs[name].append(once(ours, photograph(width_px, height_px), subject.results))
    record(
        Run(
            table=subject.table,
            title=f"{subject.model}, {width_px}×{height_px} JPEG → PNG",
            command=" ".join(["python -m bench.threads", *sys.argv[1:]]) if sys.argv[1:] else "make bench-threads",
            circumstances=watch.circumstances(),
            columns=tuple(CORES),
            rows=_rows([medians(those) for those in runs.values()], [statistics.median(of) for of in peaks.values()]),
            libraries=versions(sys.executable, ["onnxruntime", "numpy", "pillow"]),
        )
    )


def _rows(figures: Sequence[Figures], peaks: Sequence[float]) -> tuple[Row, ...]:
    table = (
        (LOADED, "s", [one.marks_s["loaded"] for one in figures]),
        (FIRST, "s", [one.first_s for one in figures]),
        (LATER, "s", [one.warm_s for one in figures]),
        (AROUND, "s", [one.around_s for one in figures]),
        (PEAK, "MB", [one.peak_bytes / 1e6 for one in figures]),
        (f"{PRODUCT}, {NUMPY.name}", "GFLOP/s", peaks),
    )
    return tuple(
        Row(name, (unit,) * len(figures), tuple(round(value, 4) for value in values)) for name, unit, values in table
    )


@contextmanager
def _bound_to(cores: int) -> Iterator[None]:
    """Let the processes that are started meanwhile use some cores alone."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(allowed)[-cores:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


if __name__ == "__main__":
    main()
