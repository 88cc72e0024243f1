"""A picture as a background: scaled to cover the canvas, centred.

Enters: a Picture and the canvas's size. Leaves: its pixels in that size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from handler.pixels.picture import Picture


def cover(picture: Picture, width_px: int, height_px: int) -> NDArray[np.uint8]:
    """Scale a picture so that it covers a canvas: (H, W, 3), or straight (H, W, 4) where it is not opaque."""
    pixels = picture.rgb if picture.alpha is None else np.dstack([picture.rgb, picture.alpha])
    if (picture.width_px, picture.height_px) == (width_px, height_px):
        return pixels
    ratio = min(picture.width_px / width_px, picture.height_px / height_px)  # of its pixels for one of the canvas
    seen_width, seen_height = width_px * ratio, height_px * ratio
    left, top = (picture.width_px - seen_width) / 2, (picture.height_px - seen_height) / 2
    # Rounding must not put the box a hair's breadth outside of the picture.
    box = (
        *(max(0.0, left), max(0.0, top)),
        *(min(picture.width_px, left + seen_width), min(picture.height_px, top + seen_height)),
    )
    scaled = Image.fromarray(pixels).resize((width_px, height_px), Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)
    return np.asarray(scaled)
