"""How long work takes on Lambda's share of processors: Amdahl's law through what was measured on one and two cores.

    seconds = serial / min(1, vCPUs) + parallel / vCPUs,   vCPUs = memory / 1,769 MB

`serial` and `parallel` are chosen so that one and two vCPUs take what one and two cores took: a second thread's losses,
in kernels and memory, count as serial, and every further vCPU suffers them again. The function runs a thread for each
vCPU begun; Lambda lets them work for no more than the share in all, so that 1.7 vCPUs are two threads that work for
1.7 seconds a second. Assumed are processors as fast as those that were measured, of which AWS promises nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html: one vCPU's worth of time per 1,769 MB.
VCPU_MB = 1_769
MOST_MB = 10_240  # six threads; https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html


def vcpus(memory_mb: int) -> float:
    """Give Lambda's share of processors at a memory size."""
    return memory_mb / VCPU_MB


def threads(memory_mb: int) -> int:
    """Give the function's threads at a memory size: one for each vCPU begun."""
    return math.ceil(memory_mb / VCPU_MB)


@dataclass(frozen=True)
class Scaling:
    """One piece of work."""

    serial_s: float
    parallel_s: float

    @classmethod
    def through(cls, one_s: float, two_s: float) -> Scaling:
        """Lay the law through the seconds of one and of two cores.

        A second core that does more than halve them, or makes them longer, is the measurement's noise: then all of the
        work is parallel, or serial, and the seconds of one core hold.
        """
        parallel_s = min(max(2 * (one_s - two_s), 0.0), one_s)
        return cls(one_s - parallel_s, parallel_s)

    @classmethod
    def like(cls, other: Scaling, two_s: float) -> Scaling:
        """Take the proportions of other work for one of which the seconds of two cores alone are known."""
        factor = two_s / other.seconds(2)
        return cls(other.serial_s * factor, other.parallel_s * factor)

    def seconds(self, cores: float) -> float:
        """Give the seconds with so many processors, which may be a fraction."""
        return self.serial_s / min(1.0, cores) + self.parallel_s / cores
