"""Writes the tables as resources of template.yaml, in YAML with CloudFormation's short forms."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml  # type: ignore[import-untyped]  # published without types

from deploy.watching.shapes import Table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deploy.watching.shapes import Alarm, Graph, Line, Metric, Query

WIDGET_HEIGHT, DASHBOARD_WIDTH = 6, 24


@dataclass(frozen=True)
class Short:
    """A function of CloudFormation's in its short form, such as `!Ref`."""

    function: str
    argument: Any


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]  # published without types
    """SafeDumper with CloudFormation's short forms, texts of several lines as blocks, and lists that are indented."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:  # noqa: ANN401, ARG002, FBT001, FBT002 - PyYAML's own
        return super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401, ARG002 - PyYAML's own
        return True


def _short(dumper: _Dumper, short: Short) -> Any:  # noqa: ANN401 - a node of PyYAML's
    if isinstance(short.argument, str):
        return dumper.represent_scalar(f"!{short.function}", short.argument)
    return dumper.represent_sequence(f"!{short.function}", short.argument)


def _text(dumper: _Dumper, text: str) -> Any:  # noqa: ANN401 - a node of PyYAML's
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(Short, _short)
_Dumper.add_representer(str, _text)


def resources(alarms: Iterable[Alarm], queries: Iterable[Query], memory_used: tuple[Metric, str]) -> dict[str, Any]:
    """Give alarms, the metric filter that one of them needs, and queries, by their logical ids."""
    metric, value = memory_used
    measured = {
        "MetricNamespace": metric.namespace,
        "MetricName": _filled(metric.name),
        "MetricValue": value,
        "Unit": "Megabytes",
    }
    memory = {
        "LogGroupName": Short("Ref", "FunctionLogs"),
        "FilterPattern": '{ $.type = "platform.report" }',
        "MetricTransformations": [measured],
    }
    return {
        **{alarm.resource: _alarm(alarm) for alarm in alarms},
        "MemoryUsed": {"Type": "AWS::Logs::MetricFilter", "Properties": memory},
        **{query.resource: _query(query) for query in queries},
    }


def dashboard(widgets: Iterable[Graph | Table]) -> dict[str, Any]:
    """Give the dashboard."""
    # Dollars, us-east-1: https://aws.amazon.com/lambda/pricing/
    price = Short("If", ["Arm", "0.0000133334", "0.0000166667"])
    queue = Short("If", ["HasQueue", Short("GetAtt", "UploadQueue.QueueName"), "none"])
    return {
        "Type": "AWS::CloudWatch::Dashboard",
        "Properties": {
            "DashboardName": Short("Ref", "AWS::StackName"),
            "DashboardBody": Short("Sub", [_body(widgets), {"GbSecond": price, "UploadQueueName": queue}]),
        },
    }


def as_yaml(document: dict[str, Any]) -> str:
    """Write resources as they stand below `Resources:`."""
    parts = (
        yaml.dump({name: resource}, Dumper=_Dumper, sort_keys=False, width=140, allow_unicode=True)
        for name, resource in document.items()
    )
    lines = "\n".join(parts).splitlines()
    return "".join(f"  {line}\n" if line else "\n" for line in lines)


def _filled(text: str) -> Short | str:
    """Give a text of which CloudFormation fills in `${…}`, in the shortest form."""
    if whole := re.fullmatch(r"\$\{([\w:]+)(\.\w+)?\}", text):
        name, attribute = whole.groups()
        return Short("GetAtt", name + attribute) if attribute else Short("Ref", name)
    return Short("Sub", text) if "${" in text else text


def _alarm(alarm: Alarm) -> dict[str, Any]:
    statistic = "Statistic" if alarm.statistic.isalpha() else "ExtendedStatistic"
    metric: dict[str, Any] = {
        "Namespace": alarm.metric.namespace,
        "MetricName": _filled(alarm.metric.name),
        "Dimensions": [{"Name": name, "Value": _filled(value)} for name, value in alarm.metric.dimensions],
    }
    if not alarm.metric.dimensions:
        del metric["Dimensions"]
    watched: dict[str, Any] = {**metric, statistic: alarm.statistic, "Period": alarm.period_s}
    if alarm.percent_of is not None:
        share = {"Id": "percent", "Label": "used, %", "Expression": _filled(f"100 * used / {alarm.percent_of}")}
        used = {"Metric": metric, "Stat": alarm.statistic, "Period": alarm.period_s}
        watched = {"Metrics": [share, {"Id": "used", "ReturnData": False, "MetricStat": used}]}
    return {
        "Type": "AWS::CloudWatch::Alarm",
        **({"Condition": alarm.condition} if alarm.condition else {}),
        "Properties": {
            "AlarmName": _filled(f"${{AWS::StackName}}-{alarm.severity}-{alarm.page}"),
            "AlarmDescription": f"{alarm.means} First: {alarm.first} Runbook: docs/runbook.md#{alarm.page}",
            "AlarmActions": [Short("Ref", "AlarmTopic")],
            "OKActions": [Short("Ref", "AlarmTopic")],
            "TreatMissingData": "notBreaching",
            **watched,
            "EvaluationPeriods": alarm.periods,
            **({"DatapointsToAlarm": alarm.datapoints} if alarm.datapoints is not None else {}),
            "Threshold": alarm.threshold,
            "ComparisonOperator": alarm.comparison,
        },
    }


def _query(query: Query) -> dict[str, Any]:
    return {
        "Type": "AWS::Logs::QueryDefinition",
        "Properties": {
            "Name": _filled(f"${{AWS::StackName}}/{query.title}"),
            "LogGroupNames": [Short("Ref", "FunctionLogs")],
            "QueryString": query.text,
        },
    }


def _body(widgets: Iterable[Graph | Table]) -> str:
    """Write the dashboard's JSON, a line for each widget's head and for each line of a graph."""
    placed, x, y = [], 0, 0
    for widget in widgets:
        if x + widget.width > DASHBOARD_WIDTH:
            x, y = 0, y + WIDGET_HEIGHT
        place = f'"x": {x}, "y": {y}, "width": {widget.width}, "height": {WIDGET_HEIGHT}'
        kind, properties = _log(widget) if isinstance(widget, Table) else _graph(widget)
        placed.append(f'{{"type": "{kind}", {place}, "properties": {{{properties}}}}}')
        x += widget.width
    return '{"widgets": [\n' + ",\n".join(placed) + "\n]}\n"


def _log(table: Table) -> tuple[str, str]:
    query = f"SOURCE '/aws/lambda/${{AWS::StackName}}' | {table.text}"
    return "log", _members(title=table.title, region="${AWS::Region}", view="table", query=query)


def _graph(graph: Graph) -> tuple[str, str]:
    head = _members(
        title=graph.title, region="${AWS::Region}", view="timeSeries", stat=graph.stat, period=graph.period_s
    )
    lines = ",\n  ".join(json.dumps(_line(line)) for line in graph.lines)
    tail: dict[str, Any] = {}
    if graph.stacked:
        tail["stacked"] = True
    if graph.percent:
        tail["yAxis"] = {"left": {"min": 0, "max": 100}}
    if graph.limit is not None:
        label, value = graph.limit
        tail["annotations"] = {"horizontal": [{"label": label, "value": value}]}
    # A parameter's value is a number, so it stands without quotes.
    end = (", " + _members(**tail)).replace('"${MemoryMb}"', "${MemoryMb}") if tail else ""
    return "metric", f'{head}, "metrics": [\n  {lines}\n]{end}'


def _line(line: Line) -> list[Any]:
    options: dict[str, Any] = {"id": line.id} if line.id else {}
    options |= {"label": line.label} if line.label else {"visible": False}
    options |= {"color": line.color} if line.color else {}
    options |= {"stat": line.stat} if line.stat else {}
    options |= {"yAxis": "right"} if line.right else {}
    if isinstance(line.of, str):
        return [{"expression": line.of, **options}]
    dimensions = [part for pair in line.of.dimensions for part in pair]
    return [line.of.namespace, line.of.name, *dimensions, options]


def _members(**members: Any) -> str:  # noqa: ANN401 - JSON
    return json.dumps(members)[1:-1]
