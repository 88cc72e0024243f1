"""Pictures for tests: drawn, never constant, and one of each format that the function reads."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pillow_heif
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from numpy.typing import NDArray

pillow_heif.register_heif_opener()

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF")
SAVE: dict[str, dict[str, Any]] = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}


def scene(width_px: int = 96, height_px: int = 64, mode: str = "RGB") -> Image.Image:
    """Draw a bright disc, left of the middle, on a dark ground that changes across and down."""
    across = np.linspace(0, 60, width_px)[np.newaxis, :].repeat(height_px, axis=0)
    down = np.linspace(0, 60, height_px)[:, np.newaxis].repeat(width_px, axis=1)
    ground = np.dstack([across, down, np.full((height_px, width_px), 20.0)]).astype(np.uint8)
    image = Image.fromarray(ground)
    box = (width_px // 8, height_px // 4, max(width_px // 8, width_px // 2), max(height_px // 4, 3 * height_px // 4))
    ImageDraw.Draw(image).ellipse(box, fill=(250, 240, 200))
    return image.convert(mode)


def quarters(width_px: int = 48, height_px: int = 32) -> Image.Image:
    """Draw four quarters of four colours: red, green / blue, white. Every turn and mirroring is told apart."""
    image = Image.new("RGB", (width_px, height_px), (255, 255, 255))
    draw = ImageDraw.Draw(image)
    half = (width_px // 2, height_px // 2)
    draw.rectangle((0, 0, half[0] - 1, half[1] - 1), fill=(220, 20, 20))
    draw.rectangle((half[0], 0, width_px, half[1] - 1), fill=(20, 200, 20))
    draw.rectangle((0, half[1], half[0] - 1, height_px), fill=(20, 20, 220))
    return image


def alpha_ramp() -> Image.Image:
    """Draw transparency that grows from left to right."""
    return Image.fromarray(np.linspace(0, 255, 96).astype(np.uint8)[np.newaxis].repeat(64, axis=0))


def save(image: Image.Image, file_format: str = "PNG", **more: Any) -> bytes:
    """Encode a picture."""
    out = io.BytesIO()
    image.save(out, file_format, **{**SAVE.get(file_format, {}), **more})
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    """Decode with Pillow alone, so that the function's result is read by other code than its own."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Give the mean absolute difference of two pictures that are not constant and of one shape."""
    assert one.shape == other.shape
    assert one.min() != one.max(), "a constant picture compares equal to too much"
    assert other.min() != other.max()
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


def pixels(image: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(image.convert("RGB"))


def sample(file_format: str, width_px: int = 96, height_px: int = 64) -> bytes:
    """Give the scene as a file of this format."""
    return save(scene(width_px, height_px), file_format)


# Files made by hand, byte by byte: what no encoder writes.


def png_chunk(kind: bytes, body: bytes, *, sound: bool = True) -> bytes:
    """Make a chunk; one that is not sound carries a wrong sum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body) ^ (not sound))


def png(width_px: int, height_px: int, rows: bytes, *between: bytes, bits: int = 8, colour: int = 2) -> bytes:
    """Make a PNG of unfiltered rows, each with its filter's byte in front, and chunks between header and data."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width_px, height_px, bits, colour, 0, 0, 0))
    data = png_chunk(b"IDAT", zlib.compress(rows, 9))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(between) + data + png_chunk(b"IEND", b"")


def png_claiming(width_px: int, height_px: int, colour: int = 2) -> bytes:
    """Make a PNG whose header claims a size, with a few bytes of zeroes for its data."""
    return png(width_px, height_px, b"\0" * 10_000, colour=colour)


def png_with(data: bytes, *chunks: bytes) -> bytes:
    """Put chunks after a PNG's header."""
    return data[:33] + b"".join(chunks) + data[33:]


def gif(width_px: int, height_px: int, *blocks: bytes, frame: tuple[int, int, int, int] = (0, 0, 1, 1)) -> bytes:
    """Make a GIF of one frame, with blocks in front of it."""
    screen = b"GIF89a" + struct.pack("<HHBBB", width_px, height_px, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    return screen + b"".join(blocks) + b"," + struct.pack("<HHHHB", *frame, 0) + b"\2\2D\1\0;"


def tiff(*entries: tuple[int, int, int, int], data: bytes = b"\0" * 104) -> bytes:
    """Make a TIFF of one directory; entries are tag, type, count and value or offset. The data comes at byte 8."""
    directory = struct.pack("<H", len(entries))
    for tag, kind, count, value in sorted(entries):
        directory += struct.pack("<HHI", tag, kind, count)
        directory += struct.pack("<HH", value, 0) if kind == 3 and count == 1 else struct.pack("<I", value)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory + b"\0\0\0\0"


def exif(*entries: tuple[int, int, int, bytes]) -> bytes:
    """Make EXIF of one directory; entries are tag, type, count and the four bytes of value or offset."""
    directory = b"".join(struct.pack(">HHI", tag, kind, count) + value for tag, kind, count, value in entries)
    return b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">H", len(entries)) + directory + b"\0\0\0\0"


def icon(kind: int, *pictures: bytes, sides: int = 0) -> bytes:
    """Put pictures, PNGs or bitmaps, into an icon (1) or a cursor (2); the directory says `sides` of each."""
    directory, body = struct.pack("<HHH", 0, kind, len(pictures)), b""
    for picture in pictures:
        at = 6 + 16 * len(pictures) + len(body)
        directory += struct.pack("<BBBBHHII", sides, sides, 0, 0, 1, 1, len(picture), at)
        body += picture
    return directory + body


def icon_bitmap(image: Image.Image) -> bytes:
    """Make a bitmap as icons hold it: with alpha, and a mask of zeroes below."""
    rgba = np.asarray(image.convert("RGBA"))[::-1]
    height_px, width_px = rgba.shape[:2]
    header = struct.pack("<IiiHHIIiiII", 40, width_px, 2 * height_px, 1, 32, 0, 0, 0, 0, 0, 0)
    mask: bytes = b"\0" * (((width_px + 31) // 32) * 4 * height_px)
    pixels: bytes = rgba[..., [2, 1, 0, 3]].tobytes()
    return header + pixels + mask
