"""`make bench-upstream`: InSPyReNet here and in the naive handler of the incident, in one run, on one checkpoint.

The naive handler runs with numba's compile cache empty, as a read-only file system leaves it, and with it filled.
Both run on the same number of threads, and on the same checkpoint; a synthetic one costs what the official one costs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from bench.contest import Contender, Figures, compete, rows
from bench.figures import OURS, ROOT, Row, Run
from bench.machine import this_machine, versions
from bench.pictures import photograph
from bench.record import Watch, record

MODEL_PYTHON = str(ROOT / ".venv-model" / "bin" / "python")
EMPTY, FILLED = "naive, numba's cache empty", "naive, cache filled"


def main() -> None:
    """Write a file and print a table: rows are what is timed, columns who."""
    parser = argparse.ArgumentParser(prog="python -m bench.against_upstream")
    parser.add_argument("--mode", choices=("base", "fast"), default="base")
    parser.add_argument("--resize", choices=("static", "dynamic"), default="static")
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--model-dir", type=Path, required=True)
    parser.add_argument("--size", default="512x512", help="the photograph's, in px")
    parser.add_argument("--results", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--without-empty-cache", action="store_true", help="leave out the naive handler's compile")
    arguments = parser.parse_args()
    width_px, height_px = (int(side) for side in arguments.size.split("x"))
    picture = photograph(width_px, height_px)
    watch = Watch.start()
    threads = str(this_machine().cores)
    libraries = versions(sys.executable, ["onnxruntime", "numpy", "pillow"])
    libraries |= versions(MODEL_PYTHON, ["torch", "transparent-background", "pymatting", "numba"])
    checkpoint = str(arguments.checkpoint.resolve())
    naive = [MODEL_PYTHON, "-m", "bench.worker_naive", checkpoint, arguments.mode, arguments.resize]
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as cache:
        # One run with an empty cache fills it for the others.
        surroundings = {
            "TRANSPARENT_BACKGROUND_FILE_PATH": home,
            "OMP_NUM_THREADS": threads,
            "PYTHONWARNINGS": "ignore",
            "NUMBA_CACHE_DIR": cache,
        }
        ours = Contender(
            OURS,
            [sys.executable, "-m", "bench.worker_ours"],
            {
                "MODEL_DIR": str(arguments.model_dir.resolve()),
                "THREADS": threads,
                "INSPIRENET_RESIZE": arguments.resize,
            },
        )
        first = compete(
            [Contender(EMPTY, naive, surroundings)],
            photograph(64, 64) if arguments.without_empty_cache else picture,
            rounds=1,
            results=2,
        )
        figures: dict[str, Figures] = {} if arguments.without_empty_cache else first
        contenders = [Contender(FILLED, naive, surroundings), ours]
        figures |= compete(contenders, picture, rounds=arguments.rounds, results=arguments.results)
        awake = Contender(
            "warm-up",
            [sys.executable, "-m", "bench.worker_warmup"],
            {**ours.environment, "INSPIRENET_RESIZE": "dynamic"},
        )
        marks_s = compete([awake], picture, rounds=max(3, arguments.rounds), results=1)["warm-up"].marks_s
    warm_ups = [
        Row(f"start → {mark} (64×64, dynamic)", ("s",) * len(figures), (*[None] * (len(figures) - 1), round(value, 4)))
        for mark, value in marks_s.items()
    ]
    run = Run(
        table=f"upstream-{arguments.mode}-{arguments.resize}-{arguments.size}",
        title=f"{arguments.mode}, {arguments.resize}, {width_px}×{height_px}",
        command=f"make bench-upstream MODE={arguments.mode} RESIZE={arguments.resize} SIZE={arguments.size} "
        f"BENCH='--rounds {arguments.rounds} --results {arguments.results}"
        f"{' --without-empty-cache' if arguments.without_empty_cache else ''}'",
        circumstances=watch.circumstances(),
        columns=tuple(figures),
        rows=(*rows(figures, inside=True), *warm_ups),
        libraries=libraries,
    )
    record(run)


if __name__ == "__main__":
    main()
