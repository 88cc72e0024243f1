"""What a TIFF's first directory says: its size, and what its tiles or strips make the decoder hold and decode.

Enters: the file's bytes. Leaves: numbers. No value is trusted, and none is read that would cost more than its entry.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Literal

MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

# Tags of TIFF 6.0, https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf
WIDTH, LENGTH, SAMPLES_PER_PIXEL, PLANAR = 256, 257, 277, 284
STRIP_OFFSETS, ROWS_PER_STRIP = 273, 278
TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS = 322, 323, 324
ALL_ROWS = 2**32 - 1

# The types that libtiff takes for a whole number, and how to read them.
TYPES = {1: "B", 6: "B", 3: "H", 8: "H", 4: "I", 9: "I", 13: "I", 16: "Q", 17: "Q", 18: "Q"}


@dataclass(frozen=True)
class Directory:
    """The numbers that matter."""

    width_px: int
    height_px: int
    coded_px: int  # with whole tiles and strips, and with those that the picture has no place for
    parts: int  # tiles or strips


def read_directory(data: bytes) -> Directory | None:
    """Read the first directory; None where there is none."""
    try:
        numbers, counts = _entries(data)
    except struct.error:
        return None
    width_px, height_px = numbers.get(WIDTH, 0), numbers.get(LENGTH, 0)
    if not width_px or not height_px:
        return None
    planes = max(1, numbers.get(SAMPLES_PER_PIXEL, 1)) if numbers.get(PLANAR) == 2 else 1
    if TILE_OFFSETS in counts or TILE_WIDTH in numbers:
        across_px, down_px = max(1, numbers.get(TILE_WIDTH, 1)), max(1, numbers.get(TILE_LENGTH, 1))
        parts = counts.get(TILE_OFFSETS, 0)
    else:
        across_px, down_px = width_px, max(1, numbers.get(ROWS_PER_STRIP, ALL_ROWS))
        down_px = height_px if down_px == ALL_ROWS else down_px
        parts = counts.get(STRIP_OFFSETS, 0)
    columns, rows = math.ceil(width_px / across_px), math.ceil(height_px / down_px)
    rounds = max(1, math.ceil(parts / (columns * rows * planes)))  # more parts than places: each place decoded again
    tiled = TILE_WIDTH in numbers
    coded_px = columns * across_px * rows * down_px if tiled else width_px * max(height_px, down_px)
    return Directory(width_px, height_px, coded_px * rounds, max(parts, columns * rows))


def _entries(data: bytes) -> tuple[dict[int, int], dict[int, int]]:
    """Give the first number of each tag that has just one, and how many numbers each tag has."""
    order: Literal["<", ">"] = "<" if data[:2] == b"II" else ">"
    big = data[:4] in {b"II+\0", b"MM\0+"}
    (at,) = struct.unpack_from(f"{order}Q", data, 8) if big else struct.unpack_from(f"{order}I", data, 4)
    if at >= len(data):
        raise struct.error("the directory lies outside of the file")
    (count,) = struct.unpack_from(f"{order}{'Q' if big else 'H'}", data, at)
    at += 8 if big else 2
    numbers: dict[int, int] = {}
    counts: dict[int, int] = {}
    for _ in range(min(count, 65_535)):
        tag, kind, length = struct.unpack_from(f"{order}HH{'Q' if big else 'I'}", data, at)
        value = at + (12 if big else 8)
        at += 20 if big else 12
        if kind not in TYPES:
            continue
        counts[tag] = max(length, counts.get(tag, 0))  # decoders differ in which of two they take
        if length == 1:
            (number,) = struct.unpack_from(f"{order}{TYPES[kind]}", data, value)
            numbers[tag] = max(number, numbers.get(tag, 0))
    return numbers, counts
