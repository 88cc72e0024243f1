"""A result as a ZIP of two files: its colours as a JPEG and its alpha as a PNG, both of its size.

Enters: pixels. Leaves: bytes. Whoever puts the two together again has what format=png would have been.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from handler.pixels.encode import Bounded, encode
from handler.pixels.picture import bands

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLOUR_NAME, ALPHA_NAME = "color.jpg", "alpha.png"


def pack(pixels: NDArray[np.uint8], max_bytes: int | None = None) -> bytes:
    """Pack (H, W, 3) RGB or straight (H, W, 4) RGBA.

    With `max_bytes`, the work ends as soon as there is more. Raises InvalidDimensions where JPEG cannot hold the size,
    ResultTooLarge beyond `max_bytes`, OutOfMemory.
    """
    import zipfile  # noqa: PLC0415 - one request in many asks for it

    if pixels.shape[2] == 3:
        colours, alpha = pixels, np.full(pixels.shape[:2], 255, np.uint8)
    else:
        colours, alpha = _without_alpha(pixels), np.ascontiguousarray(pixels[..., 3])
    out = Bounded(max_bytes)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:  # both are compressed already
        # ZipInfo's own date: the same request gives the same bytes.
        archive.writestr(zipfile.ZipInfo(COLOUR_NAME), encode(colours, "jpg", max_bytes))
        archive.writestr(zipfile.ZipInfo(ALPHA_NAME), encode(alpha, "png", max_bytes))
    return out.getvalue()


def _without_alpha(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give the colours of (H, W, 4), and their mean where nobody sees any.

    Black beside the subject would shine through its edges by JPEG's blocks; its own mean colour does not.
    """
    height_px, width_px = pixels.shape[:2]
    colours = np.empty((height_px, width_px, 3), np.uint8)
    total, count = np.zeros(3), 0
    for rows in bands(width_px, height_px):
        seen = pixels[rows, :, 3] > 0
        total += pixels[rows, :, :3].sum(axis=(0, 1), where=seen[..., np.newaxis], dtype=np.float64)
        count += int(seen.sum())
    mean = (total / max(1, count)).astype(np.uint8)
    for rows in bands(width_px, height_px):
        np.copyto(colours[rows], pixels[rows, :, :3])
        np.copyto(colours[rows], mean, where=pixels[rows, :, 3:] == 0)
    return colours
