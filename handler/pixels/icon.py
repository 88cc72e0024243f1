"""Icons and cursors: directories of pictures, of which the largest is taken.

Enters: the file's bytes. Leaves: that picture, as the PNG it is or as an icon of its own. A directory's one byte for a
side says nothing reliable, and a cursor's has a hot spot where an icon's has its depth: so the pictures' own headers
are read.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from handler.pixels.png import MAGIC as PNG

ENTRY_BYTES = 16


@dataclass(frozen=True)
class Icon:
    """The largest picture of the directory."""

    width_px: int
    height_px: int
    is_png: bool
    data: bytes = field(repr=False)


def largest_icon(data: bytes) -> Icon | None:
    """Take the largest picture, of equals the deepest; None where there is none."""
    (count,) = struct.unpack_from("<H", data, 4) if len(data) >= 6 else (0,)
    best: tuple[int, int, int] = (0, 0, 0)  # area, depth, entry
    for entry in range(count):
        at = 6 + ENTRY_BYTES * entry
        if at + ENTRY_BYTES > len(data):
            break
        start = int.from_bytes(data[at + 12 : at + 16], "little")
        width_px, height_px, bits = _header(data[start : start + 26])
        best = max(best, (width_px * height_px, bits, -at))
    if best[0] == 0:
        return None
    size, start = struct.unpack_from("<II", data, 8 - best[2])
    picture = data[start : start + size]
    width_px, height_px, bits = _header(picture[:26])
    if picture.startswith(PNG):
        return Icon(width_px, height_px, True, picture)  # noqa: FBT003 - is_png
    sides = bytes(side if side < 256 else 0 for side in (width_px, height_px))
    directory = b"\0\0\1\0\1\0" + sides + struct.pack("<BBHHII", 0, 0, 1, bits, len(picture), 6 + ENTRY_BYTES)
    return Icon(width_px, height_px, False, directory + picture)  # noqa: FBT003


def dib_size(header: bytes) -> tuple[int, int]:
    """Read a bitmap's sides from its header; a height below 0 says that the rows begin at the top."""
    if len(header) >= 8 and header[:4] == b"\x0c\0\0\0":
        return struct.unpack_from("<HH", header, 4)
    if len(header) >= 12:
        width_px, height_px = struct.unpack_from("<Ii", header, 4)
        return width_px, abs(height_px)
    return 0, 0


def _header(picture: bytes) -> tuple[int, int, int]:
    """Read width, height and depth of one picture."""
    if picture.startswith(PNG) and len(picture) >= 26:
        samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(picture[25], 1)
        return *struct.unpack_from(">II", picture, 16), picture[24] * samples
    width_px, height_px = dib_size(picture)
    at = 10 if picture[:4] == b"\x0c\0\0\0" else 14
    return width_px, height_px // 2, int.from_bytes(picture[at : at + 2], "little")  # below it lies the mask
