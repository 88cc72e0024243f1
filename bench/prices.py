"""What Lambda bills for a model's seconds: AWS's public prices of us-east-1, without the free tier.

https://aws.amazon.com/lambda/pricing/
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.scaling import Scaling, vcpus

GB_SECOND = {"x86_64": 0.0000166667, "arm64": 0.0000133334}
REQUEST = 0.20 / 1e6
# With provisioned concurrency a second costs less, and the waiting costs, too.
PROVISIONED_GB_SECOND = {"x86_64": 0.0000041667, "arm64": 0.0000033334}
PROVISIONED_DURATION_GB_SECOND = {"x86_64": 0.0000097222, "arm64": 0.0000077778}
# For Python, and as announced for container images: a cache held by the second, and each restore by its size; on both
# platforms the same.
SNAPSTART_CACHE_GB_SECOND = 0.0000015046
SNAPSTART_RESTORE_GB = 0.0001397998

MONTH_S = 30 * 24 * 3600
DEFAULT_MB = 3_008


@dataclass(frozen=True)
class Billed:
    """One model's work, and the function that it is billed for."""

    picture: Scaling  # a warm picture, the whole way
    cold: Scaling = field(default=Scaling(0.0, 0.0))  # what a cold start adds to the first picture: init and load
    memory_mb: int = DEFAULT_MB
    architecture: str = "x86_64"

    @property
    def picture_s(self) -> float:
        """A warm picture on Lambda."""
        return self.picture.seconds(vcpus(self.memory_mb))

    @property
    def cold_s(self) -> float:
        """What a cold start adds on Lambda, without the time in which AWS places the container."""
        return self.cold.seconds(vcpus(self.memory_mb))

    @property
    def gb(self) -> float:
        """The memory as it is billed."""
        return self.memory_mb / 1024

    def on_demand(self, pictures: float, cold_starts: float = 0.0) -> float:
        """Dollars for pictures that come without provisioned concurrency."""
        seconds = pictures * self.picture_s + cold_starts * self.cold_s
        return self.time(seconds) + pictures * REQUEST

    def time(self, seconds: float) -> float:
        """Dollars for seconds on demand."""
        return seconds * self.gb * GB_SECOND[self.architecture]

    def pings(self, every_minutes: float, environments: int, ping_s: float = 0.005) -> float:
        """Dollars a month for keeping environments warm by pings; each replaced environment starts cold once more."""
        count = MONTH_S / 60 / every_minutes * environments
        restarts = MONTH_S / 3600 / 2 * environments  # an environment is taken away after about two hours
        return self.time(count * ping_s + restarts * self.cold_s) + count * REQUEST

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
