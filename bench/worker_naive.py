"""The naive handler of the incident: `transparent_background.Remover`, bytes in, PNG out. Runs in .venv-model.

Arguments: checkpoint, mode, resize, picture, results.
"""

from __future__ import annotations

import io
import sys
import time

from PIL import Image
from transparent_background import Remover

from bench.report import report_results

checkpoint, mode, resize = sys.argv[1:4]
remover = Remover(mode=mode, device="cpu", ckpt=checkpoint, resize=resize)
network_s = 0.0
forward = remover.model.forward


def timed_forward(batch: object) -> object:
    """Keep the network's own time apart."""
    global network_s  # noqa: PLW0603 - a script's one figure
    begun = time.perf_counter()
    saliency = forward(batch)
    network_s = time.perf_counter() - begun
    return saliency


def cut_out(data: bytes) -> bytes:
    """Do what a first handler does."""
    out = io.BytesIO()
    remover.process(Image.open(io.BytesIO(data)).convert("RGB"), type="rgba").save(out, "PNG")
    return out.getvalue()


remover.model.forward = timed_forward
report_results(cut_out, lambda: network_s)
