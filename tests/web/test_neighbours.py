"""The account, what is not offered, and two services whose requests are nearly the same."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import numpy as np
import pytest

from local import events
from tests.clients import read
from tests.pictures import opened, sample

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients import Answered, Function
    from tests.conftest import Awaken

SEGMENT, CLIPDROP = "/v1/segment", "/remove-background/v1"


def send(function: Function, path: str, picture: bytes | None, accept: str = "*/*", **fields: str) -> Answered:
    body, headers = events.form(fields, {} if picture is None else {"image_file": ("a.png", picture)})
    return function.ask("POST", path, body, {**headers, "accept": accept})


@pytest.fixture
def guarded(awaken: Awaken, brightness: Path) -> Function:
    return awaken(MODEL_DIR=str(brightness), API_KEYS="first-secret")


def test_an_account_has_what_clients_look_for(function: Function) -> None:
    attributes = function.ask("GET", "/v1.0/account").json["data"]["attributes"]
    assert set(attributes["credits"]) == {"total", "subscription", "payg", "enterprise"}
    assert attributes["credits"]["total"] > 1000
    assert attributes["api"]["free_calls"] > 1000
    assert attributes["api"]["sizes"] == "all"


def test_an_account_is_its_owners(guarded: Function) -> None:
    assert guarded.ask("GET", "/v1.0/account").error["code"] == "auth_failed"
    assert guarded.ask("GET", "/v1.0/account", headers={"x-api-key": "first-secret"}).status == 200


def test_no_picture_is_kept_for_improvement(function: Function, guarded: Function, picture: bytes) -> None:
    asked = send(function, "/v1.0/improve", picture)
    assert (asked.status, asked.error["code"]) == (400, "not_offered")
    assert send(guarded, "/v1.0/improve", picture).status == 403


@pytest.mark.parametrize("path", [SEGMENT, CLIPDROP])
def test_a_neighbour_gives_the_same_cutout(function: Function, picture: bytes, path: str) -> None:
    asked = send(function, path, picture)
    assert asked.headers["content-type"] == "image/png"
    assert asked.body == function.cut_out(picture, format="png").body
    assert send(function, path, picture, accept="image/png, application/json").body == asked.body
    assert function.ask("POST", path, picture, {"content-type": "application/octet-stream"}).body == asked.body


def test_segment_takes_its_own_parameters(function: Function, picture: bytes) -> None:
    assert send(function, SEGMENT, picture, format="webp").picture.format == "WEBP"
    assert send(function, SEGMENT, picture, channels="alpha").picture.mode == "L"
    assert send(function, SEGMENT, picture, bg_color="#00FF00", format="jpg").picture.format == "JPEG"
    assert send(function, SEGMENT, picture, bg_color="#00FF00").picture.format == "PNG"
    large = sample("PNG", 1200, 800)
    assert send(function, SEGMENT, large).picture.size == (1200, 800)
    assert send(function, SEGMENT, large, size="preview").picture.size == (612, 408)
    cropped = send(function, SEGMENT, large, crop="true", bg_color="000000").picture
    assert np.asarray(cropped).shape[:2] <= (800, 1200)


def test_segment_as_json_is_one_text(function: Function, picture: bytes) -> None:
    document = send(function, SEGMENT, picture, accept="application/json").json
    assert set(document) == {"base64img"}
    assert opened(base64.b64decode(document["base64img"])).size == (96, 64)


@pytest.mark.parametrize(
    ("fields", "kind", "words"),
    [
        ({}, "missing_image", "image_file"),
        ({"format": "zip"}, "invalid_format", "png, jpg, webp"),
        ({"size": "4k"}, "invalid_size", "preview, medium, hd, full"),
        ({"bg_color": "?"}, "invalid_bg_color", "hexadecimal"),
    ],
)
def test_segment_refuses_as_its_service_does(
    function: Function, picture: bytes, fields: dict[str, str], kind: str, words: str
) -> None:
    asked = send(function, SEGMENT, picture if fields else None, **fields)
    document = asked.json
    assert (asked.status, set(document)) == (400, {"detail", "status_code", "type"})
    assert (document["status_code"], document["type"]) == (400, kind)
    assert words in document["detail"]


def test_segment_says_everything_that_is_wrong_in_its_one_sentence(function: Function, picture: bytes) -> None:
    detail = send(function, SEGMENT, picture, crop="maybe", bg_color="?").json["detail"]
    assert "crop='maybe'" in detail
    assert "bg_color='?'" in detail


@pytest.mark.parametrize(
    ("accept", "given"),
    [
        ("*/*", "PNG"),
        ("image/png", "PNG"),
        ("image/webp", "WEBP"),
        ("image/jpeg", "JPEG"),
        ("image/jpg, */*", "JPEG"),
        ("image/avif,image/webp,*/*;q=0.8", "WEBP"),
        ("application/json", "PNG"),
    ],
)
def test_clipdrop_gives_the_format_that_is_accepted(
    function: Function, picture: bytes, accept: str, given: str
) -> None:
    asked = send(function, CLIPDROP, picture, accept=accept)
    assert asked.picture.format == given
    assert asked.headers["x-credits-consumed"] == "0"
    assert int(asked.headers["x-remaining-credits"]) > 1000


def test_clipdrop_takes_no_other_parameter(function: Function, picture: bytes) -> None:
    fields = {"transparency_handling": "discard_alpha_layer", "format": "nonsense", "crop": "true"}
    assert send(function, CLIPDROP, picture, **fields).body == send(function, CLIPDROP, picture).body


def test_each_contract_refuses_in_its_own_words(guarded: Function, picture: bytes) -> None:
    without = {path: send(guarded, path, picture) for path in (SEGMENT, CLIPDROP)}
    assert without[SEGMENT].status == 403
    assert without[SEGMENT].json["status_code"] == 403
    assert without[CLIPDROP].status == 401
    assert set(without[CLIPDROP].json) == {"error"}
    wrong = guarded.ask("POST", CLIPDROP, picture, {"x-api-key": "wrong"})
    assert (wrong.status, set(wrong.json)) == (403, {"error"})
    assert guarded.ask("POST", CLIPDROP, picture, {"x-api-key": "first-secret"}).status == 200


def test_a_neighbours_other_failures_are_in_its_words_too(function: Function) -> None:
    assert set(function.ask("GET", SEGMENT).json) == {"detail", "status_code", "type"}
    assert function.ask("GET", CLIPDROP).status == 405
    assert set(function.ask("GET", CLIPDROP).json) == {"error"}
    assert set(send(function, CLIPDROP, b"no picture").json) == {"error"}


def test_a_neighbour_under_a_stages_name_is_the_same(function: Function) -> None:
    event = events.request("http-api", "POST", f"/prod{SEGMENT}", b"no picture")
    event["requestContext"]["stage"] = "prod"
    assert set(read(function(event)).json) == {"detail", "status_code", "type"}
