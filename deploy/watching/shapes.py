"""What the tables are made of. In every text, `${…}` names a parameter or a resource, which CloudFormation fills in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """A metric of CloudWatch, with the dimensions by which it is found."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Alarm:
    """An alarm that sounds when `threshold` is reached in `datapoints` of the last `periods` periods."""

    resource: str
    severity: Literal["critical", "warning"]
    page: str  # in docs/runbook.md, and the end of the alarm's name
    means: str
    first: str
    metric: Metric
    threshold: int
    comparison: Literal["GreaterThanOrEqualToThreshold", "GreaterThanThreshold"] = "GreaterThanOrEqualToThreshold"
    statistic: str = "Sum"
    period_s: int = 60
    periods: int = 1
    datapoints: int | None = None  # None: all of them
    percent_of: str | None = None  # what the metric is a share of: the threshold is percent then
    condition: str | None = None  # of template.yaml, where the alarm is not always there


@dataclass(frozen=True)
class Query:
    """A query that CloudWatch Logs Insights keeps under the stack's name."""

    resource: str
    title: str
    text: str


@dataclass(frozen=True)
class Line:
    """A line of a graph: a metric, or an expression over the metrics of its graph by their ids."""

    of: Metric | str
    label: str | None = None  # None: needed by an expression, not shown
    id: str | None = None
    color: str | None = None
    stat: str | None = None  # None: its graph's
    right: bool = False  # by the axis on the right


@dataclass(frozen=True)
class Graph:
    """A graph of the dashboard; `width` in 24ths of it."""

    title: str
    width: int
    lines: tuple[Line, ...]
    stat: str = "Sum"
    period_s: int = 300
    stacked: bool = False
    limit: tuple[str, int | str] | None = None  # a horizontal line: its label and value
    percent: bool = False  # the axis goes from 0 to 100


@dataclass(frozen=True)
class Table:
    """A query's answer on the dashboard."""

    title: str
    width: int
    text: str
