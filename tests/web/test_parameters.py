"""The parameter table: how each value is read, and what each value without sense is answered."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.errors import InvalidParameter, Several
from handler.job import Length, Margins, Position, Region, Rendering, Shadow
from handler.web.parameters.kinds import Boolean, Choice
from handler.web.parameters.listing import markdown
from handler.web.parameters.read import Fields, Wish, wish_of
from handler.web.parameters.table import TABLE, rows
from local import events
from local.emulator import ROOT
from tests.pictures import sample, save, scene

if TYPE_CHECKING:
    from pathlib import Path

    from handler.web.parameters.table import Parameter
    from tests.clients import Function
    from tests.conftest import Awaken

TEXTS = [row for row in rows(TABLE) if not row.is_file]


def wish(**fields: str) -> Wish:
    read = Fields(fields, TABLE)
    found = wish_of(read, "auto")
    assert read.faults == []
    return found


def rendering(**fields: str) -> Rendering:
    return wish(**fields).rendering


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
    assert rendering(size=size).max_megapixels == megapixels


@pytest.mark.parametrize(("value", "side_px"), [("1024", 1024), ("512px", 512), (" 1PX ", 1), ("99999", 99_999)])
def test_a_side_is_in_whole_pixels(value: str, side_px: int) -> None:
    assert rendering(max_side=value).max_side_px == side_px


@pytest.mark.parametrize(
    ("value", "ratio"), [("1:1", 1), ("16:9", 16 / 9), ("4:5", 0.8), ("original", None), ("1:10", 0.1), ("10:1", 10)]
)
def test_an_aspect_ratio_is_width_by_height(value: str, ratio: float | None) -> None:
    assert rendering(aspect_ratio=value).aspect_ratio == ratio


def test_a_longest_side_holds_to_the_pixel(function: Function) -> None:
    """Whatever the way: the picture is decoded to that size, and what is cropped is scaled when it is laid out."""
    asked = function.cut_out(sample("JPEG", 1201, 799), max_side="500", format="webp", bg_color="fff")
    assert (asked.picture.size, asked.picture.mode) == ((500, 332), "RGB")
    assert function.cut_out(sample("JPEG", 799, 1201), max_side="500").picture.size == (332, 500)
    assert max(function.cut_out(sample("JPEG", 1201, 799), max_side="500", crop="true").picture.size) == 500
    assert function.cut_out(sample("PNG"), max_side="500").picture.size == (96, 64)


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


def test_a_background_fills_what_was_cut_away(function: Function, picture: bytes) -> None:
    result = function.cut_out(picture, bg_color="00ff00", format="png").picture
    assert result.mode == "RGB"
    corner = result.getpixel((95, 0))
    assert isinstance(corner, tuple)
    assert corner[1] > corner[0] + 100


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
        ("transparent", (0, 0, 0, 0)),
    ],
)
def test_a_colour_is_hexadecimal_or_a_css_name(value: str, rgba: tuple[int, ...]) -> None:
    assert rendering(bg_color=value).background == rgba


def px(*values: float) -> list[Length]:
    return [Length(value, "px") for value in values]


def percent(*values: float) -> list[Length]:
    return [Length(value, "%") for value in values]


@pytest.mark.parametrize(
    ("value", "region"),
    [
        ("0% 0% 100% 100%", None),
        ("0 0 100% 100%", None),
        (" 0px  0% 100.0% 100% ", None),
        ("10% 20% 90% 80%", Region(*percent(10, 20, 90, 80))),
        ("10 20 90 80", Region(*px(10, 20, 90, 80))),
        ("10PX 20.5px 90px 80px", Region(*px(10, 20.5, 90, 80))),
        ("0 0 100 100", Region(*px(0, 0, 100, 100))),
        ("-5px 0 10px 10px", Region(*px(-5, 0, 10, 10))),
    ],
)
def test_a_region_has_two_corners_in_px_or_percent(value: str, region: Region | None) -> None:
    assert wish(roi=value).region == region


@pytest.mark.parametrize(
    ("value", "margins"),
    [
        ("0", Margins(*px(0, 0, 0, 0))),
        ("30px", Margins(*px(30, 30, 30, 30))),
        ("10%", Margins(*percent(10, 10, 10, 10))),
        ("10px 20%", Margins(*px(10), *percent(20), *px(10), *percent(20))),
        ("1px 2px 3px 4px", Margins(*px(1, 2, 3, 4))),
        ("500px 50%", Margins(*px(500), *percent(50), *px(500), *percent(50))),
    ],
)
def test_a_margin_has_one_two_or_four_values(value: str, margins: Margins) -> None:
    assert rendering(crop="true", crop_margin=value).crop == margins
    assert rendering(crop_margin=value).crop is None


@pytest.mark.parametrize(
    ("fields", "scale", "position"),
    [
        ({}, None, None),
        ({"scale": "original"}, None, None),
        ({"scale": "10%"}, 0.1, Position(0.5, 0.5)),
        ({"scale": "100%"}, 1.0, Position(0.5, 0.5)),
        ({"scale": "50%", "position": "10% 90%"}, 0.5, Position(0.1, 0.9)),
        ({"scale": "50%", "position": "original"}, 0.5, None),
        ({"position": "original"}, None, None),
        ({"position": "center"}, None, Position(0.5, 0.5)),
        ({"position": "25%"}, None, Position(0.25, 0.25)),
    ],
    ids=str,
)
def test_a_scale_puts_the_subject_into_the_middle_unless_something_else_is_said(
    fields: dict[str, str], scale: float | None, position: Position | None
) -> None:
    asked = rendering(**fields)
    assert (asked.scale, asked.position) == (scale, position)


@pytest.mark.parametrize(
    ("fields", "shadow"),
    [
        ({}, None),
        ({"shadow_type": "drop"}, None),
        ({"add_shadow": "true"}, Shadow("drop", 0.5)),
        ({"add_shadow": "true", "shadow_type": "auto", "shadow_opacity": "100"}, Shadow("drop", 1.0)),
        ({"add_shadow": "true", "shadow_type": "3D", "shadow_opacity": "30%"}, Shadow("ground", 0.3)),
        ({"add_shadow": "true", "shadow_type": "3d"}, Shadow("ground", 0.5)),
        ({"add_shadow": "true", "shadow_type": "car"}, Shadow("ground", 0.5)),
        ({"add_shadow": "true", "shadow_type": "none"}, None),
        ({"add_shadow": "false", "shadow_type": "drop"}, None),
    ],
    ids=str,
)
def test_a_shadow_is_added_where_it_is_asked_for(fields: dict[str, str], shadow: Shadow | None) -> None:
    assert rendering(**fields).shadow == shadow


@pytest.mark.parametrize("name", [row.name for row in TEXTS if isinstance(row.kind, Boolean)])
def test_a_boolean_comes_in_every_form(name: str) -> None:
    yes = {repr(wish(**{name: text})) for text in ("true", "True", "TRUE", "1", "yes", "YES", " true ")}
    no = {repr(wish(**{name: text})) for text in ("false", "False", "0", "no", "No")}
    assert len(yes) == len(no) == 1
    assert yes != no


def test_a_zip_holds_both_whatever_channels_says() -> None:
    assert rendering(format="zip", channels="alpha").channels == "rgba"
    assert rendering(channels="alpha").channels == "alpha"


def test_types_choose_nothing() -> None:
    types = next(row for row in TEXTS if row.name == "type")
    assert {"car_part", "car_interior", "graphic", "graphics"} < set(types.examples)
    assert {repr(wish(type=value)) for value in types.examples} == {repr(wish())}


@pytest.mark.parametrize(
    ("row", "value"), [(row, value) for row in TEXTS for value in row.examples], ids=lambda of: getattr(of, "name", of)
)
def test_every_example_of_the_table_makes_sense(row: Parameter[Any], value: str) -> None:
    fields = Fields({row.name: value}, TABLE)
    fields.read(row, None)
    assert fields.faults == []


def test_what_is_the_default_changes_nothing() -> None:
    for row in TEXTS:
        if row.default:
            assert wish(**{row.name: row.default}) == wish(), row.name


# A reference is a token and nothing else: no way to another key, prefix, version or bucket.
TOKEN = "A" * 43
ODD_REFERENCES = [
    *("upload:", "upload:abc", f"upload:{TOKEN}A", f"upload:../results/{TOKEN}", f"upload:{TOKEN[:40]}../"),
    *(f"upload:{TOKEN}?versionId=1", f"upload://{TOKEN}", f"upload:uploads/{TOKEN}", f"upload:{TOKEN[:42]}é"),
    *(
        f"upload:{TOKEN[:41]}%2e",
        f"s3://bucket/uploads/{TOKEN}",
        f"results:{TOKEN}",
        f"upload:{TOKEN[:42]} A",
    ),
]

NONSENSE = {
    "image_url": ["ftp://example.com/a", "photo.jpg", "file:///etc/passwd", "http://", "https://a b", *ODD_REFERENCES],
    "size": ["huge", "0", "-1", "25 MP", "autos"],
    "format": ["gif", "png,jpg", "image/png"],
    "channels": ["rgb", "a", "matte"],
    "type": ["dog"],
    "type_level": ["3", "0", "first"],
    "semitransparency": ["maybe", "2", "on"],
    "roi": ["10%", "1 2 3", "1 2 3 4 5", "a b c d", "1em 2 3 4", "1,2,3,4", "9999999999 0 1 1"],
    "crop": ["maybe", "2", "truefalse"],
    "crop_margin": ["51%", "501px", "501", "-1px", "1 2 3", "1 2 3 4 5", "ten", "5 %"],
    "max_side": ["0", "-1", "100000", "1024.5", "50%", "1e3", "wide"],
    "aspect_ratio": ["1", "0:1", "1:0", "16/9", "1:26", "30:2", "1.5:1", "square", "1:1:1", "-1:1"],
    "scale": ["9%", "101%", "0%", "50", "half", "0.5", "-50%", "9" * 400 + "%"],
    "position": ["101%", "left", "10% 20% 30%", "50", "10px", "center center", "-1%"],
    "add_shadow": ["drop", "2"],
    "shadow_type": ["soft", "true"],
    "shadow_opacity": ["101", "-1", "half", "nan", "1e1"],
    "bg_color": ["#12", "12345", "1234567", "notacolour", "#gggggg", "rgb(1,2,3)", "##fff"],
    "bg_image_url": ["beach.jpg", "data:image/png;base64,AAAA"],
    "redirect": ["303", "follow"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in NONSENSE.items() for value in values])
def test_a_value_without_sense_is_refused_by_its_parameters_name(
    function: Function, picture: bytes, name: str, value: str
) -> None:
    source = {} if name == "image_url" else {"image_file": ("a", picture)}
    body, headers = events.form({name: value}, source)
    asked = function.ask("POST", body=body, headers=headers)
    assert (asked.status, asked.error["code"]) == (400, f"invalid_{name}")
    assert asked.error["title"] == f"Invalid {name} parameter given"
    assert f"{name}={value[:100]!r}" in asked.error["detail"]
    row = next(row for row in TEXTS if row.name == name)
    assert asked.error["detail"].endswith(f"give {row.kind.words}.")


def test_every_parameter_that_can_be_wrong_is_tried_with_nonsense() -> None:
    assert set(NONSENSE) | {"image_file_b64"} == {row.name for row in TEXTS}


def test_everything_that_is_wrong_is_said_at_once(function: Function, picture: bytes) -> None:
    fields = {"size": "huge", "roi": "1 2", "crop": "maybe", "bg_color": "nocolour"}
    for source, more in (({}, ["missing_source"]), ({"image_file": ("a", picture)}, [])):
        body, headers = events.form(fields, source)
        asked = function.ask("POST", body=body, headers=headers)
        assert asked.status == 400
        codes = [error["code"] for error in asked.json["errors"]]
        assert sorted(codes) == sorted([*more, *(f"invalid_{name}" for name in fields)])
        assert all(set(error) == {"title", "code", "detail"} for error in asked.json["errors"])


def test_backgrounds_of_two_kinds_are_multiple_bg_sources(function: Function, picture: bytes) -> None:
    colour, url, file = (
        {"bg_color": "fff"},
        {"bg_image_url": "https://example.com/a.jpg"},
        {"bg_image_file": ("b", picture)},
    )
    for fields, files in (({**colour, **url}, {}), (colour, file), (url, file), ({**colour, **url}, file)):
        body, headers = events.form(fields, {"image_file": ("a", picture), **files})
        asked = function.ask("POST", body=body, headers=headers)
        assert (asked.status, asked.error["code"]) == (400, "multiple_bg_sources")
        assert asked.error["title"] == "Multiple background sources given"


def test_a_text_where_a_file_is_needed_and_the_other_way_are_named(function: Function, picture: bytes) -> None:
    body, headers = events.form({"bg_image_file": "beach.jpg"}, {"image_file": ("a", picture), "size": ("s", b"hd")})
    asked = function.ask("POST", body=body, headers=headers)
    assert {error["code"] for error in asked.json["errors"]} == {"invalid_bg_image_file", "invalid_size"}


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"no picture", "invalid_file_type"), (save(scene())[:400], "failed_to_read_image")],
    ids=["words", "half"],
)
def test_a_background_that_cannot_be_read_is_refused(
    function: Function, picture: bytes, data: bytes, code: str
) -> None:
    body, headers = events.form({}, {"image_file": ("a", picture), "bg_image_file": ("b", data)})
    asked = function.ask("POST", body=body, headers=headers)
    assert (asked.status, asked.error["code"]) == (400, code)
    assert "background" in asked.error["detail"]


def test_a_background_url_that_is_not_fetched_is_a_failed_download(function: Function, picture: bytes) -> None:
    asked = function.cut_out(picture, bg_image_url="http://169.254.169.254/latest/meta-data")
    assert (asked.status, asked.error["code"]) == (400, "failed_bg_download")
    assert asked.error["detail"].startswith("bg_image_url: ")


@given(
    st.dictionaries(st.sampled_from([row.name for row in TEXTS]), st.text(min_size=1, max_size=30), max_size=4)
    | st.fixed_dictionaries({"roi": st.from_regex(r"[-0-9a-z%. ]{1,40}", fullmatch=True)})
    | st.fixed_dictionaries({"crop_margin": st.from_regex(r"[-0-9px%. ]{1,40}", fullmatch=True)})
    | st.fixed_dictionaries({"position": st.from_regex(r"[-0-9%. ]{1,20}", fullmatch=True)})
)
def test_no_text_is_unforeseen(fields: dict[str, str]) -> None:
    read = Fields(fields, TABLE)
    wish_of(read, "auto")
    for fault in read.faults:
        assert isinstance(fault, InvalidParameter)
    if len(read.faults) > 1:
        json.dumps(str(Several(read.faults)))


@given(st.data())
def test_a_pattern_in_the_schema_says_what_the_reader_takes(data: st.DataObject) -> None:
    """Whatever the reader takes fits the published pattern; a choice lists all that it names."""
    row = data.draw(st.sampled_from([row for row in TEXTS if "pattern" in row.kind.schema]))
    text = data.draw(
        st.from_regex(re.compile(row.kind.schema["pattern"], re.ASCII), fullmatch=True) | st.text(max_size=20)
    )
    read = Fields({row.name: text}, TABLE)
    read.read(row, None)
    if not read.faults and text:
        assert re.fullmatch(row.kind.schema["pattern"], text.strip(), re.IGNORECASE | re.ASCII)


def test_every_choice_lists_its_words_in_its_schema() -> None:
    for row in TEXTS:
        if isinstance(row.kind, Choice):
            assert [word for word in row.kind.schema["enum"] if isinstance(word, str)] == list(row.examples)


def test_an_unknown_parameter_is_left_aside(function: Function, picture: bytes) -> None:
    assert function.cut_out(picture, utm_source="mail", shadow_method="legacy").status == 200


def test_nothing_to_cut_out_is_unknown_foreground(function: Function) -> None:
    black = save(scene().point(lambda _: 0))
    asked = function.cut_out(black)
    assert (asked.status, asked.error["code"]) == (400, "unknown_foreground")
    assert asked.error["title"] == "Could not identify foreground in image."


def test_the_readme_lists_the_table() -> None:
    """After a change: `python -m handler.web.parameters`, between the markers."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    between = readme.partition("<!-- parameters -->\n")[2].partition("\n<!-- /parameters -->")[0]
    assert between == markdown()
