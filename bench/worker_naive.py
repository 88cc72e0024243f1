"""The naive handler of the incident: `transparent_background.Remover`, bytes in, PNG out. Runs in .venv-model.

Arguments: picture, results, mode, resize, checkpoint.
"""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path

from PIL import Image
from transparent_background import Remover

from bench.report import report_mark, report_result

checkpoint, mode, resize, picture, results = sys.argv[1:6]
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


remover.model.forward = timed_forward
report_mark("loaded")
data = Path(picture).read_bytes()
for _ in range(int(results)):
    out = io.BytesIO()
    remover.process(Image.open(io.BytesIO(data)).convert("RGB"), type="rgba").save(out, "PNG")
    report_result(len(out.getvalue()), network_s)
