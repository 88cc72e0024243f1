"""Keeps a run: what is true of it before it begins, and its file and table when it has ended."""

from __future__ import annotations

import datetime
import os
import subprocess
import sys

from bench.figures import ROOT, Circumstances, Run, write
from bench.machine import this_machine
from bench.tables import markdown


def circumstances() -> Circumstances:
    """Look at the clock, the machine, its load and the checkout: before the run, which is a load itself."""
    return Circumstances(
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        machine=this_machine(),
        commit=_commit(),
        load=round(os.getloadavg()[0], 2),
    )


def record(run: Run) -> None:
    """Write a run's file, show its table, and say what to do next."""
    path = write(run)
    sys.stdout.write(f"{markdown([run])}\n\nwritten to {path.relative_to(ROOT)}; `make figures` pastes it\n\n")
    sys.stdout.flush()


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
