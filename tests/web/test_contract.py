"""The contract as clients see it: what each documented value does to the pixels, alone and in pairs, however sent.

The picture is 64×64 and the network takes 64×64, so that the matte is the picture's brightness to the last bit.
"""

from __future__ import annotations

import base64
import itertools
import json
import threading
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image

from local import events
from tests.clients import REMOVEBG, SENDERS, Answered, Sender
from tests.hostile import Answer, hostile
from tests.oracle import BEACH, FAINT_BLOCK, WHITE_BLOCK, box_of, check, photograph, seen
from tests.pictures import save

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.clients import Function
    from tests.conftest import Awaken
    from tests.hostile import Seen

Kind = Literal["multipart", "urlencoded", "json"]
KINDS: tuple[Kind, ...] = ("multipart", "urlencoded", "json")

PHOTOGRAPH = photograph()


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


def test_a_picture_and_its_background_are_fetched_at_the_same_time(awaken: Awaken, brightness: Path) -> None:
    both = threading.Barrier(2, timeout=5)

    def once_both_are_asked_for(seen: Seen) -> Answer:
        both.wait()
        return Answer(200, PHOTOGRAPH if seen.path == "/a.png" else BEACH)

    with hostile(once_both_are_asked_for) as server:
        function = awaken(MODEL_DIR=str(brightness), URL_FETCH_ALLOW=server.url.removeprefix("http://"))
        urls = {"image_url": f"{server.url}/a.png", "bg_image_url": f"{server.url}/b.png", "format": "png"}
        answer = function.ask("POST", body=json.dumps(urls).encode(), headers={"content-type": "application/json"})
    assert answer.picture.getpixel((0, 0)) == (220, 20, 20)


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


@pytest.mark.parametrize(("sender", "limit"), [("http-api", 180), ("function-url", 500), ("rest", 500), ("alb", 500)])
def test_behind_an_http_api_the_limit_is_its_throttle(
    awaken: Awaken, brightness: Path, sender: Sender, limit: int
) -> None:
    function = awaken(MODEL_DIR=str(brightness), THROTTLE_RATE="3")
    for answer in (
        function.cut_out(PHOTOGRAPH, sender=sender),
        function.cut_out(b"none", sender=sender),
        function.ask("GET", "/v1.0/account", sender=sender),
    ):
        told = (answer.headers["x-ratelimit-limit"], answer.headers["x-ratelimit-remaining"])
        assert told == (str(limit), str(limit - 1))
