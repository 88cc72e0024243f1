"""Requests by four senders, and what Lambda and they carry."""

from __future__ import annotations

import base64
import json
import re
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from handler import telemetry
from handler.triggers.http import LARGEST_HEAD_BYTES, MAX_ANSWER_BYTES, max_file_bytes
from local import events
from tests.clients import REMOVEBG, SENDERS, BrokenContext, Context, Sender, read
from tests.pictures import png_claiming, save, scene

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients import Function
    from tests.conftest import Awaken, Log


def noise(width_px: int, height_px: int) -> bytes:
    """Make a picture that no format makes small."""
    values = np.random.default_rng(7).integers(0, 255, (height_px, width_px, 3), np.uint8)
    return save(Image.fromarray(values), compress_level=0)


@pytest.mark.parametrize("sender", SENDERS)
def test_every_sender_gets_its_cutout(function: Function, picture: bytes, sender: Sender) -> None:
    cutout = function.cut_out(picture, sender=sender).picture
    assert (cutout.format, cutout.mode, cutout.size) == ("PNG", "RGBA", (96, 64))
    low, high = cutout.getchannel("A").getextrema()
    assert low != high


@pytest.mark.parametrize("name", ["alb", "alb_healthcheck", "alb_multivalue", "apigw_v1", "apigw_v2", "function_url"])
def test_every_sample_request_is_answered_in_http_form(function: Function, name: str) -> None:
    answer = function(events.load(name))
    asked = read(answer)
    if name == "alb_healthcheck":
        assert asked.status == 200
    else:
        assert (asked.status, asked.error["code"]) == (404, "not_found")
        assert "/path/to/resource" in asked.error["detail"]
    assert isinstance(answer["isBase64Encoded"], bool)
    json.dumps(answer)


@pytest.mark.parametrize("path", ["/", "/health", REMOVEBG])
def test_an_alb_gets_the_form_of_headers_that_it_sent(function: Function, path: str) -> None:
    multiple = events.request("alb", "GET", path)
    single = {**multiple, "headers": {"host": "a"}, "queryStringParameters": {}}
    del single["multiValueHeaders"], single["multiValueQueryStringParameters"]
    for event, wanted, unwanted in (
        (multiple, "multiValueHeaders", "headers"),
        (single, "headers", "multiValueHeaders"),
    ):
        answer = function(event)
        assert answer[wanted]
        assert not answer.get(unwanted)
        assert read(answer).headers["content-type"].startswith("application/json")


def test_an_albs_refusal_has_its_form_of_headers(function: Function) -> None:
    body = noise(700, 700)
    multiple = events.request("alb", "POST", REMOVEBG, body, {"content-type": "image/png"}, "format=png")
    single = {**multiple, "headers": {"content-type": "image/png"}, "queryStringParameters": {"format": "png"}}
    del single["multiValueHeaders"], single["multiValueQueryStringParameters"]
    for event, wanted, unwanted in (
        (multiple, "multiValueHeaders", "headers"),
        (single, "headers", "multiValueHeaders"),
    ):
        answer = function(event)
        assert read(answer).error["code"] == "result_too_large"
        assert wanted in answer
        assert unwanted not in answer


def test_an_alb_carries_one_megabyte(function: Function) -> None:
    refused = function.cut_out(noise(700, 700), sender="alb", format="png")
    assert (refused.status, refused.error["code"]) == (400, "result_too_large")
    assert f"{max_file_bytes('alb'):,}" in refused.error["detail"]
    assert function.cut_out(noise(700, 700), sender="rest", format="png").status == 200


