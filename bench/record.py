"""Keeps a run: watches what else the machine does meanwhile, writes the run's file and shows its table."""

from __future__ import annotations

import datetime
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench.figures import ROOT, Circumstances, Run, write
from bench.machine import this_machine
from bench.tables import markdown


@dataclass(frozen=True)
class Watch:
    """Where the clocks stood when a run began."""

    at_s: float
    busy_s: float  # of the whole machine's processors
    own_s: float  # of this process and those that it started and that have ended

    @classmethod
    def start(cls) -> Watch:
        """Read the clocks."""
        own = os.times()
        return cls(time.monotonic(), _busy_s(), own.user + own.system + own.children_user + own.children_system)

    def circumstances(self) -> Circumstances:
        """Say when and where the run took place that ends now, and what else wanted the processors."""
        now = Watch.start()
        others_s = (now.busy_s - self.busy_s) - (now.own_s - self.own_s)
        return Circumstances(
            date=datetime.datetime.now(datetime.UTC).date().isoformat(),
            machine=this_machine(),
            commit=_commit(),
            other_cores=round(max(0.0, others_s) / max(now.at_s - self.at_s, 0.01), 2),
        )


def record(run: Run) -> None:
    """Write a run's file, show its table, and say what to do next."""
    path = write(run)
    sys.stdout.write(f"{markdown([run])}\n\nwritten to {path.relative_to(ROOT)}; `make figures` pastes it\n\n")
    sys.stdout.flush()


def _busy_s() -> float:
    """Add up what all processors spent on anything but idling, from https://man7.org/linux/man-pages/man5/proc_stat.5.html."""
    user, nice, system, _idle, _iowait, irq, softirq, steal, *_ = (
        int(ticks) for ticks in Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:]
    )
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def _commit() -> str | None:
    """Name the commit that was measured, with `-dirty` where code differs from it; None outside a checkout."""
    try:
        head = _git("rev-parse", "--short=7", "HEAD").stdout.strip()
        changed = _git("status", "--porcelain", "--untracked-files=no", ":!*.md", ":!bench/figures").stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{head}-dirty" if changed else head


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S607 - git, from PATH
