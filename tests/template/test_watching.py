"""Alarms and dashboard show what the code emits, and every alarm has its page in the runbook."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from deploy.watching.__main__ import TEMPLATE, renewed
from handler import telemetry
from tests.template.stack import ROOT, stack

OWN = {
    telemetry.COLD_START,
    *telemetry.WARMUPS.values(),
    *telemetry.PICTURES.values(),
    telemetry.MODEL_LOAD_MS,
    *telemetry.STAGES_MS.values(),
}
# Metrics that AWS emits, by namespace.
PLATFORM = {
    "AWS/Lambda": {"Errors", "Throttles", "Invocations", "Duration"},
    "AWS/ApiGateway": {"5xx", "IntegrationLatency"},
    "AWS/SQS": {
        "ApproximateNumberOfMessagesVisible",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateAgeOfOldestMessage",
    },
    "InspyrenetLambda/Platform": {"cutout-MemoryUsedMb"},  # of this template's own filter
}
DIMENSIONS = {"service": telemetry.SERVICE, telemetry.FUNCTION_DIMENSION: "cutout"}
CRITICAL_FOR_DEPLOYMENT = {"ModelNotReadyAlarm", "FunctionErrorsAlarm", "PicturesFailedAlarm"}


def alarms() -> dict[str, dict[str, Any]]:
    return stack().of_type("CloudWatch::Alarm")


def alarm_metrics(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    return (
        [alarm]
        if "MetricName" in alarm
        else [it["MetricStat"]["Metric"] for it in alarm["Metrics"] if "MetricStat" in it]
    )


def dimensions(metric: dict[str, Any]) -> dict[str, Any]:
    return {it["Name"]: it["Value"] for it in metric["Dimensions"]}


def dashboard() -> list[dict[str, Any]]:
    body = stack().of_type("CloudWatch::Dashboard")["Dashboard"]["DashboardBody"]
    text = (
        body["Fn::Sub"]
        .replace("${DeadLetters.QueueName}", "dead-letters")
        .replace("${UploadQueue.QueueName}", "uploads")
    )
    assert "${" not in text
    widgets: list[dict[str, Any]] = json.loads(text)["widgets"]
    return widgets


def dashboard_metrics() -> list[list[Any]]:
    return [metric for widget in dashboard() for metric in widget["properties"].get("metrics", [])]


@pytest.mark.parametrize("name", sorted(stack().of_type("CloudWatch::Alarm")))
def test_an_alarm_watches_a_metric_that_is_emitted(name: str) -> None:
    metrics = alarm_metrics(alarms()[name])
    assert metrics
    for metric in metrics:
        if metric["Namespace"] == telemetry.NAMESPACE:
            assert metric["MetricName"] in OWN
            assert dimensions(metric) == DIMENSIONS
        else:
            assert metric["MetricName"] in PLATFORM[metric["Namespace"]]


def test_alarms_of_lambda_watch_the_alias_that_triggers_target() -> None:
    deployed = stack()
    alias = deployed.of_type("Lambda::Alias")["FunctionAliaslive"]["Name"]
    function = deployed.of_type("Lambda::Function")["Function"]["FunctionName"]
    watched = [
        dimensions(metric)
        for alarm in alarms().values()
        for metric in alarm_metrics(alarm)
        if metric["Namespace"] == "AWS/Lambda"
    ]
    assert watched
    assert all(it == {"FunctionName": function, "Resource": f"{function}:{alias}"} for it in watched)


@pytest.mark.parametrize("name", sorted(stack().of_type("CloudWatch::Alarm")))
def test_an_alarm_sounds_above_its_threshold_and_is_quiet_while_nothing_happens(name: str) -> None:
    alarm = alarms()[name]
    assert alarm["ComparisonOperator"] in {"GreaterThanOrEqualToThreshold", "GreaterThanThreshold"}
    assert alarm["TreatMissingData"] == "notBreaching"


def test_the_latency_alarm_sounds_before_the_http_api_gives_up() -> None:
    integration = stack().of_type("ApiGatewayV2::Integration")["ApiIntegration"]
    assert 0.5 * integration["TimeoutInMillis"] < alarms()["LatencyAlarm"]["Threshold"] < integration["TimeoutInMillis"]


def test_the_watching_part_is_what_the_tables_give() -> None:
    committed = TEMPLATE.read_text(encoding="utf-8")
    assert committed == renewed(committed), "make watching"


def test_alarms_may_publish_to_their_topic() -> None:
    (policy,) = stack().of_type("SNS::TopicPolicy").values()
    assert policy["Topics"] == [{"Ref": "AlarmTopic"}]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", "sns:Publish")
    assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}


def test_every_warm_up_that_fails_has_its_alarm() -> None:
    watched = {
        metric["MetricName"]: alarm["AlarmName"] for alarm in alarms().values() for metric in alarm_metrics(alarm)
    }
    assert watched[telemetry.WARMUPS[500]] == "cutout-critical-model-not-ready"
    assert watched[telemetry.WARMUPS[206]] == "cutout-warning-warm-up-partial"
    assert watched[telemetry.PICTURES["failed"]] == "cutout-critical-pictures-failed"


def test_the_dashboard_shows_every_metric_that_is_emitted_and_no_other() -> None:
    shown: set[str] = set()
    for metric in dashboard_metrics():
        if isinstance(metric[0], dict):
            continue
        names = [part for part in metric if isinstance(part, str)]
        if names[0] == telemetry.NAMESPACE:
            assert dict(zip(names[2::2], names[3::2], strict=True)) == DIMENSIONS
            shown.add(names[1])
        else:
            assert names[1] in PLATFORM[names[0]]
    assert shown == OWN


def test_the_dashboards_expressions_use_metrics_of_their_own_widget() -> None:
    for widget in dashboard():
        metrics = widget["properties"].get("metrics", [])
        ids = {part["id"] for metric in metrics for part in metric if isinstance(part, dict) and "id" in part}
        for metric in metrics:
            if isinstance(metric[0], dict):
                assert set(re.findall(r"\b[a-z]\w*\b", metric[0]["expression"])) <= ids


def test_the_memory_is_read_from_the_platforms_report() -> None:
    (measured,) = stack().of_type("Logs::MetricFilter")["MemoryUsed"]["MetricTransformations"]
    (watched,) = alarm_metrics(alarms()["MemoryAlarm"])
    assert (measured["MetricNamespace"], measured["MetricName"]) == (watched["Namespace"], watched["MetricName"])
    (sample,) = [
        line
        for line in (ROOT / "tests" / "template" / "platform_report.jsonl").read_text(encoding="utf-8").splitlines()
        if json.loads(line)["type"] == "platform.report"
    ]
    value: Any = json.loads(sample)
    for step in measured["MetricValue"].removeprefix("$.").split("."):
        value = value[step]
    assert value == 431


@pytest.mark.parametrize("name", sorted(stack().of_type("CloudWatch::Alarm")))
def test_an_alarm_says_what_it_means_and_the_first_thing_to_do(name: str) -> None:
    alarm = alarms()[name]
    severity, slug = re.fullmatch(r"cutout-(critical|warning)-(.+)", alarm["AlarmName"]).groups()  # type: ignore[union-attr]
    assert "First: " in alarm["AlarmDescription"]
    assert alarm["AlarmDescription"].endswith(f"Runbook: docs/runbook.md#{slug}")
    assert alarm["AlarmActions"] == [{"Ref": "AlarmTopic"}]
    assert severity == "critical" or name not in CRITICAL_FOR_DEPLOYMENT


def test_the_runbook_has_a_page_for_each_alarm_and_no_other() -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    pages = re.findall(r"^## ([\w-]+)$", runbook, re.MULTILINE)
    assert sorted(pages) == sorted(
        re.sub(r"cutout-(critical|warning)-", "", it["AlarmName"]) for it in alarms().values()
    )
    for page in re.split(r"^## ", runbook, flags=re.MULTILINE)[1:]:
        parts = re.fullmatch(r"[\w-]+\n\n\*\*Means\*\* (.+)\*\*First\*\* (.+)\*\*Then\*\*(.+)", page, re.DOTALL)
        assert parts, page.splitlines()[0]
        assert all(len(part.strip()) > 40 for part in parts.groups()), page.splitlines()[0]
