"""Files that would cost memory or time: each is refused by its header, and the sentence names the limit."""

from __future__ import annotations

import io
import re
import struct
import zlib
from typing import Any

import pytest
from PIL import Image

from handler.errors import CallerError, ConfigurationError, InvalidFileType, ResolutionTooHigh, UnreadableImage
from handler.pixels.decode import decode
from handler.pixels.header import read_header
from handler.pixels.limits import BESIDE_BYTES, BYTES_PER_COLUMN, BYTES_PER_PX, Limits, Memory, bytes_per_px
from handler.settings import Settings
from tests.pictures import gif, icon, png, png_chunk, png_claiming, png_with, sample, save, scene, tiff

LIMITS = Limits(max_bytes=50_000_000, max_megapixels=50)
SHORT, LONG = 3, 4


@pytest.fixture
def no_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no decoder see a file: whatever is refused now is refused by its first bytes."""

    def refuse(*_: Any, **__: Any) -> None:
        pytest.fail("a decoder was given the file")

    monkeypatch.setattr(Image, "open", refuse)


def graphic_control(disposal: int) -> bytes:
    return b"!\xf9\4" + bytes([disposal << 2]) + b"\0\0\0\0"


def sides(width_px: int, height_px: int) -> list[tuple[int, int, int, int]]:
    return [
        (256, LONG, 1, width_px),
        (257, LONG, 1, height_px),
        (258, SHORT, 1, 8),
        (259, SHORT, 1, 8),  # deflate
        (262, SHORT, 1, 1),
        (277, SHORT, 1, 1),
    ]


def tiled(side_px: int, tiles: int) -> bytes:
    """Make a TIFF of 16×16 px in tiles of which each shares one stream."""
    stream = zlib.compress(b"\0" * 100_000, 9)
    offsets = struct.pack("<I", 8 + 8 * tiles) * tiles
    data = offsets + struct.pack("<I", len(stream)) * tiles + stream
    here = [(8, tiles), (8 + 4 * tiles, tiles)]
    entries = [(322, LONG, 1, side_px), (323, LONG, 1, side_px), (324, LONG, tiles, 8), (325, LONG, tiles, here[1][0])]
    return tiff(*sides(16, 16), *entries, data=data)


def many_scans(scans: int, width_px: int = 64, height_px: int = 48) -> bytes:
    """Repeat a progressive JPEG's last scan; the header then claims another size."""
    data = save(scene(64, 48), "JPEG", progressive=True)
    starts = [found.start() for found in re.finditer(rb"\xff\xda", data)]
    last = data[starts[-1] : data.rindex(b"\xff\xd9")]
    frame = data.index(b"\xff\xc2")
    claimed = data[: frame + 5] + struct.pack(">HH", height_px, width_px) + data[frame + 9 :]
    return claimed[: starts[-1]] + last * (scans - len(starts) + 1) + b"\xff\xd9"


def lossy_webp(width_px: int, height_px: int) -> bytes:
    """Make the frame header of a lossy WebP, which has no canvas."""
    body = b"VP8 " + struct.pack("<I", 1000) + b"\x10\x20\0\x9d\x01\x2a" + struct.pack("<HH", width_px, height_px)
    return b"RIFF" + struct.pack("<I", len(body) + 994) + b"WEBP" + body + b"\0" * 990


def avif_claiming(width_px: int, height_px: int) -> bytes:
    data = sample("AVIF", 32, 16)
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", width_px, height_px) + data[at + 8 :]


THE_GIF = gif(65_535, 65_535, graphic_control(2), frame=(0, 0, 65_535, 65_535))

