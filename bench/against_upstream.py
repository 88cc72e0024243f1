"""`make bench-upstream`: InSPyReNet here and in the naive handler of the incident, in one run, on one checkpoint.

The naive handler runs with numba's compile cache empty, as a read-only file system leaves it, and with it filled.
Both run on the same number of threads, and on the same checkpoint; a synthetic one costs what the official one costs.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench.contest import ROOT, Contender, Figures, compete
from bench.pictures import photograph

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MODEL_PYTHON = ROOT / ".venv-model" / "bin" / "python"
EMPTY, FILLED, OURS = "naive, numba's cache empty", "naive, cache filled", "ours"


def main() -> None:
    """Print one table: rows are what is timed, columns who."""
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
    threads = str(len(os.sched_getaffinity(0)))
    naive = [
        str(MODEL_PYTHON),
        "-m",
        "bench.worker_naive",
        str(arguments.checkpoint.resolve()),
        arguments.mode,
        arguments.resize,
    ]
    with tempfile.TemporaryDirectory() as empty, tempfile.TemporaryDirectory() as filled:
        surroundings = {
            "TRANSPARENT_BACKGROUND_FILE_PATH": empty,
            "OMP_NUM_THREADS": threads,
            "PYTHONWARNINGS": "ignore",
        }
        filled_cache = Contender(FILLED, naive, {**surroundings, "NUMBA_CACHE_DIR": filled})
        ours = Contender(
            OURS,
            [sys.executable, "-m", "bench.worker_ours"],
            {
                "MODEL_DIR": str(arguments.model_dir.resolve()),
                "THREADS": threads,
                "INSPIRENET_RESIZE": arguments.resize,
            },
        )
        figures: dict[str, Figures] = {}
        # One run with an empty cache fills it for the others.
        cold = Contender(EMPTY, naive, {**surroundings, "NUMBA_CACHE_DIR": filled})
        first = compete([cold], photograph(64, 64) if arguments.without_empty_cache else picture, rounds=1, results=2)
        if not arguments.without_empty_cache:
            figures |= first
        figures |= compete([filled_cache, ours], picture, rounds=arguments.rounds, results=arguments.results)
        awake = Contender(
            "warm-up",
            [sys.executable, "-m", "bench.worker_warmup"],
            {**ours.environment, "INSPIRENET_RESIZE": "dynamic"},
        )
        marks = compete([awake], picture, rounds=max(3, arguments.rounds), results=1)["warm-up"].marks_s
    title = f"{arguments.mode}, {arguments.resize}, {width_px}×{height_px}, {threads} threads"
    sys.stdout.write(_table(figures, marks, title) + "\n")


def _table(figures: Mapping[str, Figures], marks_s: Mapping[str, float], title: str) -> str:
    ours = figures[OURS]
    others = [name for name in figures if name != OURS]
    rows: list[tuple[str, Callable[[Figures], float], str]] = [
        ("start → model loaded", lambda one: one.marks_s["loaded"], "s"),
        ("start → first result", lambda one: one.first_s, "s"),
        ("a later result", lambda one: one.warm_s, "s"),
        ("a later result, all but the network", lambda one: one.around_s, "s"),
        ("peak memory", lambda one: one.peak_bytes / 1e6, "MB"),
    ]
    lines = [f"| {title} | {' | '.join(others)} | ours | ratio |", f"|{'---|' * (len(others) + 3)}"]
    for what, read, unit in rows:
        theirs = [read(figures[name]) for name in others]
        shown = " | ".join(f"{value:.2f} {unit}" if unit == "s" else f"{value:.0f} {unit}" for value in theirs)
        mine = read(ours)
        own = f"{mine:.2f} {unit}" if unit == "s" else f"{mine:.0f} {unit}"
        lines.append(f"| {what} | {shown} | {own} | {', '.join(f'1/{value / mine:.1f}' for value in theirs)} |")
    for mark, value in marks_s.items():
        lines.append(f"| start → {mark} (64×64, dynamic) | {'– | ' * len(others)}{value:.2f} s | |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
