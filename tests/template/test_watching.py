"""Alarms, dashboard and saved queries name what the code emits, and every alarm has its page in the runbook."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

import pytest

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
    "AWS/SQS": {"ApproximateNumberOfMessagesVisible"},
    "InspyrenetLambda/Platform": {"cutout-MemoryUsedMb"},  # of this template's own filter
}
DIMENSIONS = {"service": telemetry.SERVICE, telemetry.FUNCTION_DIMENSION: "cutout"}
# Fields that Logs Insights, the platform and Powertools add to a line.
GIVEN_FIELDS = {"@timestamp", "@message", "level", "message", "type", "record"}
CRITICAL_FOR_DEPLOYMENT = {"ModelNotReadyAlarm", "FunctionErrorsAlarm", "PicturesFailedAlarm"}


def alarms() -> dict[str, dict[str, Any]]:
    return stack().of_type("CloudWatch::Alarm")


def alarm_metrics(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    return (
        [alarm]
        if "MetricName" in alarm
        else [it["MetricStat"]["Metric"] for it in alarm["Metrics"] if "MetricStat" in it]
    )


def dashboard() -> list[dict[str, Any]]:
    body = stack().of_type("CloudWatch::Dashboard")["Dashboard"]["DashboardBody"]
    text = body["Fn::Sub"].replace("${DeadLetters.QueueName}", "dead-letters")
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
            dimensions = {it["Name"]: it["Value"] for it in metric["Dimensions"]}
            assert dimensions == {"service": telemetry.SERVICE, telemetry.FUNCTION_DIMENSION: {"Ref": "Function"}}
        else:
            assert metric["MetricName"] in PLATFORM[metric["Namespace"]]


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


def logged_fields() -> set[str]:
    """Name what the handler logs: the keys of its dictionaries, and of what it calls `facts`."""
    fields = set(telemetry.STAGES_MS)
    for path in (ROOT / "handler").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Dict):
                fields |= {
                    key.value for key in node.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)
                }
            elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == "facts":
                fields.add(ast.literal_eval(node.slice))
    return fields | {f"{stage}_ms" for stage in telemetry.STAGES_MS}


def queries() -> dict[str, str]:
    saved = {it["Name"]: str(it["QueryString"]) for it in stack().of_type("Logs::QueryDefinition").values()}
    shown = {
        widget["properties"]["title"]: widget["properties"]["query"].split("|", 1)[1]
        for widget in dashboard()
        if widget["type"] == "log"
    }
    return saved | shown


@pytest.mark.parametrize("name", sorted(queries()))
def test_a_query_asks_for_fields_that_are_logged(name: str) -> None:
    without_texts = re.sub(r'"[^"]*"', '""', queries()[name])
    named = set(re.findall(r"\bas (\w+)", without_texts))
    words = set(re.findall(r"@?[a-zA-Z_][\w.]*(?!\w*\()", without_texts))
    language = {"fields", "filter", "sort", "limit", "stats", "by", "as", "and", "or", "in", "desc", "asc", "bin", "h"}
    functions = set(re.findall(r"(\w+)\(", without_texts))
    unknown = {
        word
        for word in words - language - functions - named
        if word.split(".", maxsplit=1)[0] not in GIVEN_FIELDS | logged_fields()
    }
    assert not unknown


def test_the_queries_messages_are_those_of_the_code() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "handler").rglob("*.py"))
    for query in queries().values():
        for message in re.findall(r'message = "([^"]+)"', query):
            assert f'"{message}"' in code
        for outcome in re.findall(r'outcome = "([^"]+)"', query):
            assert outcome in telemetry.PICTURES


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
        for part in ("**Means**", "**First**", "**Then**"):
            assert part in page, page.splitlines()[0]
