"""POST /v1.0/improve: pictures are kept as they came, and nothing else is."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

from local import events
from tests.faults import faulty
from tests.hostile import Answer, hostile, s3_error
from tests.pictures import FORMATS, png_claiming, sample
from tests.strategies import PICTURES

if TYPE_CHECKING:
    from tests.clients import Answered, Function
    from tests.conftest import Awaken, Log
    from tests.hostile import Seen
    from tests.web.conftest import Roomy

IMPROVE = "/v1.0/improve"


def improve(function: Function, fields: dict[str, Any], files: dict[str, bytes] | None = None) -> Answered:
    """Send a form where there are files, else JSON."""
    if files:
        body, headers = events.form(fields, {name: ("a", data) for name, data in files.items()})
        return function.ask("POST", IMPROVE, body, headers)
    return function.ask("POST", IMPROVE, json.dumps(fields).encode(), {"content-type": "application/json"})


def only(roomy: Roomy) -> Any:
    (key,) = roomy.keys()
    return roomy.get(key)


def test_a_picture_is_kept_with_what_was_said_of_it(roomy: Roomy, picture: bytes, log: Log) -> None:
    said = {"image_filename": "Übung 1😀.jpg", "tag": 'hair; "red"'}
    asked = improve(roomy.function, said, {"image_file": picture})
    assert (asked.status, list(asked.json)) == (200, ["id"])
    assert roomy.keys() == [f"improve/{asked.json['id']}.png"]
    kept = only(roomy)
    assert (kept["Body"].read(), kept["ContentType"]) == (picture, "image/png")
    assert unquote(kept["Metadata"]["image-filename"]) == "Übung 1😀.jpg"
    assert unquote(kept["Metadata"]["tag"]) == 'hair; "red"'
    assert kept["Metadata"]["cutout-request"] == "request-7"
    (line,) = log.of("improvement")
    assert (line["input_bytes"], line["format"]) == (len(picture), "PNG")
    assert "hair" not in log.text


def test_every_way_in_leads_there(roomy: Roomy, awaken: Awaken, picture: bytes) -> None:
    with hostile(Answer(200, picture)) as server:
        function = awaken(URL_FETCH_ALLOW=server.url.removeprefix("http://"))
        for source in (
            {"image_file_b64": base64.b64encode(picture).decode()},
            {"image_url": f"{server.url}/a.png"},
            {"image_url": roomy.upload(picture)},
        ):
            assert improve(function, source).status == 200
    kept = roomy.keys()
    assert len(kept) == 3
    for key in kept:
        assert key.startswith("improve/")  # the upload is gone
        assert roomy.get(key)["Body"].read() == picture


@pytest.mark.parametrize("file_format", FORMATS)
def test_every_format_is_recognised(roomy: Roomy, file_format: str) -> None:
    assert improve(roomy.function, {}, {"image_file": PICTURES[file_format]}).status == 200
    assert only(roomy)["ContentType"] == f"image/{file_format.lower()}"


@pytest.mark.parametrize(
    ("fields", "files", "code"),
    [
        ({}, {}, "missing_source"),
        ({"image_file_b64": "", "image_url": ""}, {}, "missing_source"),
        ({"image_url": "https://example.com/a"}, {"image_file": b"x"}, "multiple_sources"),
        ({}, {"image_file": b"These are words."}, "invalid_file_type"),
        ({}, {"image_file": sample("PNG")[:20]}, "failed_to_read_image"),
        ({}, {"image_file": png_claiming(60_000, 60_000)}, "resolution_too_high"),
        ({"image_url": "ftp://example.com/a"}, {}, "invalid_image_url"),
        ({"image_url": "http://127.0.0.1/a"}, {}, "failed_image_download"),
        ({"image_file_b64": "%%%"}, {}, "failed_to_read_image"),
        ({"image_filename": "a" * 256}, {"image_file": sample("PNG")}, "invalid_image_filename"),
        ({"tag": "a\x00b"}, {"image_file": sample("PNG")}, "invalid_tag"),
    ],
)
def test_what_is_no_picture_is_refused_and_nothing_is_kept(
    roomy: Roomy, fields: dict[str, str], files: dict[str, bytes], code: str
) -> None:
    asked = improve(roomy.function, fields, files)
    assert (asked.status, asked.error["code"]) == (400, code)
    assert roomy.keys() == []


def test_a_file_beyond_the_limit_is_refused(roomy: Roomy, awaken: Awaken, picture: bytes) -> None:
    function = awaken(MAX_INPUT_BYTES=str(len(picture) - 1))
    assert improve(function, {}, {"image_file": picture}).error["code"] == "file_too_large"
    assert roomy.keys() == []


def test_a_long_note_is_kept_as_far_as_metadata_reaches(roomy: Roomy, picture: bytes) -> None:
    said = {"image_filename": "\U0001f600" * 255, "tag": "é" * 255}
    assert improve(roomy.function, said, {"image_file": picture}).status == 200
    metadata = only(roomy)["Metadata"]
    assert sum(len(name) + len(value) for name, value in metadata.items()) < 2_048
    assert unquote(metadata["tag"]).startswith("é" * 100)


def test_without_a_bucket_it_is_not_offered_and_the_body_is_not_read(function: Function, picture: bytes) -> None:
    for files in ({"image_file": picture}, {"image_file": b"no picture"}):
        asked = improve(function, {}, files)
        assert (asked.status, asked.error["code"]) == (400, "not_offered")
        assert "RESULT_BUCKET" in asked.error["detail"]


def test_keys_are_asked_for(roomy: Roomy, awaken: Awaken, picture: bytes) -> None:
    function = awaken(API_KEYS="hush")
    assert improve(function, {}, {"image_file": picture}).status == 403
    assert roomy.keys() == []


def test_where_s3_fails_it_may_be_tried_again(roomy: Roomy, awaken: Awaken, picture: bytes) -> None:
    def fault_of(request: Seen) -> Answer | None:
        return s3_error(403, "AccessDenied") if request.method == "PUT" else None

    with faulty(roomy.server.url, fault_of) as proxy:
        function = awaken(AWS_ENDPOINT_URL_S3=proxy.url)
        asked = improve(function, {}, {"image_file": picture})
    assert (asked.status, asked.error["code"]) == (502, "access_denied")
    assert "s3:PutObject" in asked.error["detail"]
