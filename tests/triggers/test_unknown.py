"""Recognition: every event is one source's, or nobody's; and nobody's gets a sentence that helps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from handler.app import MATCHES, match
from handler.triggers.http import HttpCall
from handler.triggers.ping import PingCall
from handler.triggers.unknown import UnknownCall
from handler.triggers.uploads import BatchCall, DirectCall, QueueCall
from local import events
from tests.triggers.test_ping import PINGS

if TYPE_CHECKING:
    from tests.clients import Function

EVENT_FILES = {
    "alb": HttpCall,
    "alb_healthcheck": HttpCall,
    "alb_multivalue": HttpCall,
    "apigw_v1": HttpCall,
    "apigw_v2": HttpCall,
    "eventbridge_s3": DirectCall,
    "eventbridge_s3_deleted": DirectCall,
    "function_url": HttpCall,
    "s3_batch": BatchCall,
    "s3_batch_v1_encoded": BatchCall,
    "s3_batch_v2": BatchCall,
    "s3_put": DirectCall,
    "s3_put_versioned_realistic": DirectCall,
    "s3_removed": DirectCall,
    "s3_testevent": DirectCall,
    "scheduled": PingCall,
    "sns": DirectCall,
    "sns_s3": DirectCall,
    "sns_s3_testevent": DirectCall,
    "sqs": QueueCall,
    "sqs_eventbridge_s3": QueueCall,
    "sqs_fifo_s3": QueueCall,
    "sqs_s3": QueueCall,
    "sqs_s3_mixed": QueueCall,
    "sqs_s3_testevent": QueueCall,
    "sqs_sns_s3": QueueCall,
    "sqs_sns_s3_raw": QueueCall,
    "sqs_sns_s3_testevent": QueueCall,
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
    {"warmer": "false"},
    {"warmer": 2},
    {"warmer": ["true"]},
    {"warmup": 0},
    [{"warmup": True}, {}],
    {"requestContext": {}},
    {"requestContext": "rest"},
]


def calls_of(event: Any) -> list[type]:
    return [type(call) for matches in MATCHES if (call := matches(event)) is not None]


def test_every_event_file_is_listed_here() -> None:
    assert {path.stem for path in events.EVENTS.glob("*.json")} == set(EVENT_FILES)


@pytest.mark.parametrize(("name", "call"), EVENT_FILES.items(), ids=EVENT_FILES)
def test_every_event_file_is_exactly_one_triggers(name: str, call: type) -> None:
    assert calls_of(events.load(name)) == [call]


@pytest.mark.parametrize("ping", PINGS.values(), ids=PINGS)
def test_every_ping_is_the_warm_ups_alone(ping: Any) -> None:
    assert calls_of(ping) == [PingCall]


@pytest.mark.parametrize("event", NOBODYS, ids=lambda event: str(event)[:60])
def test_what_nobody_knows_is_unknown(event: Any) -> None:
    assert calls_of(event) == []
    assert isinstance(match(event), UnknownCall)


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
