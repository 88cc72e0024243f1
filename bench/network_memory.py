"""`make bench-memory`: a process's peak by the size that its network works at. build.py's MemorySpec comes from it."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from bench.contest import Contender, compete
from bench.pictures import photograph

SIZES = ((1024, 1024), (1280, 1280), (1696, 1280))


def main() -> None:
    """Print a line for each size."""
    parser = argparse.ArgumentParser(prog="python -m bench.network_memory")
    parser.add_argument("--model-dir", type=Path, required=True)
    model_dir = parser.parse_args().model_dir.resolve()
    environment = {
        "MODEL_DIR": str(model_dir),
        "INSPIRENET_RESIZE": "dynamic",
        "MAX_NETWORK_MEGAPIXELS": "10",
        "THREADS": str(len(os.sched_getaffinity(0))),
    }
    ours = Contender("ours", [sys.executable, "-m", "bench.worker_ours"], environment)
    for width_px, height_px in SIZES:
        figures = compete([ours], photograph(width_px, height_px), rounds=1, results=3)["ours"]
        sys.stdout.write(
            f"{width_px}×{height_px}: {width_px * height_px / 1e6:.2f} megapixels at the network, "
            f"{figures.peak_bytes / 1e6:.0f} MB at the peak\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