# name → file, the error, what its sentence says
TOO_MUCH: dict[str, tuple[bytes, type[CallerError], str]] = {
    "a GIF whose frame is disposed of": (
        THE_GIF,
        ResolutionTooHigh,
        r"65535×65535 pixels, 4294\.8 mega.*limit is 50\.",
    ),
    "a GIF whose frame is larger than its canvas": (
        gif(10, 10, frame=(30_000, 30_000, 20_000, 20_000)),
        ResolutionTooHigh,
        "50000×50000 pixels",
    ),
    "3,000,000×16": (png(3_000_000, 16, b"\0" * 48_000_016, colour=0), ResolutionTooHigh, "for a side is 65,535"),
    "17,000,000×1": (png(17_000_000, 1, b"\0" * 17_000_001, colour=0), ResolutionTooHigh, "for a side is 65,535"),
    "50,000,000×1": (png_claiming(50_000_000, 1, colour=0), ResolutionTooHigh, "for a side is 65,535"),
    "1×17,000,000": (png_claiming(1, 17_000_000), ResolutionTooHigh, "for a side is 65,535"),
    "a small TIFF in a large tile": (
        tiled(22_000, 1),
        ResolutionTooHigh,
        r"16×16 pixels, .* hold 484\.0 mega.*is 50\.",
    ),
    "ten tiles on one stream": (tiled(7_000, 10), ResolutionTooHigh, r"hold 490\.0 megapixels; the limit is 50\."),
    "a small TIFF in a long strip": (
        tiff(*sides(16, 16), (273, LONG, 1, 8), (278, LONG, 1, 2**31), (279, LONG, 1, 100)),
        ResolutionTooHigh,
        "tiles or strips hold",
    ),
    "20,000 scans": (many_scans(20_000, 8_000, 6_250), UnreadableImage, "20,000 scans; the limit is 100"),
    "a lossy WebP": (lossy_webp(16_383, 16_383), ResolutionTooHigh, "16383×16383"),
    "an AVIF beyond its decoder's own limit": (avif_claiming(30_000, 30_000), ResolutionTooHigh, r"900\.0 .*is 50\."),
    "an icon": (icon(1, png_claiming(20_000, 20_000)), ResolutionTooHigh, r"400\.0 megapixels; the limit is 50"),
    "a cursor": (
        icon(2, struct.pack("<IiiHHIIiiII", 40, 20_000, 40_000, 1, 32, 0, 0, 0, 0, 0, 0)),
        ResolutionTooHigh,
        r"400\.0 megapixels; the limit is 50",
    ),
    "a PNG of a million chunks": (
        png_with(save(scene()), png_chunk(b"prVt", b"") * 1_000_000),
        UnreadableImage,
        "more than 100,000 parts",
    ),
    "a GIF of a million comments": (
        gif(8, 8, b"!\xfe" + b"\2ab" * 1_000_000 + b"\0"),
        UnreadableImage,
        "more than 100,000 parts",
    ),
    "a TIFF of a million strips": (
        tiff(*sides(16, 16), (273, LONG, 1_000_000, 8), (278, LONG, 1, 16), (279, LONG, 1, 100)),
        ResolutionTooHigh,
        "tiles or strips hold",
    ),
}


HUGE_FRAME = b"," + struct.pack("<HHHHB", 0, 0, 65_535, 65_535, 0) + b"\2\2D\1\0;"


@pytest.mark.usefixtures("no_decoder")
@pytest.mark.parametrize("between", [b"\0", b"junk", b"!\xf9\0\4\x08\0\0\0\0", b"!\xf9\4\x08\0\0\0\0?"])
def test_a_frame_hidden_behind_what_decoders_skip_is_never_decoded(between: bytes) -> None:
    """Found by damaging the GIF above: one byte before the frame, and its size went unseen."""
    with pytest.raises((InvalidFileType, ResolutionTooHigh)):
        read_header(b"GIF89a" + struct.pack("<HHBBB", 8, 8, 0, 0, 0) + between + HUGE_FRAME, LIMITS)


@pytest.mark.usefixtures("no_decoder")
@pytest.mark.parametrize("case", TOO_MUCH.values(), ids=TOO_MUCH)
def test_what_would_cost_too_much_is_refused_before_a_decoder_sees_it(
    case: tuple[bytes, type[CallerError], str],
) -> None:
    data, error, sentence = case
    with pytest.raises(error, match=sentence):
        read_header(data, LIMITS)


