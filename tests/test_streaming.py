"""Streamed answers: awslambdaric's loop with our step in it, as a process, before a Runtime API that watches it.

What stands here was not tried on AWS.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from local import events
from local.emulator import ROOT, Emulator
from tests.clients import REMOVEBG, read
from tests.pictures import opened, sample, save
from tests.runtime_api import RuntimeApi
from tests.test_end_to_end import PHOTOGRAPHS, PING, form_event

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Buckets
    from tests.runtime_api import Posted

BRIDGE = ("-m", "handler.streaming")
HANDLER = "handler.app.lambda_handler"


@pytest.fixture(scope="module")
def streaming(u2netp: Path, stores: Buckets) -> Iterator[RuntimeApi]:
    """Give the function with the embedded model, its HTTP answers streamed to both senders that can."""
    environment = {"MODEL_DIR": str(u2netp), "HOME": "/nonexistent", "STREAM_ANSWERS_TO": "function-url,rest"}
    with RuntimeApi(*BRIDGE, HANDLER, environment={**environment, **stores.environment()}) as running:
        assert running.invoke(PING).json["cold_start"] is True
        yield running


@pytest.fixture(scope="module")
def made_to_order() -> Iterator[RuntimeApi]:
    """Give a function whose answers the event orders; it starts in no time."""
    with RuntimeApi(*BRIDGE, "tests.made_to_order.handler", environment={}) as running:
        yield running


@pytest.fixture
def warm(streaming: RuntimeApi) -> Iterator[RuntimeApi]:
    """Whatever a test does, the same process answers the next event whole, and a request streamed."""
    yield streaming
    assert streaming.invoke(PING).json["cold_start"] is False
    assert streaming.invoke(events.request("rest", "GET", "/health")).http.status == 200


@pytest.fixture
def order(made_to_order: RuntimeApi) -> Iterator[RuntimeApi]:
    yield made_to_order
    assert made_to_order.invoke({"whole": {"a": 1}}).json == {"a": 1}
    assert made_to_order.invoke({"sizes": [3]}).http.body == b"\1\1\1"


def cutout_of(posted: Posted) -> Image.Image:
    answer = posted.http
    assert (answer.status, answer.headers["content-type"]) == (200, "image/png")
    return opened(answer.body)


def test_a_streamed_answer_says_so_and_comes_in_chunks(warm: RuntimeApi) -> None:
    photograph = (PHOTOGRAPHS / "astronaut.jpg").read_bytes()
    posted = warm.invoke(form_event("function-url", photograph, format="png"))
    assert posted.streamed
    assert posted.headers["transfer-encoding"] == "chunked"
    assert "content-length" not in posted.headers
    assert posted.headers["trailer"] == "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"
    assert len(posted.chunks) > 3
    assert max(map(len, posted.chunks)) <= 65_536
    assert posted.trailers == {}


@pytest.mark.parametrize("sender", ["function-url", "rest"])
def test_a_streamed_answer_is_the_one_that_would_be_sent_whole(warm: RuntimeApi, sender: events.Sender) -> None:
    picture = sample("JPEG")
    whole = warm.invoke(form_event("http-api", picture, format="png"))
    streamed = warm.invoke(form_event(sender, picture, format="png"))
    assert not whole.streamed
    one, other = read(whole.json), streamed.http
    assert (one.status, one.body) == (other.status, other.body)
    drifting = {"x-ratelimit-reset"}
    assert {n: v for n, v in one.headers.items() if n not in drifting} == {
        n: v for n, v in other.headers.items() if n not in drifting
    }
    assert other.cookies == ()


def test_a_cutout_of_ten_megapixels_arrives_whole(warm: RuntimeApi) -> None:
    """Its PNG has more than the 6 MB that an answer sent whole may have."""
    photograph = Image.open(PHOTOGRAPHS / "astronaut.jpg").resize((3200, 3200), Image.Resampling.BICUBIC)
    grain = np.random.default_rng(1).integers(0, 12, (3200, 3200, 1), np.uint8)  # as a sensor's; without it 3 MB
    photograph = Image.fromarray(np.asarray(photograph) // 20 * 19 + grain)
    posted = warm.invoke(form_event("function-url", save(photograph, "JPEG", quality=92), format="png"))
    assert len(posted.http.body) > 6_291_556
    cutout = cutout_of(posted)
    assert (cutout.mode, cutout.size) == ("RGBA", (3200, 3200))
    low, high = cutout.getchannel("A").getextrema()
    assert low != high


def test_two_streams_in_a_row_are_each_their_own(warm: RuntimeApi) -> None:
    one = warm.invoke(events.request("function-url", "GET", "/docs")).http
    other = warm.invoke(events.request("rest", "GET", "/openapi.json")).http
    assert (one.headers["content-type"], one.body[:15]) == ("text/html; charset=utf-8", b"<!doctype html>")
    assert (other.headers["content-type"], other.body[:1]) == ("application/json", b"{")


def test_an_upload_between_two_streams_is_answered_whole(warm: RuntimeApi, stores: Buckets) -> None:
    stores.put("between.png", sample("PNG"))
    assert warm.invoke(events.request("rest", "GET", "/docs")).streamed
    posted = warm.invoke(events.upload(stores.uploads, "between.png"))
    assert not posted.streamed
    assert posted.json["statusCode"] == 200
    assert "cutouts/between.png.png" in stores.keys(stores.cutouts)
    assert warm.invoke(events.request("rest", "GET", "/docs")).streamed


@pytest.mark.parametrize("sender", ["http-api", "alb"])
def test_whoever_cannot_stream_gets_it_whole(warm: RuntimeApi, sender: events.Sender) -> None:
    posted = warm.invoke(events.request(sender, "GET", "/health"))
    assert not posted.streamed
    assert read(posted.json).status == 200


@pytest.mark.parametrize("sender", ["function-url", "rest"])
@pytest.mark.parametrize(
    ("ask", "status", "code"),
    [
        (lambda sender: events.request(sender, "GET", "/nowhere"), 404, "not_found"),
        (lambda sender: events.request(sender, "GET", REMOVEBG), 405, "method_not_allowed"),
        (lambda sender: form_event(sender, b"These are words."), 400, "invalid_file_type"),
        (lambda sender: {**events.request(sender, "POST", REMOVEBG), "body": 7}, 400, "malformed_event"),
    ],
    ids=["404", "405", "400", "malformed"],
)
def test_a_refusal_is_streamed_too(warm: RuntimeApi, sender: events.Sender, ask: Any, status: int, code: str) -> None:
    """Its front would take an answer sent whole for the body of a 200."""
    answer = warm.invoke(ask(sender)).http
    assert answer.status == status
    assert code in answer.body.decode()


def test_a_client_that_goes_away_leaves_the_process_as_it_was(warm: RuntimeApi) -> None:
    photograph = (PHOTOGRAPHS / "chelsea.jpg").read_bytes()
    posted = warm.invoke(form_event("function-url", photograph, format="png"), hangs_up_after=100_000)
    assert not posted.whole
    assert warm.invoke(PING).json["statusCode"] == 200
    assert f"The stream of {posted.request_id} was not taken to its end" in warm.log()


def test_a_client_that_goes_away_while_much_is_left_to_send_ends_its_stream_alone(order: RuntimeApi) -> None:
    """More than the sockets' buffers hold: here it is the sending that fails, not the wait for the API's answer."""
    posted = order.invoke({"sizes": [1_000_000] * 40}, hangs_up_after=3_000_000)
    assert not posted.whole


def test_a_stream_that_the_api_refuses_is_logged_and_ends_alone(order: RuntimeApi) -> None:
    posted = order.invoke({"sizes": [10]}, answer_status=413)
    assert posted.whole
    order.invoke({"whole": 1})
    assert f"The Runtime API refused the stream of {posted.request_id}: 413" in order.log()


def test_an_error_in_the_middle_is_told_in_trailers(order: RuntimeApi) -> None:
    posted = order.invoke({"sizes": [5, 6], "raises": "named"})
    assert (posted.whole, posted.http.body) == (True, b"\1" * 5 + b"\2" * 6)
    assert posted.trailers["lambda-runtime-function-error-type"] == "Function.DependencyError"
    assert posted.error == {
        "errorType": "DependencyError",
        "errorMessage": "The picture's second half is missing.",
    }
    order.invoke({"whole": 1})
    assert f"The stream of {posted.request_id} broke off" in order.log()


def test_a_surprise_in_the_middle_is_told_to_the_log_alone(order: RuntimeApi) -> None:
    posted = order.invoke({"sizes": [5], "raises": "surprise"})
    assert posted.trailers["lambda-runtime-function-error-type"] == "Function.Unforeseen"
    assert posted.request_id in posted.error["errorMessage"]
    assert "secret" not in str(posted.error)
    order.invoke({"whole": 1})
    assert "/var/secret" in order.log()


def test_a_piece_without_bytes_does_not_end_a_stream(order: RuntimeApi) -> None:
    assert order.invoke({"sizes": [2, 0, 3]}).http.body == b"\1\1\3\3\3"
    assert order.invoke({"sizes": []}).http.body == b""


def test_headers_and_cookies_travel_in_the_prelude(order: RuntimeApi) -> None:
    headers, cookies = {"x-odd": 'é"\0', "vary": "a, b"}, ["a=1; Secure", "b=2"]
    answer = order.invoke({"sizes": [1], "headers": headers, "cookies": cookies}).http
    assert (answer.headers, answer.cookies) == (headers, tuple(cookies))


def test_a_handler_that_is_not_there_is_an_init_error_as_ever() -> None:
    with RuntimeApi(*BRIDGE, "tests.made_to_order.nowhere", environment={}) as function:
        posted = function.posted()
        assert function.process.wait(timeout=30) == 1
    assert (posted.kind, posted.json["errorType"]) == ("init/error", "Runtime.HandlerNotFound")


def test_settings_without_sense_are_answered_each_as_it_reads(brightness: Path) -> None:
    environment = {"MODEL_DIR": str(brightness), "MAX_INPUT_BYTES": "lots", "STREAM_ANSWERS_TO": "rest"}
    with RuntimeApi(*BRIDGE, HANDLER, environment=environment) as function:
        streamed = function.invoke(form_event("rest", sample("PNG"))).http
        whole = read(function.invoke(form_event("function-url", sample("PNG"))).json)
        raised = function.invoke(events.load("s3_put"))
    assert (streamed.status, whole.status) == (500, 500)
    assert b"MAX_INPUT_BYTES='lots'" in streamed.body
    assert (raised.kind, raised.json["errorType"]) == ("error", "Redelivery")


def test_where_awslambdaric_makes_its_own_processes_a_stream_is_refused_by_name() -> None:
    """On Lambda Managed Instances, each of whose processes has a client of awslambdaric's."""
    environment = {"STREAM_ANSWERS_TO": "rest", "AWS_LAMBDA_MAX_CONCURRENCY": "1"}
    with RuntimeApi(*BRIDGE, HANDLER, environment=environment) as function:
        refused = function.invoke(events.request("rest", "GET", "/health"))
        other = function.invoke(events.request("http-api", "GET", "/health"))
    assert (refused.kind, refused.json["errorType"]) == ("error", "ConfigurationError")
    assert read(other.json).status == 200


