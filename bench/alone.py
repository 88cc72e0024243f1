"""`make bench-alone MODEL_DIR=…`: a model of ours without a peer: from a start to its first result, and a later one.

docs/speed.md reckons from it what a request takes.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from bench.contest import Contender, compete, rows
from bench.figures import OURS, Run
from bench.machine import this_machine, versions
from bench.pictures import photograph
from bench.record import Watch, record


def main() -> None:
    """Write a file and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.alone")
    parser.add_argument("--model-dir", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--results", type=int, default=6, help="results of each process, the first among them")
    arguments = parser.parse_args()
    folder = arguments.model_dir.resolve()
    model = json.loads((folder / "model.json").read_text(encoding="utf-8"))["name"]
    watch = Watch.start()
    threads = str(this_machine().cores)
    ours = Contender(OURS, [sys.executable, "-m", "bench.worker_ours"], {"MODEL_DIR": str(folder), "THREADS": threads})
    figures = compete([ours], photograph(512, 512), rounds=arguments.rounds, results=arguments.results)
    record(
        Run(
            table=f"alone-{model}-512x512",
            title=f"{model}, 512×512 JPEG → PNG",
            command=f"make bench-alone MODEL_DIR=build/model/{model}",
            circumstances=watch.circumstances(),
            columns=(OURS,),
            rows=rows(figures, inside=True),
            libraries=versions(sys.executable, ["onnxruntime", "numpy", "pillow"]),
        )
    )


if __name__ == "__main__":
    main()
