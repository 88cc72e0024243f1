"""What a worker prints about itself: one JSON line per result. Only the standard library, so that it costs nothing."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def report_results(cut_out: Callable[[bytes], bytes], network_s: Callable[[], float] = lambda: 0.0) -> None:
    """Say that the model is loaded; then cut out the picture that the last two arguments name, PATH and how often.

    `network_s` is asked after each result how long the network alone took for it.
    """
    report_mark("loaded")
    data = Path(sys.argv[-2]).read_bytes()
    for _ in range(int(sys.argv[-1])):
        report_result(len(cut_out(data)), network_s())


def report_result(size_bytes: int, network_s: float = 0.0) -> None:
    """Say that a result of so many bytes is there, and how long the network alone took for it."""
    _write({"result_bytes": size_bytes, "at_s": time.monotonic(), "peak_bytes": peak_bytes(), "network_s": network_s})


def report_mark(name: str) -> None:
    """Say that a point was reached, such as the model being loaded."""
    _write({"mark": name, "at_s": time.monotonic()})


def peak_bytes() -> int:
    """Read this process's peak from Linux; getrusage's would begin with the peak of the process that started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def _write(document: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()
