"""Bytes to a header: recognised, within the limits, and no pixel decoded.

Enters: the bytes of a file that anyone may have made. Leaves: a Header for `decode`, or a CallerError.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from PIL import Image, PngImagePlugin, UnidentifiedImageError

from handler.errors import FileTooLarge, InvalidFileType, OutOfMemory, UnreadableImage
from handler.pixels.claim import READABLE, read_claim
from handler.pixels.limits import memory_is_ours
from handler.pixels.plugins import load_plugin
from handler.pixels.png import MAX_PROFILE_BYTES

if TYPE_CHECKING:
    from handler.pixels.limits import Limits

# Our own limits, checked on the file's claims before a decoder sees it, replace Pillow's warning and its second limit.
Image.MAX_IMAGE_PIXELS = None
# And `png.read_chunks` has dropped what is longer.
PngImagePlugin.MAX_TEXT_CHUNK = MAX_PROFILE_BYTES


@dataclass(frozen=True)
class Header:
    """A file that was recognised and is within the limits."""

    data: bytes = field(repr=False)  # what is decoded
    format: str  # of the decoder
    name: str  # of the format, for people
    mode: str
    width_px: int  # as stored; upright it may be the height
    height_px: int

    def open(self) -> Image.Image:
        """Open the file anew; nothing is decoded yet, and nothing kept."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about odd metadata; what matters raises
            return Image.open(io.BytesIO(self.data), formats=(self.format,))


def read_header(data: bytes, limits: Limits) -> Header:
    """Recognise a file and check its limits, at the cost of its header alone.

    Raises FileTooLarge, InvalidFileType, UnreadableImage, ResolutionTooHigh or InvalidDimensions.
    """
    if len(data) > limits.max_bytes:
        raise FileTooLarge(f"The file has {len(data):,} bytes; the limit is {limits.max_bytes:,}. Send a smaller file.")
    if not data:
        raise InvalidFileType(f"The file is empty. Send a picture: {READABLE} are read.")
    claim = read_claim(data, limits.max_parts)
    limits.check_claim(claim)
    load_plugin(claim.format)
    header = Header(claim.data, claim.format, claim.name, "", claim.width_px, claim.height_px)
    try:
        with memory_is_ours("the header is read"), header.open() as image:
            mode, (width_px, height_px) = image.mode, image.size
    except OutOfMemory:
        raise
    except UnidentifiedImageError as error:
        raise InvalidFileType(
            f"The file begins as {claim.name} files do and cannot be read as one; {READABLE} can."
        ) from error
    except Exception as error:
        raise UnreadableImage(f"The picture's header is broken ({type(error).__name__}). Export it again.") from error
    limits.check_size(claim.name, mode, width_px, height_px, len(data))
    return Header(claim.data, claim.format, claim.name, mode, width_px, height_px)
