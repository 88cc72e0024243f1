"""The artefacts that contestants run, beside the one that is measured: made once, and kept in .cache/bench."""

from __future__ import annotations

import hashlib
import json
import subprocess
from typing import TYPE_CHECKING

from bench.figures import ROOT
from bench.peak import MODEL_PYTHON
from bench.pictures import FOLDER

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST = "model.json"
# The entry of model.json by which an artefact has an engine of its own beside its graph.
OWN_ENGINE = "kernels"


def digest(checkpoint: Path) -> str:
    """Give a checkpoint's SHA-256."""
    with checkpoint.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def plain_export(mode: str, checkpoint: Path, sha256: str) -> Path:
    """Give upstream's network as a plain graph; exporting it takes more than a minute, once for each checkpoint."""
    folder = FOLDER / f"plain-{mode}-{sha256[:12]}"
    if not (folder / MANIFEST).exists():
        command = [MODEL_PYTHON, "-m", "bench.plain_export", mode, str(checkpoint), str(folder)]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return folder


def graph_alone(artefact: Path) -> Path | None:
    """Give the same artefact without its own engine, so that the function takes the graph; None where it has none."""
    document = json.loads((artefact / MANIFEST).read_text(encoding="utf-8"))
    if document.pop(OWN_ENGINE, None) is None:
        return None
    folder = FOLDER / f"graph-alone-{document['name']}"
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.iterdir():
        stale.unlink()
    for file in artefact.iterdir():
        (folder / file.name).symlink_to(file.resolve())
    (folder / MANIFEST).unlink()
    (folder / MANIFEST).write_text(json.dumps(document, indent=2), encoding="utf-8")
    return folder
