"""What leaves: formats, alpha, no metadata; and what is known of a result before there is one."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from handler.errors import InvalidDimensions, ResultTooLarge
from handler.pixels.decode import decode
from handler.pixels.encode import encode, least_bytes, require_encodable
from handler.pixels.header import read_header
from handler.pixels.limits import Limits
from tests.pictures import alpha_ramp, difference, opened, pixels, save, scene

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from handler.job import FileFormat

SIZES = [(1, 1), (8, 8), (9, 17), (300, 200), (1023, 769), (2048, 2048)]


def flat(width_px: int, height_px: int, bands: int) -> NDArray[np.uint8]:
    return np.full((height_px, width_px, bands), 128, np.uint8)


def transparent(width_px: int, height_px: int) -> NDArray[np.uint8]:
    return np.zeros((height_px, width_px, 4), np.uint8)


@pytest.mark.parametrize("file_format", ["png", "jpg", "webp"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_no_result_is_smaller_than_the_least(file_format: FileFormat, size: tuple[int, int]) -> None:
    """A bound that is too high would refuse what would have fitted: so the emptiest pictures are held against it."""
    pictures: dict[str, tuple[NDArray[np.uint8], Literal[1, 3]]] = {
        "flat": (flat(*size, 3), 3),
        "black": (flat(*size, 3) * 0, 3),
        "flat grey": (flat(*size, 1)[..., 0], 1),
        "a scene": (np.asarray(scene(*size)), 3),
    }
    if file_format != "jpg":
        pictures["transparent"] = (transparent(*size), 3)
    for name, (drawn, bands) in pictures.items():
        assert len(encode(drawn, file_format)) >= least_bytes(file_format, *size, bands), name


@pytest.mark.parametrize(("file_format", "share"), [("jpg", 0.97), ("png", 0.6)])
def test_the_least_is_nearly_reached(file_format: FileFormat, share: float) -> None:
    """A bound of nothing would be true, too."""
    reached = len(encode(flat(4096, 4096, 3), file_format))
    assert share * reached < least_bytes(file_format, 4096, 4096, 3) <= reached


def chunks_of(png: bytes) -> list[tuple[bytes, bytes]]:
    """Take a PNG apart, each chunk's checksum checked."""
    chunks, at = [], 8
    while at < len(png):
        size, kind = int.from_bytes(png[at : at + 4], "big"), png[at + 4 : at + 8]
        data = png[at + 8 : at + 8 + size]
        assert int.from_bytes(png[at + 8 + size : at + 12 + size], "big") == zlib.crc32(kind + data)
        chunks.append((kind, data))
        at += 12 + size
    return chunks


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 1, 4), (2, 700_000, 3), (2000, 3, 4), (900, 1300), (900, 1300, 4)], ids=str
)
def test_a_png_is_whole_whatever_the_threads(shape: tuple[int, ...], threads: int) -> None:
    """Pillow looks at no stream's checksum and stops where it has its rows: so the stream is read by zlib itself."""
    noise = np.random.default_rng(len(shape)).integers(0, 9, shape, np.uint8)
    png = encode(noise, "png", threads=threads)
    assert png == encode(noise, "png", threads=4)  # nor does the file depend on them
    np.testing.assert_array_equal(np.asarray(opened(png)), noise)
    chunks = chunks_of(png)
    inflate = zlib.decompressobj()
    rows = inflate.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT"))
    assert inflate.eof
    assert inflate.unused_data == b""
    assert len(rows) == shape[0] + noise.size
    assert {kind for kind, _ in chunks} == {b"IHDR", b"IDAT", b"IEND"}


def test_a_png_needs_no_contiguous_pixels() -> None:
    noise = np.random.default_rng(2).integers(0, 255, (40, 60, 4), np.uint8)
    np.testing.assert_array_equal(np.asarray(opened(encode(noise[::2, 5:], "png", threads=2))), noise[::2, 5:])


def test_a_result_that_is_too_large_ends_the_work() -> None:
    noise = np.random.default_rng(2).integers(0, 255, (400, 400, 3), np.uint8)
    formats: list[FileFormat] = ["png", "jpg", "webp"]
    for file_format in formats:
        size_bytes = len(encode(noise, file_format))
        assert len(encode(noise, file_format, max_bytes=size_bytes)) == size_bytes
        with pytest.raises(ResultTooLarge, match=f"more than {size_bytes - 1:,} bytes"):
            encode(noise, file_format, max_bytes=size_bytes - 1)


