"""Rows in bands, so that what a step needs beside its result stays at some megabytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

BAND_PX = 2**20


def bands(width_px: int, height_px: int) -> Iterator[slice]:
    """Divide a picture's rows into bands of about BAND_PX pixels."""
    rows = max(1, BAND_PX // max(1, width_px))
    for top in range(0, height_px, rows):
        yield slice(top, min(top + rows, height_px))
