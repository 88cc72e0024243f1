"""`make bench-rembg`: the same network in rembg 2.0.86 and here, in one run.

rembg runs twice: with numba's compile cache empty, as Lambda's read-only file system leaves it, and with it filled.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile

from bench.contest import ROOT, Contender, compete, table
from bench.pictures import photograph

PICTURES = ((512, 512), (4000, 3000))


def main() -> int:
    """Print a table a picture; 1 if rembg is ahead anywhere."""
    parser = argparse.ArgumentParser(prog="python -m bench.against_rembg")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--results", type=int, default=6, help="results a process, the first among them")
    arguments = parser.parse_args()

    model = ROOT / "build" / "model" / "u2netp"
    home = ROOT / ".cache" / "bench" / "rembg"
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(model / "model.onnx", home / "u2netp.onnx")  # where rembg looks before it downloads
    behind = False
    with tempfile.TemporaryDirectory() as filled:
        python = str(ROOT / ".venv-bench" / "bin" / "python")
        rembg = [python, "-m", "bench.worker_rembg"]
        there = {"U2NET_HOME": str(home), "OMP_NUM_THREADS": "2", "NUMBA_CACHE_DIR": filled}
        contenders = [
            Contender("ours", [sys.executable, "-m", "bench.worker_ours"], {"MODEL_DIR": str(model), "THREADS": "2"}),
            Contender("rembg 2.0.86, numba's cache filled", rembg, there),
        ]
        compete(contenders[1:], photograph(512, 512), rounds=1, results=1)  # fills the cache
        for width_px, height_px in PICTURES:
            figures = compete(
                contenders, photograph(width_px, height_px), rounds=arguments.rounds, results=arguments.results
            )
            sys.stdout.write(table(figures, f"{width_px}×{height_px} JPEG → PNG") + "\n\n")
            ours, *others = figures.values()
            behind = behind or any(
                ours.first_s >= other.first_s or ours.warm_s >= other.warm_s or ours.peak_bytes >= other.peak_bytes
                for other in others
            )
    with tempfile.TemporaryDirectory() as folder:
        empty = Contender("rembg 2.0.86, numba's cache empty", rembg, {**there, "NUMBA_CACHE_DIR": folder})
        figures = compete([contenders[0], empty], photograph(512, 512), rounds=1, results=2)
        sys.stdout.write(table(figures, "512×512, a single cold start") + "\n")
    return 1 if behind else 0


if __name__ == "__main__":
    sys.exit(main())
