"""What a file says of itself: its kind, its size, and how much work it would be. Nothing is decoded.

Enters: bytes that anyone may have made. Leaves: a Claim, for `limits` to judge before a decoder sees the file.

Each decoder reserves memory by what the header claims, some of them while the file is merely opened: GIF's for the
frame to be disposed of, WebP's for two canvases, ICO's for the icon. So sizes are read here, from the first bytes.
"""

from __future__ import annotations

import dataclasses
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from handler.errors import InvalidFileType
from handler.pixels.icon import dib_size, largest_icon
from handler.pixels.jpeg import read_markers
from handler.pixels.png import MAGIC as PNG
from handler.pixels.png import read_chunks
from handler.pixels.tiff import MAGICS as TIFF
from handler.pixels.tiff import read_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

READABLE = "JPEG, PNG, WebP, GIF, TIFF, BMP, AVIF, HEIC, ICO and CUR"

# ISO base media brands. A file of brand mif1 or msf1 says in its compatible brands which codec it needs.
AVIF_BRANDS = frozenset({b"avif", b"avis"})
CONTAINER_BRANDS = frozenset({b"mif1", b"msf1"})
HEIF_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis"}) | CONTAINER_BRANDS

# Boxes with boxes in them, and the bytes before the first.
CONTAINERS = {b"meta": 4, b"iprp": 0, b"ipco": 0, b"iinf": 6}

# Kinds that are known and not read, and why not.
# JPEG 2000: one browser shows it, and its decoder has had more memory errors than all others here together.
# PPM: no browser shows it, and its writers write PNG as well.
# TGA: nothing at its start tells it from any other bytes; only some files end with its name.
NOT_READ = {
    "JPEG 2000": (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),
    "PPM": tuple(b"P%d%c" % (kind, space) for kind in range(1, 8) for space in b" \n\r\t"),
}
TGA_END = b"TRUEVISION-XFILE.\0"


@dataclass(frozen=True)
class Claim:
    """A file's own words. A size of 0×0: it has none that can be read here."""

    format: str  # as Pillow names it
    width_px: int
    height_px: int
    data: bytes = field(repr=False)  # what is to be decoded
    coded_px: int = 0  # where tiles hold more than the picture
    scans: int = 0
    parts: int = 0  # chunks, segments, blocks, tiles
    kind: str = ""  # what the caller calls it, where that is not the format

    @property
    def name(self) -> str:
        """The format's name for the log."""
        return self.kind or self.format


def read_claim(data: bytes, most_parts: int) -> Claim:
    """Recognise a file and read what it claims, at most `most_parts` parts of it.

    Raises InvalidFileType.
    """
    for start, read in _STARTS:
        if data.startswith(start):
            return read(data, most_parts)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return Claim("WEBP", *_webp(data), data)
    if data[4:8] == b"ftyp":
        brands = _brands(data)
        if brands & (AVIF_BRANDS | HEIF_BRANDS):
            is_avif = bool(brands & AVIF_BRANDS) and data[8:12] not in HEIF_BRANDS - CONTAINER_BRANDS
            return _iso_media("AVIF" if is_avif else "HEIF", data, most_parts)
    raise _not_read(data)


def _not_read(data: bytes) -> InvalidFileType:
    known = "TGA" if data.endswith(TGA_END) else None
    for kind, starts in NOT_READ.items():
        known = kind if data.startswith(starts) else known
    if known is not None:
        return InvalidFileType(f"{known} is not read; {READABLE} are. Save the picture as one of them.")
    return InvalidFileType(f"The file is not a picture that can be read; {READABLE} can.")


def _jpeg(data: bytes, most_parts: int) -> Claim:
    markers = read_markers(data, most_parts)
    return Claim("JPEG", markers.width_px, markers.height_px, data, scans=markers.scans, parts=markers.segments)


def _png(data: bytes, most_parts: int) -> Claim:
    chunks = read_chunks(data, most_parts)
    return Claim("PNG", chunks.width_px, chunks.height_px, chunks.data, parts=chunks.count)


def _tiff(data: bytes, most_parts: int) -> Claim:  # noqa: ARG001 - the directory's count says it
    tiff = read_directory(data)
    if tiff is None:
        return Claim("TIFF", 0, 0, data)
    return Claim("TIFF", tiff.width_px, tiff.height_px, data, coded_px=tiff.coded_px, parts=tiff.parts)


def _bmp(data: bytes, most_parts: int) -> Claim:  # noqa: ARG001 - it has one part
    return Claim("BMP", *dib_size(data[14:40]), data)


