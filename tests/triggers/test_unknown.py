"""Recognition: every event is one source's, or nobody's; and nobody's gets a sentence that helps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from handler.app import SOURCES, recognise
from handler.triggers.http import Http
from handler.triggers.ping import Warmup
from handler.triggers.unknown import Unknown
from handler.triggers.uploads.envelopes import Wrapped
from handler.triggers.uploads.run import S3
from local import events
from tests.triggers.test_ping import PINGS

if TYPE_CHECKING:
    from tests.clients import Function

EVENT_FILES = {
    "alb": Http,
    "alb_healthcheck": Http,
    "alb_multivalue": Http,
    "apigw_v1": Http,
    "apigw_v2": Http,
    "eventbridge_s3": Wrapped,
    "function_url": Http,
    "s3_batch": Wrapped,
    "s3_batch_v1_encoded": Wrapped,
    "s3_batch_v2": Wrapped,
    "s3_put": S3,
    "s3_put_versioned_realistic": S3,
    "s3_testevent": S3,
    "scheduled": Warmup,
    "sns": Wrapped,
    "sns_s3": Wrapped,
    "sqs": Wrapped,
    "sqs_eventbridge_s3": Wrapped,
    "sqs_s3": Wrapped,
    "sqs_s3_testevent": Wrapped,
    "sqs_sns_s3": Wrapped,
}

NOBODYS: list[Any] = [
    {},
    [],
    None,
    "a text",
    7,
    {"hello": "world"},
    {"Records": []},
    {"Records": [{"eventSource": "aws:dynamodb"}]},
    {"Records": [{"eventSource": "aws:s3"}, {"eventSource": "aws:sqs"}]},
    {"source": "aws.events", "detail-type": "EC2 Instance State-change Notification"},
    {"warmer": False},
    {"warmer": "true"},
    {"warmup": 1},
    [{"warmup": True}, {}],
    {"requestContext": {}},
    {"requestContext": "rest"},
]


def sources_of(event: Any) -> list[type]:
    return [type(source) for source in SOURCES if source.matches(event)]


def test_every_event_file_is_listed_here() -> None:
    assert {path.stem for path in events.EVENTS.glob("*.json")} == set(EVENT_FILES)


@pytest.mark.parametrize(("name", "source"), EVENT_FILES.items(), ids=EVENT_FILES)
def test_every_event_file_is_exactly_one_sources(name: str, source: type) -> None:
    assert sources_of(events.load(name)) == [source]


@pytest.mark.parametrize("ping", PINGS.values(), ids=PINGS)
def test_every_ping_is_the_warm_ups_alone(ping: Any) -> None:
    assert sources_of(ping) == [Warmup]


@pytest.mark.parametrize("event", NOBODYS, ids=lambda event: str(event)[:60])
def test_what_nobody_knows_is_unknown(event: Any) -> None:
    assert sources_of(event) == []
    assert isinstance(recognise(event), Unknown)


@pytest.mark.parametrize("event", NOBODYS, ids=lambda event: str(event)[:60])
def test_an_unknown_event_gets_a_structured_400(function: Function, event: Any) -> None:
    answer = function(event)
    assert (answer["statusCode"], answer["status"], answer["event"]) == (400, "error", "unknown")
    (result,) = answer["results"]
    assert result["error"]["code"] == "unknown_event"
    assert "Accepted are API Gateway" in result["error"]["detail"]


def test_the_400_says_what_was_understood(function: Function) -> None:
    detail = function({"hello": 1, "body": "secret"})["results"][0]["error"]["detail"]
    assert "an object with the keys body, hello" in detail
    assert "secret" not in detail
    assert "The event is a list" in function([1])["results"][0]["error"]["detail"]
