"""`make bench-rembg`: the same network in rembg and here, in one run, on one machine.

rembg runs twice: with numba's compile cache empty, as Lambda's read-only file system leaves it, and with it filled.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from typing import TYPE_CHECKING

from bench.contest import Contender, compete, rows
from bench.figures import OURS, ROOT, Run
from bench.machine import this_machine, versions
from bench.pictures import photograph
from bench.record import Watch, record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.contest import Figures

SIZES_PX = ((512, 512), (4000, 3000))
FILLED, EMPTY = "rembg, numba's cache filled", "rembg, numba's cache empty"
BENCH_PYTHON = str(ROOT / ".venv-bench" / "bin" / "python")


def main() -> int:
    """Write a file and print a table for each picture; 1 if rembg is ahead anywhere."""
    parser = argparse.ArgumentParser(prog="python -m bench.against_rembg")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--results", type=int, default=6, help="results of each process, the first among them")
    arguments = parser.parse_args()
    threads = str(this_machine().cores)
    command = " ".join(["python -m bench.against_rembg", *sys.argv[1:]]) if sys.argv[1:] else "make bench-rembg"
    libraries = versions(sys.executable, ["onnxruntime", "numpy", "pillow"])
    libraries |= versions(BENCH_PYTHON, ["rembg", "pymatting", "numba"])

    def keep(table: str, title: str, watch: Watch, figures: Mapping[str, Figures]) -> bool:
        where, columns = watch.circumstances(), tuple(figures)
        record(Run(table, title, command, where, columns, rows(figures), libraries))
        ours, other = figures[OURS], next(one for name, one in figures.items() if name != OURS)
        return ours.first_s >= other.first_s or ours.warm_s >= other.warm_s or ours.peak_bytes >= other.peak_bytes

    model = ROOT / "build" / "model" / "u2netp"
    home = ROOT / ".cache" / "bench" / "rembg"
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(model / "model.onnx", home / "u2netp.onnx")  # where rembg looks before it downloads
    with tempfile.TemporaryDirectory() as filled, tempfile.TemporaryDirectory() as empty:
        rembg = [BENCH_PYTHON, "-m", "bench.worker_rembg"]
        there = {"U2NET_HOME": str(home), "OMP_NUM_THREADS": threads}
        with_cache = Contender(FILLED, rembg, {**there, "NUMBA_CACHE_DIR": filled})
        without = Contender(EMPTY, rembg, {**there, "NUMBA_CACHE_DIR": empty})
        ours = Contender(
            OURS, [sys.executable, "-m", "bench.worker_ours"], {"MODEL_DIR": str(model), "THREADS": threads}
        )
        compete([with_cache], photograph(512, 512), rounds=1, results=1)  # fills the cache
        behind = []
        for width_px, height_px in SIZES_PX:
            watch = Watch.start()
            figures = compete(
                [with_cache, ours], photograph(width_px, height_px), rounds=arguments.rounds, results=arguments.results
            )
            size = f"{width_px}×{height_px}"
            behind.append(keep(f"rembg-{width_px}x{height_px}", f"u2netp, {size} JPEG → PNG", watch, figures))
        watch = Watch.start()
        figures = compete([without, ours], photograph(512, 512), rounds=1, results=2)
        behind.append(
            keep("rembg-empty-cache-512x512", "u2netp, 512×512, one start with an empty cache", watch, figures)
        )
    return 1 if any(behind) else 0


if __name__ == "__main__":
    sys.exit(main())