def test_the_gif_has_43_bytes() -> None:
    assert len(THE_GIF) in {43, 44}


def test_usual_files_have_parts_and_scans_to_spare() -> None:
    read_header(many_scans(100), LIMITS)
    read_header(save(scene(2000, 1500), "TIFF", compression="tiff_deflate"), LIMITS)
    out = io.BytesIO()
    scene(2000, 1500).save(out, "TIFF", tiffinfo={278: 1})  # each row a strip
    assert decode(read_header(out.getvalue(), LIMITS)).height_px == 1500


def test_the_limits_are_the_settings() -> None:
    strict = Settings.from_env({"MAX_INPUT_SIDE_PX": "90", "MAX_INPUT_SCANS": "9", "MAX_INPUT_PARTS": "7"})
    limits = Limits.of(strict, None)
    with pytest.raises(ResolutionTooHigh, match="96×64 pixels; the limit for a side is 90"):
        read_header(sample("PNG"), limits)
    with pytest.raises(UnreadableImage, match="10 scans; the limit is 9"):
        read_header(many_scans(10), Limits.of(Settings(max_input_scans=9), None))
    with pytest.raises(UnreadableImage, match="more than 7 parts"):
        read_header(png_with(save(scene(8, 8)), png_chunk(b"prVt", b"") * 7), limits)


# What the memory carries


def limits_at(memory_mb: int, model_bytes: int, **more: Any) -> Limits:
    return Limits.of(Settings(memory_mb=memory_mb, **more), model_bytes)


def test_unset_the_limit_is_what_the_memory_carries() -> None:
    model_bytes = 1_925_000_000
    data = png_claiming(10_000, 4_000)
    spare_bytes = 2_300 * 2**20 - model_bytes - BESIDE_BYTES - 2 * len(data) - 10_000 * BYTES_PER_COLUMN
    carried_px = spare_bytes / bytes_per_px("PNG", "RGB")
    assert 10e6 < carried_px < 40e6
    with pytest.raises(ResolutionTooHigh, match=rf"40\.0 megapixels; the limit is {carried_px / 1e6:.4g}\. "):
        read_header(data, limits_at(2_300, model_bytes))
    assert read_header(png_claiming(10_000, 4_000), limits_at(3_008, model_bytes)).width_px == 10_000


def test_more_than_50_megapixels_are_asked_for() -> None:
    with pytest.raises(ResolutionTooHigh, match="the limit is 50"):
        read_header(png_claiming(10_000, 5_001), limits_at(10_240, 0))
    assert read_header(png_claiming(10_000, 5_001), limits_at(10_240, 0, max_input_megapixels=60.0)).width_px == 10_000


def test_a_dearer_mode_has_a_lower_limit() -> None:
    memory = Memory(3_000_000_000, 2_000_000_000)
    assert memory.carries_px("WEBP", "RGBA", 9, 0) < memory.carries_px("PNG", "RGB", 9, 0)
    assert memory.carries_px("PNG", "RGB", 9, 50_000_000) < memory.carries_px("PNG", "RGB", 9, 0)
    assert memory.carries_px("PNG", "RGB", 60_000, 0) < memory.carries_px("PNG", "RGB", 9, 0)


def test_a_format_that_was_not_measured_costs_as_the_dearest() -> None:
    assert bytes_per_px("ICO", "RGBA") == max(BYTES_PER_PX.values())
    assert bytes_per_px("TIFF", "LAB") == max(BYTES_PER_PX.values())


def test_memory_that_carries_nothing_is_the_operators_fault() -> None:
    with pytest.raises(ConfigurationError, match=r"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=1769 .* Raise the memory"):
        limits_at(1_769, 1_925_000_000)
    assert limits_at(1_769, 1_925_000_000, max_input_megapixels=1.0).max_megapixels == 1.0
