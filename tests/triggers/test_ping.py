"""Pings: everybody's payloads, and lambda-warmer's way of warming several environments."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from local import events
from tests.clients import SENDERS, Context, read
from tests.hostile import Answer, Hostile, hostile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.clients import Function, Sender
    from tests.conftest import Awaken, Log

PINGS: dict[str, Any] = {
    "eventbridge-rule": events.load("scheduled"),
    "eventbridge-scheduler": {"source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": "{}"},
    "serverless-plugin-warmup": {"source": "serverless-plugin-warmup"},
    "lambda-warmer": {"warmer": True, "concurrency": 1},
    "lambda-warmer-list": [{"warmer": True, "concurrency": 1}, {"warmer": True, "concurrency": 1}],
    "this-project": {"warmup": True},
    "child": {
        "warmer": True,
        "__WARMER_INVOCATION__": 2,
        "__WARMER_CONCURRENCY__": 3,
        "__WARMER_CORRELATIONID__": "request-7",
    },
}


@pytest.fixture
def lambda_api() -> Iterator[Hostile]:
    """Stand where Lambda's API stands, and take asynchronous invocations as it does: 202 and no body."""
    with hostile(Answer(202)) as server:
        yield server


@pytest.mark.parametrize("ping", PINGS.values(), ids=PINGS)
def test_every_senders_ping_is_answered_with_the_warm_ups_object(function: Function, ping: Any) -> None:
    answer = function(ping)
    assert answer["statusCode"] == 200
    assert answer["event"] == "warmup"
    assert answer["status"] == "success"
    assert answer["model_ready"] is True
    assert set(answer["headers"]) == {"X-Warmup-Status", "X-Model-Ready", "X-Warmup-Time"}
    assert answer["results"][0]["statusCode"] == 200
    json.dumps(answer)


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_http_gives_the_same_object_as_a_ping(function: Function, sender: Sender, method: str) -> None:
    pinged = function({"warmup": True})
    asked = read(function(events.request(sender, method, "/warmup")))
    assert asked.status == 200
    assert set(asked.json) == set(pinged) - {"statusCode", "event", "results", "headers"}
    changing = {"timestamp", "total_time"}
    assert {name: value for name, value in asked.json.items() if name not in changing} == {
        name: pinged[name] for name in asked.json if name not in changing
    }
    assert asked.headers["x-warmup-status"] == "success"
    assert asked.headers["x-model-ready"] == "true"
    assert float(asked.headers["x-warmup-time"]) >= 0


@pytest.mark.parametrize(("artefact", "code", "ready"), [("failing", 206, "true"), ("missing", 500, "false")])
def test_ping_and_http_tell_the_same_failure(  # noqa: PLR0917 - fixtures
    awaken: Awaken, failing: Path, tmp_path: Path, artefact: str, code: int, ready: str
) -> None:
    function = awaken(MODEL_DIR=str(failing if artefact == "failing" else tmp_path / "missing"))
    asked = read(function(events.request("http-api", "GET", "/warmup")))
    pinged = function({"warmup": True})
    assert asked.status == pinged["statusCode"] == pinged["results"][0]["statusCode"] == code
    assert asked.json["status"] == pinged["status"] == "error"
    assert asked.json["message"] == pinged["message"]
    assert asked.headers["x-model-ready"] == pinged["headers"]["X-Model-Ready"] == ready
    assert asked.headers["x-warmup-status"] == "error"


def test_the_second_ping_runs_no_inference(awaken: Awaken, brightness: Path) -> None:
    function = awaken(MODEL_DIR=str(brightness))
    first = function({"warmup": True})
    inferred = function.model.last_network_ms
    second = function({"warmup": True})
    assert (first["cold_start"], second["cold_start"]) == (True, False)
    assert first["inference_time"] is not None
    assert second["inference_time"] is None
    assert function.model.last_network_ms == inferred is not None


@pytest.mark.parametrize("concurrency", [2, 5])
def test_a_concurrent_ping_invokes_the_function_n_minus_1_times(
    awaken: Awaken, brightness: Path, lambda_api: Hostile, concurrency: int
) -> None:
    function = awaken(MODEL_DIR=str(brightness), AWS_ENDPOINT_URL_LAMBDA=lambda_api.url)
    assert function({"warmer": True, "concurrency": concurrency}, Context("request-9"))["statusCode"] == 200
    assert [json.loads(request.body) for request in lambda_api.requests] == [
        {
            "warmer": True,
            "__WARMER_INVOCATION__": number,
            "__WARMER_CONCURRENCY__": concurrency,
            "__WARMER_CORRELATIONID__": "request-9",
        }
        for number in range(2, concurrency + 1)
    ]
    for request in lambda_api.requests:
        headers = {name.lower(): value for name, value in request.headers.items()}
        assert headers["x-amz-invocation-type"] == "Event"
        assert "function%3Acutout/invocations" in request.path or "function:cutout/invocations" in request.path


@pytest.mark.parametrize(
    "ping", [{"warmer": True, "concurrency": 1}, {"warmer": True}, {"warmup": True}, PINGS["child"]]
)
def test_alone_or_as_a_child_nobody_is_invoked(
    awaken: Awaken, brightness: Path, lambda_api: Hostile, ping: dict[str, Any]
) -> None:
    function = awaken(MODEL_DIR=str(brightness), AWS_ENDPOINT_URL_LAMBDA=lambda_api.url, WARMUP_HOLD_MS="0")
    assert function(ping)["statusCode"] == 200
    assert lambda_api.requests == []


def test_a_list_of_pings_fans_out_once_as_wide_as_its_widest(
    awaken: Awaken, brightness: Path, lambda_api: Hostile
) -> None:
    function = awaken(MODEL_DIR=str(brightness), AWS_ENDPOINT_URL_LAMBDA=lambda_api.url)
    assert function([{"warmer": True, "concurrency": 3}, {"warmer": True}])["statusCode"] == 200
    assert len(lambda_api.requests) == 2


