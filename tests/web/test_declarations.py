"""A declaration of renditions: how it is read, and the sentence for what makes no sense."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.errors import ConfigurationError, InvalidParameter
from handler.job import Length, Margins, Position, Region, Rendering, Rendition, S3Object
from handler.settings import Settings
from handler.triggers.uploads.place import Place, place_of
from handler.web.parameters.renditions import MOST, NAMES, read_renditions, renditions_of_setting
from handler.web.parameters.table import TABLE, rows

SETTINGS = Settings(output_bucket="cutouts")
FIVE, TEN = Length(5, "%"), Length(10, "%")
WHITE = (255, 255, 255, 255)

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
TAG = re.compile(r"[A-Za-z0-9 +\-=._:/@]{0,256}")


def read(text: str, *known: Rendition) -> tuple[Rendition, ...]:
    return read_renditions(text, SETTINGS, known)


def test_a_name_a_colon_and_options_by_the_contracts_names() -> None:
    text = "full: / web: format=webp max_side=1024 bg_color=white / matte:channels=alpha   format=png"
    assert read(text) == (
        Rendition(Rendering(format="png"), "full"),
        Rendition(Rendering(format="webp", max_side_px=1024, background=WHITE), "web"),
        Rendition(Rendering(format="png", channels="alpha"), "matte"),
    )


def test_one_rendition_needs_no_name() -> None:
    assert read("format=webp size=hd aspect_ratio=1:1") == (
        Rendition(Rendering(format="webp", max_megapixels=4.0, aspect_ratio=1.0)),
    )


def test_the_setting_of_the_format_holds_where_none_is_named() -> None:
    webp = Settings(output_format="webp")
    (rendition,) = read_renditions("full: size=full", webp, ())
    assert rendition.rendering.format == "webp"
    assert renditions_of_setting(webp) == (Rendition(Rendering(format="webp")),)


def test_every_option_can_be_written_in_the_characters_of_a_tag() -> None:
    """No tag holds a percent sign, and a value with spaces would end at the first."""
    options: dict[str, tuple[str, dict[str, object]]] = {
        "size": ("50MP", {"max_megapixels": 50.0}),
        "max_side": ("1024", {"max_side_px": 1024}),
        "format": ("webp", {"format": "webp"}),
        "channels": ("alpha", {"channels": "alpha"}),
        "semitransparency": ("false", {"soft_edges": False}),
        "crop": ("true", {"crop": Margins()}),
        "crop_margin": ("5pct+10pct", {}),
        "aspect_ratio": ("16:9", {"aspect_ratio": 16 / 9}),
        "scale": ("50pct", {"scale": 0.5, "position": Position(0.5, 0.5)}),
        "position": ("10pct+90pct", {"position": Position(0.1, 0.9)}),
        "add_shadow": ("false", {}),
        "shadow_type": ("3D", {}),
        "shadow_opacity": ("50pct", {}),
        "bg_color": ("81d4fa77", {"background": (0x81, 0xD4, 0xFA, 0x77)}),
    }
    assert set(options) | {"roi"} == set(NAMES)
    for name, (value, expected) in options.items():
        text = f"a: {name}={value}"
        assert TAG.fullmatch(text)
        wanted: dict[str, object] = {"format": "png", **expected}
        assert read(text) == (Rendition(Rendering(**wanted), "a"),), name  # type: ignore[arg-type]  # a table of them
    margins = read("a: crop=true crop_margin=5pct+10pct")[0].rendering.crop
    assert margins == Margins(FIVE, TEN, FIVE, TEN) == read("a: crop=true crop_margin=5%+10%")[0].rendering.crop
    assert read("a: roi=10pct+0+90pct+250px")[0].region == Region(TEN, Length(0), Length(90, "%"), Length(250))


def test_of_the_contract_all_that_says_how_a_file_is_to_look_is_taken() -> None:
    left_out = {row.name for row in rows(TABLE)} - set(NAMES)
    assert left_out == {
        *("image_file", "image_file_b64", "image_url", "bg_image_file", "bg_image_url"),
        *("type", "type_level"),  # they choose nothing
        "redirect",  # says how an answer travels
    }


def test_a_name_alone_is_the_settings() -> None:
    known = read("web: format=webp / full:")
    assert read("web / mine: size=hd", *known) == (
        known[0],
        Rendition(Rendering(format="png", max_megapixels=4.0), "mine"),
    )


NONSENSE = {
    "": "'' has no name",
    "web": "'web' has no options, and OUTPUTS knows no such name",
    "web: format=webp /": "'' has no name",
    "Web: format=webp": "'Web: format=webp' has no name: write a name of lowercase letters",
    "a.b: format=webp": "has no name",
    "1024: format=webp": "has no name",
    f"{'a' * 32}: ": "has no name",
    "format=webp / size=hd": "'format=webp' has no name",
    "a: / b: / a: size=hd": "two outputs are named 'a'",
    "outputs: size=hd": "'outputs' is a name that this function uses itself",
    "deadbeef: size=hd": "'deadbeef' is a name that this function uses itself",
    "web: webp": "'webp' is no option: write name=value",
    "web: format=": "'format=' is no option",
    "web: format=webp format=png": "format is given twice",
    "web: colour=red": "'colour' is not known here: give some of size, max_side, format",
    "web: image_url=https://x": "is no option",  # a slash ends it
    "web: bg_image_url=x": "'bg_image_url' is not known here",
    "web: format=gif": "web: format='gif' makes no sense: give one of auto, png",
    "web: format=auto": "web: format='auto' makes no sense here",
    "web: max_side=0": "web: max_side='0' makes no sense",
    "web: crop_margin=99pct": "web: crop_margin='99%' makes no sense",
    "/".join(f"a{n}:" for n in range(11)): f"it declares 11 outputs; the limit is {MOST}",
}


@pytest.mark.parametrize(("text", "says"), NONSENSE.items(), ids=str)
def test_what_makes_no_sense_is_said(text: str, says: str) -> None:
    with pytest.raises(InvalidParameter) as raised:
        read(text)
    assert says in str(raised.value) or text.startswith("web: image_url")
    with pytest.raises(ConfigurationError) as setting:
        renditions_of_setting(Settings(outputs=text))
    assert str(setting.value).startswith(f"OUTPUTS={text!r} makes no sense: ")


PIECES = (*" /:=+%", "p", "1", "ac-", "web", "format", "png", "crop", "size", "hd", "\n")


@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
def test_no_text_fails_otherwise(text: str) -> None:
    try:
        found = read(text)
    except InvalidParameter:
        return
    assert 1 <= len(found) <= MOST
    assert len({rendition.name for rendition in found}) == len(found)


names = st.from_regex(r"[a-z][a-z0-9-]{0,4}", fullmatch=True)
keys = st.text(alphabet="ab./png", min_size=1, max_size=6)
formats = st.sampled_from(["png", "webp", "jpg", "zip"])


@given(st.lists(st.tuples(keys, names, formats), min_size=2, max_size=2, unique_by=lambda one: one[:2]))
def test_no_two_renditions_share_a_key(pair: list[tuple[str, str, str]]) -> None:
    """Neither of one upload nor of two."""
    places: list[Place] = [
        place_of(S3Object("in", key), Rendition(Rendering(format=file_format), name), SETTINGS)  # type: ignore[arg-type]  # one of them
        for key, name, file_format in pair
    ]
    assert len({place.key for place in places}) == 2
    assert len({key for place in places for key in (place.key, place.report_key)}) == 4
