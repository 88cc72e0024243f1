"""What is streamed to whom, and what is refused instead. That it is sent: tests/test_streaming.py."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from handler import streamed
from handler.errors import ResultTooLarge, TimeTooShort
from handler.job import Invocation
from handler.streamed import StreamedAnswer, stream
from local import events
from tests.clients import REMOVEBG, SENDERS, BrokenContext, Context, Function, Sender, read
from tests.pictures import opened, png_claiming
from tests.triggers.test_http import noise

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Awaken

LASTING = Context(remaining_ms=900_000)


@pytest.fixture
def able(monkeypatch: pytest.MonkeyPatch) -> None:
    """Say what handler/streaming.py says of a process that it runs."""
    monkeypatch.setattr(streamed, "can_be_sent", True)


@pytest.fixture
def streaming(able: None, awaken: Awaken, brightness: Path) -> Function:
    return awaken(
        MODEL_DIR=str(brightness),
        STREAM_ANSWERS_TO="function-url,rest",
        MAX_INPUT_MEGAPIXELS="2000",
        ALLOWED_ORIGINS="https://a.example",
    )


def body_of(answer: StreamedAnswer) -> bytes:
    return b"".join(answer.body)


@pytest.mark.parametrize("sender", SENDERS)
def test_the_senders_of_the_setting_are_streamed_to(streaming: Function, picture: bytes, sender: Sender) -> None:
    body, headers = events.form({"format": "png"}, {"image_file": ("a", picture)})
    answer = streaming(events.request(sender, "POST", REMOVEBG, body, headers))
    if sender in {"function-url", "rest"}:
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
        assert opened(body_of(answer)).size == (96, 64)
    else:
        assert read(answer).picture.size == (96, 64)


@pytest.mark.parametrize("listed", ["function-url", "rest"])
def test_the_other_sender_is_not(able: None, awaken: Awaken, brightness: Path, listed: Sender) -> None:
    function = awaken(MODEL_DIR=str(brightness), STREAM_ANSWERS_TO=listed)
    for sender in SENDERS:
        answer = function(events.request(sender, "GET", "/health"))
        assert isinstance(answer, StreamedAnswer) is (sender == listed)


def test_a_picture_beyond_six_megabytes_is_no_longer_refused(streaming: Function) -> None:
    large = noise(1500, 1500)
    event = events.request("function-url", "POST", REMOVEBG, large, {"content-type": "image/png"}, "format=png")
    answer = streaming(event, LASTING)
    data = body_of(answer)
    assert (answer.status_code, answer.headers["content-length"]) == (200, str(len(data)))
    assert len(data) > 6_291_556
    assert streaming.cut_out(large, format="png").error["code"] == "result_too_large"


def test_json_carries_a_picture_beyond_six_megabytes_too(streaming: Function) -> None:
    event = events.request(
        *("rest", "POST", REMOVEBG, noise(1300, 1300)),
        {"content-type": "image/png", "accept": "application/json"},
        "format=png",
    )
    answer = streaming(event, LASTING)
    assert len(json.loads(body_of(answer))["data"]["result_b64"]) > 6_291_556


def test_what_even_a_stream_does_not_carry_is_refused_with_what_helps() -> None:
    with pytest.raises(ResultTooLarge) as raised:
        stream(200, [], bytes(200_000_001), "POST", Invocation("r"))
    for helps in ("200,000,001", "200,000,000", "format=webp", "smaller size", "input bucket"):
        assert helps in str(raised.value)
    stream(200, [], bytes(200_000_000), "POST", Invocation("r"))


def test_what_the_function_has_no_time_to_send_is_refused_and_not_begun() -> None:
    """46 MB are 20 s: the first 6 at once, and 2 of the others in each second."""
    with pytest.raises(TimeTooShort) as raised:
        stream(200, [], bytes(46_000_000), "POST", Invocation("r", remaining_ms=lambda: 19_000))
    assert "20.0 s" in str(raised.value)
    stream(200, [], bytes(46_000_000), "POST", Invocation("r", remaining_ms=lambda: 21_000))
    stream(200, [], bytes(6_000_000), "POST", Invocation("r", remaining_ms=lambda: 1))


def test_a_stream_that_is_taken_too_slowly_ends_before_lambda_ends_the_process() -> None:
    left_ms = iter([9_000, 9_000, 700, 300])
    answer = stream(200, [], b"a" * 200_000, "POST", Invocation("r", remaining_ms=lambda: next(left_ms)))
    taken: list[bytes | memoryview] = []
    with pytest.raises(TimeTooShort, match="131,072 of 200,000 bytes"):
        taken.extend(answer.body)
    assert sum(map(len, taken)) == 131_072


def test_cookies_travel_apart_and_headers_of_one_name_together() -> None:
    raw = [(b"Vary", b"Accept"), (b"set-cookie", b"a=1"), (b"vary", b"Origin"), (b"Set-Cookie", b"b=2; Secure")]
    answer = stream(200, [*raw, (b"x-name", "é".encode("latin-1"))], b"a", "GET", Invocation("r"))
    assert answer.headers == {"vary": "Accept, Origin", "x-name": "é"}
    assert answer.cookies == ("a=1", "b=2; Secure")


@pytest.mark.parametrize("path", ["/health", "/docs"])
def test_the_answer_to_head_has_the_headers_of_get_and_no_body(streaming: Function, path: str) -> None:
    head, get = (streaming(events.request("function-url", method, path)) for method in ("HEAD", "GET"))
    assert (head.status_code, head.headers) == (get.status_code, get.headers)
    assert body_of(head) == b""
    assert len(body_of(get)) == int(get.headers["content-length"]) > 0


@pytest.mark.parametrize(("status", "body"), [(303, b"\n"), (200, b"\n"), (204, b""), (304, b"")])
def test_no_function_url_is_left_waiting_for_an_empty_body(status: int, body: bytes) -> None:
    answer = stream(status, [(b"content-length", b"0")], b"", "POST", Invocation("r"))
    assert body_of(answer) == body
    assert answer.headers["content-length"] == str(len(body))


@pytest.mark.parametrize("sender", ["function-url", "rest"])
def test_what_nobody_foresaw_is_streamed(streaming: Function, picture: bytes, sender: Sender) -> None:
    body, headers = events.form({}, {"image_file": ("a", picture)})
    answer = streaming(events.request(sender, "POST", REMOVEBG, body, headers), BrokenContext("request-13"))
    assert answer.status_code == 500
    assert b"request-13" in body_of(answer)


def test_a_page_may_read_why_its_answer_was_refused(streaming: Function) -> None:
    """5.5 s suffice to make 19 MB, by the pipeline's own rate, and not for the 6.9 s that they are on their way."""
    headers = {"content-type": "image/png", "origin": "https://a.example"}
    event = events.request("function-url", "POST", REMOVEBG, noise(2400, 2400), headers, "format=png")
    answer = streaming(event, Context(remaining_ms=5_500))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.headers["access-control-allow-origin"] == "https://a.example"
    assert b"about 6.9 s" in body_of(answer)


def test_a_streaming_rest_api_waits_five_minutes_and_no_longer(streaming: Function) -> None:
    """A minute's picture, by the pipeline's own rate, and six minutes': the stream's idle limit lies between."""
    for side_px, waits in ((10_000, True), (60_000, False)):
        event = events.request("rest", "POST", REMOVEBG, png_claiming(20_000, side_px), {"content-type": "image/png"})
        refusal = json.loads(body_of(streaming(event, LASTING)))["errors"][0]
        assert (refusal["code"] != "time_too_short") is waits


def test_who_cannot_be_streamed_to_is_an_error_of_the_function(
    awaken: Awaken, brightness: Path, picture: bytes
) -> None:
    """Answered whole, a caller of a streaming front would read the 500 as the body of a 200."""
    function = awaken(MODEL_DIR=str(brightness), STREAM_ANSWERS_TO="function-url")
    with pytest.raises(function.module.CutoutError, match="STREAM_ANSWERS_TO names function-url") as raised:
        function(events.request("function-url", "GET", "/health"))
    assert raised.value.code == "configuration_error"
    assert function.cut_out(picture, sender="rest").status == 200
    assert function({"warmup": True})["statusCode"] == 200
