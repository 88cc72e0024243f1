"""What many uploads cost and how fast they can be cut out: `python -m bench.volume` prints docs/costs.md's tables.

Enters: the seconds and megabytes in bench/figures. Leaves: Markdown. Beside the function's time, which bench/costs.py
stretches to Lambda's share of processors, an upload is billed its requests to Lambda, S3 and SQS or S3 Batch
Operations, and its lines of log. Prices are AWS's public ones of us-east-1, without the free tiers, as of 2026.
Not in it: keeping the pictures (S3 storage), carrying them out of AWS, and the dashboard.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench.contest import AROUND, LATER, PEAK
from bench.costs import REQUEST, Measured
from bench.figures import OURS, Run, read_all
from bench.tables import UNKNOWN, line

if TYPE_CHECKING:
    from collections.abc import Sequence

# https://aws.amazon.com/s3/pricing/: S3 Standard's requests, and S3 Batch Operations
S3_WRITE, S3_READ = 0.005 / 1_000, 0.0004 / 1_000
JOB, JOB_OBJECT = 0.25, 1.00 / 1e6
SQS_REQUEST = 0.40 / 1e6  # https://aws.amazon.com/sqs/pricing/: standard queues, for each 64 KB
LOG_BYTE = 0.50 / 1e9  # https://aws.amazon.com/cloudwatch/pricing/

# What one upload asks for: docs/uploads.md, "What it costs".
WRITES, READS_OF_UPLOAD, READS_OF_RESULT = 1, 3, 2
QUEUE_REQUESTS = 3  # send, receive, delete; batches of more than one message need fewer
LOG_BYTES = 2_000  # a line of log, a document of metrics, and Lambda's own three lines; about

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html: a second and prefix, at least
PREFIX_WRITES, PREFIX_READS = 3_500, 5_500
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html: at once, to begin with, and more each minute
POLLER_MOST, POLLER_FIRST, POLLER_A_MINUTE = 1_250, 5, 300
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html; a new account may have as few as 10
ACCOUNT, NEW_ACCOUNT = 1_000, 10

DEFAULT_MB = 3_008
MEMORIES_MB = (1_024, 1_769, DEFAULT_MB, 5_120, 10_240)
COUNTS = (1_000, 10**6, 10**8)

SMALL, LARGE = "512×512", "4000×3000"


@dataclass(frozen=True)
class Subject:
    """One model on one size of picture, and what a warm picture takes of one machine."""

    name: str
    machine: str
    picture: Measured
    peak_mb: float | None
    waiting_s: float  # for S3, which no processor shortens
    reckoned: bool = False  # from parts of other runs

    def billed_s(self, memory_mb: int = DEFAULT_MB) -> float:
        """Give the seconds that an upload is billed."""
        return replace(self.picture, memory_mb=memory_mb).picture_s + self.waiting_s

    def time_dollars(self, memory_mb: int = DEFAULT_MB, architecture: str = "x86_64") -> float:
        """Give the dollars for the seconds of one upload."""
        one = Measured(self.billed_s(memory_mb), 0, cores=0, memory_mb=memory_mb, architecture=architecture)
        return one.on_demand(1) - REQUEST

    def fits(self, memory_mb: int) -> bool:
        """Whether the measured peak leaves anything of a memory size."""
        return self.peak_mb is None or self.peak_mb < memory_mb


def subjects(runs: Sequence[Run]) -> list[Subject]:
    """Take each model from its slowest run of which all is known."""
    waiting_s = _waiting_s(runs)
    small = _subject(runs, "rembg-512x512", f"u2netp, {SMALL}", waiting_s)
    base = _subject(runs, "upstream-base-static-512x512", f"InSPyReNet base, {SMALL}", waiting_s)
    fast_large = _subject(runs, "upstream-fast-static-4000x3000", f"InSPyReNet fast, {LARGE}", waiting_s)
    fast_run = _slowest(runs, "upstream-fast-static-4000x3000")
    base_run = _slowest(runs, "upstream-base-static-512x512")
    network_s = _value(fast_run, LATER) - _value(fast_run, AROUND)
    fast = replace(
        fast_large,
        name=f"InSPyReNet fast, {SMALL} (reckoned)",
        picture=replace(fast_large.picture, measured_picture_s=network_s + _value(base_run, AROUND)),
        reckoned=True,
    )
    return [small, _subject(runs, "rembg-4000x3000", f"u2netp, {LARGE}", waiting_s), fast, fast_large, base]


def fixed_dollars(*, by_job: bool = False) -> float:
    """Give the dollars of one upload beside the function's seconds; a job's price for itself is not in it."""
    road = JOB_OBJECT if by_job else QUEUE_REQUESTS * SQS_REQUEST
    return REQUEST + s3_dollars() + LOG_BYTES * LOG_BYTE + road


def s3_dollars() -> float:
    """Give the dollars of one upload's requests to S3."""
    return WRITES * S3_WRITE + (READS_OF_UPLOAD + READS_OF_RESULT) * S3_READ