def _icon(data: bytes, most_parts: int) -> Claim:
    kind = "ICO" if data[2] == 1 else "CUR"
    icon = largest_icon(data)
    if icon is None and data.endswith(TGA_END):
        raise _not_read(data)
    if icon is None:
        raise InvalidFileType(f"The file begins as {kind} files do and holds no picture. {READABLE} are read.")
    if icon.is_png:
        return dataclasses.replace(_png(icon.data, most_parts), kind=kind)
    return Claim("ICO", icon.width_px, icon.height_px, icon.data, kind=kind)


def _gif(data: bytes, most_parts: int) -> Claim:
    """Walk to the first frame; what is decoded is it alone, since decoders differ in what they skip before it.

    The decoder widens the canvas to a frame that reaches beyond it.
    """
    if len(data) < 13:
        raise InvalidFileType(f"The GIF ends in its header; {READABLE} are read.")
    width_px, height_px = struct.unpack_from("<HH", data, 6)
    screen_end = at = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    control, parts = b"", 0
    while parts <= most_parts and data[at : at + 1] == b"!":
        if data[at + 1 : at + 3] == b"\xf9\4":
            control = data[at : at + 7] + b"\0"
        at += 2
        while parts <= most_parts and at < len(data) and data[at]:
            at += 1 + data[at]
            parts += 1
        at, parts = at + 1, parts + 1
    if parts > most_parts:
        return Claim("GIF", width_px, height_px, data, parts=parts)
    if data[at : at + 1] != b"," or len(data) < at + 10:
        raise InvalidFileType(f"The GIF has no frame; {READABLE} are read.")
    left, top, frame_width_px, frame_height_px = struct.unpack_from("<HHHH", data, at + 1)
    width_px, height_px = max(width_px, left + frame_width_px), max(height_px, top + frame_height_px)
    return Claim("GIF", width_px, height_px, data[:screen_end] + control + data[at:], parts=parts)


def _webp(data: bytes) -> tuple[int, int]:
    """Read the canvas: https://developers.google.com/speed/webp/docs/riff_container."""
    kind = data[12:16]
    if kind == b"VP8X" and len(data) >= 30:
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L" and len(data) >= 25:
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and len(data) >= 30:
        width_px, height_px = struct.unpack_from("<HH", data, 26)
        return width_px & 0x3FFF, height_px & 0x3FFF
    return 0, 0


def _brands(data: bytes) -> frozenset[bytes]:
    end = min(int.from_bytes(data[:4], "big"), 1024, len(data))
    return frozenset({data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4))})


def _iso_media(file_format: str, data: bytes, most_parts: int) -> Claim:
    """Find the largest of a file's items, thumbnails and tiles among them (ISO/IEC 23008-12), and lose an AVIF's EXIF.

    Which way is up says a property of the item there, EXIF has no say; and Pillow refuses the file where it is broken.
    """
    size, at_exif, parts = (0, 0), [], 0
    for kind, start, end in _boxes(data, 0, len(data), most_parts):
        parts += 1
        if kind == b"ispe" and end - start >= 12:
            item: tuple[int, int] = struct.unpack_from(">II", data, start + 4)
            size = max(size, item, key=lambda sides: sides[0] * sides[1])
        elif kind == b"infe" and file_format == "AVIF":
            at = start + (10 if data[start : start + 1] == b"\3" else 8)
            if data[at : at + 4] == b"Exif":
                at_exif.append(at)
    if at_exif:
        edited = bytearray(data)
        for at in at_exif:
            edited[at : at + 4] = b"skip"
        data = bytes(edited)
    return Claim(file_format, *size, data, parts=parts)


def _boxes(data: bytes, start: int, end: int, most_parts: int) -> Iterator[tuple[bytes, int, int]]:
    """Walk boxes and those in some of them: kind, start and end of what is in it."""
    ahead = [(start, end)]
    parts = 0
    while ahead:
        at, end = ahead.pop()
        while at + 8 <= end and parts <= most_parts:
            parts += 1
            size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
            inside = at + 8
            if size == 1:
                size, inside = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
            after = end if size == 0 else min(end, at + size)
            if after < inside:
                break
            if kind in CONTAINERS:
                longer = kind == b"iinf" and data[inside : inside + 1] > b"\0"  # of its second version, a longer count
                ahead.append((inside + CONTAINERS[kind] + 2 * longer, after))
            yield kind, inside, after
            at = after


_STARTS: tuple[tuple[bytes | tuple[bytes, ...], Callable[[bytes, int], Claim]], ...] = (
    (b"\xff\xd8\xff", _jpeg),
    (PNG, _png),
    ((b"GIF87a", b"GIF89a"), _gif),
    (TIFF, _tiff),
    (b"BM", _bmp),
    ((b"\0\0\1\0", b"\0\0\2\0"), _icon),
)
