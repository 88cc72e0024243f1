"""`make bench-http`: what HTTP adds to a warm picture, and what the first request of an environment imports for it.

A request goes the whole way, event in, answer out; what the log says of the picture's stages is taken off. Of many the
quickest counts: whatever else the machine does only adds to it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from typing import Any

from bench.figures import ROOT, Row, Run
from bench.machine import versions
from bench.pictures import photograph
from bench.record import Watch, record

COLUMN = "least"
IMPORT, FIRST_REQUEST = "import of the function", "what the first request imports besides"


def main() -> None:
    """Write a file and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.http_layer")
    parser.add_argument("--processes", type=int, default=9, help="fresh ones, for the imports")
    parser.add_argument("--requests", type=int, default=30, help="of each kind, warm")
    arguments = parser.parse_args()
    watch = Watch.start()
    fresh = [_worker(0) for _ in range(arguments.processes)]
    warm = _worker(arguments.requests)
    added = {name: min(values) for name, values in warm.items() if isinstance(values, list)}
    rows = [
        *(Row(f"a warm picture: {name}", ("ms",), (round(value, 2),)) for name, value in added.items()),
        Row(IMPORT, ("ms",), (round(min(one["import_ms"] for one in fresh), 1),)),
        Row(FIRST_REQUEST, ("ms",), (round(min(one["first_request_ms"] for one in fresh), 1),)),
    ]
    record(
        Run(
            table="http-layer-512x512",
            title="what HTTP adds, 512×512 JPEG → PNG",
            command="make bench-http",
            circumstances=watch.circumstances(),
            columns=(COLUMN,),
            rows=tuple(rows),
            libraries=versions(sys.executable, ["starlette", "mangum", "python-multipart"]),
        )
    )


def _worker(requests: int) -> dict[str, Any]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "MODEL_DIR": str(ROOT / "build" / "model" / "u2netp"),
        "POWERTOOLS_METRICS_DISABLED": "true",
    }
    command = [sys.executable, "-m", "bench.worker_http", str(photograph(512, 512)), str(requests)]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    main()
