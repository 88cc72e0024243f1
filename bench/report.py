"""What a worker prints about itself: a JSON line a result. Only the standard library, so that it costs nothing."""

from __future__ import annotations

import json
import resource
import sys
import time


def report_result(size_bytes: int, network_s: float = 0.0) -> None:
    """Say that a result of so many bytes is there, and how long the network alone took for it."""
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    _write({"result_bytes": size_bytes, "at_s": time.monotonic(), "peak_bytes": peak_bytes, "network_s": network_s})


def report_mark(name: str) -> None:
    """Say that a point was reached, such as the model being loaded."""
    _write({"mark": name, "at_s": time.monotonic()})


def _write(document: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()
