"""What it costs, printed: `python -m bench.costs`, or by seconds of one's own with `--seconds 9.7 --cold-seconds 3.1`.

Without options: every model at Lambda's memory sizes, from bench/figures (bench/growth.py). With them: in Markdown, a
thousand pictures, and a month of each warm strategy. bench/prices.py has the prices, bench/scaling.py says what
Lambda's share of processors makes of measured seconds.
"""

from __future__ import annotations

import argparse
import sys

from bench.figures import read_all
from bench.growth import by_memory
from bench.prices import DEFAULT_MB, Billed
from bench.scaling import Scaling


def report(billed: Billed, pictures: int) -> str:
    """Write the tables for a month with so many pictures, one in ten of them cold without a strategy."""
    cold_starts = pictures / 10
    # Strategy, first answer, dollars for being ready, dollars for the pictures.
    rows = [
        (
            "`none`",
            f"{billed.cold_s + billed.picture_s:.1f} s cold",
            0.0,
            billed.on_demand(pictures, cold_starts),
        ),
        (
            "`schedule`, 1 environment",
            "warm, unless two come at once",
            billed.pings(5, 1),
            billed.on_demand(pictures),
        ),
        ("`schedule`, 5 environments", "warm up to 5 at once", billed.pings(5, 5), billed.on_demand(pictures)),
        (
            "`provisioned`, 1 environment",
            "warm up to 1 at once, always",
            billed.provisioned(1),
            billed.provisioned_pictures(pictures),
        ),
        (
            "`snapstart`",
            "a restore, then warm",
            billed.snapshot() + billed.restores(cold_starts),
            billed.on_demand(pictures),
        ),
    ]
    first_line = (
        f"A warm picture of {billed.picture.seconds(2):.2f} s on 2 cores is billed as "
        f"{billed.picture_s:.2f} s at {billed.memory_mb:,} MB ({billed.architecture}), a thousand of them as "
        f"${billed.on_demand(1000):.2f}."
    )
    lines = [
        first_line,
        "",
        f"| strategy | first answer | a month's readiness | {pictures:,} pictures | together |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {gives} | ${ready:.2f} | ${work:.2f} | ${ready + work:.2f} |" for name, gives, ready, work in rows
    ]
    return "\n".join(lines)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.costs", description="What it costs, from measured seconds.")
    parser.add_argument("--seconds", type=float, help="one warm picture on two cores")
    parser.add_argument("--cold-seconds", type=float, default=0.0, help="what a cold start adds to it, on two cores")
    parser.add_argument("--one-core-seconds", type=float, help="the warm picture on one core; else taken as twice")
    parser.add_argument("--memory-mb", type=int, default=DEFAULT_MB)
    parser.add_argument("--arm64", action="store_true")
    parser.add_argument("--pictures", type=int, default=10_000, help="a month")
    options = parser.parse_args()
    if options.seconds is None:
        sys.stdout.write(by_memory(read_all()) + "\n")
        return 0
    one_s = options.one_core_seconds or 2 * options.seconds
    picture = Scaling.through(one_s, options.seconds)
    cold = Scaling.through(2 * options.cold_seconds, options.cold_seconds)
    billed = Billed(picture, cold, options.memory_mb, "arm64" if options.arm64 else "x86_64")
    sys.stdout.write(report(billed, options.pictures) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
