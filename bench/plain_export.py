"""Upstream's network as a graph, without any rewrite of ours: what anybody gets who exports it. Runs in .venv-model.

`python -m bench.plain_export MODE CHECKPOINT OUT`. Leaves: a folder as the function takes it, at one size, opened with
ONNX Runtime's own defaults.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from layers.model import fetch, manifest
from layers.model.checkpoints import CHECKPOINTS, StateDict
from layers.model.reference import load_remover

if TYPE_CHECKING:
    from layers.model.checkpoints import Mode

OPSET = 18
WEIGHTS = "model.onnx"
MODES: tuple[Mode, ...] = ("base", "fast")


def main() -> None:
    """Export, and describe it; the folder has its `model.json` last, so that a half-made one is not taken."""
    mode = next(one for one in MODES if one == sys.argv[1])
    checkpoint, out = Path(sys.argv[2]), Path(sys.argv[3])
    out.mkdir(parents=True, exist_ok=True)
    known = CHECKPOINTS[f"inspyrenet-{mode}"]
    assert isinstance(known, StateDict)  # noqa: S101 - for the types: InSPyReNet's checkpoints are
    export(mode, checkpoint, known.base_px, out / WEIGHTS)
    manifest.write(
        manifest.Manifest(
            name=known.name,
            version="plain export",
            licence=known.licence,
            checkpoint_url=f"file:{checkpoint.name}",
            checkpoint_sha256=fetch.digest(checkpoint),
            engine="onnxruntime",
            weights=WEIGHTS,
            weights_sha256=fetch.digest(out / WEIGHTS),
            input=manifest.InputSpec("fixed", known.base_px, resample="bilinear", scale="255"),
            output=manifest.OutputSpec(normalise="none", resample="bilinear-align-corners"),
            mode=known.mode,
        ),
        out,
    )


def export(mode: Mode, checkpoint: Path, base_px: int, path: Path) -> None:
    """Write upstream's network at its base size, weights beside it as the exporter puts them."""
    network: torch.nn.Module = load_remover(mode, checkpoint, "static").model
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.export warns of its own deprecations, and upstream's meshgrid
        program = torch.onnx.export(
            network, (torch.zeros(1, 3, base_px, base_px),), dynamo=True, opset_version=OPSET, verbose=False
        )
    if program is None:
        raise RuntimeError("torch.onnx.export gave no program: the dynamo exporter of torch 2.14 does")
    program.save(path, external_data=True)


if __name__ == "__main__":
    main()
