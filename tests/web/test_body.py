"""Four ways to send a picture, and what is wrong with the fifth."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import numpy as np
import pytest

from local import events
from tests.pictures import FORMATS, sample
from tests.verdict import NAMES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients import Answered, Function
    from tests.conftest import Awaken

FORM = "application/x-www-form-urlencoded"


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def multipart(function: Function, fields: dict[str, str], files: dict[str, tuple[str, bytes]]) -> Answered:
    body, headers = events.form(fields, files)
    return function.ask("POST", body=body, headers=headers)


def document(function: Function, content: Any) -> Answered:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return function.ask("POST", body=body, headers={"content-type": "application/json; charset=utf-8"})


def encoded(function: Function, body: bytes) -> Answered:
    return function.ask("POST", body=body, headers={"content-type": FORM})


@pytest.mark.parametrize("file_format", FORMATS)
def test_every_format_is_cut_out(function: Function, file_format: str) -> None:
    assert function.cut_out(sample(file_format), format="png").picture.size == (96, 64)


def test_all_ways_to_send_a_picture_give_the_same_result(function: Function, picture: bytes) -> None:
    ways = {
        "file": multipart(function, {"format": "png"}, {"image_file": ("a.png", picture)}),
        "text in multipart": multipart(function, {"format": "png", "image_file_b64": b64(picture)}, {}),
        "form": encoded(function, urlencode({"format": "png", "image_file_b64": b64(picture)}).encode()),
        "unescaped form": encoded(function, f"format=png&image_file_b64={b64(picture)}".encode()),
        "json": document(function, {"format": "png", "image_file_b64": b64(picture)}),
        "data url": document(function, {"format": "png", "image_file_b64": f"data:image/png;base64,{b64(picture)}"}),
        "lines": document(function, {"format": "png", "image_file_b64": base64.encodebytes(picture).decode()}),
        "raw": function.ask("POST", body=picture, headers={"content-type": "image/png"}, query="format=png"),
        "octets": function.ask(
            "POST", body=picture, headers={"content-type": "application/octet-stream"}, query="format=png"
        ),
        "untyped": function.ask("POST", body=picture, query="format=png"),
    }
    assert ways["file"].picture.getchannel("A").getextrema() != (255, 255)
    assert {way: answer.body == ways["file"].body for way, answer in ways.items()} == dict.fromkeys(ways, True)


def test_an_unescaped_plus_survives_a_form(function: Function) -> None:
    picture = next(data for data in (sample("PNG", 96, height_px) for height_px in range(40, 90)) if "+" in b64(data))
    assert encoded(function, f"image_file_b64={b64(picture)}".encode()).status == 200


EMPTY = dict.fromkeys(("image_url", "image_file_b64", "size", "format", "bg_color", "channels", "roi", "crop"), "")


def test_empty_fields_mean_not_given(function: Function, picture: bytes) -> None:
    assert multipart(function, EMPTY, {"image_file": ("a", picture)}).status == 200
    fields = {**EMPTY, "image_file_b64": b64(picture)}
    assert encoded(function, urlencode(fields).encode()).status == 200
    assert document(function, {**fields, "scale": None}).status == 200
    assert function.ask("POST", body=picture, query="size=&format=").status == 200


def test_an_empty_file_field_beside_base64_is_not_given(function: Function, picture: bytes) -> None:
    """What a browser sends for a file input that nobody filled."""
    assert multipart(function, {"image_file_b64": b64(picture)}, {"image_file": ("", b"")}).status == 200


@pytest.mark.parametrize("fields", [{}, EMPTY, {"size": "auto"}], ids=["nothing", "empty fields", "parameters"])
def test_no_picture_is_missing_source(function: Function, fields: dict[str, str]) -> None:
    for asked in (
        multipart(function, fields, {}),
        encoded(function, urlencode(fields).encode()),
        document(function, fields),
        function.ask("POST", query=urlencode(fields)),
    ):
        assert (asked.status, asked.error["code"], asked.error["title"]) == (400, "missing_source", "No image given")


def test_two_pictures_are_multiple_sources(function: Function, picture: bytes) -> None:
    asked = multipart(function, {"image_file_b64": b64(picture)}, {"image_file": ("a", picture)})
    assert (asked.status, asked.error["code"]) == (400, "multiple_sources")


@pytest.mark.parametrize("other", ["image_file_b64", "image_url", "image_file"])
def test_a_picture_named_twice_is_multiple_sources(function: Function, picture: bytes, other: str) -> None:
    """Whatever the content type, and also where the same name comes twice."""
    texts = {"image_file_b64": b64(picture), "image_url": "https://example.com/a.png"}
    if other == "image_file":
        one, headers = events.form({}, {"image_file": ("a", picture)})
        boundary = headers["content-type"].partition("=")[2].encode()
        body = one.replace(b"--" + boundary + b"--\r\n", b"") + one
        answers = [function.ask("POST", body=body, headers={"content-type": headers["content-type"]})]
    else:
        named = {other: texts[other]}
        answers = [
            multipart(function, named, {"image_file": ("a", picture)}),
            multipart(function, texts, {}),
            encoded(function, urlencode(texts).encode()),
            encoded(function, urlencode([*named.items(), *named.items()]).encode()),
            document(function, texts),
            function.ask("POST", body=picture, query=urlencode(named)),
        ]
    for asked in answers:
        assert (asked.status, asked.error["code"]) == (400, "multiple_sources")


def test_a_key_in_the_form_opens(awaken: Awaken, brightness: Path, picture: bytes) -> None:
    guarded = awaken(MODEL_DIR=str(brightness), API_KEYS="first-secret")
    for key, status in (("first-secret", 200), ("wrong", 403), ("", 403)):
        assert multipart(guarded, {"api_key": key}, {"image_file": ("a", picture)}).status == status
    assert document(guarded, {"api_key": "first-secret", "image_file_b64": b64(picture)}).status == 200
    body, headers = events.form({"api_key": "first-secret"}, {"image_file": ("a", picture)})
    assert guarded.ask("POST", body=body, headers={**headers, "x-api-key": "wrong"}).status == 403


@pytest.mark.parametrize("url", ["http://169.254.169.254/latest/meta-data", "http://127.0.0.1:1/a.png"])
def test_a_url_that_is_not_fetched_is_a_failed_download(function: Function, url: str) -> None:
    asked = document(function, {"image_url": url})
    assert (asked.status, asked.error["code"]) == (400, "failed_image_download")
    assert asked.error["detail"].startswith("image_url: ")


def test_a_picture_as_a_text_field_is_told_what_to_do(function: Function) -> None:
    asked = multipart(function, {"image_file": "words"}, {})
    assert asked.status == 400
    assert "-F image_file=@photo.jpg" in asked.error["detail"]


@pytest.mark.parametrize("text", ["%%%", "AAA", "A" * 9, "é"])
def test_base64_that_is_none_cannot_be_read(function: Function, text: str) -> None:
    asked = document(function, {"image_file_b64": text})
    assert (asked.status, asked.error["code"]) == (400, "failed_to_read_image")
    assert asked.error["title"] == "There was an error reading the image."


@pytest.mark.parametrize("body", [b"{", b"", b"\xff\xfe", b"[]", b"7", b'"a"', b"null", b"[" * 100_000], ids=str)
def test_a_document_that_is_no_object_is_refused(function: Function, body: bytes) -> None:
    asked = document(function, body)
    assert (asked.status, asked.error["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("value", [[], {}, ["a"], {"a": 1}], ids=str)
def test_a_field_that_is_no_text_is_named(function: Function, value: Any) -> None:
    asked = document(function, {"size": value, "image_file_b64": b64(sample("PNG"))})
    assert (asked.status, asked.error["code"]) == (400, "invalid_size")


def test_booleans_and_numbers_of_json_are_read(function: Function, picture: bytes) -> None:
    content = {"image_file_b64": b64(picture), "crop": False, "semitransparency": True, "type_level": 1}
    soft = np.asarray(document(function, content).picture.getchannel("A"))
    assert len(np.unique(soft)) > 2
    for no in (False, 0, 0.0, "no"):
        hard = document(function, {**content, "semitransparency": no, "type_level": 2.0}).picture.getchannel("A")
        assert set(np.unique(np.asarray(hard))) == {0, 255}


@pytest.mark.parametrize("body", [b"\xff\xff=1", b"a=1&" * 200], ids=["no text", "too many"])
def test_a_form_that_is_none_is_refused(function: Function, body: bytes) -> None:
    assert encoded(function, body).status == 400


# Starlette leaves a part that was cut short to the garbage collector, which closes it.
@pytest.mark.filterwarnings("ignore:Unclosed file:ResourceWarning")
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"no form", "multipart/form-data; boundary=x"),
        (b"no form", "multipart/form-data"),
        (b"--x\r\nContent-Disposition: form-data\r\n\r\nv\r\n--x--\r\n", "multipart/form-data; boundary=x"),
        (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x"),
        (
            b'--x\r\nContent-Disposition: form-data; name="image_file"; filename="a"\r\n\r\nhalf',
            "multipart/form-data; boundary=x",
        ),
    ],
    ids=["words", "no boundary", "no name", "no head", "cut short"],
)
def test_a_multipart_body_that_is_none_is_refused(function: Function, body: bytes, kind: str) -> None:
    asked = function.ask("POST", body=body, headers={"content-type": kind})
    assert asked.status == 400
    assert asked.error["code"] in {"invalid_request", "missing_source", "invalid_file_type"}


def test_too_many_parts_are_refused(function: Function) -> None:
    asked = multipart(function, {}, {f"file{number}": ("a", b"1") for number in range(20)})
    assert asked.status == 400


def test_what_is_no_picture_is_an_invalid_file_type(function: Function) -> None:
    asked = function.cut_out(b"These are words.")
    assert (asked.status, asked.error["code"]) == (400, "invalid_file_type")
    assert "JPEG, PNG" in asked.error["detail"]


def test_half_a_picture_cannot_be_read(function: Function, picture: bytes) -> None:
    asked = function.cut_out(picture[: len(picture) // 2])
    assert (asked.status, asked.error["code"]) == (400, "failed_to_read_image")
    assert asked.error["title"] == "There was an error reading the image."


def test_too_many_pixels_are_refused(awaken: Awaken, brightness: Path, picture: bytes) -> None:
    asked = awaken(MODEL_DIR=str(brightness), MAX_INPUT_MEGAPIXELS="0.006").cut_out(picture)
    assert (asked.status, asked.error["code"]) == (400, "resolution_too_high")
    assert asked.error["title"] == "Image resolution too high"
    assert "0.006" in asked.error["detail"]


def test_too_many_bytes_are_refused_in_every_way(awaken: Awaken, brightness: Path) -> None:
    function = awaken(MODEL_DIR=str(brightness), MAX_INPUT_BYTES="1000")
    large = b"\x89PNG" + bytes(100_000)
    for asked in (
        multipart(function, {}, {"image_file": ("a", large)}),
        document(function, {"image_file_b64": b64(large)}),
        encoded(function, f"image_file_b64={b64(large)}".encode()),
        function.ask("POST", body=large),
        function.ask("POST", body=b"\x89PNG" + bytes(1000)),
        multipart(function, {}, {"not_a_picture": ("a", large)}),  # read no further, whatever it is for
    ):
        assert (asked.status, asked.error["code"], asked.error["title"]) == (400, "file_too_large", "File too large")
        assert "1,000" in asked.error["detail"]
    assert not function.model.loaded


# A base64 text travels as a file where a client is made from the OpenAPI document.
NOT_FILES = sorted(NAMES - {"image_file", "bg_image_file", "image_file_b64"})


@pytest.mark.parametrize("name", NOT_FILES)
def test_a_parameter_sent_as_a_file_is_refused_by_its_name(function: Function, picture: bytes, name: str) -> None:
    """Ignored, it would be a 200: two official clients send bg_image_file so, and report success."""
    asked = multipart(function, {}, {"image_file": ("a", picture), name: ("b", picture)})
    assert asked.status == 400
    assert "as a file" in {error["code"]: error["detail"] for error in asked.errors}[f"invalid_{name}"]


def test_a_base64_text_may_come_as_a_file(function: Function, picture: bytes) -> None:
    assert multipart(function, {}, {"image_file_b64": ("a.txt", b64(picture).encode())}).status == 200
    asked = multipart(function, {}, {"image_file_b64": ("a.png", picture)})
    assert (asked.status, asked.error["code"]) == (400, "failed_to_read_image")


def test_an_empty_file_field_of_a_parameter_is_not_given(function: Function, picture: bytes) -> None:
    assert multipart(function, {}, {"image_file": ("a", picture), "bg_image_file": ("", b"")}).status == 200


@pytest.mark.parametrize("name", ["\ud800", "a\udfff", "image_file\ud800"], ids=ascii)
def test_a_member_whose_name_is_no_unicode_text_is_left_aside(function: Function, picture: bytes, name: str) -> None:
    assert document(function, {name: "x", "image_file_b64": b64(picture)}).status == 200
    assert document(function, {name: ["x"]}).error["code"] == "missing_source"


@pytest.mark.parametrize("value", ["\ud800", "png\udfff"], ids=ascii)
@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_value_that_is_no_unicode_text_is_refused(function: Function, name: str, value: str) -> None:
    asked = document(function, {name: value})
    assert asked.status == 400
    assert all(error["detail"].encode() for error in asked.errors)
