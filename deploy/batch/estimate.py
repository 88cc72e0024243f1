"""What a job will take: pictures → seconds, dollars and hours. Pure, but for the files of bench/figures.

The seconds are those that bench/ measured of the same model, on the slowest machine, stretched to the share of
processors that the function's memory brings (bench/costs.py says what that assumes). Most were measured on small
photographs; a larger one takes longer to decode, cut out and encode, so there is a second figure, for 12 megapixels.

Prices are AWS's public ones of us-east-1, without the free tier: https://aws.amazon.com/s3/pricing/ and
https://aws.amazon.com/lambda/pricing/.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bench.costs import GB_SECOND, REQUEST
from bench.figures import read_all
from bench.paste import slowest
from bench.volume import JOB, JOB_OBJECT, s3_dollars

# The table of bench/figures that has a model's seconds; a table's name ends with the size of its pictures. The
# nightly's network is that of base.
STATIC, DYNAMIC = "upstream-base-static-512x512", "upstream-base-dynamic-1920x1080"
TABLES = {
    ("inspyrenet-base", "static"): STATIC,
    ("inspyrenet-base", "dynamic"): DYNAMIC,
    ("inspyrenet-base-nightly", "static"): STATIC,
    ("inspyrenet-base-nightly", "dynamic"): DYNAMIC,
    ("inspyrenet-fast", "static"): "upstream-fast-static-4000x3000",
    ("u2netp", "static"): "rembg-512x512",
}
# The embedded model sees 320 px of either picture: the difference is what 12 megapixels take beside the network.
SMALL, LARGE = "rembg-512x512", "rembg-4000x3000"


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
    table = TABLES.get((model, resize))
    if table is None:
        raise NotMeasuredError(
            f"Nobody has measured {model} with Resize={resize}: give SECONDS=…, such as the median of your dashboard's "
            "times per stage, added up."
        )
    runs = read_all()
    measured, run = slowest(runs, table)
    here = replace(measured, memory_mb=memory_mb, architecture=architecture)
    small, large = (
        replace(slowest(runs, name)[0], memory_mb=memory_mb, architecture=architecture) for name in (SMALL, LARGE)
    )
    size = table.rpartition("-")[2]
    more_s = 0.0 if LARGE.endswith(size) else max(0.0, large.picture_s - small.picture_s)
    machine = run.circumstances.machine.name
    return Seconds(here.picture_s, here.picture_s + more_s, here.cold_s, machine, f"{size.replace('x', '×')} px")


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
