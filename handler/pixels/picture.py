"""A picture: what decoding gives and everything after it takes. It must not know files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

# Pixels are worked on in bands of whole rows, so that what a step needs beside its result stays at some megabytes.
BAND_PX = 2**20


@dataclass(frozen=True)
class Picture:
    """Upright 8-bit sRGB pixels."""

    rgb: NDArray[np.uint8] = field(repr=False)  # (H, W, 3)
    alpha: NDArray[np.uint8] | None = field(repr=False)  # (H, W), straight; None: opaque
    format: str

    @property
    def width_px(self) -> int:
        """Columns."""
        return int(self.rgb.shape[1])

    @property
    def height_px(self) -> int:
        """Rows."""
        return int(self.rgb.shape[0])

    @property
    def seen(self) -> NDArray[np.uint8]:
        """The picture as a page shows it, (H, W, 3): over white, so that colours under alpha 0 stay hidden."""
        if self.alpha is None:
            return self.rgb
        seen = np.empty_like(self.rgb)
        for rows in bands(self.width_px, self.height_px):
            page = Image.new("RGB", (self.width_px, rows.stop - rows.start), "white")
            page.paste(Image.fromarray(self.rgb[rows]), mask=Image.fromarray(self.alpha[rows]))
            seen[rows] = np.asarray(page)
        return seen


def bands(width_px: int, height_px: int) -> Iterator[slice]:
    """Divide a picture's rows into bands of about BAND_PX pixels."""
    rows = max(1, BAND_PX // max(1, width_px))
    for top in range(0, height_px, rows):
        yield slice(top, min(top + rows, height_px))
