"""Times contenders as whole processes: fresh start to first result, warm results, peak memory.

Enters: commands whose processes print one JSON line per result, as `bench/worker_*.py` do. Leaves: figures. Contenders
take turns, so that a machine whose speed drifts treats them alike.
"""

from __future__ import annotations

import compileall
import itertools
import json
import os
import statistics
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.figures import ROOT, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Contender:
    """A command that cuts a picture out again and again in one process."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Figures:
    """One process's, or medians over the rounds."""

    first_s: float  # from the process's start to its first result
    warm_s: float  # a later result
    peak_bytes: int
    around_s: float  # a later result without its network: decode, resample, colours, encode
    marks_s: Mapping[str, float]  # from the process's start to other points that the worker named


def compete(contenders: Sequence[Contender], picture: Path, *, rounds: int, results: int) -> dict[str, Figures]:
    """Run every contender `rounds` times in turn, `results` results each."""
    for code in (
        "bench",
        "handler",
    ):  # as in the image: where Python may write no bytecode, each start would compile anew
        compileall.compile_dir(ROOT / code, quiet=1)
    runs: dict[str, list[Figures]] = {contender.name: [] for contender in contenders}
    for _ in range(rounds):
        for contender in contenders:
            runs[contender.name].append(once(contender, picture, results))
    return {name: medians(those) for name, those in runs.items()}


def medians(runs: Sequence[Figures]) -> Figures:
    """Take the median of each figure over some processes of one contender."""
    return Figures(
        first_s=statistics.median(run.first_s for run in runs),
        warm_s=statistics.median(run.warm_s for run in runs),
        peak_bytes=int(statistics.median(run.peak_bytes for run in runs)),
        around_s=statistics.median(run.around_s for run in runs),
        marks_s={mark: statistics.median(run.marks_s[mark] for run in runs) for mark in runs[0].marks_s},
    )


def spread(values: Sequence[float]) -> float:
    """Give how far the middle half of some values reaches, as a share of their median."""
    lower, middle, upper = statistics.quantiles(values, n=4, method="inclusive")
    return (upper - lower) / middle


LOADED, FIRST, LATER, PEAK = "start → model loaded", "start → first result", "a later result", "peak memory"
AROUND = "a later result, all but the network"


def rows(figures: Mapping[str, Figures], *, inside: bool = False) -> tuple[Row, ...]:
    """Make a table's rows of figures; `inside` adds what only workers that time their network know."""
    reads: list[tuple[str, str, Callable[[Figures], float]]] = [
        (FIRST, "s", lambda one: one.first_s),
        (LATER, "s", lambda one: one.warm_s),
        (PEAK, "MB", lambda one: one.peak_bytes / 1e6),
    ]
    if inside:
        reads.insert(0, (LOADED, "s", lambda one: one.marks_s["loaded"]))
        reads.insert(3, (AROUND, "s", lambda one: one.around_s))
    return tuple(
        Row(name, (unit,) * len(figures), tuple(round(read(one), 4) for one in figures.values()))
        for name, unit, read in reads
    )


def once(contender: Contender, picture: Path, results: int) -> Figures:
    """Run a contender's process once; `warm_s` is nan where it gave one result alone."""
    begun = time.monotonic()  # one clock for all processes of a machine
    process = subprocess.run(
        [*contender.command, str(picture), str(results)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **contender.environment},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    reports = [json.loads(line) for line in process.stdout.splitlines() if line.startswith('{"')]
    done = [report for report in reports if "result_bytes" in report]
    times = [report["at_s"] - begun for report in done]
    warm = [later - sooner for sooner, later in itertools.pairwise(times)]
    return Figures(
        first_s=times[0],
        warm_s=statistics.median(warm) if warm else float("nan"),
        peak_bytes=done[-1]["peak_bytes"],
        around_s=statistics.median(
            [whole - report["network_s"] for whole, report in zip(warm, done[1:], strict=True)] or [float("nan")]
        ),
        marks_s={report["mark"]: report["at_s"] - begun for report in reports if "mark" in report},
    )
