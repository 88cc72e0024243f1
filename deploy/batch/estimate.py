"""What a job will take: pictures → seconds, dollars and hours. Pure, but for the files of bench/figures.

The seconds are those that bench/ measured of the same model, on the slowest machine, reckoned for the share of
processors that the function's memory brings (bench/scaling.py says what that assumes). They are of small photographs; a
larger one takes longer to decode, cut out and encode, so there is a second figure, for 12 megapixels.

Prices are AWS's public ones of us-east-1, without the free tier: https://aws.amazon.com/s3/pricing/ and
https://aws.amazon.com/lambda/pricing/.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.figures import read_all
from bench.prices import DEFAULT_MB, GB_SECOND, REQUEST
from bench.threads import LARGE, SMALL, SUBJECTS
from bench.timed import slowest, slowest_like
from bench.volume import JOB, JOB_OBJECT, s3_dollars

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.figures import Run

# What bench/ calls the model of a stack. The nightly's network is that of base.
NETWORKS = {
    ("inspyrenet-base", "static"): "inspyrenet-base",
    ("inspyrenet-base", "dynamic"): "inspyrenet-base",
    ("inspyrenet-base-nightly", "static"): "inspyrenet-base",
    ("inspyrenet-base-nightly", "dynamic"): "inspyrenet-base",
    ("inspyrenet-fast", "static"): "inspyrenet-fast",
    ("u2netp", "static"): "u2netp",
}
# Dynamic mode was measured on two cores alone, on pictures of the size that its name ends with.
DYNAMIC = "upstream-base-dynamic-1920x1080"


class NotMeasuredError(Exception):
    """bench/figures has no seconds of this model."""


@dataclass(frozen=True)
class Seconds:
    """What a picture takes on Lambda, by what was measured where."""

    picture_s: float
    large_picture_s: float  # of 12 megapixels
    cold_s: float  # what a cold start adds, without AWS's own time to place the container
    measured_on: str
    size: str  # of the pictures that picture_s was measured on


@dataclass(frozen=True)
class Stack:
    """What of the stack an estimate follows from."""

    memory_mb: int
    architecture: str
    concurrency: int  # environments that may work at once


@dataclass(frozen=True)
class Estimate:
    """A job's cost: from pictures that are all small to pictures of 12 megapixels."""

    pictures: int
    compute_s: tuple[float, float]
    dollars: tuple[float, float]
    hours: tuple[float, float]


def seconds_of(model: str, resize: str, memory_mb: int, architecture: str) -> Seconds:
    """Give what was measured of a model. Raises NotMeasuredError where nothing was."""
    network = NETWORKS.get((model, resize))
    if network is None:
        raise NotMeasuredError(
            f"Nobody has measured {model} with Resize={resize}: give SECONDS=…, such as the median of your dashboard's "
            "times per stage, added up."
        )
    return _seconds(read_all(), network, resize, memory_mb, architecture)


def _seconds(runs: Sequence[Run], network: str, resize: str, memory_mb: int, architecture: str) -> Seconds:
    dynamic = resize == "dynamic"
    small = slowest_like(runs, DYNAMIC, network) if dynamic else slowest(runs, network)
    here = small.at(memory_mb, architecture)
    # Where a network was not measured on 12 megapixels, they take as much more as with the embedded model, which sees
    # 320 px of either picture.
    alike = network if not dynamic and any((one.model, one.size) == (network, LARGE) for one in SUBJECTS) else "u2netp"
    less_s, more_s = (slowest(runs, alike, size).at(memory_mb, architecture).picture_s for size in (SMALL, LARGE))
    return Seconds(
        picture_s=here.picture_s,
        large_picture_s=here.picture_s + max(0.0, more_s - less_s),
        cold_s=here.cold_s,
        measured_on=small.machine,
        size=f"{small.size.replace('x', '×')} px",
    )


def example(runs: Sequence[Run]) -> str:
    """Say what a hundred thousand pictures take with the default model, as docs/batch.md shows it."""
    here = Stack(memory_mb=DEFAULT_MB, architecture="x86_64", concurrency=100)
    seconds = _seconds(runs, "inspyrenet-base", "static", here.memory_mb, here.architecture)
    return f"```\n{described(estimate(100_000, seconds, here), seconds, here)}\n```"


def estimate(pictures: int, seconds: Seconds, stack: Stack) -> Estimate:
    """Reckon a job of so many pictures."""
    environments = min(stack.concurrency, pictures)
    gb_second = stack.memory_mb / 1024 * GB_SECOND[stack.architecture]
    compute_s = [
        pictures * each + environments * seconds.cold_s for each in (seconds.picture_s, seconds.large_picture_s)
    ]
    fixed = JOB + pictures * (JOB_OBJECT + s3_dollars() + REQUEST)
    least, most = compute_s
    return Estimate(
        pictures=pictures,
        compute_s=(least, most),
        dollars=(fixed + least * gb_second, fixed + most * gb_second),
        hours=(least / environments / 3600, most / environments / 3600) if environments else (0.0, 0.0),
    )


def described(cost: Estimate, seconds: Seconds, stack: Stack) -> str:
    """Say it in sentences."""

    def span(values: tuple[float, float], form: str) -> str:
        least, most = (form.format(value) for value in values)
        return least if least == most else f"{least} to {most}"

    sizes = f"The figures are for pictures of {seconds.size}"
    if seconds.large_picture_s > seconds.picture_s:
        sizes = f"The lower figures are for pictures of {seconds.size}, the upper for 12 megapixels"
    each_s = span((seconds.picture_s, seconds.large_picture_s), "{:.2f}")
    return (
        f"pictures     {cost.pictures:,}\n"
        f"seconds      {each_s} each, {span(cost.compute_s, '{:,.0f}')} in all, at {stack.memory_mb:,} MB "
        f"({stack.architecture})\n"
        f"dollars      {span(cost.dollars, '{:,.2f}')}: Lambda, S3's requests, and S3 Batch Operations "
        f"({JOB} per job, {JOB_OBJECT * 1e6:.2f} per million objects)\n"
        f"hours        {span(cost.hours, '{:,.1f}')} with {stack.concurrency} environments at once\n"
        f"Measured on: {seconds.measured_on}. {sizes}. Prices of us-east-1."
    )
