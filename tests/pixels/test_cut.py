"""Pixels and a matte to the result: colours, backgrounds, the matte alone, the subject's box."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from handler.errors import UnknownForeground
from handler.job import Box, Rendering
from handler.pixels.cut import SUBJECT_ALPHA, cut
from handler.pixels.paint import Painting, paint
from handler.pixels.picture import Picture
from handler.pixels.place import place
from tests.pictures import scene

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDTH, HEIGHT = 96, 64


def compose(picture: Picture, matte: NDArray[np.float32], rendering: Rendering) -> Painting:
    """Take a picture through the stages between the network and the encoder."""
    subject = cut(picture, matte, colours=rendering.channels == "rgba")
    return paint(place(subject, rendering), rendering)


def picture(alpha: NDArray[np.uint8] | None = None) -> Picture:
    return Picture(np.asarray(scene(WIDTH, HEIGHT)), alpha, "PNG")


def block(value: float = 1.0, rest: float = 0.0) -> NDArray[np.float32]:
    """Give a matte with a block of 30×20 at (10, 5)."""
    matte = np.full((HEIGHT, WIDTH), rest, np.float32)
    matte[5:25, 10:40] = value
    return matte


def ramp() -> NDArray[np.float32]:
    return np.linspace(0, 1, WIDTH, dtype=np.float32)[np.newaxis].repeat(HEIGHT, axis=0)


def test_a_cutout_has_the_mattes_alpha_and_the_pictures_colours() -> None:
    result = compose(picture(), block(), Rendering())
    assert result.file_format == "png"
    assert result.pixels.shape == (HEIGHT, WIDTH, 4)
    assert set(np.unique(result.pixels[..., 3])) == {0, 255}
    inside = (slice(6, 24), slice(11, 39))  # at the matte's very edge colours are estimated
    assert np.ptp(picture().rgb[inside]) > 100
    assert np.abs(result.pixels[inside][..., :3].astype(int) - picture().rgb[inside]).max() <= 1


def test_transparent_pixels_carry_no_colour() -> None:
    for matte in (block(), ramp()):
        pixels = compose(picture(), matte, Rendering()).pixels
        hidden = pixels[..., 3] == 0
        assert 0 < hidden.sum() < hidden.size
        assert pixels[hidden].max() == 0


def test_the_old_background_does_not_shine_through_half_transparent_edges() -> None:
    """A red subject on green: at its soft edge, where the picture is brown, the colour is to be red."""
    alpha = np.clip((np.arange(WIDTH) - 40) / 20, 0, 1).astype(np.float32)[np.newaxis].repeat(HEIGHT, axis=0)
    red, green = np.array([220, 20, 20]), np.array([20, 200, 20])
    mixed = (alpha[..., np.newaxis] * red + (1 - alpha[..., np.newaxis]) * green).astype(np.uint8)
    pixels = compose(Picture(mixed, None, "PNG"), alpha, Rendering()).pixels
    edge = pixels[HEIGHT // 2, 50]
    assert mixed[HEIGHT // 2, 50, 1] > 100
    assert edge[1] < 40
    assert edge[0] > 190


def test_a_pictures_own_alpha_multiplies_the_matte() -> None:
    own = np.full((HEIGHT, WIDTH), 255, np.uint8)
    own[:, :20] = 0
    own[:, 20:30] = 128
    alpha = compose(picture(own), block(), Rendering()).pixels[..., 3]
    assert alpha[10, 15] == 0
    assert alpha[10, 25] == 128
    assert alpha[10, 35] == 255
    assert alpha[50, 35] == 0


@pytest.mark.parametrize(("file_format", "given"), [("auto", "png"), ("png", "png"), ("jpg", "jpg"), ("webp", "webp")])
def test_the_matte_alone_is_grey(file_format: Any, given: str) -> None:
    result = compose(picture(), ramp(), Rendering(format=file_format, channels="alpha"))
    assert result.file_format == given
    assert result.pixels.shape == (HEIGHT, WIDTH)
    assert np.array_equal(result.pixels, (ramp() * 255).astype(np.uint8))
    assert np.ptp(result.pixels) == 255


def test_the_matte_of_a_background_stays_the_matte() -> None:
    result = compose(picture(), ramp(), Rendering(channels="alpha", background=(255, 0, 0, 255)))
    assert np.ptp(result.pixels) == 255
    assert result.pixels.ndim == 2


def test_a_background_colour_lies_behind_the_subject() -> None:
    result = compose(picture(), block(), Rendering(background=(10, 200, 30, 255)))
    assert result.file_format == "jpg"
    assert result.pixels.shape == (HEIGHT, WIDTH, 3)
    assert result.pixels[60, 90].tolist() == [10, 200, 30]
    assert np.abs(result.pixels[15, 20].astype(int) - picture().rgb[15, 20]).max() <= 1


def test_half_a_subject_is_half_background() -> None:
    flat = Picture(np.full((HEIGHT, WIDTH, 3), 200, np.uint8), None, "PNG")
    result = compose(flat, block(0.5, 1.0), Rendering(background=(0, 0, 0, 255), format="png"))
    assert result.pixels[15, 20].tolist() == pytest.approx([100, 100, 100], abs=2)
    assert result.pixels[50, 50].tolist() == pytest.approx([200, 200, 200], abs=1)


def test_a_translucent_background_stays_translucent() -> None:
    result = compose(picture(), block(), Rendering(background=(10, 200, 30, 128)))
    assert result.file_format == "png"
    assert result.pixels.shape == (HEIGHT, WIDTH, 4)
    assert result.pixels[60, 90].tolist() == [10, 200, 30, 128]
    assert result.pixels[15, 20, 3] == 255


def test_a_background_that_is_invisible_is_none() -> None:
    result = compose(picture(), block(), Rendering(background=(10, 200, 30, 0)))
    assert np.array_equal(result.pixels, compose(picture(), block(), Rendering()).pixels)
    assert np.ptp(result.pixels) == 255


def test_jpg_lies_on_white() -> None:
    result = compose(picture(), block(), Rendering(format="jpg"))
    assert result.pixels.shape == (HEIGHT, WIDTH, 3)
    assert result.pixels[60, 90].tolist() == [255, 255, 255]
    assert result.pixels[15, 20].tolist() != [255, 255, 255]


def test_a_translucent_background_on_jpg_lies_on_white() -> None:
    result = compose(picture(), block(), Rendering(format="jpg", background=(0, 0, 0, 128)))
    assert result.pixels.shape == (HEIGHT, WIDTH, 3)
    assert result.pixels[60, 90].tolist() == pytest.approx([127, 127, 127], abs=1)


def test_a_subject_that_fills_the_picture_is_the_picture() -> None:
    result = compose(picture(), np.ones((HEIGHT, WIDTH), np.float32), Rendering())
    assert result.file_format == "jpg"
    assert np.ptp(result.pixels) > 100
    assert np.array_equal(result.pixels, picture().rgb)
    assert result.foreground == Box(0, 0, WIDTH, HEIGHT)


@pytest.mark.parametrize("file_format", ["png", "webp"])
def test_a_subject_that_fills_the_picture_needs_no_alpha(file_format: Any) -> None:
    result = compose(picture(), np.ones((HEIGHT, WIDTH), np.float32), Rendering(format=file_format))
    assert result.file_format == file_format
    assert result.pixels.shape[2] == 3


def test_the_subjects_box_is_where_it_is_seen() -> None:
    assert compose(picture(), block(), Rendering()).foreground == Box(10, 5, 30, 20)


def test_haze_does_not_widen_the_box() -> None:
    haze = (SUBJECT_ALPHA - 1) / 255
    assert compose(picture(), block(1.0, haze), Rendering()).foreground == Box(10, 5, 30, 20)
    seen = (SUBJECT_ALPHA + 0.5) / 255
    assert compose(picture(), block(1.0, seen), Rendering()).foreground == Box(0, 0, WIDTH, HEIGHT)


def test_a_subject_that_is_all_haze_has_a_box_nevertheless() -> None:
    assert compose(picture(), block(5.5 / 255), Rendering()).foreground == Box(10, 5, 30, 20)


@pytest.mark.parametrize("channels", ["rgba", "alpha"])
def test_nothing_to_cut_out_is_an_error(channels: Any) -> None:
    with pytest.raises(UnknownForeground):
        compose(picture(), np.zeros((HEIGHT, WIDTH), np.float32), Rendering(channels=channels))


def test_a_picture_that_is_all_transparent_has_nothing_to_cut_out() -> None:
    with pytest.raises(UnknownForeground):
        compose(picture(np.zeros((HEIGHT, WIDTH), np.uint8)), block(), Rendering())


@pytest.mark.parametrize(("width_px", "height_px"), [(1, 1), (1, 9), (9, 1), (2, 2), (640, 16), (3, 2000)])
@pytest.mark.parametrize("background", [None, (1, 2, 3, 255), (1, 2, 3, 100)])
def test_any_size_is_composed_at_that_size(width_px: int, height_px: int, background: Any) -> None:
    rgb = np.asarray(scene(width_px, height_px))
    matte = np.full((height_px, width_px), 0.7, np.float32)
    result = compose(Picture(rgb, None, "PNG"), matte, Rendering(background=background))
    assert result.pixels.shape[:2] == (height_px, width_px)