def totals(runs: Sequence[Run]) -> str:
    """Write what a thousand, a million and a hundred million uploads cost, by the queue."""
    lines = [line(["through the queue, at 3,008 MB, x86", *(f"{count:,}" for count in COUNTS), "each"])]
    lines.append(f"|{'---|' * (len(COUNTS) + 2)}")
    for subject in subjects(runs):
        each = subject.time_dollars() + fixed_dollars()
        lines.append(line([subject.name, *(_dollars(count * each) for count in COUNTS), f"${each:.6f}"]))
    machines = ", ".join(dict.fromkeys(subject.machine for subject in subjects(runs)))
    return "\n".join([f"By the seconds of {machines}.", "", *lines])


def parts(runs: Sequence[Run]) -> str:
    """Write what a million uploads' dollars are for."""
    million = 10**6
    chosen = [subject for subject in subjects(runs) if LARGE not in subject.name]
    lines = [line(["a million uploads at 3,008 MB, x86", *(subject.name for subject in chosen)])]
    lines.append(f"|{'---|' * (len(chosen) + 1)}")
    rows = [
        ("Lambda's seconds", [subject.time_dollars() for subject in chosen]),
        ("Lambda's requests", [REQUEST] * len(chosen)),
        ("S3: a PUT, a GET, four HEADs each", [s3_dollars()] * len(chosen)),
        ("logs", [LOG_BYTES * LOG_BYTE] * len(chosen)),
        ("SQS: send, receive, delete", [QUEUE_REQUESTS * SQS_REQUEST] * len(chosen)),
        ("or S3 Batch Operations, one job", [JOB_OBJECT + JOB / million] * len(chosen)),
        ("together, by the queue", [subject.time_dollars() + fixed_dollars() for subject in chosen]),
    ]
    return "\n".join([*lines, *(line([name, *(_dollars(million * one) for one in values)]) for name, values in rows)])


def by_memory(runs: Sequence[Run]) -> str:
    """Write seconds and dollars at each memory size; a second on arm64 is taken to do what one on x86 does."""
    chosen = [subject for subject in subjects(runs) if LARGE not in subject.name]
    lines = [line(["memory", *(subject.name for subject in chosen)]), f"|{'---|' * (len(chosen) + 1)}"]
    for memory_mb in MEMORIES_MB:
        cells = []
        for subject in chosen:
            if not subject.fits(memory_mb):
                cells.append(f"{UNKNOWN}, needs {subject.peak_mb:,.0f} MB")
                continue
            x86, arm = (
                10**6 * (subject.time_dollars(memory_mb, architecture) + fixed_dollars())
                for architecture in ("x86_64", "arm64")
            )
            cells.append(f"{subject.billed_s(memory_mb):.2f} s, {_dollars(x86)} ({_dollars(arm)})")
        lines.append(line([f"{memory_mb:,} MB", *cells]))
    return "\n".join(lines)


