"""`make bench`: InSPyReNet here, in a naive handler, as a plain export, and at the speed of light of the machine.

In one run, on one checkpoint, on as many threads as the machine has cores, in turns:
- the naive handler of the incident (transparent_background, in torch), numba's compile cache filled, or also empty;
- upstream's network exported without any rewrite, in ONNX Runtime with its defaults, inside of our pipeline, so that
  nothing but the graph differs from
- ours, which is what the function takes by default, and, where an artefact has an engine of its own, its graph alone;
- and between any two of them the machine's own peak.

Leaves three files in bench/figures: what was timed, the machine meanwhile, and where the network's seconds go.
A synthetic checkpoint costs what the official one costs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.artefacts import MANIFEST, digest, graph_alone, plain_export
from bench.contest import LATER, Contender, Figures, compete, medians, once, rows, spread
from bench.figures import FOLDER, OURS, ROOT, Row, Run, read_all
from bench.machine import this_machine, versions
from bench.operations import REST, Step, by_kind
from bench.peak import MODEL_PYTHON, NUMPY, TORCH, Library, quickest
from bench.pictures import FOLDER as KEPT
from bench.pictures import photograph
from bench.record import Watch, record
from bench.targets import ARITHMETIC, EMPTY, FILLED, GRAPH, OVER_TEN, PLAIN, reached
from bench.verdict import PRODUCT, verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Multiplications and additions of upstream's network at its base size.
UNTOUCHED_GFLOP: Mapping[str, float] = {"base": 1_565, "fast": 210}
RESULTS: Mapping[str, int] = {"base": 2, "fast": 6}  # of each process: enough, and a run that takes some minutes
TEN = 10
PROFILED_RUNS = 3
TOGETHER = "together"


@dataclass(frozen=True)
class Contest:
    """What was asked for."""

    mode: str
    resize: str
    size: str
    checkpoint: Path
    model_dir: Path
    rounds: int
    results: int
    empty_cache: bool
    threads: int

    @property
    def picture(self) -> Path:
        """The photograph that everybody cuts out."""
        width_px, height_px = (int(side) for side in self.size.split("x"))
        return photograph(width_px, height_px)

    @property
    def title(self) -> str:
        """What the tables are about."""
        return f"{self.mode}, {self.resize}, {self.size.replace('x', '×')}"

    @property
    def command(self) -> str:
        """As anybody would type it."""
        said = {"MODE": (self.mode, "base"), "RESIZE": (self.resize, "static"), "SIZE": (self.size, "512x512")}
        words = [f"{name}={value}" for name, (value, usual) in said.items() if value != usual]
        options = f"--rounds {self.rounds} --results {self.results}{' --empty-cache' if self.empty_cache else ''}"
        return " ".join(["make bench", *words, f"BENCH='{options}'"])

    def table(self, kind: str) -> str:
        """Name a table of this contest."""
        return f"{kind}-{self.mode}-{self.resize}-{self.size}"


def main() -> None:
    """Write the files, and print the tables, the verdict on the machine, and the targets."""
    contest = _asked()
    watch = Watch.start()
    libraries = versions(sys.executable, ["onnxruntime", "numpy", "pillow"])
    libraries |= versions(MODEL_PYTHON, ["torch", "transparent-background", "pymatting", "numba"])
    with tempfile.TemporaryDirectory() as home:
        contenders = _contenders(contest, home)
        library = quickest((NUMPY, TORCH), contest.threads)
        empty = _with_empty_cache(contest, contenders[FILLED])
        peaks, runs = _turns(contest, contenders, library)
        ready = _warm_ups(contest, contenders[OURS])
        steps = {name: _steps(contest, one) for name, one in contenders.items() if name != FILLED}
    figures = empty | {name: medians(those) for name, those in runs.items()}
    tables = (
        (contest.table("upstream"), contest.title, _figures_rows(contest, figures, runs, peaks, ready), tuple(figures)),
        (
            contest.table("spread"),
            f"{contest.title}: the machine meanwhile",
            _spread_rows(contest, runs, peaks, library),
            ("median", "spread"),
        ),
        (
            contest.table("operations"),
            f"{contest.title}: the network by kind of operation",
            _operation_rows(steps),
            tuple(f"{name}: {what}" for name in steps for what in ("time", "arithmetic", "speed")),
        ),
    )
    circumstances = watch.circumstances()
    for table, title, its_rows, columns in tables:
        record(Run(table, title, contest.command, circumstances, columns, its_rows, libraries))
    every = read_all(FOLDER)
    machine = circumstances.machine.name
    here = [run for run in every if run.circumstances.machine.name == machine]
    sys.stdout.write(f"{verdict(here, contest.table('spread'))}\n\n{reached(here, machine)}\n")


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
    model_dir = asked.model_dir or ROOT / "build" / "model" / f"inspyrenet-{asked.mode}"
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


def _contenders(contest: Contest, home: str) -> dict[str, Contender]:
    """Make the contestants, ours last. The plain export has one size, so that it has no place in dynamic mode."""
    built_from = json.loads((contest.model_dir / MANIFEST).read_text(encoding="utf-8"))["checkpoint_sha256"]
    sha256 = digest(contest.checkpoint)
    if built_from != sha256:
        raise SystemExit(
            f"{contest.model_dir} was built from a checkpoint of SHA-256 {built_from[:12]}…, and {contest.checkpoint} "
            f"has {sha256[:12]}…: build it anew with make model MODEL=inspyrenet-{contest.mode} "
            f"CHECKPOINT={contest.checkpoint}, or name the checkpoint that it is from."
        )
    cache = KEPT / "numba"
    cache.mkdir(parents=True, exist_ok=True)
    naive = Contender(
        FILLED,
        [MODEL_PYTHON, "-m", "bench.worker_naive", str(contest.checkpoint), contest.mode, contest.resize],
        {
            "TRANSPARENT_BACKGROUND_FILE_PATH": home,
            "OMP_NUM_THREADS": str(contest.threads),
            "PYTHONWARNINGS": "ignore",
            "NUMBA_CACHE_DIR": str(cache),
        },
    )
    folders = {
        PLAIN: plain_export(contest.mode, contest.checkpoint, sha256) if contest.resize == "static" else None,
        GRAPH: graph_alone(contest.model_dir),
        OURS: contest.model_dir,
    }
    ours = {
        name: Contender(
            name,
            [sys.executable, "-m", "bench.worker_ours"],
            {"MODEL_DIR": str(folder), "THREADS": str(contest.threads), "INSPIRENET_RESIZE": contest.resize},
        )
        for name, folder in folders.items()
        if folder
    }
    return {FILLED: naive} | ours


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
    contest: Contest, contenders: Mapping[str, Contender], library: Library
) -> tuple[list[float], dict[str, list[Figures]]]:
    """Let them take turns, and the machine's peak between them; ours' last process gives ten results."""
    peaks: list[float] = []
    runs: dict[str, list[Figures]] = {name: [] for name in contenders}
    for turn in range(contest.rounds):
        for name, contender in contenders.items():
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


def _figures_rows(
    contest: Contest,
    figures: Mapping[str, Figures],
    runs: Mapping[str, Sequence[Figures]],
    peaks: Sequence[float],
    ready: Mapping[str, float],
) -> tuple[Row, ...]:
    seconds = ("s",) * len(figures)
    none = (None,) * len(figures)
    found = list(rows(figures, inside=True))
    if contest.resize == "static":
        light_s = UNTOUCHED_GFLOP[contest.mode] / statistics.median(peaks)
        multiples = tuple(round(one.warm_s / light_s, 4) for one in figures.values())
        found.append(Row(ARITHMETIC, ("×",) * len(figures), multiples, none))
    over_ten = tuple(runs[name][-1].peak_bytes / 1e6 if name in {OURS, GRAPH} else None for name in figures)
    found.append(Row(OVER_TEN, ("MB",) * len(figures), over_ten))
    found += [
        Row(f"start → {mark} (64×64, dynamic)", seconds, (*none[1:], round(value, 4))) for mark, value in ready.items()
    ]
    return tuple(found)


def _spread_rows(
    contest: Contest, runs: Mapping[str, Sequence[Figures]], peaks: Sequence[float], library: Library
) -> tuple[Row, ...]:
    """Say how far the peak and the results went apart; a title that names the library would differ by machine."""
    threads = f"{contest.threads} thread{'s' if contest.threads > 1 else ''}"
    named = [(f"{PRODUCT}, {library.name}, {threads}", "GFLOP/s", peaks)]
    named += [(f"{LATER}: {name}", "s", [one.warm_s for one in those]) for name, those in runs.items()]
    return tuple(
        Row(name, (unit, "%"), (round(statistics.median(values), 4), round(100 * spread(values), 2)))
        for name, unit, values in named
    )


def _operation_rows(steps: Mapping[str, Sequence[Step]]) -> tuple[Row, ...]:
    """Lay out each contestant's seconds, GFLOP and GFLOP/s; kinds in the order of ours, then what others have besides."""
    kinds = list(dict.fromkeys(step.kind for name in reversed(steps) for step in steps[name]))
    kinds.sort(key=REST.__eq__)
    sums = {
        name: Step(TOGETHER, sum(step.seconds for step in those), sum(step.gflop for step in those))
        for name, those in steps.items()
    }
    table = {name: {step.kind: step for step in (*those, sums[name])} for name, those in steps.items()}
    return tuple(
        Row(kind, ("s", "GFLOP", "GFLOP/s") * len(steps), tuple(_cells([table[name].get(kind) for name in steps])))
        for kind in (*kinds, TOGETHER)
    )


def _cells(steps: Sequence[Step | None]) -> list[float | None]:
    cells: list[float | None] = []
    for step in steps:
        if step is None:
            cells += [None, None, None]
        else:
            counted = step.gflop >= 1  # a speed of next to no arithmetic says nothing
            gflop, gflops = (round(step.gflop, 1), round(step.gflop / step.seconds, 1)) if counted else (None, None)
            cells += [round(step.seconds, 4), gflop, gflops]
    return cells


if __name__ == "__main__":
    main()
