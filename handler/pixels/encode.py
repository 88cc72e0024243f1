"""Pixels to the bytes of a file, without metadata; and what can be said of those bytes before there are any.

Enters: an array. Leaves: a PNG, JPEG or WebP. It must not know requests or who carries the result.
"""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Literal

from PIL import Image

from handler.errors import InvalidDimensions, ResultTooLarge
from handler.pixels.limits import memory_is_ours
from handler.pixels.plugins import load_plugin
from handler.pixels.png_writer import write_png

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import Buffer

    from handler.job import FileFormat, ResultFormat


# The largest side each format can hold.
MAX_SIDE_PX: dict[FileFormat, int] = {"jpg": 65_500, "webp": 16_383, "png": 2**31 - 1}
MEDIA_TYPES: dict[ResultFormat, str] = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "webp": "image/webp",
    "zip": "application/zip",  # made by archive.py
}


def encode(
    pixels: NDArray[np.uint8], file_format: FileFormat, max_bytes: int | None = None, *, threads: int = 1
) -> bytes:
    """Encode (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA; no metadata is written.

    With `max_bytes`, the work ends as soon as the file is larger. A PNG takes several threads. Raises InvalidDimensions
    where a side is longer than the format can hold, or there is more detail; ResultTooLarge beyond `max_bytes`,
    OutOfMemory.
    """
    require_encodable(file_format, pixels.shape[1], pixels.shape[0])
    out = Bounded(max_bytes)
    with memory_is_ours("the result is encoded"):
        if file_format == "png":
            write_png(out, pixels, threads)
            return out.getvalue()
        image = Image.fromarray(pixels)
        if file_format == "webp":
            load_plugin("WEBP")
            try:
                image.save(out, "WEBP", quality=90, alpha_quality=100, method=0)  # the same command
            except ValueError as error:
                # libwebp has 512 kB for what its blocks are like (VP8_ENC_ERROR_PARTITION0_OVERFLOW), which is too
                # little for noise of some 17 megapixels: https://developers.google.com/speed/webp/docs/api
                raise InvalidDimensions(
                    f"The result of {pixels.shape[1]:,}×{pixels.shape[0]:,} px has more detail than WebP holds "
                    f"({error}). Ask for png, or for a smaller size."
                ) from error
        else:
            image.save(out, "JPEG", quality=90, subsampling=0)
        return out.getvalue()


def require_encodable(file_format: FileFormat, width_px: int, height_px: int) -> None:
    """Raise InvalidDimensions where the format cannot hold a result of this size; known before any work."""
    longest_px = max(width_px, height_px)
    if longest_px > MAX_SIDE_PX[file_format]:
        raise InvalidDimensions(
            f"{file_format} holds sides of up to {MAX_SIDE_PX[file_format]:,} px and the result's has {longest_px:,}. "
            "Ask for png, or for a smaller size."
        )


def least_bytes(file_format: FileFormat, width_px: int, height_px: int, bands: Literal[1, 3]) -> int:
    """Give a number of bytes that no result of this size can be smaller than, whatever is in it.

    `bands`: 1 for a matte alone, 3 for colours, with or without alpha. It is far below a photograph's: a result may be
    all but empty, and only the network knows. What it refuses would be refused after the work, too.

    - jpg: `encode` writes 8×8 blocks, unsubsampled, with the standard's Huffman tables (ITU T.81, K.3): a block that is
      like the one before takes 2 bits for its DC and 4 (luminance) or 2 (chrominance) for the end.
    - png: deflate's longest match makes 258 bytes of 2 bits (RFC 1951); a row has a byte for its filter and, the least,
      its pixels in grey or RGB, since RGBA is larger.
    - webp: nothing worth saying, a flat picture is some hundred bytes.
    """
    if file_format == "jpg":
        blocks = math.ceil(width_px / 8) * math.ceil(height_px / 8)
        return blocks * (6 if bands == 1 else 14) // 8
    if file_format == "png":
        return height_px * (1 + bands * width_px) * 2 // (258 * 8)
    return 0


class Bounded(io.BytesIO):
    """A file in memory that ends the writing once it is too large."""

    def __init__(self, max_bytes: int | None) -> None:
        super().__init__()
        self._max_bytes = max_bytes

    def write(self, data: Buffer, /) -> int:
        """Write, or raise ResultTooLarge."""
        written = super().write(data)
        if self._max_bytes is not None and self.tell() > self._max_bytes:
            raise ResultTooLarge(f"The result has more than {self._max_bytes:,} bytes, which is what can be carried.")
        return written