def bounds(runs: Sequence[Run]) -> str:
    """Write how many pictures an hour there can be, what holds them back, and how long many of them take."""
    heads = ["at 3,008 MB", "new account", "usual account", "poller's most", "S3, one prefix"]
    lines = [line([*heads, "binds at 1,000", "1 million", "100 million"]), f"|{'---|' * (len(heads) + 3)}"]
    for subject in subjects(runs):
        rates = [concurrency / subject.billed_s() for concurrency in (NEW_ACCOUNT, ACCOUNT, POLLER_MOST)]
        binds, rate = min((rates[1], "the account"), (prefix_rate(), "S3's prefix"))[::-1]
        hours = [count / rate / 3600 for count in COUNTS[1:]]
        lines.append(
            line(
                [
                    subject.name,
                    *(f"{3600 * one:,.0f}/h" for one in (*rates, prefix_rate())),
                    binds,
                    *(_hours(one) for one in hours),
                ]
            )
        )
    usual, most = ramp_minutes(ACCOUNT), ramp_minutes(POLLER_MOST)
    ramp = (
        f"The poller begins with {POLLER_FIRST} batches at once and adds {POLLER_A_MINUTE} a minute: it is at "
        f"{ACCOUNT:,} after {usual:.1f} minutes and at its most, {POLLER_MOST:,}, after {most:.1f}."
    )
    lines += ["", ramp]
    return "\n".join(lines)


def prefix_rate() -> float:
    """Give the uploads a second that one prefix of uploads and one of results carry."""
    return min(PREFIX_READS / READS_OF_UPLOAD, PREFIX_READS / READS_OF_RESULT, PREFIX_WRITES / WRITES)


def ramp_minutes(concurrency: int) -> float:
    """Give how long Lambda's poller takes to a concurrency."""
    return (concurrency - POLLER_FIRST) / POLLER_A_MINUTE


def _subject(runs: Sequence[Run], table: str, name: str, waiting_s: float) -> Subject:
    run = _slowest(runs, table)
    machine = run.circumstances.machine
    picture = Measured(_value(run, LATER), 0, cores=machine.cores or 2)
    peaks = [one.value(PEAK, OURS) for one in runs if one.table == table and one.has(PEAK)]
    known = [peak for peak in peaks if peak is not None]
    return Subject(name, machine.name, picture, max(known) if known else None, waiting_s)


def _slowest(runs: Sequence[Run], table: str) -> Run:
    """Choose a table's slowest run of which the whole and what is around the network are known, where that is kept."""
    of_table = [run for run in runs if run.table == table and run.has(LATER) and run.value(LATER, OURS) is not None]
    whole = [run for run in of_table if run.has(AROUND) and run.value(AROUND, OURS) is not None]
    return max(whole or of_table, key=lambda run: _value(run, LATER))


def _waiting_s(runs: Sequence[Run]) -> float:
    """Give what an upload took longer than a request, with a local S3: an estimate of the wait for S3's six answers."""
    run = max((run for run in runs if run.table == "image"), key=lambda run: run.circumstances.date)
    column = "u2netp"
    upload = run.value("a later picture as an upload", column)
    request = run.value("a later picture over HTTP", column)
    return (upload or 0.0) - (request or 0.0)


def _value(run: Run, row: str) -> float:
    value = run.value(row, OURS)
    if value is None:
        raise KeyError(f"{run.file_name} has no {row}")
    return value


def _dollars(amount: float) -> str:
    return f"${amount:,.0f}" if amount >= 100 else f"${amount:,.2f}"


def _hours(hours: float) -> str:
    if hours < 1:
        return f"{60 * hours:.0f} min"
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} days"


def main() -> int:
    """Print every table."""
    runs = read_all()
    sys.stdout.write("\n\n".join(table(runs) for table in (totals, parts, by_memory, bounds)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
