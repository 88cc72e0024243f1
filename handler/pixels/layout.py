"""Sizes and boxes in pixels. Arithmetic alone: no pixel is touched here.

Enters: sizes. Leaves: sizes.
"""

from __future__ import annotations

import math


def bounded_size(width_px: int, height_px: int, max_megapixels: float | None) -> tuple[int, int]:
    """Give the (width, height) that has at most `max_megapixels` with the same aspect ratio; never enlarged."""
    if max_megapixels is None or width_px * height_px <= max_megapixels * 1e6:
        return width_px, height_px
    shrink = math.sqrt(max_megapixels * 1e6 / (width_px * height_px))
    return max(1, math.floor(width_px * shrink)), max(1, math.floor(height_px * shrink))
