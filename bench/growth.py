"""How cost grows with memory: seconds and dollars of every model at Lambda's memory sizes.

Enters: the runs of bench/figures. Leaves: Markdown, and for each model the points that bench/plot.py draws.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.scaling import MOST_MB, VCPU_MB, threads, vcpus
from bench.tables import UNKNOWN, line
from bench.timed import Timed, slowest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.figures import Run

MODELS = ("u2netp", "inspyrenet-fast", "inspyrenet-base")
# One vCPU, the default, and two to five; all that there is are 5.8.
MEMORIES_MB = (VCPU_MB, 3_008, 2 * VCPU_MB, 3 * VCPU_MB, 4 * VCPU_MB, 5 * VCPU_MB, MOST_MB)
MEASURED_MB = (VCPU_MB, 2 * VCPU_MB)
THOUSAND = 1_000
CLIENT_S, GATEWAY_S = 10.0, 30.0  # the official Ruby client's patience, and an HTTP API's


@dataclass(frozen=True)
class Point:
    """What one memory size makes of a model; dollars are for a thousand warm pictures."""

    memory_mb: int
    warm_s: float
    cold_s: float  # a cold request, its picture in it
    dollars: float
    arm_dollars: float  # the prediction that a second on arm64 does what one on x86 does


@dataclass(frozen=True)
class Growth:
    """One model over all memory sizes of Lambda's from one vCPU on."""

    timed: Timed

    def at(self, memory_mb: int) -> Point:
        """Reckon one memory size."""
        x86, arm = (self.timed.at(memory_mb, architecture) for architecture in ("x86_64", "arm64"))
        return Point(
            memory_mb, x86.picture_s, x86.picture_s + x86.cold_s, x86.on_demand(THOUSAND), arm.on_demand(THOUSAND)
        )

    @property
    def least_mb(self) -> int:
        """Give the least memory size that is looked at and holds the model."""
        return max(VCPU_MB, self.timed.least_mb)

    @functools.cached_property
    def points(self) -> tuple[Point, ...]:
        """Reckon every memory size that holds the model, by megabytes."""
        return tuple(self.at(memory_mb) for memory_mb in range(self.least_mb, MOST_MB + 1))

    @functools.cached_property
    def cheapest(self) -> Point:
        """Find the memory size at which a picture costs least; of several the smallest."""
        return min(self.points, key=lambda point: point.dollars)

    @functools.cached_property
    def fastest(self) -> Point:
        """Find the memory size at which a picture takes least; of several the smallest."""
        return min(self.points, key=lambda point: point.warm_s)

    def from_mb(self, seconds: Callable[[Point], float], most_s: float) -> int | None:
        """Give the memory size from which on some seconds are within a bound; None where they never are."""
        return next((point.memory_mb for point in self.points if seconds(point) <= most_s), None)


def growths(runs: Sequence[Run]) -> list[Growth]:
    """Take every model from the slowest machine that measured it, on a small picture."""
    return [Growth(slowest(runs, model)) for model in MODELS]


def by_memory(runs: Sequence[Run]) -> str:
    """Write seconds and dollars of every model at each memory size, and a sentence on each model."""
    every = growths(runs)
    heads = ["a thousand warm pictures", "memory", "vCPUs", "threads", "a cold request", "a warm one", "x86"]
    lines = [line([*heads, "arm64, predicted", ""]), f"|{'---|' * (len(heads) + 2)}"]
    lines += [_row(growth, memory_mb) for growth in every for memory_mb in MEMORIES_MB]
    machines = ", ".join(dict.fromkeys(growth.timed.machine for growth in every))
    return "\n".join([f"By the seconds of {machines}.", "", *lines, "", *(f"- {said(growth)}" for growth in every)])


def _row(growth: Growth, memory_mb: int) -> str:
    cells = [growth.timed.model, f"{memory_mb:,} MB", f"{vcpus(memory_mb):.1f}", str(threads(memory_mb))]
    if not growth.timed.fits(memory_mb):
        return line([*cells, *[UNKNOWN] * 4, f"needs {growth.timed.least_mb:,} MB"])
    point = growth.at(memory_mb)
    notes = ["measured"] if memory_mb in MEASURED_MB else []
    notes += ["cheapest"] if memory_mb == growth.cheapest.memory_mb else []
    notes += ["fastest"] if memory_mb == growth.fastest.memory_mb else []
    return line(
        [
            *cells,
            f"{point.cold_s:.2f} s",
            f"{point.warm_s:.2f} s",
            f"${point.dollars:.3f}",
            f"${point.arm_dollars:.3f}",
            ", ".join(notes),
        ]
    )


def said(growth: Growth) -> str:
    """Say of a model what is cheapest and fastest, and from which memory on its callers see an answer."""
    cheapest, fastest = growth.cheapest, growth.fastest
    waits = []
    for caller, most_s in (("a client that waits 10 s", CLIENT_S), ("a gateway that waits 30 s", GATEWAY_S)):
        cold_mb = growth.from_mb(lambda point: point.cold_s, most_s)
        warm_mb = growth.from_mb(lambda point: point.warm_s, most_s)
        waits.append(f"{caller} sees {_from(growth, cold_mb, warm_mb)}")
    return (
        f"{growth.timed.model}: cheapest at {cheapest.memory_mb:,} MB (${cheapest.dollars:.3f}), fastest at "
        f"{fastest.memory_mb:,} MB ({fastest.warm_s:.2f} s instead of {cheapest.warm_s:.2f} s, for "
        f"{fastest.dollars / cheapest.dollars:.1f} times the price); {'; '.join(waits)}. Its process needed "
        f"{growth.timed.least_mb:,} MB."
    )


def _from(growth: Growth, cold_mb: int | None, warm_mb: int | None) -> str:
    if cold_mb == growth.least_mb:
        return "every answer"
    if warm_mb is None:
        return "none"
    warm = "every warm answer" if warm_mb == growth.least_mb else f"warm answers from {warm_mb:,} MB on"
    return f"{warm}, cold ones {'nowhere' if cold_mb is None else f'from {cold_mb:,} MB on'}"
