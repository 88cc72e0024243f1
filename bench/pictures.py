"""The pictures that are timed, made once from the demo's photographs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from bench.figures import ROOT

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = ROOT / ".cache" / "bench"


def photograph(width_px: int, height_px: int) -> Path:
    """Give the astronaut as a JPEG of this size."""
    path = FOLDER / f"astronaut-{width_px}x{height_px}.jpg"
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        with Image.open(ROOT / "demo" / "photos" / "astronaut.jpg") as image:
            image.resize((width_px, height_px), Image.Resampling.BICUBIC).save(path, quality=92)
    return path
