"""What a JPEG's markers say: its size, how often the decoder has to walk through the picture, and whether it ends.

Enters: the file's bytes. Leaves: numbers. No pixel is decoded.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

END = b"\xff\xd9"

# A marker, not a stuffed 0, a restart or fill: ITU T.81, B.1.1.2
MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])", re.DOTALL)
SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
SOI, EOI, SOS, TEM = 0xD8, 0xD9, 0xDA, 0x01


@dataclass(frozen=True)
class Markers:
    """The markers up to the picture's end."""

    width_px: int
    height_px: int
    scans: int
    segments: int
    ends: bool  # whether there is an end
    refined: bool  # progressive, and the last scan that has begun is the last that the picture needs


def read_markers(data: bytes, most: int) -> Markers:
    """Walk the markers, at most `most` of them."""
    width_px = height_px = scans = segments = 0
    progressive = ends = False
    components: list[int] = []
    left: dict[tuple[int, int], int] = {}  # (component, coefficient) → bits that are still to come
    at = 2
    while segments <= most and (found := MARKER.search(data, at)) is not None:
        segments += 1
        marker, at = found[1][0], found.end()
        if marker == EOI:
            ends = True
            break
        if marker in {SOI, TEM}:
            continue
        body = data[at + 2 : at + max(2, int.from_bytes(data[at : at + 2], "big"))]
        at += 2 + len(body)
        if marker in SOF and len(body) >= 6:
            height, width = struct.unpack_from(">HH", body, 1)
            width_px, height_px = max(width, width_px), max(height, height_px)
            progressive = marker in PROGRESSIVE
            components = list(body[6 : 6 + 3 * body[5] : 3])
        elif marker == SOS:
            scans += 1
            if progressive and body and len(body) >= 4 + 2 * body[0]:
                first, last, bits = body[-3], min(body[-2], 63), body[-1] & 15
                for component in body[1 : 1 + 2 * body[0] : 2]:
                    for coefficient in range(first, last + 1):
                        left[component, coefficient] = bits
    refined = bool(components) and all(
        left.get((component, coefficient)) == 0 for component in components for coefficient in range(64)
    )
    return Markers(width_px, height_px, scans, segments, ends, progressive and refined)
