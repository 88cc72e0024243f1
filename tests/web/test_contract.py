"""The contract as clients see it: what each documented value does to the pixels, alone and in pairs, however sent.

The picture is 64×64 and the network takes 64×64, so that the matte is the picture's brightness to the last bit.
"""

from __future__ import annotations

import base64
import io
import itertools
import json
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image

from local import events
from tests.clients import REMOVEBG, SENDERS, Answered, Sender
from tests.hostile import Answer, hostile
from tests.pictures import quarters, save

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.clients import Function
    from tests.conftest import Awaken

Kind = Literal["multipart", "urlencoded", "json"]
KINDS: tuple[Kind, ...] = ("multipart", "urlencoded", "json")

SIDE = 64
WHITE_BLOCK = (8, 16, 28, 32)  # left, top, right, bottom
FAINT_BLOCK = (40, 40, 56, 56)  # of alpha 100: gone where edges are hard
BOTH = (8, 16, 56, 56)


def photograph() -> bytes:
    pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
    for (left, top, right, bottom), value in ((WHITE_BLOCK, 255), (FAINT_BLOCK, 100)):
        pixels[top:bottom, left:right] = value
    return save(Image.fromarray(pixels))


PHOTOGRAPH = photograph()
BEACH = save(quarters(96, 64))


def send(
    function: Function,
    kind: Kind,
    fields: dict[str, str],
    *,
    path: str = REMOVEBG,
    accept: str = "*/*",
    picture: bytes = PHOTOGRAPH,
    backdrop: bytes | None = None,
) -> Answered:
    encoded = base64.b64encode(picture).decode()
    if kind == "multipart" or backdrop is not None:  # a file has no other way
        files = {"image_file": ("a.png", picture)} | ({} if backdrop is None else {"bg_image_file": ("b", backdrop)})
        body, headers = events.form(fields, files)
    elif kind == "urlencoded":
        body = urlencode({**fields, "image_file_b64": encoded}).encode()
        headers = {"content-type": "application/x-www-form-urlencoded"}
    else:
        typed = {name: {"true": True, "false": False}.get(value, value) for name, value in fields.items()}
        body = json.dumps({**typed, "image_file_b64": encoded}).encode()
        headers = {"content-type": "application/json"}
    return function.ask("POST", path, body, {**headers, "accept": accept})


@dataclass(frozen=True)
class Seen:
    """A result as a client sees it, whatever its format."""

    rgb: NDArray[np.float64]
    alpha: NDArray[np.float64]  # 255 where there is none
    format: str
    mode: str

    @property
    def size(self) -> tuple[int, int]:
        return self.alpha.shape[1], self.alpha.shape[0]


def seen(answer: Answered) -> Seen:
    assert answer.status == 200, answer.body[:500]
    if answer.headers["content-type"] == "application/zip":
        with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
            assert archive.namelist() == ["color.jpg", "alpha.png"]
            colours = Image.open(io.BytesIO(archive.read("color.jpg")))
            alpha = Image.open(io.BytesIO(archive.read("alpha.png")))
            assert (colours.format, colours.mode, alpha.format, alpha.mode) == ("JPEG", "RGB", "PNG", "L")
            assert colours.size == alpha.size
            return Seen(np.asarray(colours, float), np.asarray(alpha, float), "ZIP", "RGBA")
    image = answer.picture
    assert answer.headers["content-type"] == f"image/{str(image.format).lower()}"
    rgba = np.asarray(image.convert("RGBA"), float)
    return Seen(rgba[..., :3], rgba[..., 3], str(image.format), image.mode)


def box_of(headers: dict[str, str]) -> tuple[int, int, int, int]:
    left, top, width, height = (int(headers[f"x-foreground-{side}"]) for side in ("left", "top", "width", "height"))
    return left, top, left + width, top + height


