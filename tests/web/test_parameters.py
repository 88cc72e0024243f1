"""The parameter table: what each value does, and what each value without sense is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from handler.errors import InvalidParameter
from handler.web.parameters import NOT_YET, READERS, rendering_of
from local import events
from tests.pictures import sample, save, scene

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients import Function
    from tests.conftest import Awaken


@pytest.mark.parametrize(
    ("size", "megapixels"),
    [
        ("preview", 0.25),
        ("small", 0.25),
        ("regular", 0.25),
        ("medium", 1.5),
        ("hd", 4.0),
        ("full", 25.0),
        ("4k", 25.0),
        ("50MP", 50.0),
        ("auto", None),
        ("AUTO", None),
    ],
)
def test_a_size_is_the_contracts_megapixels(size: str, megapixels: float | None) -> None:
    assert rendering_of({"size": size}, "auto").max_megapixels == megapixels


def test_a_preview_has_a_quarter_of_a_megapixel(function: Function) -> None:
    asked = function.cut_out(sample("JPEG", 1200, 800), size="preview")
    width_px, height_px = asked.picture.size
    assert (asked.headers["x-width"], asked.headers["x-height"]) == (str(width_px), str(height_px))
    assert width_px * height_px == pytest.approx(250_000, rel=0.01)


def test_the_default_size_is_the_settings(awaken: Awaken, brightness: Path) -> None:
    picture = sample("PNG", 1200, 800)
    assert awaken(MODEL_DIR=str(brightness)).cut_out(picture).picture.size == (1200, 800)
    small = awaken(MODEL_DIR=str(brightness), DEFAULT_SIZE="preview")
    assert small.cut_out(picture).picture.size[0] < 620
    assert small.cut_out(picture, size="auto").picture.size == (1200, 800)


@pytest.mark.parametrize(
    ("asked_for", "given"),
    [("png", "PNG"), ("PNG", "PNG"), ("jpg", "JPEG"), ("jpeg", "JPEG"), ("webp", "WEBP"), ("auto", "PNG")],
)
def test_a_format_is_given_as_asked(function: Function, picture: bytes, asked_for: str, given: str) -> None:
    asked = function.cut_out(picture, format=asked_for)
    assert asked.picture.format == given
    assert asked.headers["content-type"] == f"image/{given.lower()}"


def test_auto_is_jpg_where_nothing_is_transparent(function: Function, picture: bytes) -> None:
    assert function.cut_out(picture, format="auto", bg_color="fff").picture.format == "JPEG"


def test_channels_alpha_gives_the_matte(function: Function, picture: bytes) -> None:
    matte = function.cut_out(picture, channels="alpha").picture
    assert (matte.format, matte.mode, matte.size) == ("PNG", "L", (96, 64))
    alpha = np.asarray(function.cut_out(picture).picture)[..., 3]
    assert alpha.min() != alpha.max()
    assert np.array_equal(np.asarray(matte), alpha)


@pytest.mark.parametrize(
    ("value", "rgba"),
    [
        ("81d4fa", (0x81, 0xD4, 0xFA, 255)),
        ("#81d4fa", (0x81, 0xD4, 0xFA, 255)),
        ("81D4FA80", (0x81, 0xD4, 0xFA, 0x80)),
        ("f0c", (0xFF, 0, 0xCC, 255)),
        ("#f0c8", (0xFF, 0, 0xCC, 0x88)),
        ("green", (0, 128, 0, 255)),
        ("Red", (255, 0, 0, 255)),
        ("rebeccapurple", (0x66, 0x33, 0x99, 255)),
    ],
)
def test_a_colour_is_hexadecimal_or_a_css_name(value: str, rgba: tuple[int, ...]) -> None:
    assert rendering_of({"bg_color": value}, "auto").background == rgba


def test_a_background_fills_what_was_cut_away(function: Function, picture: bytes) -> None:
    result = function.cut_out(picture, bg_color="00ff00", format="png").picture
    assert result.mode == "RGB"
    corner = result.getpixel((95, 0))
    assert isinstance(corner, tuple)
    assert corner[1] > corner[0] + 100


NONSENSE = {
    "size": ["huge", "0", "-1", "25 MP", "autos"],
    "format": ["gif", "zip", "png,jpg", "image/png"],
    "channels": ["rgb", "a", "matte"],
    "bg_color": ["#12", "12345", "1234567", "notacolour", "#gggggg", "rgb(1,2,3)", "##fff"],
    "type": ["dog"],
    "type_level": ["3"],
    "roi": ["10% 10% 50% 50%"],
    "crop": ["true", "1", "maybe"],
    "crop_margin": ["10px", "5%"],
    "scale": ["50%"],
    "position": ["center", "10% 20%"],
    "add_shadow": ["true"],
    "shadow_type": ["drop", "3D"],
    "shadow_opacity": ["101", "-1", "half"],
    "semitransparency": ["false"],
    "bg_image_url": ["https://example.com/a.jpg"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in NONSENSE.items() for value in values])
def test_a_value_without_sense_is_refused_by_its_parameters_name(
    function: Function, picture: bytes, name: str, value: str
) -> None:
    body, headers = events.form({name: value}, {"image_file": ("a", picture)})
    asked = function.ask("POST", body=body, headers=headers)
    assert (asked.status, asked.error["code"]) == (400, f"invalid_{name}")
    assert asked.error["title"] == f"Invalid {name} parameter given"
    assert f"{name}={value!r}" in asked.error["detail"]


def test_every_parameter_is_either_read_or_refused() -> None:
    assert set(NONSENSE) | {"bg_image_file"} == set(READERS) | set(NOT_YET)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in NOT_YET.items() for value in values[:9]])
def test_a_value_that_asks_for_nothing_is_taken(name: str, value: str) -> None:
    assert rendering_of({name: value}, "auto") == rendering_of({}, "auto")


def test_a_background_file_is_refused_until_it_is_offered() -> None:
    with pytest.raises(InvalidParameter, match="not offered"):
        rendering_of({"bg_image_file": "a.png"}, "auto")


def test_an_unknown_parameter_is_left_aside(function: Function, picture: bytes) -> None:
    assert function.cut_out(picture, utm_source="mail").status == 200


def test_nothing_to_cut_out_is_unknown_foreground(function: Function) -> None:
    black = save(scene().point(lambda _: 0))
    asked = function.cut_out(black)
    assert (asked.status, asked.error["code"]) == (400, "unknown_foreground")
    assert asked.error["title"] == "Could not identify foreground in image."
