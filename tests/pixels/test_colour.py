"""Colours: profiles are judged by what they do, and transparent colours are transparent in every depth."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageCms

from handler.pixels.decode import decode
from handler.pixels.header import read_header
from handler.pixels.limits import Limits
from tests.pictures import png, png_chunk, save, scene

if TYPE_CHECKING:
    from handler.pixels.picture import Picture

LIMITS = Limits(max_bytes=50_000_000, max_megapixels=50)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
# Display P3's colorants, adapted to D50: https://www.color.org/chardata/rgb/DisplayP3.xalter
DISPLAY_P3 = {
    b"rXYZ": (0.51512, 0.24120, -0.00105),
    b"gXYZ": (0.29198, 0.69225, 0.04189),
    b"bXYZ": (0.15710, 0.06657, 0.78407),
}


def read(data: bytes) -> Picture:
    return decode(read_header(data, LIMITS))


def profile(colorants: dict[bytes, tuple[float, float, float]]) -> bytes:
    """Give sRGB's profile with other colorants; its name still says sRGB."""
    data = bytearray(SRGB)
    for entry in range(132, 132 + 12 * struct.unpack_from(">I", data, 128)[0], 12):
        if (name := bytes(data[entry : entry + 4])) in colorants:
            at = struct.unpack_from(">I", data, entry + 4)[0] + 8
            struct.pack_into(">iii", data, at, *(round(value * 65_536) for value in colorants[name]))
    return bytes(data)


def grey_profile(gamma: float) -> bytes:
    """Make a profile of grey with a gamma, tag by tag: lcms has no way to it from Python."""
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    white = b"XYZ \0\0\0\0" + struct.pack(">iii", 0xF6D6, 0x10000, 0xD32D)
    words = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"grey\0" + b"\0" * 78
    tags, body = b"", b""
    for name, data in ((b"desc", words), (b"wtpt", white), (b"kTRC", curve)):
        tags += name + struct.pack(">II", 132 + 36 + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    header = struct.pack(">I4sI4s4s4s", 132 + 36 + len(body), b"lcms", 0x02100000, b"mntr", b"GRAY", b"XYZ ")
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28
    return (
        header.ljust(68, b"\0") + struct.pack(">iii", 0xF6D6, 0x10000, 0xD32D) + b"\0" * 48 + b"\0\0\0\3" + tags + body
    )


def test_a_profile_that_is_called_srgb_and_is_not_is_converted() -> None:
    """ "Display P3 Gamut with sRGB Transfer" was taken for sRGB by its name: off by up to 24."""
    named = profile(DISPLAY_P3)
    assert "sRGB" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(named)))
    image = Image.new("RGB", (32, 32), (200, 80, 60))
    image.paste((60, 180, 90), (0, 0, 16, 32))
    converted = read(save(image, icc_profile=named)).rgb[16, 24].astype(int)
    assert converted.tolist() == pytest.approx(as_srgb((200, 80, 60)), abs=2)
    assert converted[0] > 210


def as_srgb(display_p3: tuple[int, int, int]) -> list[float]:
    """Convert by the definitions: the transfer is sRGB's, the colorants are not."""
    coded = np.array(display_p3) / 255
    light = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    srgb = np.array([(0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410)])  # at D50
    other = np.clip(light @ np.array(list(DISPLAY_P3.values())) @ np.linalg.inv(srgb), 0, 1)
    return list(255 * np.where(other <= 0.0031308, other * 12.92, 1.055 * other ** (1 / 2.4) - 0.055))


def test_a_profile_that_does_what_srgb_does_changes_nothing() -> None:
    """Whatever it is called, and however its numbers are rounded."""
    nearly = profile({b"rXYZ": (0.43608, 0.22249, 0.01392)}).replace(
        "sRGB".encode("utf-16-be"), "mine".encode("utf-16-be")
    )
    assert nearly != SRGB
    for own in (SRGB, nearly):
        assert np.array_equal(read(save(scene(), icc_profile=own)).rgb, np.asarray(scene()))


@pytest.mark.parametrize("mode", ["L", "LA"])
@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_grey_is_converted_by_its_profile(mode: str, file_format: str) -> None:
    """With alpha, the profile was ignored: off by up to 60."""
    grey = Image.fromarray(np.arange(256, dtype=np.uint8)[np.newaxis].repeat(4, axis=0))
    image = grey.convert(mode)
    if mode == "LA":
        image.putalpha(Image.fromarray(np.full((4, 256), 200, np.uint8)))
    picture = read(save(image, file_format, icc_profile=grey_profile(1.0)))
    assert picture.rgb[0, [20, 64, 128], 0].tolist() == pytest.approx([79, 137, 188], abs=2)  # linear light as sRGB
    assert (picture.alpha is not None) is (mode == "LA")


def test_grey_of_16_bits_with_alpha_is_converted_by_its_profile() -> None:
    rows = b"".join(b"\0" + struct.pack(">HH", 64 * 257, 200 * 257) * 8 for _ in range(2))
    profile_chunk = png_chunk(b"iCCP", b"grey\0\0" + zlib.compress(grey_profile(1.0)))
    picture = read(png(8, 2, rows, profile_chunk, bits=16, colour=4))
    assert picture.rgb[0, 0].tolist() == pytest.approx([137, 137, 137], abs=2)
    assert picture.alpha is not None
    assert picture.alpha[0, 0] == 200


@pytest.mark.parametrize(
    ("bits", "row", "transparent"),
    [
        (1, b"\x0f", b"\0\0"),  # black ×4, white ×4; black is hidden
        (2, b"\x1b", b"\0\1"),  # 0, 1, 2, 3; 1 is hidden
        (4, b"\x0f\x5a", b"\0\5"),
        (8, b"\x00\x64\xc8\xff", b"\0\x64"),
        (16, struct.pack(">4H", 0, 25_700, 25_701, 65_535), struct.pack(">H", 25_700)),
    ],
)
def test_a_transparent_grey_is_transparent_in_every_depth(bits: int, row: bytes, transparent: bytes) -> None:
    width_px = len(row) * 8 // bits
    picture = read(png(width_px, 1, b"\0" + row, png_chunk(b"tRNS", transparent), bits=bits, colour=0))
    values = [int.from_bytes(row, "big") >> (len(row) * 8 - bits * (at + 1)) & (2**bits - 1) for at in range(width_px)]
    hidden = [value == int.from_bytes(transparent, "big") for value in values]
    assert 0 < sum(hidden) < width_px
    assert picture.alpha is not None
    assert (picture.alpha[0] == 0).tolist() == hidden
    assert picture.rgb[0, :, 0].tolist() == pytest.approx([value * 255 / (2**bits - 1) for value in values], abs=1)


def test_a_transparent_colour_of_16_bits_is_transparent() -> None:
    row = struct.pack(">6H", 51_400, 5_140, 5_140, 5_140, 51_400, 5_140)
    picture = read(png(2, 1, b"\0" + row, png_chunk(b"tRNS", row[:6]), bits=16, colour=2))
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[0, 255]]