def box_seen(alpha: NDArray[np.float64]) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero((alpha >= 13).any(axis=1)), np.flatnonzero((alpha >= 13).any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


# What a client may ask for, by what it does; bg_image_file stands for a picture that only multipart can carry.
WISHES: dict[str, list[str]] = {
    "size": ["auto", "preview"],
    "format": ["auto", "png", "jpg", "webp", "zip"],
    "channels": ["rgba", "alpha"],
    "type": ["car_part"],
    "type_level": ["none", "2"],
    "semitransparency": ["true", "false"],
    "roi": ["0 0 100% 100%", "0% 0% 50% 100%", "0 0 32px 64"],
    "crop": ["true", "false"],
    "max_side": ["48"],
    "aspect_ratio": ["1:1", "2:1"],
    "crop_margin": ["10px", "25%", "10px 25%", "1px 2px 3px 4px"],
    "scale": ["original", "50%", "100%"],
    "position": ["original", "center", "0% 100%"],
    "add_shadow": ["true", "false"],
    "shadow_type": ["drop", "3D", "none"],
    "shadow_opacity": ["0", "100"],
    "bg_color": ["00ff00", "00ff0080"],
    "bg_image_file": ["beach"],
    "redirect": ["true"],
}


def pairs() -> Iterator[dict[str, str]]:
    """Give each value alone, and each two of two parameters."""
    wishes = [(name, value) for name, values in WISHES.items() for value in values]
    yield {}
    for wish in wishes:
        yield dict([wish])
    for one, other in itertools.combinations(wishes, 2):
        if one[0] != other[0] and {one[0], other[0]} != {"bg_color", "bg_image_file"}:
            yield dict([one, other])


def expected_margins(text: str, width_px: int, height_px: int) -> tuple[int, int, int, int]:
    """Give what is added at the top, right, bottom and left of a subject of this size."""
    return {
        "0": (0, 0, 0, 0),
        "10px": (10, 10, 10, 10),
        "25%": (height_px // 4, width_px // 4, height_px // 4, width_px // 4),
        "10px 25%": (10, width_px // 4, 10, width_px // 4),
        "1px 2px 3px 4px": (1, 2, 3, 4),
    }[text]


def expected_layout(fields: dict[str, str]) -> tuple[tuple[int, int], tuple[float, float, float, float]]:
    """Say by the contract's words how large the canvas is and where the subject is on it."""
    left, top, right, bottom = BOTH
    if fields.get("semitransparency") == "false" or "50%" in fields.get("roi", "") or "32px" in fields.get("roi", ""):
        left, top, right, bottom = WHITE_BLOCK
    width, height = right - left, bottom - top
    canvas = [SIDE, SIDE]
    if fields.get("crop") == "true":
        above, after, below, before = expected_margins(fields.get("crop_margin", "0"), width, height)
        canvas = [before + width + after, above + height + below]
        left, top = before, above
    across, down = (int(part) for part in fields.get("aspect_ratio", "0:0").split(":"))
    if across:
        wider = [max(canvas[0], round(canvas[1] * across / down)), max(canvas[1], round(canvas[0] * down / across))]
        left, top = left + (wider[0] - canvas[0]) // 2, top + (wider[1] - canvas[1]) // 2
        canvas = wider
    scaled: tuple[float, float] = (width, height)
    position = fields.get("position", "original")
    middle = (left + width / 2, top + height / 2)
    if fields.get("scale", "original") != "original":
        factor = int(fields["scale"].removesuffix("%")) / 100 * min(canvas[0] / width, canvas[1] / height)
        scaled = (width * factor, height * factor)
        position = fields.get("position", "center")
    free = [canvas[axis] - scaled[axis] for axis in (0, 1)]
    if position == "original":
        corner = [min(max(0, middle[axis] - scaled[axis] / 2), free[axis]) for axis in (0, 1)]
    else:
        shares = {"center": (0.5, 0.5), "0% 100%": (0, 1)}[position]
        corner = [shares[axis] * free[axis] for axis in (0, 1)]
    shrink = min(1.0, int(fields.get("max_side", "999")) / max(canvas))
    size = int(canvas[0] * shrink + 1e-9), int(canvas[1] * shrink + 1e-9)
    box = (corner[0], corner[1], corner[0] + scaled[0], corner[1] + scaled[1])
    return size, (box[0] * shrink, box[1] * shrink, box[2] * shrink, box[3] * shrink)


def check(fields: dict[str, str], answer: Answered) -> None:
    """Hold an answer to what the contract says of these fields."""
    result = seen(answer)
    size, box = expected_layout(fields)
    has_matte_alone = fields.get("channels") == "alpha" and fields.get("format") != "zip"
    has_shadow = fields.get("add_shadow") == "true" and fields.get("shadow_type") != "none" and not has_matte_alone
    ground = None if has_matte_alone else fields.get("bg_color") or fields.get("bg_image_file")
    is_flat = not has_matte_alone and (ground in {"00ff00", "beach"} or fields.get("format") == "jpg")

    # The network looks at a region alone, enlarged: its edges are soft there.
    assert result.size == (pytest.approx(size, abs=2) if "roi" in fields else size)
    assert (answer.headers["x-width"], answer.headers["x-height"]) == (str(result.size[0]), str(result.size[1]))
    assert answer.headers["x-credits-charged"] == "0"
    assert answer.headers.get("x-type") == (None if fields.get("type_level") == "none" else "other")
    told = box_of(answer.headers)
    assert told == pytest.approx(box, abs=2)  # bilinear enlargement and rounding move an edge by a pixel or two
    if not {"scale", "roi", "max_side"} & set(fields):
        assert told == pytest.approx(box, abs=0.51)

    formats = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP", "zip": "ZIP"}
    expected_format = formats.get(fields.get("format", "auto"))
    fills = result.size == (told[2] - told[0], told[3] - told[1]) and result.alpha.min() == 255 and not has_matte_alone
    assert result.format == (expected_format or ("JPEG" if is_flat or fills else "PNG"))

    alpha = result.rgb[..., 0] if has_matte_alone else result.alpha
    if has_matte_alone:
        # WebP has no grey; JPEG is not exact.
        assert result.mode == "L" or result.format == "WEBP"
    elif is_flat:
        assert result.alpha.min() == 255
    elif ground is None and not has_shadow:
        assert box_seen(alpha) == told
        if fields.get("semitransparency") == "false":
            assert set(np.unique(alpha)) <= {0, 255}
    inside = alpha[round(box[1]) + 3 : round(box[3]) - 3, round(box[0]) + 3 : round(box[2]) - 3]
    assert inside.max() >= 250
    corner = _empty_corner(size, box)
    if corner is not None and not has_shadow:
        _check_corner(corner, fields, result, is_flat=is_flat, has_matte_alone=has_matte_alone)


def _empty_corner(size: tuple[int, int], box: tuple[float, float, float, float]) -> tuple[int, int] | None:
    """Find a corner of the canvas that is at least 4 px from the subject."""
    for column, row in ((0, 0), (size[0] - 1, 0), (0, size[1] - 1), (size[0] - 1, size[1] - 1)):
        if not (box[0] - 4 <= column <= box[2] + 4 and box[1] - 4 <= row <= box[3] + 4):
            return column, row
    return None


def _check_corner(
    corner: tuple[int, int], fields: dict[str, str], result: Seen, *, is_flat: bool, has_matte_alone: bool
) -> None:
    column, row = corner
    colour, alpha = result.rgb[row, column], result.alpha[row, column]
    if has_matte_alone:
        assert colour.max() <= 6
        return
    if fields.get("bg_color") == "00ff00":
        assert colour.tolist() == pytest.approx([0, 255, 0], abs=8)
    elif fields.get("bg_color") == "00ff0080" and not is_flat:
        assert (*colour, alpha) == pytest.approx((0, 255, 0, 128), abs=8)
    elif fields.get("bg_color") == "00ff0080":
        assert colour.tolist() == pytest.approx([127, 255, 127], abs=8)
    elif "bg_image_file" in fields:
        width_px, height_px = result.size
        named = {(0, 0): (220, 20, 20), (1, 0): (20, 200, 20), (0, 1): (20, 20, 220), (1, 1): (255, 255, 255)}
        assert colour.tolist() == pytest.approx(named[int(column > width_px / 2), int(row > height_px / 2)], abs=20)
    elif is_flat:
        assert colour.min() >= 250
    else:
        assert alpha == 0


@pytest.mark.parametrize("first", [None, *WISHES])
def test_every_value_does_what_the_contract_says_alone_and_in_pairs(function: Function, first: str | None) -> None:
    cases = [fields for fields in pairs() if next(iter(fields), None) == first]
    assert cases
    for number, fields in enumerate(cases):
        backdrop = BEACH if "bg_image_file" in fields else None
        texts = {name: value for name, value in fields.items() if name != "bg_image_file"}
        kind = KINDS[number % len(KINDS)]
        try:
            check(fields, send(function, kind, texts, backdrop=backdrop))
        except AssertionError as error:
            raise AssertionError(f"{fields} as {kind}: {error}") from error


@pytest.mark.parametrize("name", [name for name in WISHES if name != "bg_image_file"])
def test_every_content_type_gives_the_same_bytes(function: Function, name: str) -> None:
    for value in (*WISHES[name], ""):
        answers = {send(function, kind, {name: value}).body for kind in KINDS}
        assert len(answers) == 1, value
        if value == "":
            assert answers == {send(function, "multipart", {}).body}


EVERYTHING = {
    "size": "preview",
    "format": "zip",
    "roi": "0 0 100% 100%",
    "crop": "true",
    "crop_margin": "10px 20px",
    "scale": "80%",
    "position": "50% 100%",
    "add_shadow": "true",
    "shadow_type": "drop",
    "shadow_opacity": "80",
    "semitransparency": "false",
    "type": "product",
    "type_level": "2",
    "channels": "rgba",
}


def test_everything_at_once(function: Function) -> None:
    answer = send(function, "multipart", EVERYTHING, backdrop=BEACH)
    result = seen(answer)
    assert result.size == (60, 36)  # the white block's 20×16 with its margins
    assert result.alpha.min() == 255
    left, top, right, bottom = box_of(answer.headers)
    assert (right - left, bottom - top, bottom) == (36, 29, 36)  # 80 % of the height, at the bottom, in the middle
    assert left == 12
    assert result.rgb[30, 30].min() > 230
    assert result.rgb[2, 2].tolist() == pytest.approx([220, 20, 20], abs=20)
    beside = send(function, "multipart", {**EVERYTHING, "add_shadow": "false"}, backdrop=BEACH)
    assert result.rgb[34, right : right + 2].sum() < seen(beside).rgb[34, right : right + 2].sum()


@pytest.mark.parametrize("sender", SENDERS)
def test_every_sender_gives_the_same(function: Function, sender: Sender) -> None:
    body, headers = events.form(EVERYTHING, {"image_file": ("a", PHOTOGRAPH), "bg_image_file": ("b", BEACH)})
    answer = function.ask("POST", body=body, headers=headers, sender=sender)
    expected = send(function, "multipart", EVERYTHING, backdrop=BEACH)
    assert answer.body == expected.body
    passing = {"x-ratelimit-reset"}  # a minute may end between the two
    assert {name: value for name, value in answer.headers.items() if name not in passing} == {
        name: value for name, value in expected.headers.items() if name not in passing
    }


def test_pictures_are_fetched_from_urls(awaken: Awaken, brightness: Path) -> None:
    """The same bytes as with files, in every content type."""
    with hostile(Answer(200, PHOTOGRAPH)) as photographs, hostile(Answer(200, BEACH)) as beaches:
        hosts = [server.url.removeprefix("http://") for server in (photographs, beaches)]
        function = awaken(MODEL_DIR=str(brightness), URL_FETCH_ALLOW=",".join(hosts))
        urls = {"image_url": f"{photographs.url}/a.png", "bg_image_url": f"{beaches.url}/b.png", "format": "png"}
        typed = {"content-type": "application/json"}, {"content-type": "application/x-www-form-urlencoded"}
        form, multipart = events.form(urls, {})
        answers = {
            function.ask("POST", body=json.dumps(urls).encode(), headers=typed[0]).body,
            function.ask("POST", body=urlencode(urls).encode(), headers=typed[1]).body,
            function.ask("POST", body=form, headers=multipart).body,
            function.ask("POST", query=urlencode(urls, safe=":/")).body,
        }
        expected = send(function, "multipart", {"format": "png"}, backdrop=BEACH)
    assert answers == {expected.body}
    assert expected.picture.getpixel((0, 0)) == (220, 20, 20)


def test_a_download_that_fails_names_what_it_was_for(awaken: Awaken, brightness: Path) -> None:
    with hostile(Answer(404, b"secret page")) as server:
        function = awaken(MODEL_DIR=str(brightness), URL_FETCH_ALLOW=server.url.removeprefix("http://"))
        for name, code in (("image_url", "failed_image_download"), ("bg_image_url", "failed_bg_download")):
            source = {} if name == "image_url" else {"image_file": ("a", PHOTOGRAPH)}
            body, headers = events.form({name: f"{server.url}/x"}, source)
            asked = function.ask("POST", body=body, headers=headers)
            assert (asked.status, asked.error["code"]) == (400, code)
            assert b"secret page" not in asked.body


def test_only_the_region_of_interest_holds_foreground(function: Function) -> None:
    for roi, gone in (("0 0 32 64", FAINT_BLOCK), ("50% 50% 100% 100%", WHITE_BLOCK)):
        alpha = seen(send(function, "json", {"roi": roi, "format": "png"})).alpha
        left, top, right, bottom = gone
        assert alpha[top:bottom, left:right].max() == 0
        assert alpha.max() > 90
    half = seen(send(function, "json", {"roi": "0 0 18 100%", "format": "png"})).alpha
    assert half[:, 18:].max() == 0
    assert half[20:28, 10:18].min() >= 250


def test_a_small_region_is_looked_at_from_near(function: Function) -> None:
    """A dot of 8 px in 1024×1024 is half a pixel of a network's 64×64; of its own surroundings it is a large part."""
    pixels = np.zeros((1024, 1024, 3), np.uint8)
    pixels[600:608, 300:308] = 255
    picture = save(Image.fromarray(pixels))
    far = seen(send(function, "json", {"format": "png"}, picture=picture)).alpha[602:606, 302:306]
    near = seen(send(function, "json", {"format": "png", "roi": "284 584 324 624"}, picture=picture)).alpha
    assert far.max() < 100
    assert near[602:606, 302:306].min() > 240
    assert near.sum() == near[584:624, 284:324].sum()


@pytest.mark.parametrize(
    ("roi", "code"),
    [
        ("0 0 65 64", "roi_exceeds_bounds"),
        ("0% 0% 101% 100%", "roi_exceeds_bounds"),
        ("-1 0 64 64", "roi_exceeds_bounds"),
        ("10 10 10 20", "roi_region_empty"),
        ("50% 0 25% 100%", "roi_region_empty"),
    ],
)
def test_a_region_that_is_none_of_this_picture_is_refused(function: Function, roi: str, code: str) -> None:
    for kind in KINDS:
        asked = send(function, kind, {"roi": roi})
        assert (asked.status, asked.error["code"]) == (400, code)


def test_a_region_where_nothing_is_is_unknown_foreground(function: Function) -> None:
    asked = send(function, "json", {"roi": "0 0 100% 10px"})
    assert (asked.status, asked.error["code"]) == (400, "unknown_foreground")


def test_a_cropped_preview_has_the_detail_of_the_picture(function: Function) -> None:
    """A subject of 400×300 in 1600×1200: brought to 0.25 megapixels first, it would have 144×108 pixels."""
    pixels = np.zeros((1200, 1600, 3), np.uint8)
    pixels[300:600, 200:600] = 255
    pixels[300:600:2, 200:600] = 200  # lines of a pixel each
    answer = send(
        function,
        "multipart",
        {"crop": "true", "size": "preview", "format": "png"},
        picture=save(Image.fromarray(pixels)),
    )
    width_px, height_px = seen(answer).size
    assert width_px * height_px <= 250_000
    assert (width_px, height_px) == pytest.approx((400, 300), abs=80)  # the matte of 64×64 makes soft edges
    middle = seen(answer).rgb[height_px // 2 - 20 : height_px // 2 + 20, width_px // 2, 0]
    assert np.ptp(middle) > 15  # the lines are there


def test_json_holds_the_picture_and_its_box(function: Function) -> None:
    for fields in ({}, {"format": "zip"}, {"crop": "true", "crop_margin": "3px"}):
        plain, data = send(function, "json", fields), send(function, "json", fields, accept="application/json")
        assert data.headers["content-type"] == "application/json"
        document = data.json["data"]
        assert base64.b64decode(document.pop("result_b64")) == plain.body
        assert document == {
            f"foreground_{side}": int(plain.headers[f"x-foreground-{side}"])
            for side in ("top", "left", "width", "height")
        }
        for name in ("x-width", "x-height", "x-type", "x-credits-charged", "x-ratelimit-limit"):
            assert data.headers[name] == plain.headers[name]


@pytest.mark.parametrize(
    ("accept", "is_json"),
    [
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        ("application/json, text/plain, */*", False),  # axios, whatever is asked for
        ("*/*", False),
        ("", False),
        ("image/png, application/json", False),
        ("application/json, image/png", True),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", False),
    ],
)
def test_who_asks_for_json_gets_it(function: Function, accept: str, *, is_json: bool) -> None:
    answer = send(function, "multipart", {}, accept=accept)
    assert answer.headers["content-type"] == ("application/json" if is_json else "image/png")


def test_limits_are_numbers_that_no_client_waits_for(function: Function) -> None:
    for answer in (send(function, "json", {}), send(function, "json", {"size": "huge"})):
        limit, remaining, reset = (
            int(answer.headers[f"x-ratelimit-{name}"]) for name in ("limit", "remaining", "reset")
        )
        assert 0 < remaining <= limit
        assert reset % 60 == 0
