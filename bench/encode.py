"""`make bench-encode`: effort against size for a 12-megapixel cut-out. `encode.encode` was chosen by it.

The cut-out is a photograph enlarged, with a camera's noise put back: enlarging alone makes it too easy to compress.
"""

from __future__ import annotations

import functools
import io
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from bench.figures import Row, Run
from bench.machine import versions
from bench.pictures import photograph
from bench.record import Watch, record
from handler.pixels.png_writer import write_png

if TYPE_CHECKING:
    from collections.abc import Callable

CHOICES: dict[str, dict[str, object]] = {
    "PNG, Pillow's default": {"format": "PNG"},
    "PNG, level 1": {"format": "PNG", "compress_level": 1},
    "PNG, level 1, run lengths": {"format": "PNG", "compress_level": 1, "compress_type": 3},
    "PNG, level 0": {"format": "PNG", "compress_level": 0},
    "WebP 90, method 0": {"format": "WEBP", "quality": 90, "method": 0},
    "WebP 90, method 1": {"format": "WEBP", "quality": 90, "method": 1},
    "WebP 90, method 4 (default)": {"format": "WEBP", "quality": 90, "method": 4},
}


def main() -> None:
    """Write a file and print a table: the best of three times, and the bytes."""
    watch = Watch.start()
    measured: list[Row] = []
    with Image.open(photograph(4000, 3000)) as image:
        rgb = np.asarray(image.convert("RGB"), dtype=np.int16)
    height_px, width_px = rgb.shape[:2]
    noise = np.random.default_rng(7).normal(0, 2, rgb.shape)
    rows, columns = np.mgrid[:height_px, :width_px]
    distance = np.hypot(columns - width_px / 2, rows - height_px / 2)
    alpha = np.clip((0.42 * height_px - distance) * 16, 0, 255).astype(np.uint8)  # a disc with a soft edge
    cutout = np.dstack([np.clip(rgb + noise, 0, 255).astype(np.uint8), alpha])
    cutout[alpha == 0] = 0
    picture = Image.fromarray(cutout)
    ways: dict[str, Callable[[io.BytesIO], None]] = {
        name: functools.partial(picture.save, **options)  # type: ignore[arg-type]  # Pillow's options differ by format
        for name, options in CHOICES.items()
    }
    ways |= {
        f"PNG, ours, {threads} thread{'s' * (threads > 1)}": functools.partial(
            write_png, pixels=cutout, threads=threads
        )
        for threads in (1, 2)
    }
    for name, write in ways.items():
        times = []
        for _ in range(3):
            out = io.BytesIO()
            begun = time.perf_counter()
            write(out)
            times.append(time.perf_counter() - begun)
        measured.append(Row(name, ("s", "MB"), (round(min(times), 4), len(out.getvalue()) / 1e6)))
    run = Run(
        table="encode-4000x3000",
        title="a cut-out of 12 megapixels",
        command="make bench-encode",
        circumstances=watch.circumstances(),
        columns=("time", "size"),
        rows=tuple(measured),
        libraries=versions(sys.executable, ["numpy", "pillow"]),
    )
    record(run)


if __name__ == "__main__":
    main()
