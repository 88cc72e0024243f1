"""Results that an answer cannot carry: by URL where there is a bucket, else refused with what would fit."""

from __future__ import annotations

import functools
import io
import re
import zipfile
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
import urllib3
from PIL import Image, ImageFilter

from handler.triggers.http import max_file_bytes
from local import events
from local.emulator import ROOT
from tests.clients import SENDERS, Answered, Sender
from tests.pictures import opened, save, scene

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients import Function
    from tests.conftest import Awaken, Log
    from tests.web.conftest import Roomy

# An ALB carries least, so that pictures for it are the quickest to make; the roads are the same for all senders.
SIDE = {"rest": 1280, "http-api": 1280, "function-url": 1280, "alb": 520}


@functools.cache
def noise(side_px: int) -> bytes:
    """Make a picture that no format makes small."""
    values = np.random.default_rng(7).integers(0, 255, (side_px, side_px, 3), np.uint8)
    return save(Image.fromarray(values), compress_level=0)


def photo() -> bytes:
    """Give a photograph of 1.7 megapixels, with a sensor's noise."""
    image = Image.open(ROOT / "demo" / "photos" / "coffee.jpg").convert("RGB").resize((1600, 1067))
    grain = np.random.default_rng(3).normal(0, 4, (1067, 1600, 3))
    return save(Image.fromarray((np.asarray(image) + grain).clip(0, 255).astype(np.uint8)), "JPEG")


def blot() -> bytes:
    """Give a large subject that is cut out with much of it transparent."""
    grain = np.random.default_rng(5).integers(0, 255, (1000, 1000), np.uint8)
    soft = Image.fromarray(grain).filter(ImageFilter.GaussianBlur(1))
    image = Image.new("RGB", (1000, 1000))
    image.paste(Image.merge("RGB", [soft] * 3).point(lambda value: min(255, value + 60)), (0, 200))
    return save(image)


@pytest.mark.parametrize("sender", SENDERS)
def test_as_json_it_has_a_result_url_in_place_of_its_bytes(roomy: Roomy, sender: Sender) -> None:
    large = noise(SIDE[sender])
    asked = roomy.function.cut_out(large, accept="application/json", sender=sender, format="png")
    assert asked.status == 200
    data = asked.json["data"]
    assert set(data) == {"result_url", *(f"foreground_{side}" for side in ("top", "left", "width", "height"))}
    assert (asked.headers["x-width"], asked.headers["x-height"]) == (str(SIDE[sender]), str(SIDE[sender]))
    assert asked.headers["x-foreground-width"] == str(data["foreground_width"])
    got = urllib3.request("GET", data["result_url"])
    assert (got.status, got.headers["content-type"]) == (200, "image/png")
    assert got.headers["content-disposition"] == 'inline; filename="cutout.png"'
    assert len(got.data) > max_file_bytes(sender)
    assert opened(got.data).size == (SIDE[sender], SIDE[sender])


@pytest.mark.parametrize("sender", SENDERS)
def test_bytes_are_redirected_where_the_request_asks_for_it(roomy: Roomy, sender: Sender) -> None:
    large = noise(SIDE[sender])
    asked = roomy.function.cut_out(large, sender=sender, format="png", redirect="true")
    assert (asked.status, asked.body) == (303, b"")
    assert asked.headers["x-width"] == str(SIDE[sender])
    got = urllib3.request("GET", asked.headers["location"])
    plain = roomy.function.cut_out(scene_png := save(scene()), sender=sender, format="png").body
    assert opened(got.data).size == (SIDE[sender], SIDE[sender])
    assert opened(plain).size == opened(scene_png).size


@pytest.mark.parametrize("sender", ["http-api", "alb"])
def test_bytes_are_refused_where_it_does_not(roomy: Roomy, sender: Sender) -> None:
    asked = roomy.function.cut_out(noise(SIDE[sender]), sender=sender, format="png")
    assert (asked.status, asked.error["code"]) == (400, "result_too_large")
    assert "Accept: application/json" in asked.error["detail"]
    assert "redirect=true" in asked.error["detail"]
    assert roomy.keys() == []


def test_what_fits_is_answered_as_ever(roomy: Roomy, function: Function, picture: bytes) -> None:
    for accept in ("*/*", "application/json"):
        for redirect in ("true", "false", ""):
            asked = roomy.function.cut_out(picture, accept=accept, redirect=redirect)
            expected = function.cut_out(picture, accept=accept)
            assert (asked.status, asked.body) == (200, expected.body)
    assert roomy.keys() == []


def test_a_file_of_exactly_what_can_be_carried_is_and_one_byte_more_is_not(roomy: Roomy) -> None:
    """Trailing bytes of a JPEG's noise cannot be chosen; so the limit is found from both sides of a row of pictures."""
    sizes = []
    for side in range(440, 500, 6):
        asked = roomy.function.cut_out(noise(side), sender="alb", format="png", redirect="true")
        body = asked.body if asked.status == 200 else urllib3.request("GET", asked.headers["location"]).data
        assert (asked.status == 200) is (len(body) <= max_file_bytes("alb"))
        sizes.append(asked.status)
    assert set(sizes) == {200, 303}


def test_a_written_file_tells_nothing_by_its_key_and_is_known_as_our_own(roomy: Roomy, log: Log) -> None:
    large = noise(SIDE["alb"])
    for _ in range(2):
        assert roomy.function.cut_out(large, sender="alb", format="png", redirect="1").status == 303
    keys = roomy.keys()
    assert len(keys) == 2
    for key in keys:
        assert re.fullmatch(r"results/[\w-]{43}\.png", key)
        found = roomy.get(key)
        assert found["ContentType"] == "image/png"
        assert found["Metadata"] == {"cutout-of-etag": "unknown", "cutout-request": "request-7"}
        assert key not in log.text
    assert {line["destination"] for line in log.of("picture")} == {f"s3://{roomy.bucket}/results/"}