def test_a_child_holds_its_environment_for_the_configured_time(
    awaken: Awaken, brightness: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = awaken(MODEL_DIR=str(brightness), WARMUP_HOLD_MS="130")
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    function({"warmup": True})
    function({"warmer": True, "concurrency": 1})
    assert slept == []
    function(PINGS["child"])
    assert slept == [0.13]


@pytest.mark.parametrize("concurrency", [-1, 101, "many", [], 1e400])
def test_a_concurrency_without_sense_is_400_and_names_it(function: Function, concurrency: Any) -> None:
    answer = function({"warmer": True, "concurrency": concurrency})
    assert answer["statusCode"] == 400
    (result,) = answer["results"]
    assert result["error"]["code"] == "malformed_event"
    assert f"concurrency={concurrency!r}" in result["error"]["detail"]


@pytest.mark.parametrize("concurrency", [0, None, "1", 1.0])
def test_lambda_warmers_ways_to_say_one_warm_this_environment_alone(
    awaken: Awaken, brightness: Path, lambda_api: Hostile, concurrency: Any
) -> None:
    function = awaken(MODEL_DIR=str(brightness), AWS_ENDPOINT_URL_LAMBDA=lambda_api.url)
    assert function({"warmer": True, "concurrency": concurrency})["statusCode"] == 200
    assert lambda_api.requests == []


@pytest.mark.parametrize("yes", [True, 1, "1", "true", "True"])
@pytest.mark.parametrize("name", ["warmer", "warmup"])
def test_yes_in_json_and_as_templates_write_it_is_a_ping(function: Function, name: str, yes: Any) -> None:
    assert function({name: yes})["model_ready"] is True


def test_a_dry_run_starts_nobody_else(awaken: Awaken, brightness: Path, lambda_api: Hostile) -> None:
    function = awaken(MODEL_DIR=str(brightness), AWS_ENDPOINT_URL_LAMBDA=lambda_api.url)
    assert function({"warmer": True, "concurrency": 3, "test": True})["statusCode"] == 200
    assert lambda_api.requests == []


@pytest.mark.parametrize("target", ["cutout", Context().invoked_function_arn])
def test_a_target_that_is_this_function_is_honoured(
    awaken: Awaken, brightness: Path, lambda_api: Hostile, target: str
) -> None:
    function = awaken(MODEL_DIR=str(brightness), AWS_ENDPOINT_URL_LAMBDA=lambda_api.url)
    assert function({"warmer": True, "concurrency": 2, "target": target})["statusCode"] == 200
    assert len(lambda_api.requests) == 1


def test_another_functions_warming_is_refused_by_name(awaken: Awaken, brightness: Path, lambda_api: Hostile) -> None:
    function = awaken(MODEL_DIR=str(brightness), AWS_ENDPOINT_URL_LAMBDA=lambda_api.url)
    answer = function({"warmer": True, "concurrency": 2, "target": "another"})
    assert answer["statusCode"] == 400
    assert "target='another' names another function" in answer["results"][0]["error"]["detail"]
    assert lambda_api.requests == []


@pytest.mark.parametrize(
    ("status", "error", "code", "says"),
    [
        (403, "AccessDeniedException", "access_denied", "lambda:InvokeFunction"),
        (404, "ResourceNotFoundException", "dependency_failed", "would not start"),
    ],
)
def test_environments_that_cannot_be_started_are_reported_and_this_one_is_warm(  # noqa: PLR0917 - fixtures
    awaken: Awaken, brightness: Path, log: Log, status: int, error: str, code: str, says: str
) -> None:
    refusal = Answer(status, b'{"Message": "no"}', {"x-amzn-errortype": error, "content-type": "application/json"})
    with hostile(refusal) as server:
        function = awaken(MODEL_DIR=str(brightness), AWS_ENDPOINT_URL_LAMBDA=server.url)
        answer = function({"warmer": True, "concurrency": 3})
        assert len(server.requests) == 1
    assert answer["model_ready"] is True
    assert answer["statusCode"] == 502
    warmth, others = answer["results"]
    assert warmth["statusCode"] == 200
    assert others["error"]["code"] == code
    assert says in others["error"]["detail"]
    assert len(log.of("warm-up could not start the other environments")) == 1


def test_a_concurrent_ping_without_a_function_to_invoke_says_so(awaken: Awaken, brightness: Path) -> None:
    function = awaken(MODEL_DIR=str(brightness))
    answer = function({"warmer": True, "concurrency": 2}, object())
    assert answer["statusCode"] == 500
    assert "AWS_LAMBDA_FUNCTION_NAME" in answer["results"][1]["error"]["detail"]
    assert answer["results"][0]["statusCode"] == 200


@pytest.mark.parametrize("sender", SENDERS)
def test_health_never_loads_the_model(awaken: Awaken, brightness: Path, sender: Sender) -> None:
    function = awaken(MODEL_DIR=str(brightness))
    before = function.ask("GET", "/health", sender=sender)
    assert (before.status, before.json["model_loaded"], before.json["warm"]) == (200, False, False)
    assert not function.model.loaded
    function({"warmup": True})
    after = function.ask("GET", "/health", sender=sender)
    assert (after.json["model_loaded"], after.json["warm"]) == (True, True)
    assert after.json["model"] == "brightness 1"


def test_health_does_not_fail_where_the_model_does(awaken: Awaken, tmp_path: Path) -> None:
    function = awaken(MODEL_DIR=str(tmp_path / "missing"))
    assert function({"warmup": True})["statusCode"] == 500
    assert function.ask("GET", "/health").status == 200
