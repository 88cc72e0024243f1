"""What browsers show is read where that is safe: broken metadata, a lost end, long comments, rare containers."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from handler.errors import InvalidFileType, UnreadableImage
from handler.pixels.decode import decode
from handler.pixels.header import read_header
from handler.pixels.limits import Limits
from tests.pictures import exif, icon, icon_bitmap, png_chunk, png_with, quarters, sample, save, scene

if TYPE_CHECKING:
    from handler.pixels.picture import Picture

LIMITS = Limits(max_bytes=50_000_000, max_megapixels=50)
SHORT, RATIONAL = 3, 5
ORIENTATION_6 = (0x0112, SHORT, 1, b"\0\6\0\0")
SOFTWARE_THAT_IS_NO_TEXT = (0x0131, SHORT, 1, b"\0\1\0\0")
OFFSET_NOWHERE = (0x8769, 4, 1, b"\xff\xff\xff\0")
TEXT_AS_A_FRACTION = (0x010E, RATIONAL, 1, b"\0\0\0\0")


def read(data: bytes) -> Picture:
    return decode(read_header(data, LIMITS))


def off(picture: Picture, image: Image.Image) -> float:
    drawn = np.asarray(image.convert("RGB")).astype(int)
    assert np.ptp(drawn) > 100
    return float(np.abs(picture.rgb.astype(int) - drawn).mean())


# EXIF


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"])
@pytest.mark.parametrize(
    "broken", [b"Exif\0\0no directory at all", b"Exif\0\0", exif(OFFSET_NOWHERE), b"Exif\0\0II*\0\xff\xff\xff\xff"]
)
def test_broken_exif_refuses_no_picture(file_format: str, broken: bytes) -> None:
    data = with_exif(file_format, broken)
    assert off(read(data), quarters()) < 8


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("odd", [SOFTWARE_THAT_IS_NO_TEXT, OFFSET_NOWHERE, TEXT_AS_A_FRACTION])
def test_an_odd_tag_does_not_hide_which_way_is_up(file_format: str, odd: Any) -> None:
    data = save(quarters().transpose(Image.Transpose.ROTATE_90), file_format, exif=exif(ORIENTATION_6, odd))
    assert off(read(data), quarters()) < 4


def with_exif(file_format: str, broken: bytes) -> bytes:
    """Put EXIF into a file; encoders that look at it get sound EXIF of the same length, exchanged afterwards."""
    if file_format not in {"AVIF", "HEIF"}:
        return save(quarters(), file_format, exif=broken)
    sound = exif((0x0131, 2, 4, b"abc\0")) + b"." * max(0, len(broken) - 32)
    data = save(quarters(), file_format, exif=sound)
    body = sound[6:]
    assert body in data
    return data.replace(body, broken[6:].ljust(len(body), b"\0"))


# A lost end


@pytest.mark.parametrize("lost", [1, 2, 3, 20])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_that_lacks_its_last_bytes_is_read(lost: int, mode: str) -> None:
    data = save(noisy(mode), "JPEG")
    whole, cut = read(data), read(data[:-lost])
    assert np.array_equal(cut.rgb[:-16], whole.rgb[:-16])
    assert np.abs(cut.rgb.astype(int) - whole.rgb).mean() < 2


@pytest.mark.parametrize("lost", [1, 2, 100])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_progressive_jpeg_whose_last_scan_is_short_is_read(lost: int, mode: str) -> None:
    data = save(noisy(mode), "JPEG", progressive=True)
    whole, cut = read(data), read(data[:-lost])
    assert np.abs(cut.rgb.astype(int) - whole.rgb).mean() < 2


def test_black_at_the_end_is_no_gap() -> None:
    image = noisy("RGB")
    image.paste("black", (0, 100, 300, 200))
    assert off(read(save(image, "JPEG", quality=95)[:-2]), image) < 6


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("percent", [10, 50, 65])
def test_a_jpeg_that_lacks_more_is_cut_short(percent: int, *, progressive: bool) -> None:
    data = save(noisy("RGB"), "JPEG", progressive=progressive)
    with pytest.raises(UnreadableImage):
        read(data[: len(data) * percent // 100])


def test_a_jpeg_without_its_lower_tenth_is_cut_short() -> None:
    data = save(noisy("RGB"), "JPEG")
    with pytest.raises(UnreadableImage):
        read(data[: len(data) * 9 // 10])


def noisy(mode: str) -> Image.Image:
    shaken = np.random.default_rng(1).integers(-30, 30, (200, 300, 3))
    return Image.fromarray(np.clip(np.asarray(scene(300, 200)).astype(int) + shaken, 0, 255).astype(np.uint8)).convert(
        mode
    )


# PNG's other chunks


LONG = b"x" * 3_000_000


def profile_of_2_mb() -> bytes:
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() + b"\0" * 2_000_000
    return struct.pack(">I", len(data)) + data[4:]


ODD_CHUNKS = {
    "a physical size with a wrong sum": png_chunk(b"pHYs", struct.pack(">IIB", 1, 1, 0), sound=False),
    "a profile with a wrong sum": png_chunk(b"iCCP", b"x\0\0" + zlib.compress(b"no profile"), sound=False),
    "a text with a wrong sum": png_chunk(b"tEXt", b"Comment\0hello", sound=False),
    "a compressed text of 3 MB": png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(LONG)),
    "an international text of 3 MB": png_chunk(b"iTXt", b"Comment\0\1\0\0\0" + zlib.compress(LONG)),
    "XMP of 3 MB": png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(LONG)),
    "texts of 90 MB": png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * 900_000)) * 100,
    "a profile of 2 MB": png_chunk(b"iCCP", b"x\0\0" + zlib.compress(profile_of_2_mb())),
    "a profile that never ends": png_chunk(b"iCCP", b"x\0\0" + zlib.compress(b"\0" * 50_000_000)),
    "a profile that is not compressed": png_chunk(b"iCCP", b"x\0\0plain"),
    "a text without a name": png_chunk(b"tEXt", b""),
    "frames out of order": png_chunk(b"acTL", b"\0\0\0\2\0\0\0\0")
    + png_chunk(b"fcTL", struct.pack(">7I", 7, *[9] * 6)),
}


@pytest.mark.parametrize("chunks", ODD_CHUNKS.values(), ids=ODD_CHUNKS)
def test_a_chunk_that_no_pixel_depends_on_refuses_no_picture(chunks: bytes) -> None:
    assert off(read(png_with(save(scene()), chunks)), scene()) == 0


def test_a_chunk_that_pixels_depend_on_has_to_be_sound() -> None:
    data = save(scene(mode="P"))
    at = data.index(b"PLTE")
    with pytest.raises((UnreadableImage, InvalidFileType)):
        read(data[:at] + b"PLTE" + bytes([data[at + 4] ^ 1]) + data[at + 5 :])


@pytest.mark.parametrize(
    "chunk",
    [
        png_chunk(b"iTXt", b'XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation="6"/>'),
        png_chunk(
            b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n 38\n" + exif(ORIENTATION_6).hex().encode())
        ),
    ],
    ids=["XMP", "ImageMagick's"],
)
def test_texts_that_say_which_way_is_up_are_read(chunk: bytes) -> None:
    stored = quarters().transpose(Image.Transpose.ROTATE_90)
    assert off(read(png_with(save(stored), chunk)), quarters()) == 0


# Containers


def test_an_avif_of_brand_mif1_is_read() -> None:
    data = sample("AVIF")
    assert data[8:12] == b"avif"
    assert b"mif1" in data[16:32]
    renamed = data[:8] + b"mif1" + data[12:]
    picture = read(renamed)
    assert picture.format == "AVIF"
    assert off(picture, scene()) < 4


def test_a_heic_of_brand_mif1_is_read() -> None:
    data = sample("HEIF")
    picture = read(data[:8] + b"mif1" + data[12:])
    assert picture.format == "HEIF"
    assert off(picture, scene()) < 6


@pytest.mark.parametrize("kind", [1, 2], ids=["ICO", "CUR"])
def test_the_largest_picture_of_an_icon_is_read(kind: int) -> None:
    image = quarters(40, 32).convert("RGBA")
    image.putalpha(Image.fromarray(np.linspace(1, 255, 40).astype(np.uint8)[np.newaxis].repeat(32, axis=0)))
    small = Image.new("RGBA", (16, 16), "black")
    for largest in (icon_bitmap(image), save(image)):
        picture = read(icon(kind, icon_bitmap(small), largest, save(small)))
        assert picture.format == {1: "ICO", 2: "CUR"}[kind]
        assert off(picture, image) == 0
        assert picture.alpha is not None
        assert np.array_equal(picture.alpha, np.asarray(image)[..., 3])


def test_an_icon_as_pillow_writes_it_is_read() -> None:
    for more in ({}, {"bitmap_format": "bmp"}):
        picture = read(save(quarters(64, 48), "ICO", sizes=[(64, 48), (16, 16)], **more))
        assert (picture.width_px, picture.height_px) == (64, 48)
        assert off(picture, quarters(64, 48)) < 1


@pytest.mark.parametrize("data", [b"\0\0\1\0", b"\0\0\1\0\0\0", icon(1), icon(2, b"\0" * 40), b"\0\0\2\0\xff\xff"])
def test_an_icon_without_a_picture_is_none(data: bytes) -> None:
    with pytest.raises(InvalidFileType, match="holds no picture"):
        read(data)


NOT_READ: dict[str, bytes] = {
    "JPEG 2000": save(scene(), "JPEG2000"),
    "PPM": save(scene(), "PPM"),
    "TGA": save(scene(), "TGA"),
}


@pytest.mark.parametrize(("kind", "data"), NOT_READ.items())
def test_what_is_known_and_not_read_is_named(kind: str, data: bytes) -> None:
    with pytest.raises(
        InvalidFileType, match=f"{kind} is not read; JPEG, PNG, .* are. Save the picture as one of them"
    ):
        read(data)
