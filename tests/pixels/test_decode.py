"""Files anyone may have made: formats, orientation, modes, profiles, limits."""

from __future__ import annotations

import io
import resource
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from handler.errors import (
    CallerError,
    FileTooLarge,
    InvalidFileType,
    ResolutionTooHigh,
    UnreadableImage,
)
from handler.pixels.decode import decode
from handler.pixels.encode import encode
from handler.pixels.header import read_header
from handler.pixels.layout import bounded_size
from handler.pixels.limits import Limits
from local.emulator import ROOT
from tests.pictures import FORMATS, alpha_ramp, difference, pixels, png_claiming, quarters, sample, save, scene

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from handler.pixels.picture import Picture

LIMITS = Limits(max_bytes=50_000_000, max_megapixels=50)
SMALL = Limits(max_bytes=1_000_000, max_megapixels=1)
FULL_SIZES = [(1, 1), (1, 7), (7, 1), (2, 3), (16, 16), (640, 16), (1, 3000), (3000, 1), (33, 31)]


def read(data: bytes, limits: Limits = LIMITS) -> Picture:
    return decode(read_header(data, limits))


@pytest.mark.parametrize("file_format", FORMATS)
def test_every_format_gives_its_pixels(file_format: str) -> None:
    picture = read(sample(file_format))
    assert picture.format == file_format
    assert picture.alpha is None
    assert picture.rgb.dtype == np.uint8
    assert difference(picture.rgb, pixels(scene())) < 6


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize(("width_px", "height_px"), FULL_SIZES)
def test_every_size_is_read_exactly(file_format: str, width_px: int, height_px: int) -> None:
    if file_format == "HEIF" and min(width_px, height_px) == 1:
        width_px, height_px = max(2, width_px), max(2, height_px)  # the encoder of this test takes no smaller ones
    picture = read(sample(file_format, width_px, height_px))
    assert (picture.width_px, picture.height_px) == (width_px, height_px)
    assert picture.rgb.shape == (height_px, width_px, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_every_orientation_is_brought_upright(file_format: str, orientation: int) -> None:
    turned = {
        1: [],
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }[orientation]
    stored = quarters()
    for step in turned:
        stored = stored.transpose(step)
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = read(save(stored, file_format, exif=exif))
    assert (upright.width_px, upright.height_px) == quarters().size
    assert difference(upright.rgb, pixels(quarters())) < 4


def test_heic_orientation_is_brought_upright_once() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = read(save(quarters().transpose(Image.Transpose.ROTATE_90), "HEIF", exif=exif.tobytes(), quality=100))
    assert (picture.width_px, picture.height_px) == quarters().size
    assert difference(picture.rgb, pixels(quarters())) < 8


def test_the_first_frame_of_an_animation_is_taken() -> None:
    frames = [quarters(), scene(48, 32)]
    for file_format in ("GIF", "WEBP", "TIFF", "PNG", "AVIF"):
        data = save(frames[0], file_format, save_all=True, append_images=frames[1:])
        assert difference(read(data).rgb, pixels(quarters())) < 8, file_format


# Colour modes: the mode, the file that holds it, and how far its colours may be from the drawn ones.
OPAQUE_MODES = [("RGB", "PNG"), ("L", "PNG"), ("P", "PNG"), ("1", "PNG"), ("CMYK", "JPEG"), ("YCbCr", "JPEG")]


@pytest.mark.parametrize(("mode", "file_format"), [*OPAQUE_MODES, ("CMYK", "TIFF"), ("P", "GIF"), ("L", "TIFF")])
def test_an_opaque_mode_is_read_as_it_looks(mode: str, file_format: str) -> None:
    image = scene(mode=mode)
    picture = read(save(image, file_format))
    assert picture.alpha is None
    assert picture.rgb.shape == (64, 96, 3)
    assert difference(picture.rgb, pixels(image)) < 4


def test_sixteen_bit_grey_keeps_its_gradations() -> None:
    ramp = np.linspace(0, 65_535, 256).astype(np.uint16)[np.newaxis].repeat(4, axis=0)
    picture = read(save(Image.fromarray(ramp)))
    assert picture.rgb[0, :, 0].tolist() == pytest.approx(list(range(256)), abs=1)


@pytest.mark.parametrize(
    ("values", "mode"),
    [
        (np.linspace(0, 1, 256).astype(np.float32), "F"),
        (np.linspace(-300, 900, 256).astype(np.float32), "F"),
        (np.linspace(0, 65_535, 256).astype(np.int32), "I"),
        (np.linspace(0, 2**24, 256).astype(np.int32), "I"),
    ],
)
def test_wide_grey_is_scaled_not_clipped(values: NDArray[Any], mode: str) -> None:
    image = Image.fromarray(values[np.newaxis].repeat(4, axis=0))
    assert image.mode == mode
    row = read(save(image, "TIFF")).rgb[0, :, 0].astype(int)
    assert row[0] == 0
    assert row[-1] == 255
    assert (np.diff(row) >= 0).all()
    assert len(set(row.tolist())) > 200


def test_values_that_are_no_numbers_do_not_spoil_a_float_picture() -> None:
    values = np.linspace(0, 1, 64).astype(np.float32).reshape(8, 8)
    values[0, 0], values[1, 1] = np.nan, np.inf
    picture = read(save(Image.fromarray(values), "TIFF"))
    assert picture.rgb[7, 7, 0] == 255


@pytest.mark.parametrize(("mode", "file_format"), [("RGBA", "PNG"), ("RGBA", "WEBP"), ("RGBA", "TIFF"), ("LA", "PNG")])
def test_a_pictures_own_alpha_is_kept(mode: str, file_format: str) -> None:
    image = scene(mode=mode)
    image.putalpha(alpha_ramp())
    more = {"exact": True} if file_format == "WEBP" else {}
    picture = read(save(image, file_format, **more))
    assert picture.alpha is not None
    assert difference(picture.alpha, np.asarray(alpha_ramp())) < 1
    grey = pixels(scene().convert("L")) if mode == "LA" else pixels(scene())
    assert difference(picture.rgb, grey) < 2


def test_a_palettes_transparent_entry_is_alpha() -> None:
    image = quarters().quantize(4)
    white = image.getpixel((47, 31))
    for file_format in ("PNG", "GIF"):
        picture = read(save(image, file_format, transparency=white))
        assert picture.alpha is not None, file_format
        assert picture.alpha[0, 0] == 255
        assert picture.alpha[31, 47] == 0


@pytest.mark.parametrize(("mode", "colour"), [("RGB", (220, 20, 20)), ("L", 80)])
def test_a_single_transparent_colour_is_alpha(mode: str, colour: Any) -> None:
    image = quarters() if mode == "RGB" else quarters().convert("L").point(lambda value: 80 if value < 100 else 200)
    picture = read(save(image, "PNG", transparency=colour))
    assert picture.alpha is not None
    assert picture.alpha[0, 0] == 0
    assert picture.alpha[31, 47] == 255


def test_an_alpha_that_hides_nothing_is_none() -> None:
    assert read(save(scene(mode="RGBA"))).alpha is None


def test_a_page_shows_white_where_a_picture_is_transparent() -> None:
    image = scene(mode="RGBA")
    image.putalpha(alpha_ramp())
    seen = read(save(image)).seen
    assert seen[:, 0].min() == 255
    assert difference(seen[:, -1:], pixels(scene())[:, -1:]) < 2


# Colour profiles


def profile_with_red_and_blue_swapped() -> bytes:
    """Make sRGB's profile with the colorants of red and blue exchanged: what it calls red looks blue."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack_from(">I", data, 128)[0]
    tags = {bytes(data[132 + 12 * tag : 136 + 12 * tag]): 132 + 12 * tag for tag in range(count)}
    red, blue = tags[b"rXYZ"], tags[b"bXYZ"]
    data[red : red + 4], data[blue : blue + 4] = data[blue : blue + 4], data[red : red + 4]
    # the description must not say sRGB, or it would be taken for just that
    return (
        bytes(data)
        .replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))
        .replace(b"sRGB built", b"swapped ok")
    )


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_a_profile_is_converted_to_srgb(file_format: str) -> None:
    red = Image.new("RGB", (32, 32), (230, 30, 40))
    red.paste((40, 40, 40), (0, 0, 16, 32))
    picture = read(save(red, file_format, icc_profile=profile_with_red_and_blue_swapped()))
    looks = picture.rgb[16, 24].astype(int)
    assert looks.tolist() == pytest.approx([40, 30, 230], abs=12)


def test_srgbs_own_profile_changes_nothing() -> None:
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(read(save(scene(), icc_profile=own)).rgb, pixels(scene()))
    assert difference(read(save(scene(), icc_profile=own)).rgb, pixels(scene())) == 0


@pytest.mark.parametrize("profile", [b"no profile at all", b"\0" * 400])
def test_a_broken_profile_is_worth_less_than_the_picture(profile: bytes) -> None:
    assert difference(read(save(scene(), icc_profile=profile)).rgb, pixels(scene())) == 0


def test_a_profile_for_another_mode_is_left_aside() -> None:
    rgb_profile = profile_with_red_and_blue_swapped()
    picture = read(save(scene(mode="L"), icc_profile=rgb_profile))
    assert difference(picture.rgb, pixels(scene(mode="L"))) < 1


# Limits


def tiff_claiming(width_px: int, height_px: int) -> bytes:
    entries = [(256, 4, width_px), (257, 4, height_px), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8)]
    entries += [(277, 3, 1), (278, 4, height_px), (279, 4, 100)]
    body = struct.pack("<H", len(entries))
    for tag, kind, value in entries:
        body += struct.pack("<HHI", tag, kind, 1) + (
            struct.pack("<HH", value, 0) if kind == 3 else struct.pack("<I", value)
        )
    return b"II*\0" + struct.pack("<I", 8) + body + b"\0" * 104


def gif_claiming(width_px: int, height_px: int) -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", width_px, height_px, 0, 0, 0) + b",\0\0\0\0\1\0\1\0\0\2\2D\1\0;"


def bmp_claiming(width_px: int, height_px: int) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width_px, height_px, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 154, 0, 0, 54) + header + b"\0" * 100


def webp_claiming(width_px: int, height_px: int) -> bytes:
    extended = struct.pack("<I", 0x10) + struct.pack("<I", width_px - 1)[:3] + struct.pack("<I", height_px - 1)[:3]
    sound = save(Image.new("RGBA", (4, 4)), "WEBP")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + extended + sound[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


BOMBS = {
    "png": png_claiming(60_000, 60_000),
    "png-grey": png_claiming(2**31 - 1, 2**31 - 1, colour=0),
    "tiff": tiff_claiming(60_000, 60_000),
    "gif": gif_claiming(60_000, 60_000),
    "bmp": bmp_claiming(60_000, 60_000),
    "webp": webp_claiming(60_000, 60_000),
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_before_memory_is_spent(bomb: bytes) -> None:
    assert len(bomb) < 1000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises((ResolutionTooHigh, UnreadableImage, InvalidFileType)) as raised:
        read_header(bomb, LIMITS)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB; the pixels would be 10 GB
    if bomb is not BOMBS["webp"]:  # whose decoder itself refuses a canvas that its frame contradicts
        assert isinstance(raised.value, ResolutionTooHigh)


def test_one_pixel_more_than_the_limit_is_too_many() -> None:
    assert read_header(sample("PNG", 1000, 1000), SMALL).width_px == 1000
    with pytest.raises(ResolutionTooHigh, match=r"1001×1000 pixels, 1\.0 megapixels; the limit is 1\."):
        read_header(sample("PNG", 1001, 1000), SMALL)


@pytest.mark.parametrize("file_format", FORMATS)
def test_megapixels_are_limited_in_every_format(file_format: str) -> None:
    with pytest.raises(ResolutionTooHigh):
        read_header(sample(file_format), Limits(SMALL.max_bytes, 0.001))


def test_one_byte_more_than_the_limit_is_too_many() -> None:
    data = sample("PNG")
    read_header(data, Limits(len(data), 50))
    with pytest.raises(FileTooLarge, match=f"{len(data):,} bytes; the limit is {len(data) - 1:,}"):
        read_header(data, Limits(len(data) - 1, 50))


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("percent", range(10, 100, 10))
def test_a_file_cut_short_is_refused(file_format: str, percent: int) -> None:
    data = sample(file_format, 300, 200)
    with pytest.raises((UnreadableImage, InvalidFileType)):
        read(data[: len(data) * percent // 100])


NO_PICTURES = {
    "nothing": b"",
    "a byte": b"\x89",
    "text": b"These are words, not pixels. " * 20,
    "html": b"<!doctype html><html><body>404</body></html>",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "pdf": b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\n" * 9,
    "zip": b"PK\x03\x04" + b"\0" * 100,
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "ppm": b"P6 2 2 255 " + bytes(12),
    "mp4": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0" * 100,
    "psd": b"8BPS\0\1" + bytes(20),
}


@pytest.mark.parametrize("data", NO_PICTURES.values(), ids=NO_PICTURES)
def test_what_is_no_picture_is_an_invalid_file_type(data: bytes) -> None:
    with pytest.raises(InvalidFileType, match="JPEG, PNG, WebP, GIF, TIFF, BMP, AVIF, HEIC, ICO and CUR"):
        read_header(data, LIMITS)


def test_a_picture_is_scaled_down_to_the_megapixels_asked_for() -> None:
    picture = decode(read_header(sample("PNG", 1200, 800), LIMITS), max_megapixels=0.25)
    assert picture.width_px * picture.height_px == pytest.approx(250_000, rel=0.01)
    assert picture.width_px * picture.height_px <= 250_000
    assert picture.width_px / picture.height_px == pytest.approx(1.5, rel=0.01)
    assert difference(picture.rgb, pixels(scene(1200, 800).resize((picture.width_px, picture.height_px)))) < 4


PHOTOGRAPHS = ("astronaut", "chelsea", "coffee")


def photograph(name: str, width_px: int, height_px: int) -> Image.Image:
    """Cut a part out of a photograph."""
    with Image.open(ROOT / "demo" / "photos" / f"{name}.jpg") as image:
        return image.convert("RGB").crop((8, 4, 8 + width_px, 4 + height_px))


def differences_of_a_reduced_picture(data: bytes, megapixels: float) -> NDArray[np.int16]:
    """Compare what is decoded for a small result with all the detail, scaled down."""
    header = read_header(data, LIMITS)
    reduced = decode(header, megapixels).rgb
    full = Image.fromarray(decode(header).rgb)
    expected = full.resize((reduced.shape[1], reduced.shape[0]), Image.Resampling.LANCZOS)
    steps: NDArray[np.int16] = np.abs(reduced.astype(np.int16) - np.asarray(expected))
    return steps


def require_alike(steps: NDArray[np.int16]) -> None:
    """Hold the differences to their bound; the outermost pixels' are larger, where a block of 8 sticks out."""
    within = steps[1:-1, 1:-1]
    assert 0 < within.mean() < 1.3
    assert np.percentile(within, 99) <= 6
    assert within.max() <= 16
    assert steps.max() <= 32


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("megapixels", [0.0005, 0.002, 0.006])  # an eighth, a quarter, a half of the detail
def test_a_jpeg_for_a_small_result_is_decoded_alike(megapixels: float, orientation: int) -> None:
    """Neither side is a multiple of 8, so that the last blocks stick out, on whichever side they come to lie."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = save(photograph("coffee", 441, 297), "JPEG", quality=92, exif=exif)
    steps = differences_of_a_reduced_picture(data, megapixels)
    require_alike(steps)


@pytest.mark.parametrize("name", PHOTOGRAPHS)
@pytest.mark.parametrize(
    ("mode", "options"),
    [("RGB", {"subsampling": 2}), ("RGB", {"progressive": True}), ("RGB", {"subsampling": 0}), ("L", {}), ("CMYK", {})],
    ids=str,
)
def test_every_kind_of_jpeg_is_decoded_alike_for_a_small_result(name: str, mode: str, options: dict[str, Any]) -> None:
    data = save(photograph(name, 419, 293).convert(mode), "JPEG", quality=90, **options)
    steps = differences_of_a_reduced_picture(data, 0.005)
    require_alike(steps)


def test_a_jpeg_is_decoded_whole_for_a_result_of_more_than_half_its_size() -> None:
    data = save(photograph("chelsea", 400, 280), "JPEG", quality=92)
    header = read_header(data, LIMITS)
    size = bounded_size(400, 280, 0.03)
    expected = Image.fromarray(decode(header).rgb).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    np.testing.assert_array_equal(decode(header, 0.03).rgb, np.asarray(expected))


def test_a_jpeg_cut_short_is_refused_for_a_small_result_too() -> None:
    data = save(photograph("chelsea", 400, 280), "JPEG", quality=92)
    with pytest.raises(UnreadableImage):
        decode(read_header(data[: len(data) // 2], LIMITS), 0.004)
    assert decode(read_header(data[:-2], LIMITS), 0.004).width_px == 75


def test_a_smaller_picture_is_not_scaled_up() -> None:
    assert decode(read_header(sample("PNG"), LIMITS), max_megapixels=25).rgb.shape == (64, 96, 3)


def test_a_line_scaled_down_keeps_a_pixel_of_height() -> None:
    assert decode(read_header(sample("PNG", 3000, 1), LIMITS), max_megapixels=0.001).height_px == 1


def test_hidden_colours_do_not_bleed_into_edges_when_scaled() -> None:
    image = Image.new("RGBA", (400, 400), (255, 0, 0, 0))  # red where nobody sees it
    image.paste((0, 0, 255, 255), (100, 100, 300, 300))
    picture = decode(read_header(save(image), LIMITS), max_megapixels=0.01)
    assert picture.alpha is not None
    visible = picture.rgb[picture.alpha > 20]
    assert len(visible) > 100
    assert visible[:, 0].max() < 30


# No bytes lead to anything but a picture or the caller's error

SAMPLES = {file_format: sample(file_format, 40, 30) for file_format in FORMATS}


def decodes_or_refuses(data: bytes) -> None:
    try:
        picture = read(data, SMALL)
    except CallerError as error:
        refused: CallerError | None = error
    else:
        refused = None
        assert picture.rgb.dtype == np.uint8
        assert picture.rgb.shape == (picture.height_px, picture.width_px, 3)
        assert picture.rgb.size > 0
    assert refused is None or str(refused)


@given(st.binary(max_size=400))
@example(b"")
@example(b"\x89PNG\r\n\x1a\n")
@example(b"\0\0\0\x1cftypheic\0\0\0\0mif1heic")
@example(b"\0\0\0\x1cftypavif\0\0\0\0mif1avif")
@example(b"RIFF\xff\xff\xff\xffWEBPVP8 ")
@example(png_claiming(0, 0))
@example(png_claiming(0, 5))
@example(gif_claiming(0, 0))
def test_random_bytes_are_refused(data: bytes) -> None:
    decodes_or_refuses(data)


@settings(max_examples=120)
@given(
    st.sampled_from(FORMATS),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=4)), min_size=1, max_size=6),
    st.floats(0.05, 1),
)
def test_damaged_files_are_read_or_refused(file_format: str, damages: list[tuple[float, bytes]], share: float) -> None:
    data = bytearray(SAMPLES[file_format])
    for place, damage in damages:
        at = int(place * len(data))
        data[at : at + len(damage)] = damage
    decodes_or_refuses(bytes(data[: max(1, int(share * len(data)))]))


@given(st.sampled_from(FORMATS), st.sampled_from(FORMATS), st.floats(0, 1))
def test_files_grown_together_are_read_or_refused(one: str, other: str, share: float) -> None:
    cut = int(share * len(SAMPLES[one]))
    decodes_or_refuses(SAMPLES[one][:cut] + SAMPLES[other][cut:])


def test_nothing_of_a_file_is_printed() -> None:
    picture = read(sample("PNG"))
    assert "array" not in repr(picture)
    assert io.BytesIO(encode(picture.rgb, "png")).read(4) == b"\x89PNG"
