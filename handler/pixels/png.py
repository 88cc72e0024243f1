"""A PNG's chunks: what its header claims, and the file without the chunks that no pixel depends on.

Enters: the file's bytes. Leaves: numbers, and bytes for Pillow. Browsers show a picture whose comments are damaged or
long; Pillow refuses the whole file for them. So it never sees them: neither texts, nor a chunk whose sum is wrong, nor
the later frames of an animation.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

MAGIC = b"\x89PNG\r\n\x1a\n"

# Ancillary chunks that decide how the picture looks; XMP and "Raw profile type exif" (ImageMagick's) may say which way
# is up. Each counts once.
USED = frozenset({b"tRNS", b"iCCP", b"eXIf"})
USED_TEXTS = {b"iTXt": b"XML:com.adobe.xmp\0", b"zTXt": b"Raw profile type exif\0", b"tEXt": b"Raw profile type exif\0"}

# Decompressed. Profiles of printers have 3 MB; what is more is no profile, and the picture is read without it.
MAX_PROFILE_BYTES = 2**24


@dataclass(frozen=True)
class Chunks:
    """What a walk from chunk to chunk finds."""

    width_px: int
    height_px: int
    count: int
    data: bytes = field(repr=False)  # the file, with nothing in it but what the picture needs


def read_chunks(data: bytes, most: int) -> Chunks:
    """Walk the chunks, at most `most` of them."""
    width_px, height_px = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    ranges = [[0, len(MAGIC)]]  # what stays, neighbours joined
    seen: set[bytes] = set()
    count, at = 0, len(MAGIC)
    while at + 8 <= len(data) and count <= most:
        count += 1
        kind, body = data[at + 4 : at + 8], at + 8
        end = body + int.from_bytes(data[at : at + 4], "big") + 4
        if _stays(kind, data, body, end, seen):
            if ranges[-1][1] == at:
                ranges[-1][1] = min(end, len(data))
            else:
                ranges.append([at, min(end, len(data))])
        at = end
        if kind == b"IEND":
            break
    if ranges == [[0, len(data)]]:
        return Chunks(width_px, height_px, count, data)
    return Chunks(width_px, height_px, count, b"".join(data[start:end] for start, end in ranges))


def _stays(kind: bytes, data: bytes, body: int, end: int, seen: set[bytes]) -> bool:
    if kind[:1].isupper():
        return True  # critical: the decoder's own to judge
    name = USED_TEXTS.get(kind)
    if kind not in USED and (name is None or not data.startswith(name, body)):
        return False
    chunk = memoryview(data)[body : end - 4]
    if (
        kind in seen
        or end > len(data)
        or zlib.crc32(chunk, zlib.crc32(kind)) != int.from_bytes(data[end - 4 : end], "big")
    ):
        return False
    seen.add(kind)
    return kind in {b"tRNS", b"eXIf", b"tEXt"} or _fits(kind, bytes(chunk))


def _fits(kind: bytes, chunk: bytes) -> bool:
    """Whether a compressed chunk stays within bounds when it is decompressed; Pillow would refuse the file."""
    _, _, rest = chunk.partition(b"\0")
    if kind == b"iTXt":
        if rest[:1] == b"\0":
            return True  # not compressed
        rest = rest[1:].partition(b"\0")[2].partition(b"\0")[2]
    else:
        rest = rest[1:]
    try:
        unpacking = zlib.decompressobj()
        return len(unpacking.decompress(rest, MAX_PROFILE_BYTES)) < MAX_PROFILE_BYTES
    except zlib.error:
        return False
