"""The entry: what importing it costs, and that no event leads to an unstructured failure."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from handler.errors import CutoutError
from local import events
from local.emulator import ROOT
from tests.clients import Context
from tests.hostile import Answer, hostile
from tests.triggers.test_ping import PINGS
from tests.triggers.test_unknown import EVENT_FILES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.clients import Function
    from tests.conftest import Awaken, Log, Metrics

HEAVY = (
    *("onnxruntime", "torch", "transparent_background", "mangum", "starlette", "boto3", "botocore.session", "urllib3"),
    *("pillow_heif", "cv2", "pymatting", "numba", "scipy"),
)


def test_importing_the_handler_imports_nothing_heavy() -> None:
    code = f"import sys, handler.app; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_ping_imports_neither_the_http_application_nor_s3(brightness: Path) -> None:
    code = (
        f"import os, sys; os.environ['MODEL_DIR'] = {str(brightness)!r}; import handler.app as app;"
        "assert app.lambda_handler({'warmup': True}, None)['statusCode'] == 200;"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "['onnxruntime']"


def test_the_first_event_counts_a_cold_start(awaken: Awaken, brightness: Path, metrics: Metrics) -> None:
    function = awaken(MODEL_DIR=str(brightness))
    function({"warmup": True})
    assert metrics()["ColdStart"] == [1]
    function({"warmup": True})
    assert "ColdStart" not in metrics()


@pytest.mark.parametrize("context", [None, object(), {}, Context()], ids=lambda context: type(context).__name__)
def test_any_context_does(function: Function, context: Any) -> None:
    assert function.module.lambda_handler({"warmup": True}, context)["statusCode"] == 200


def test_what_nobody_foresaw_outside_of_a_job_is_a_500_too(awaken: Awaken, brightness: Path, log: Log) -> None:
    """An endpoint that is no address makes boto3 raise a ValueError, which no module of ours expects."""
    function = awaken(MODEL_DIR=str(brightness), AWS_ENDPOINT_URL_LAMBDA="no address, but a secret")
    answer = function({"warmer": True, "concurrency": 2}, Context("request-21"))
    assert answer["statusCode"] == 500
    assert "request-21" in answer["results"][0]["error"]["detail"]
    assert "secret" not in json.dumps(answer)
    (line,) = log.of("failed unforeseen")
    assert line["request_id"] == "request-21"
    assert "Traceback" in line["exception"]
    assert function({"warmup": True})["statusCode"] == 200


# No JSON leads to anything but a structured answer, or an error that is raised so that the event comes again

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    *(
                        "Records",
                        "eventSource",
                        "EventSource",
                        "s3",
                        "bucket",
                        "object",
                        "name",
                        "key",
                        "Event",
                        "size",
                    ),
                    *("requestContext", "http", "elb", "httpMethod", "version", "headers", "body", "rawPath", "path"),
                    *("source", "detail-type", "warmer", "warmup", "concurrency", "isBase64Encoded", "method"),
                ]
            )
            | st.text(max_size=8),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, -1, 1.5, "", "é", "aws:s3", [], {}, [{}], {"a": 1}, "a" * 3000]
)


def paths(event: Any, so_far: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List the way to every value of an event."""
    inner = event.items() if isinstance(event, dict) else enumerate(event) if isinstance(event, list) else ()
    return [so_far, *(path for key, value in inner for path in paths(value, (*so_far, key)))]


@st.composite
def mutated_events(draw: st.DrawFn) -> Any:
    """Take a real event and drop some of its values, or replace them by odd ones."""
    name = draw(st.sampled_from(sorted(EVENT_FILES)))
    event = copy.deepcopy(events.load(name))
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from([path for path in paths(event) if path]))
        inner = event
        for step in way:
            inner = inner[step]
        if draw(st.booleans()):
            del inner[last]
        else:
            inner[last] = draw(ODD)
        if not any(paths(event)):
            break
    return event


def answers_or_raises(function: Function, event: Any) -> None:
    try:
        answer = function(event)
    except CutoutError as error:
        assert error.retriable  # noqa: PT017 - most events are answered and raise nothing
        return
    assert isinstance(answer, dict)
    assert type(answer["statusCode"]) is int
    assert 200 <= answer["statusCode"] < 600
    json.dumps(answer)
    assert "body" in answer or {"status", "event", "results"} <= set(answer)


@pytest.fixture
def offline(function: Function, monkeypatch: pytest.MonkeyPatch) -> Iterator[Function]:
    """Give a function that no event can lead out to a network: no output bucket, and a Lambda API on this machine."""
    with hostile(Answer(202)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", server.url)
        yield function


@settings(max_examples=250)
@given(JSON)
@example({"requestContext": {"elb": {}}})
@example({"requestContext": {"http": {}}, "version": "2.0"})
@example({"requestContext": {}, "httpMethod": None})
@example({"Records": [{"eventSource": "aws:s3"}]})
@example({"Event": "s3:TestEvent"})
@example([{"warmup": True, "concurrency": []}])
@example({"source": [], "warmup": True})
def test_any_json_is_answered_or_raised_for_redelivery(offline: Function, event: Any) -> None:
    answers_or_raises(offline, event)


@settings(max_examples=250)
@given(mutated_events())
def test_any_damaged_event_is_answered_or_raised_for_redelivery(offline: Function, event: Any) -> None:
    answers_or_raises(offline, event)


@pytest.mark.parametrize("ping", PINGS.values(), ids=PINGS)
@pytest.mark.parametrize("odd", [None, 7, "text", [], {}], ids=str)
def test_a_ping_with_odd_additions_is_still_answered(offline: Function, ping: Any, odd: Any) -> None:
    entry = {
        **(ping[0] if isinstance(ping, list) else ping),
        "detail": odd,
        "time": odd,
        "__WARMER_CORRELATIONID__": odd,
    }
    assert offline(entry)["statusCode"] == 200