def test_a_result_beyond_six_megabytes_is_refused_and_the_process_goes_on(function: Function, log: Log) -> None:
    large = noise(1300, 1300)
    refused = function.cut_out(large, format="png")
    assert (refused.status, refused.error["code"]) == (400, "result_too_large")
    assert f"{max_file_bytes('http-api'):,}" in refused.error["detail"]
    assert [line["code"] for line in log.of("picture")] == ["result_too_large"]
    assert function.cut_out(large, format="jpg", size="preview").status == 200


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize("accept", ["*/*", "application/json"])
def test_what_an_answer_holds_beside_its_file_is_allowed_for(
    awaken: Awaken, brightness: Path, picture: bytes, sender: Sender, accept: str
) -> None:
    """With every header that there is: the limit of a file is the answer's less a fixed share for the rest."""
    function = awaken(MODEL_DIR=str(brightness), ALLOWED_ORIGINS="https://page.example")
    body, headers = events.form({"format": "png"}, {"image_file": ("a", picture)})
    request = {**headers, "accept": accept, "origin": "https://page.example"}
    answer = function(events.request(sender, "POST", REMOVEBG, body, request))
    asked = read(answer)
    file = base64.b64decode(asked.json["data"]["result_b64"]) if accept == "application/json" else asked.body
    assert file.startswith(b"\x89PNG")
    beside_bytes = len(json.dumps(answer)) - len(base64.b64encode(file))
    assert 0 < beside_bytes <= LARGEST_HEAD_BYTES
    assert 4 * (-(-max_file_bytes(sender) // 3)) + LARGEST_HEAD_BYTES <= MAX_ANSWER_BYTES[sender]


def test_an_answer_that_its_sender_cannot_carry_is_not_returned(
    function: Function, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Results end before; the last look is for whatever else grows."""
    monkeypatch.setitem(MAX_ANSWER_BYTES, "alb", 4_000)
    refused = function.ask("GET", "/docs", sender="alb")
    assert (refused.status, refused.error["code"]) == (400, "result_too_large")
    assert "4,000" in refused.error["detail"]
    assert log.of("answer too large")


@pytest.mark.parametrize(
    ("size", "fields", "code"),
    [
        ((10_000, 5_000), {"format": "jpg"}, "result_too_large"),
        ((20_000, 100), {"format": "webp"}, "invalid_dimensions"),
    ],
    ids=["a large JPEG for an ALB", "a side that WebP cannot hold"],
)
def test_what_no_result_can_be_is_refused_before_the_work(
    awaken: Awaken, brightness: Path, size: tuple[int, int], fields: dict[str, str], code: str
) -> None:
    """The pictures' sizes are claimed and their data is not there, so that decoding them would be another error."""
    function = awaken(MODEL_DIR=str(brightness))
    refused = function.cut_out(png_claiming(*size), sender="alb", **fields)
    assert (refused.status, refused.error["code"]) == (400, code)
    assert not function.model.loaded


def test_an_answer_that_is_returned_fits(function: Function, picture: bytes) -> None:
    for side in (400, 900, 1180, 1190, 1200):
        body, headers = events.form({"format": "png"}, {"image_file": ("a", noise(side, side))})
        answer = function(events.request("rest", "POST", REMOVEBG, body, headers))
        assert len(json.dumps(answer)) <= MAX_ANSWER_BYTES["rest"]


@pytest.mark.parametrize("sender", ["http-api", "function-url"])
def test_a_stages_prefix_is_no_part_of_the_path(function: Function, sender: Sender, picture: bytes) -> None:
    for stage, path in (("prod", "/prod/health"), ("$default", "/health"), ("prod", "/health")):
        event = events.request(sender, "GET", path)
        event["requestContext"]["stage"] = stage
        assert read(function(event)).status == 200, path


def test_a_path_that_only_begins_like_the_stage_keeps_it(function: Function) -> None:
    event = events.request("http-api", "GET", "/healthy")
    event["requestContext"]["stage"] = "health"
    assert read(function(event)).status == 404


def test_a_rest_apis_stage_is_not_in_its_path(function: Function) -> None:
    event = events.request("rest", "GET", "/health")
    event["requestContext"] |= {"stage": "Prod", "path": "/Prod/health"}
    assert read(function(event)).status == 200


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize("body", ["%%% no base64", "AAAA%AAA", "é", 7, ["a"], {"a": 1}], ids=str)
def test_a_malformed_body_is_the_senders_fault(function: Function, sender: Sender, body: Any) -> None:
    event = events.request(sender, "POST", REMOVEBG)
    event |= {"body": body, "isBase64Encoded": True}
    asked = read(function(event))
    assert asked.status == 400
    assert asked.error["code"] in {"malformed_event", "missing_source", "invalid_file_type"}


def test_a_text_body_is_taken_as_it_is(function: Function, picture: bytes) -> None:
    event = events.request("http-api", "POST", REMOVEBG, headers={"content-type": "application/json"})
    event |= {"body": json.dumps({"image_file_b64": base64.b64encode(picture).decode()}), "isBase64Encoded": False}
    assert read(function(event)).picture.size == (96, 64)


@pytest.mark.parametrize("sender", SENDERS)
def test_what_nobody_foresaw_is_a_500_that_tells_the_log_alone(
    function: Function, picture: bytes, log: Log, sender: Sender
) -> None:
    asked = function.cut_out(picture, sender=sender, context=BrokenContext("request-13"))
    assert asked.status == 500
    assert asked.error["code"] == "internal_error"
    assert "request-13" in asked.error["detail"]
    assert b"secret-of-the-platform" not in asked.body
    assert b"Traceback" not in asked.body
    (line,) = log.of(telemetry.UNFORESEEN)
    assert line["request_id"] == "request-13"
    assert "secret-of-the-platform" in line["exception"]
    assert "Traceback" in line["exception"]
    assert function.cut_out(picture, sender=sender).status == 200


@pytest.mark.parametrize("sender", SENDERS)
def test_a_job_that_cannot_finish_is_refused_before_it_starts(
    awaken: Awaken, brightness: Path, picture: bytes, sender: Sender
) -> None:
    function = awaken(MODEL_DIR=str(brightness))
    refused = function.cut_out(picture, sender=sender, context=Context(remaining_ms=500))
    assert (refused.status, refused.error["code"]) == (503, "time_too_short")
    assert int(refused.headers["retry-after"]) >= 1
    assert "0.5 s are left" in refused.error["detail"]
    assert not function.model.loaded


def test_a_large_picture_needs_more_time_than_a_small_one(function: Function, picture: bytes) -> None:
    assert function.cut_out(picture).status == 200
    short = Context(remaining_ms=3000)
    assert function.cut_out(picture, context=short).status == 200
    large = save(scene(6000, 4000))
    refused = function.cut_out(large, size="preview", context=short)
    assert (refused.status, refused.error["code"]) == (503, "time_too_short")


@pytest.mark.parametrize(("sender", "patience_s"), [("rest", 29), ("http-api", 30)])
def test_a_gateways_patience_bounds_the_time(
    awaken: Awaken, brightness: Path, sender: Sender, patience_s: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture that the function has 300 s for, and the gateway 30, is refused; a Function URL waits for it."""
    function = awaken(MODEL_DIR=str(brightness), MAX_INPUT_MEGAPIXELS="400", MAX_INPUT_BYTES="500000000")
    huge = png_claiming(20_000, 10_000)  # 200 megapixels: 60 s by the pipeline's own rate
    refused = function.cut_out(huge, sender=sender)
    assert (refused.status, refused.error["code"]) == (503, "time_too_short")
    waits_for_it = function.cut_out(huge, sender="function-url")
    assert waits_for_it.error["code"] != "time_too_short"


def test_settings_without_sense_are_a_500_that_names_them(awaken: Awaken, picture: bytes) -> None:
    function = awaken(MAX_INPUT_MEGAPIXELS="many")
    asked = function.cut_out(picture)
    assert (asked.status, asked.error["code"]) == (500, "configuration_error")
    assert "MAX_INPUT_MEGAPIXELS='many'" in asked.error["detail"]
    assert function.ask("GET", "/health").status == 200


@pytest.mark.parametrize("missing", ["requestContext.http.method", "rawPath", "headers", "body", "rawQueryString"])
def test_a_request_without_its_parts_is_answered_in_http_form(function: Function, missing: str) -> None:
    event = events.request("http-api", "POST", REMOVEBG)
    *way, last = missing.split(".")
    inner = event
    for step in way:
        inner = inner[step]
    del inner[last]
    assert 400 <= read(function(event)).status < 500


@pytest.mark.parametrize("odd", [[], {}, {"a": 1}, 7, None], ids=str)
@pytest.mark.parametrize("sender", SENDERS)
def test_a_method_that_is_no_text_is_the_events_fault(function: Function, sender: Sender, odd: Any) -> None:
    event = events.request(sender, "POST", REMOVEBG)
    if "http" in event["requestContext"]:
        event["requestContext"]["http"]["method"] = odd
    else:
        event["httpMethod"] = odd
    asked = read(function(event))
    assert (asked.status, asked.error["code"]) == (400, "malformed_event")


@pytest.mark.parametrize(
    "odd", [10**400, -(10**400), float("inf"), "soon", [], None, True], ids=lambda odd: str(odd)[:9]
)
@pytest.mark.parametrize(("sender", "name"), [("rest", "requestTimeEpoch"), ("http-api", "timeEpoch")])
def test_an_arrival_that_is_no_time_counts_as_now(
    function: Function, picture: bytes, sender: Sender, name: str, odd: Any
) -> None:
    event = events.request(sender, "POST", REMOVEBG, picture, {"content-type": "image/png"})
    event["requestContext"][name] = odd
    assert read(function(event)).status == 200


EPOCH = {"rest": "requestTimeEpoch", "http-api": "timeEpoch"}


def arrived(sender: Sender, picture: bytes, seconds_ago: float) -> dict[str, Any]:
    """Make a request that reached its gateway some time ago, as after a cold start."""
    event = events.request(sender, "POST", REMOVEBG, picture, {"content-type": "image/png"})
    event["requestContext"][EPOCH[sender]] = int((time.time() - seconds_ago) * 1e3)
    return event


@pytest.mark.parametrize(("sender", "patience_s"), [("rest", 29), ("http-api", 30)])
def test_a_gateways_seconds_count_from_the_requests_arrival(
    awaken: Awaken, brightness: Path, picture: bytes, sender: Sender, patience_s: int
) -> None:
    """A picture that needs 3.3 s is worked on while that much is left, and refused with what is left afterwards."""
    late = read(awaken(MODEL_DIR=str(brightness))(arrived(sender, picture, patience_s - 2)))
    assert (late.status, late.error["code"]) == (503, "time_too_short")
    left_s = float(re.search(r"([\d.]+) s are left", late.error["detail"])[1])  # type: ignore[index]  # it is there
    assert 0 < left_s <= 2
    overdue = read(awaken(MODEL_DIR=str(brightness))(arrived(sender, picture, 200)))
    assert "0.0 s are left" in overdue.error["detail"]
    in_time = read(awaken(MODEL_DIR=str(brightness))(arrived(sender, picture, patience_s - 20)))
    assert in_time.status == 200


@pytest.mark.parametrize("sender", ["rest", "http-api"])
def test_nothing_is_done_for_a_caller_whose_gateway_has_answered_already(
    awaken: Awaken, brightness: Path, picture: bytes, sender: Sender, log: Log
) -> None:
    function = awaken(MODEL_DIR=str(brightness))
    assert read(function(arrived(sender, picture, 31))).status == 503
    assert not function.model.loaded
    (line,) = log.of("picture")
    assert not [name for name in line if name.endswith("_ms")], "no stage was begun"


@pytest.mark.parametrize("sender", ["rest", "http-api"])
@pytest.mark.parametrize("seconds_ago", [86_400, -600], ids=["a day ago", "by a clock that is ahead"])
def test_a_request_that_was_saved_and_sent_again_has_a_gateways_whole_time_and_no_more(
    awaken: Awaken, brightness: Path, picture: bytes, sender: Sender, seconds_ago: int
) -> None:
    function = awaken(MODEL_DIR=str(brightness), MAX_INPUT_MEGAPIXELS="400", MAX_INPUT_BYTES="500000000")
    assert read(function(arrived(sender, picture, seconds_ago))).status == 200
    too_long = read(function(arrived(sender, png_claiming(20_000, 10_000), seconds_ago)))
    assert too_long.error["code"] == "time_too_short"


def test_the_functions_own_time_counts_where_it_is_less(awaken: Awaken, brightness: Path, picture: bytes) -> None:
    event = arrived("http-api", picture, 0)
    late = read(awaken(MODEL_DIR=str(brightness))(event, Context(remaining_ms=1_000)))
    assert "1.0 s are left" in late.error["detail"]


@pytest.mark.parametrize(
    ("sender", "limit_bytes"),
    [("rest", 6_291_556), ("http-api", 6_291_556), ("function-url", 6_291_556), ("alb", 1_048_576)],
)
def test_no_sender_is_given_more_than_it_carries(
    awaken: Awaken, brightness: Path, sender: Sender, limit_bytes: int
) -> None:
    """The limits stand here again, since an answer beyond them ends the process; around each, results of both kinds."""
    function = awaken(MODEL_DIR=str(brightness))
    side = round((limit_bytes * 3 / 4 / 3.33) ** 0.5)  # noise and its matte take 3.33 bytes per pixel, then base64
    statuses = set()
    for side_px in (side - 60, side - 10, side + 10, side + 60):
        body, headers = events.form({"format": "png"}, {"image_file": ("a", noise(side_px, side_px))})
        answer = function(events.request(sender, "POST", REMOVEBG, body, headers))
        assert len(json.dumps(answer)) <= limit_bytes
        statuses.add(read(answer).status)
    assert statuses == {200, 400}