def test_without_the_step_a_stream_is_refused_by_name_and_the_others_answered(brightness: Path) -> None:
    """The image's entry point starts the one that can; whoever starts another is told, not given a 200 of nonsense."""
    with Emulator({"MODEL_DIR": str(brightness), "STREAM_ANSWERS_TO": "function-url"}) as function:
        refused = function.invoke(form_event("function-url", sample("PNG"))).payload
        other = read(function.invoke(form_event("rest", sample("PNG"))).payload)
    assert refused["errorType"] == "ConfigurationError"
    assert "STREAM_ANSWERS_TO names function-url" in refused["errorMessage"]
    assert "python -m handler.streaming" in refused["errorMessage"]
    assert other.status == 200


def test_lambdas_own_runtime_api_takes_a_stream() -> None:
    """The emulator's is AWS's; it hands over whole what was streamed, and refuses more than 6 MB of it."""
    with Emulator({}, client="handler.streaming", handler="tests.made_to_order.handler") as function:
        prelude, zeros, body = function.invoke({"sizes": [70_000, 3]}).payload.partition("\0" * 8)
        assert json.loads(prelude) == {"statusCode": 200, "headers": {}, "cookies": []}
        assert (zeros, body) == ("\0" * 8, "\1" * 70_000 + "\2" * 3)
        too_much = function.invoke({"sizes": [1_000_000] * 7}).payload
        assert too_much["errorType"] == "Function.ResponseSizeTooLarge"
        assert function.invoke({"sizes": [5], "raises": "named"}).payload.endswith("\0" * 8 + "\1" * 5)
        assert function.invoke({"whole": {"a": 1}}).payload == {"a": 1}
        log = function.log()
    assert "The Runtime API refused the stream" in log


@pytest.mark.parametrize("variables", [{}, {"STREAM_ANSWERS_TO": ""}], ids=["not set", "empty"])
def test_under_the_emulator_nothing_streams_unasked(brightness: Path, variables: dict[str, str]) -> None:
    with Emulator({"MODEL_DIR": str(brightness), **variables}) as function:
        for sender in events.SENDERS:
            assert read(function.invoke(form_event(sender, sample("PNG"))).payload).status == 200


def test_the_step_costs_a_start_nothing_that_the_handler_does_not_cost() -> None:
    code = "import sys, handler.streaming; print({'http.client', 'ssl', 'handler.app'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
