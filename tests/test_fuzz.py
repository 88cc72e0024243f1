"""No event, whatever it holds, leads to an exception that nobody foresaw: in this process, and under the emulator.

Everything around the function works here, so that whatever fails is the event's fault and has to be a 4xx.
`make fuzz EXAMPLES=20000` runs it longer, and not the same way twice.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from handler import telemetry
from handler.errors import CutoutError
from local import events
from local.emulator import Emulator
from tests.hostile import Answer, hostile, s3_error
from tests.strategies import EVENT_FILES, JSON, damaged_events, each_damage, finite, requests
from tests.triggers.test_ping import PINGS
from tests.verdict import RAISED, judge, judge_raised, log_of_the_service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.clients import Function
    from tests.conftest import Awaken
    from tests.hostile import Seen

LONG = "FUZZ_EXAMPLES" in os.environ
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "180"))
fuzzed = settings(max_examples=EXAMPLES, derandomize=not LONG, database=None)


@pytest.fixture(scope="module")
def services(picture: bytes) -> Iterator[dict[str, str]]:
    """Give S3, where every object is the same picture and every key can be written, and a Lambda API that agrees."""

    def s3(request: Seen) -> Answer:
        bucket, _, key = request.path.lstrip("/").partition("/")
        if request.method == "GET" and key == f"uploads/{'-' * 43}":
            return s3_error(404, "NoSuchKey")
        if request.method == "HEAD" and (bucket, bool(key.partition("?")[0])) == ("cutouts", True):
            return Answer(404)
        body = picture if request.method in {"GET", "HEAD"} else b""
        return Answer(200, body, {"etag": '"e"', "content-type": "image/png"})

    with hostile(s3) as objects, hostile(Answer(202)) as api:
        yield {
            "AWS_ENDPOINT_URL_S3": objects.url,
            "AWS_ENDPOINT_URL_LAMBDA": api.url,
            "OUTPUT_BUCKET": "cutouts",
            "RESULT_BUCKET": "large",
            "WARMUP_HOLD_MS": "0",
        }


@pytest.fixture
def open_to_all(awaken: Awaken, brightness: Path, services: dict[str, str]) -> Function:
    return awaken(MODEL_DIR=str(brightness), **services)


@pytest.fixture
def guarded(awaken: Awaken, brightness: Path, services: dict[str, str]) -> Function:
    """Give a function with a key and with pages that may call it."""
    return awaken(MODEL_DIR=str(brightness), API_KEYS="hush", ALLOWED_ORIGINS="https://page.example", **services)


def judged(function: Function, event: Any) -> None:
    with log_of_the_service() as log:
        try:
            answer = function(event)
        except CutoutError as error:
            judge_raised(error, log.getvalue())
        else:
            judge(answer, log.getvalue())


WHOLE = {**{name: events.load(name) for name in EVENT_FILES}, **PINGS}


@pytest.mark.parametrize("name", WHOLE)
def test_an_event_with_any_one_part_missing_or_odd_is_understood_or_refused(open_to_all: Function, name: str) -> None:
    for event in each_damage(WHOLE[name], share=1 if LONG else 6):
        judged(open_to_all, event)


@fuzzed
@given(JSON)
@example({"requestContext": {"elb": {}}})
@example({"requestContext": {"http": {}}, "version": "2.0"})
@example({"requestContext": {}, "httpMethod": None})
@example({"Records": [{"eventSource": "aws:s3"}]})
@example({"Event": "s3:TestEvent"})
@example([{"warmup": True, "concurrency": []}])
@example({"source": [], "warmup": True})
def test_any_json_is_understood_or_refused(open_to_all: Function, event: Any) -> None:
    judged(open_to_all, event)


@fuzzed
@given(damaged_events())
def test_any_damaged_event_is_understood_or_refused(open_to_all: Function, event: Any) -> None:
    judged(open_to_all, event)


# Starlette leaves a part that was cut short to the garbage collector, which closes it.
@pytest.mark.filterwarnings("ignore:Unclosed file:ResourceWarning")
@pytest.mark.filterwarnings("ignore:Exception ignored in.*SpooledTemporaryFile:pytest.PytestUnraisableExceptionWarning")
@fuzzed
@given(requests())
def test_any_request_is_answered_or_refused(open_to_all: Function, event: Any) -> None:
    judged(open_to_all, event)


# Starlette leaves a part that was cut short to the garbage collector, which closes it.
@pytest.mark.filterwarnings("ignore:Unclosed file:ResourceWarning")
@pytest.mark.filterwarnings("ignore:Exception ignored in.*SpooledTemporaryFile:pytest.PytestUnraisableExceptionWarning")
@fuzzed
@given(requests())
def test_any_request_is_answered_or_refused_where_keys_and_origins_are_asked_for(guarded: Function, event: Any) -> None:
    judged(guarded, event)


@pytest.fixture(scope="module")
def emulated(brightness: Path, services: dict[str, str]) -> Iterator[Emulator]:
    with Emulator({"MODEL_DIR": str(brightness), **services}) as function:
        yield function


def judged_under_the_emulator(function: Emulator, event: Any) -> None:
    before = len(function.log())
    payload = function.invoke(event).payload
    written = function.log()[before:]
    if isinstance(payload, dict) and payload.get("errorType") in {error.__name__ for error in RAISED}:
        assert telemetry.UNFORESEEN not in written
        return
    judge(payload, written)


@settings(max_examples=min(EXAMPLES, 400) if LONG else 40, derandomize=not LONG, database=None)
@given(st.one_of(JSON, damaged_events(), requests()).filter(finite))
@example(events.request("http-api", "GET", "/\ud800"))
@example({"\ud800": 1})
@example({"source": "\ud800", "detail-type": "\udfff"})
@example({"warmer": True, "concurrency": "\ud800"})
@example({"warmer": True, "target": "\ud800"})
def test_any_event_is_understood_or_refused_under_the_emulator(emulated: Emulator, event: Any) -> None:
    judged_under_the_emulator(emulated, event)
