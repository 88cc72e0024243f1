"""`make bench`: InSPyReNet here, in a naive handler, as a plain export, and at the speed of light of the machine.

In one run, on one checkpoint, on as many threads as the machine has cores, in turns:
- the naive handler of the incident (transparent_background, in torch), numba's compile cache filled, or also empty;
- upstream's network exported without any rewrite, in ONNX Runtime with its defaults, inside of our pipeline, so that
  nothing but the graph differs from
- ours, which is what the function takes by default, and, where an artefact has an engine of its own, its graph alone;
- and between any two of them the machine's own peak.

Leaves two files in bench/figures: what was timed, with the machine meanwhile, and where the network's seconds go.
A synthetic checkpoint costs what the official one costs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench.contest import Contender, Figures, compete, medians, once
from bench.contestants import Contest, contenders
from bench.figures import FOLDER, OURS, ROOT, Run, read_all
from bench.machine import this_machine, versions
from bench.operations import Step, by_kind
from bench.peak import MODEL_PYTHON, NUMPY, TORCH, Library, quickest
from bench.pictures import photograph
from bench.record import Watch, record
from bench.ruler_tables import figures_rows, machine_rows, operation_rows
from bench.targets import EMPTY, FILLED, GRAPH, PLAIN, reached
from bench.verdict import PRODUCT, verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

RESULTS: Mapping[str, int] = {"base": 2, "fast": 6}  # of each process: enough, and a run that takes some minutes
TEN = 10
PROFILED_RUNS = 3


def main() -> None:
    """Write the files, and print the tables, the verdict on the machine, and the targets."""
    contest = _asked()
    watch = Watch.start()
    libraries = versions(sys.executable, ["onnxruntime", "numpy", "pillow"])
    libraries |= versions(MODEL_PYTHON, ["torch", "transparent-background", "pymatting", "numba"])
    with tempfile.TemporaryDirectory() as home:
        everybody = contenders(contest, home)
        library = quickest((NUMPY, TORCH), contest.threads)
        empty = _with_empty_cache(contest, everybody[FILLED])
        peaks, runs = _turns(contest, everybody, library)
        ready = _warm_ups(contest, everybody[OURS])
        # At the base size, which is that of static mode alone.
        profiled = [name for name in (PLAIN, OURS) if name in everybody and contest.resize == "static"]
        steps = {name: _steps(contest, everybody[name]) for name in profiled}
    figures = empty | {name: medians(its_runs) for name, its_runs in runs.items()}
    product = f"{PRODUCT}, {library.name}, {contest.threads} thread{'s' if contest.threads > 1 else ''}"
    rows = figures_rows(figures, runs, ready) + machine_rows(contest, figures, runs, product, peaks)
    circumstances = watch.circumstances()
    table = f"upstream-{contest.mode}-{contest.resize}-{contest.size}"
    record(Run(table, contest.title, contest.command, circumstances, tuple(figures), rows, libraries))
    if steps:
        kinds, title = f"operations-{contest.mode}", f"{contest.mode}, static: the network by kind of operation"
        columns = tuple(f"{name}: {what}" for name in steps for what in ("time", "arithmetic", "speed"))
        record(Run(kinds, title, contest.command, circumstances, columns, operation_rows(steps), libraries))
    machine = circumstances.machine.name
    here = [run for run in read_all(FOLDER) if run.circumstances.machine.name == machine]
    sys.stdout.write(f"{verdict(here, table)}\n\n{reached(here, machine)}\n")


def _asked() -> Contest:
    parser = argparse.ArgumentParser(prog="python -m bench.ruler")
    parser.add_argument("--mode", choices=("base", "fast"), default="base")
    parser.add_argument("--resize", choices=("static", "dynamic"), default="static")
    parser.add_argument("--size", default="512x512", help="the photograph's, in px")
    parser.add_argument("--checkpoint", type=Path, help="another than the synthetic one")
    parser.add_argument("--model-dir", type=Path, help="the artefact that was built from it")
    parser.add_argument("--rounds", type=int, default=5, help="processes of each contestant")
    parser.add_argument("--results", type=int, help="of each process, the first among them: at least 2")
    parser.add_argument("--empty-cache", action="store_true", help="the naive handler's compile, too: a minute more")
    asked = parser.parse_args()
    checkpoint = asked.checkpoint or ROOT / ".cache" / "synthetic" / f"inspyrenet-{asked.mode}.pth"
    model_dir = asked.model_dir or ROOT / ".cache" / "synthetic" / f"inspyrenet-{asked.mode}"
    results = max(2, asked.results or RESULTS[asked.mode])
    return Contest(
        mode=asked.mode,
        resize=asked.resize,
        size=asked.size,
        checkpoint=checkpoint.resolve(),
        model_dir=model_dir.resolve(),
        rounds=max(2, asked.rounds),
        results=results,
        empty_cache=asked.empty_cache,
        threads=this_machine().cores or 1,
    )


def _with_empty_cache(contest: Contest, naive: Contender) -> dict[str, Figures]:
    """Start the naive handler with nothing compiled, if that is asked for; and see to it that the cache is filled."""
    if not any(Path(naive.environment["NUMBA_CACHE_DIR"]).rglob("*.nbc")):
        once(naive, photograph(64, 64), 1)
    if not contest.empty_cache:
        return {}
    with tempfile.TemporaryDirectory() as nothing:
        bare = Contender(EMPTY, naive.command, {**naive.environment, "NUMBA_CACHE_DIR": nothing})
        return {EMPTY: once(bare, contest.picture, 2)}


def _turns(
    contest: Contest, everybody: Mapping[str, Contender], library: Library
) -> tuple[list[float], dict[str, list[Figures]]]:
    """Let them take turns, and the machine's peak between them; ours' last process gives ten results."""
    peaks: list[float] = []
    runs: dict[str, list[Figures]] = {name: [] for name in everybody}
    for turn in range(contest.rounds):
        for name, contender in everybody.items():
            peaks.append(library.gflops(contest.threads))
            long = name in {OURS, GRAPH} and turn == contest.rounds - 1
            runs[name].append(once(contender, contest.picture, max(TEN, contest.results) if long else contest.results))
    peaks.append(library.gflops(contest.threads))
    return peaks, runs


def _warm_ups(contest: Contest, ours: Contender) -> Mapping[str, float]:
    awake = Contender(
        "warm-up",
        [sys.executable, "-m", "bench.worker_warmup"],
        {**ours.environment, "INSPIRENET_RESIZE": "dynamic"},
    )
    return compete([awake], contest.picture, rounds=contest.rounds, results=1)["warm-up"].marks_s


def _steps(contest: Contest, contender: Contender) -> tuple[Step, ...]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.worker_operations", str(contest.picture), str(PROFILED_RUNS)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **contender.environment},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return by_kind([[Step(*step) for step in one] for one in json.loads(done.stdout.splitlines()[-1])["runs"]])


if __name__ == "__main__":
    main()