@pytest.mark.parametrize(("file_format", "longest"), [("webp", 16_383), ("jpg", 65_500)])
def test_a_side_longer_than_the_format_holds_is_refused(file_format: Literal["webp", "jpg"], longest: int) -> None:
    strip = np.zeros((1, longest + 1, 3), np.uint8)
    assert opened(encode(strip[:, 1:], file_format)).size == (longest, 1)
    with pytest.raises(InvalidDimensions, match=f"{longest:,} px"):
        encode(strip, file_format)
    with pytest.raises(InvalidDimensions, match=f"{longest:,} px"):  # before there are any pixels
        require_encodable(file_format, 1, longest + 1)
    require_encodable("png", 1, longest + 1)


def cutout() -> NDArray[np.uint8]:
    image = scene(mode="RGBA")
    image.putalpha(alpha_ramp())
    return np.asarray(image)


@pytest.mark.parametrize("file_format", ["png", "webp"])
def test_alpha_survives_encoding(file_format: Literal["png", "webp"]) -> None:
    result = opened(encode(cutout(), file_format))
    assert (result.format, result.mode) == (file_format.upper(), "RGBA")
    assert difference(np.asarray(result)[..., 3], cutout()[..., 3]) < 1
    opaque = cutout()[..., 3] > 128
    assert np.abs(np.asarray(result)[..., :3][opaque].astype(int) - cutout()[..., :3][opaque]).mean() < 8


def test_png_is_exact() -> None:
    assert difference(np.asarray(opened(encode(cutout(), "png"))), cutout()) == 0


@pytest.mark.parametrize("file_format", ["png", "jpg", "webp"])
def test_every_result_is_what_it_says(file_format: Literal["png", "jpg", "webp"]) -> None:
    result = opened(encode(cutout()[..., :3], file_format))
    assert result.format == {"jpg": "JPEG"}.get(file_format, file_format.upper())
    assert difference(pixels(result), cutout()[..., :3]) < 6


@pytest.mark.parametrize("file_format", ["png", "jpg"])
def test_a_matte_is_encoded_in_grey(file_format: Literal["png", "jpg"]) -> None:
    result = opened(encode(cutout()[..., 3], file_format))
    assert result.mode == "L"
    assert difference(np.asarray(result), cutout()[..., 3]) < 3


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF", "GIF"])
@pytest.mark.parametrize("result", ["png", "jpg", "webp"])
def test_metadata_does_not_survive(file_format: str, result: Literal["png", "jpg", "webp"]) -> None:
    exif = Image.Exif()
    exif[0x010F] = "SECRET-CAMERA"
    exif.get_ifd(0x8825)[1] = "N"
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "SECRET-COMMENT")
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    more: dict[str, dict[str, Any]] = {
        "JPEG": {"exif": exif, "icc_profile": own, "comment": b"SECRET-COMMENT", "xmp": b"<x:SECRET-XMP/>"},
        "PNG": {"exif": exif, "icc_profile": own, "pnginfo": text},
        "WEBP": {"exif": exif, "icc_profile": own, "xmp": b"<x:SECRET-XMP/>"},
        "TIFF": {"exif": exif, "icc_profile": own, "software": "SECRET-SOFTWARE"},
        "AVIF": {"exif": exif, "icc_profile": own, "xmp": b"<x:SECRET-XMP/>"},
        "HEIF": {"exif": exif, "icc_profile": own, "xmp": b"<x:SECRET-XMP/>"},
        "GIF": {"comment": b"SECRET-COMMENT"},
    }
    data = save(scene(), file_format, **more[file_format])
    assert b"SECRET" in data
    encoded = encode(decode(read_header(data, Limits(50_000_000, 50))).rgb, result)
    assert b"SECRET" not in encoded
    left = opened(encoded)
    assert not left.getexif()
    assert not {"icc_profile", "exif", "xmp", "comment", "Comment", "XML:com.adobe.xmp"} & set(left.info)


def test_more_detail_than_webp_holds_is_refused_by_name() -> None:
    """Noise of 17 megapixels: libwebp gives up, and that was a failure nobody foresaw."""
    noise = np.tile(np.random.default_rng(1).integers(0, 255, (450, 600, 3), np.uint8), (8, 8, 1))
    with pytest.raises(InvalidDimensions, match="more detail than WebP holds"):
        encode(noise, "webp")
