"""Who takes part in `make bench`, and on what."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.artefacts import MANIFEST, digest, graph_alone, plain_export
from bench.contest import Contender
from bench.figures import OURS
from bench.peak import MODEL_PYTHON
from bench.pictures import FOLDER, photograph
from bench.targets import FILLED, GRAPH, PLAIN

if TYPE_CHECKING:
    from pathlib import Path


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


def contenders(contest: Contest, home: str) -> dict[str, Contender]:
    """Make the contestants, ours last. The plain export has one size, so that it has no place in dynamic mode."""
    built_from = json.loads((contest.model_dir / MANIFEST).read_text(encoding="utf-8"))["checkpoint_sha256"]
    sha256 = digest(contest.checkpoint)
    if built_from != sha256:
        raise SystemExit(
            f"{contest.model_dir} was built from a checkpoint of SHA-256 {built_from[:12]}…, and {contest.checkpoint} "
            f"has {sha256[:12]}…: build it anew with make model MODEL=inspyrenet-{contest.mode} "
            f"CHECKPOINT={contest.checkpoint}, or name the checkpoint that it is from."
        )
    cache = FOLDER / "numba"
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