def test_the_file_is_encoded_once(roomy: Roomy, monkeypatch: pytest.MonkeyPatch) -> None:
    large, deflated = noise(SIDE["alb"]), []
    adler32 = zlib.adler32

    def counted(data: memoryview) -> int:  # the checksum of each strip of a PNG that is written
        deflated.append(data.nbytes)
        return adler32(data)

    monkeypatch.setattr(zlib, "adler32", counted)
    assert roomy.function.cut_out(large, sender="alb", format="png", redirect="true").status == 303
    assert sum(deflated) == SIDE["alb"] * (1 + 4 * SIDE["alb"])


def test_a_zip_goes_by_url_too(roomy: Roomy) -> None:
    asked = roomy.function.cut_out(noise(900), sender="alb", accept="application/json", format="zip")
    got = urllib3.request("GET", asked.json["data"]["result_url"])
    assert got.headers["content-type"] == "application/zip"
    assert got.headers["content-disposition"] == 'inline; filename="cutout.zip"'
    with zipfile.ZipFile(io.BytesIO(got.data)) as archive:
        assert archive.namelist() == ["color.jpg", "alpha.png"]


def test_the_neighbours_have_no_result_url(roomy: Roomy) -> None:
    body, headers = events.form({}, {"image_file": ("a", noise(SIDE["alb"]))})
    for path, words in (("/v1/segment", "format=webp"), ("/remove-background/v1", "Accept: image/webp")):
        asked = roomy.function.ask("POST", path, body, {**headers, "accept": "*/*"}, sender="alb")
        assert asked.status == 400
        assert words in asked.body.decode()
        assert "result_url" not in asked.body.decode()
    assert roomy.keys() == []


def test_without_a_bucket_a_redirect_cannot_be_asked_for(function: Function) -> None:
    for accept in ("*/*", "application/json"):
        asked = function.cut_out(noise(SIDE["alb"]), accept=accept, sender="alb", format="png", redirect="true")
        assert (asked.status, asked.error["code"]) == (400, "result_too_large")
        assert "result_url" not in asked.error["detail"]


FIT = re.compile(r"(?:What fits:|;) ([^;]+?) \(([\d,]+)×([\d,]+) px, (about )?([\d,]+) bytes\)")


def advised(detail: str) -> list[tuple[dict[str, str], tuple[int, int], bool, int]]:
    """Read the advice as a client's author would."""
    return [
        (
            dict(word.split("=") for word in words.split(" with ")),
            (_number(width), _number(height)),
            not about,
            _number(size),
        )
        for words, width, height, about, size in FIT.findall(detail)
    ]


def _number(text: str) -> int:
    return int(text.replace(",", ""))


def result_size(answer: Answered) -> tuple[int, int]:
    return int(answer.headers["x-width"]), int(answer.headers["x-height"])


@pytest.mark.parametrize(
    ("sender", "make", "fields", "expected"),
    [
        ("http-api", functools.partial(noise, 1280), {"format": "png"}, {"format", "size"}),
        ("alb", photo, {"format": "auto"}, {"format", "size"}),
        ("alb", photo, {"format": "png", "bg_color": "fff"}, {"format", "size"}),
        ("alb", blot, {"format": "png"}, {"format", "size"}),
        ("alb", blot, {"format": "png", "crop": "true", "crop_margin": "5%"}, {"format", "size"}),
        ("alb", blot, {"format": "png", "scale": "80%", "add_shadow": "true"}, {"format", "size"}),
        ("alb", functools.partial(noise, 1000), {"format": "zip"}, {"size"}),
        ("alb", functools.partial(noise, 1400), {"format": "jpg"}, {"size"}),
        ("alb", functools.partial(noise, 1400), {"format": "webp"}, {"size"}),
    ],
    # Without the set, whose order is another in each process, and the maker, whose address is.
    ids=lambda value: str(value) if isinstance(value, str | dict) else "",
)
def test_a_refusal_says_what_fits_and_that_does(
    function: Function, sender: Sender, make: object, fields: dict[str, str], expected: set[str]
) -> None:
    assert callable(make)
    follow(function, sender, make(), fields, expected)


def test_a_refusal_of_a_matte_says_what_fits(awaken: Awaken, brightness: Path) -> None:
    """The network sees every pixel, so that the matte of noise is noise."""
    function = awaken(MODEL_DIR=str(brightness), INSPIRENET_RESIZE="dynamic", MAX_NETWORK_MEGAPIXELS="2")
    follow(function, "alb", noise(1400), {"format": "png", "channels": "alpha"}, {"format", "size"})


def follow(function: Function, sender: Sender, picture: bytes, fields: dict[str, str], expected: set[str]) -> None:
    """Have a picture refused, and ask for each thing that the refusal says would fit."""
    refused = function.cut_out(picture, sender=sender, **fields)
    assert (refused.status, refused.error["code"]) == (400, "result_too_large"), refused.headers
    fits = advised(refused.error["detail"])
    assert {name for ways, *_ in fits for name in ways} == expected, refused.error["detail"]
    for ways, size, exact, size_bytes in fits:
        followed = function.cut_out(picture, sender=sender, **fields | ways)
        assert followed.status == 200, (ways, followed.body)
        assert result_size(followed) == (size if exact else pytest.approx(size, abs=1))
        assert len(followed.body) == (size_bytes if exact else pytest.approx(size_bytes, rel=0.2)), ways
