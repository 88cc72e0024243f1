"""What it costs: `python -m bench.costs --seconds 9.7 --cold-seconds 3.1 [--cores 2] [--memory-mb 3008] [--arm64]`.

Enters: seconds that were measured with all of some cores. Leaves: in Markdown, a thousand pictures, and a month of each
warm strategy. Prices are AWS's public ones of us-east-1, https://aws.amazon.com/lambda/pricing/, without the free tier.

Lambda gives a share of processors by the memory size, less than two at 3,008 MB: what took a second of two cores takes
longer there, and is billed longer. Assumed are processors as fast as those that were measured, of which AWS promises
nothing, and that all of the time shrinks and grows with the share. Loading and single-threaded stages do not, so for
processors of that speed the seconds are an upper bound.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

GB_SECOND = {"x86_64": 0.0000166667, "arm64": 0.0000133334}
REQUEST = 0.20 / 1e6
# With provisioned concurrency a second costs less, and the waiting costs, too.
PROVISIONED_GB_SECOND = {"x86_64": 0.0000041667, "arm64": 0.0000033334}
PROVISIONED_DURATION_GB_SECOND = {"x86_64": 0.0000097222, "arm64": 0.0000077778}
# For Python, and as announced for container images: a cache held by the second, and each restore by its size; on both
# platforms the same.
SNAPSTART_CACHE_GB_SECOND = 0.0000015046
SNAPSTART_RESTORE_GB = 0.0001397998

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html: one vCPU's worth of time per 1,769 MB.
VCPU_MB = 1769

MONTH_S = 30 * 24 * 3600


def slowdown(cores: int, memory_mb: int) -> float:
    """Give how much longer work takes with Lambda's share of processors than it took with all of so many cores."""
    return max(1.0, cores * VCPU_MB / memory_mb)


@dataclass(frozen=True)
class Measured:
    """One model's seconds, as they were measured, and the function that they are billed for."""

    measured_picture_s: float  # a warm picture, the whole way
    measured_cold_s: float  # what a cold start adds to the first picture: init and load
    cores: int = 2  # that the measurement had to itself
    memory_mb: int = 3008
    architecture: str = "x86_64"

    @property
    def picture_s(self) -> float:
        """A warm picture on Lambda."""
        return self.measured_picture_s * slowdown(self.cores, self.memory_mb)

    @property
    def cold_s(self) -> float:
        """What a cold start adds on Lambda, without the time in which AWS places the container."""
        return self.measured_cold_s * slowdown(self.cores, self.memory_mb)

    @property
    def gb(self) -> float:
        """The memory as it is billed."""
        return self.memory_mb / 1024

    def on_demand(self, pictures: float, cold_starts: float = 0.0) -> float:
        """Dollars for pictures that come without provisioned concurrency."""
        seconds = pictures * self.picture_s + cold_starts * self.cold_s
        return seconds * self.gb * GB_SECOND[self.architecture] + pictures * REQUEST

    def pings(self, every_minutes: float, environments: int, ping_s: float = 0.005) -> float:
        """Dollars a month for keeping environments warm by pings; each replaced environment starts cold once more."""
        count = MONTH_S / 60 / every_minutes * environments
        restarts = MONTH_S / 3600 / 2 * environments  # an environment is taken away after about two hours
        seconds = count * ping_s + restarts * self.cold_s
        return seconds * self.gb * GB_SECOND[self.architecture] + count * REQUEST

    def provisioned(self, environments: int) -> float:
        """Dollars a month for environments that wait."""
        return MONTH_S * self.gb * environments * PROVISIONED_GB_SECOND[self.architecture]

    def provisioned_pictures(self, pictures: float) -> float:
        """Dollars for pictures that provisioned environments take."""
        return pictures * (self.picture_s * self.gb * PROVISIONED_DURATION_GB_SECOND[self.architecture] + REQUEST)

    def snapshot(self, versions: int = 1) -> float:
        """Dollars a month for holding the snapshots of published versions."""
        return MONTH_S * self.gb * versions * SNAPSTART_CACHE_GB_SECOND

    def restores(self, cold_starts: float) -> float:
        """Dollars for restoring a snapshot at each cold start."""
        return cold_starts * self.gb * SNAPSTART_RESTORE_GB


def report(measured: Measured, pictures: int) -> str:
    """Write the tables for a month with so many pictures, one in ten of them cold without a strategy."""
    cold_starts = pictures / 10
    # Strategy, first answer, dollars for being ready, dollars for the pictures.
    rows = [
        (
            "`none`",
            f"{measured.cold_s + measured.picture_s:.1f} s cold",
            0.0,
            measured.on_demand(pictures, cold_starts),
        ),
        (
            "`schedule`, 1 environment",
            "warm, unless two come at once",
            measured.pings(5, 1),
            measured.on_demand(pictures),
        ),
        ("`schedule`, 5 environments", "warm up to 5 at once", measured.pings(5, 5), measured.on_demand(pictures)),
        (
            "`provisioned`, 1 environment",
            "warm up to 1 at once, always",
            measured.provisioned(1),
            measured.provisioned_pictures(pictures),
        ),
        (
            "`snapstart`",
            "a restore, then warm",
            measured.snapshot() + measured.restores(cold_starts),
            measured.on_demand(pictures),
        ),
    ]
    first_line = (
        f"A warm picture of {measured.measured_picture_s:.2f} s on {measured.cores} cores is billed as "
        f"{measured.picture_s:.2f} s at {measured.memory_mb:,} MB ({measured.architecture}), a thousand of them as "
        f"${measured.on_demand(1000):.2f}."
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
    parser.add_argument("--seconds", type=float, required=True, help="one warm picture")
    parser.add_argument("--cold-seconds", type=float, required=True, help="what a cold start adds to it")
    parser.add_argument("--cores", type=int, default=2, help="that the measurement had to itself")
    parser.add_argument("--memory-mb", type=int, default=3008)
    parser.add_argument("--arm64", action="store_true")
    parser.add_argument("--pictures", type=int, default=10_000, help="a month")
    options = parser.parse_args()
    architecture = "arm64" if options.arm64 else "x86_64"
    measured = Measured(options.seconds, options.cold_seconds, options.cores, options.memory_mb, architecture)
    sys.stdout.write(report(measured, options.pictures) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
