"""What many uploads cost and how fast they can be cut out: `python -m bench.volume` prints docs/costs.md's tables.

Enters: the seconds in bench/figures. Leaves: Markdown. Beside the function's time, which bench/scaling.py reckons for
Lambda's share of processors, an upload is billed its requests to Lambda, S3 and SQS or S3 Batch
Operations, and its lines of log. Prices are AWS's public ones of us-east-1, without the free tiers, as of 2026.
Not in it: keeping the pictures (S3 storage), carrying them out of AWS, and the dashboard.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.figures import Run, read_all
from bench.prices import DEFAULT_MB, REQUEST
from bench.tables import line
from bench.threads import LARGE, SMALL
from bench.timed import slowest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.prices import Billed

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

COUNTS = (1_000, 10**6, 10**8)

SUBJECTS = (
    ("u2netp", SMALL, "u2netp"),
    ("u2netp", LARGE, "u2netp"),
    ("inspyrenet-fast", SMALL, "InSPyReNet fast"),
    ("inspyrenet-fast", LARGE, "InSPyReNet fast"),
    ("inspyrenet-base", SMALL, "InSPyReNet base"),
)


@dataclass(frozen=True)
class Subject:
    """One model on one size of picture, by the slowest machine that measured it."""

    name: str
    machine: str
    billed: Billed  # a warm picture at the default memory size
    waiting_s: float  # for S3, which no processor shortens
    large: bool

    @property
    def billed_s(self) -> float:
        """Give the seconds that an upload is billed."""
        return self.billed.picture_s + self.waiting_s

    @property
    def time_dollars(self) -> float:
        """Give the dollars for the seconds of one upload."""
        return self.billed.time(self.billed_s)


def subjects(runs: Sequence[Run]) -> list[Subject]:
    """Take each model."""
    waiting_s, found = _waiting_s(runs), []
    for model, size, name in SUBJECTS:
        one = slowest(runs, model, size)
        titled = f"{name}, {size.replace('x', '×')}"
        found.append(Subject(titled, one.machine, one.at(DEFAULT_MB), waiting_s, size == LARGE))
    return found


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
        each = subject.time_dollars + fixed_dollars()
        lines.append(line([subject.name, *(_dollars(count * each) for count in COUNTS), f"${each:.6f}"]))
    machines = ", ".join(dict.fromkeys(subject.machine for subject in subjects(runs)))
    return "\n".join([f"By the seconds of {machines}.", "", *lines])


def parts(runs: Sequence[Run]) -> str:
    """Write what a million uploads' dollars are for."""
    million = 10**6
    chosen = [subject for subject in subjects(runs) if not subject.large]
    lines = [line(["a million uploads at 3,008 MB, x86", *(subject.name for subject in chosen)])]
    lines.append(f"|{'---|' * (len(chosen) + 1)}")
    rows = [
        ("Lambda's seconds", [subject.time_dollars for subject in chosen]),
        ("Lambda's requests", [REQUEST] * len(chosen)),
        ("S3: a PUT, a GET, four HEADs each", [s3_dollars()] * len(chosen)),
        ("logs", [LOG_BYTES * LOG_BYTE] * len(chosen)),
        ("SQS: send, receive, delete", [QUEUE_REQUESTS * SQS_REQUEST] * len(chosen)),
        ("or S3 Batch Operations, one job", [JOB_OBJECT + JOB / million] * len(chosen)),
        ("together, by the queue", [subject.time_dollars + fixed_dollars() for subject in chosen]),
    ]
    return "\n".join([*lines, *(line([name, *(_dollars(million * one) for one in values)]) for name, values in rows)])


def bounds(runs: Sequence[Run]) -> str:
    """Write how many pictures an hour there can be, what holds them back, and how long many of them take."""
    heads = ["at 3,008 MB", "new account", "usual account", "poller's most", "S3, one prefix"]
    lines = [line([*heads, "binds at 1,000", "1 million", "100 million"]), f"|{'---|' * (len(heads) + 3)}"]
    for subject in subjects(runs):
        rates = [concurrency / subject.billed_s for concurrency in (NEW_ACCOUNT, ACCOUNT, POLLER_MOST)]
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


def _waiting_s(runs: Sequence[Run]) -> float:
    """Give what an upload took longer than a request, with a local S3: an estimate of the wait for S3's six answers."""
    run = max((run for run in runs if run.table == "image"), key=lambda run: run.circumstances.date)
    column = "u2netp"
    upload = run.value("a later picture as an upload", column)
    request = run.value("a later picture over HTTP", column)
    return (upload or 0.0) - (request or 0.0)


def _dollars(amount: float) -> str:
    return f"${amount:,.0f}" if amount >= 100 else f"${amount:,.2f}"


def _hours(hours: float) -> str:
    if hours < 1:
        return f"{60 * hours:.0f} min"
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} days"


def main() -> int:
    """Print every table."""
    runs = read_all()
    sys.stdout.write("\n\n".join(table(runs) for table in (totals, parts, bounds)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
