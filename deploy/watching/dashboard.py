"""The widgets of the dashboard, from left to right and from top to bottom."""

from __future__ import annotations

from deploy.watching import metrics
from deploy.watching.queries import fields
from deploy.watching.shapes import Graph, Line, Table

GREEN, ORANGE, RED, GREY = "#2ca02c", "#ff7f0e", "#d62728", "#7f7f7f"

WIDGETS = (
    Graph(
        "Warm-ups by status",
        9,
        (
            Line(metrics.WARMED, "200 warmed", color=GREEN),
            Line(metrics.PARTIAL, "206 usable, test failed", color=ORANGE),
            Line(metrics.NOT_READY, "500 not ready", color=RED),
        ),
        stacked=True,
    ),
    Graph(
        "Warm-ups that succeed, %",
        6,
        (
            Line("100 * FILL(s, 0) / (FILL(s, 0) + FILL(p, 0) + FILL(f, 0))", "success rate", "rate"),
            Line(metrics.WARMED, id="s"),
            Line(metrics.PARTIAL, id="p"),
            Line(metrics.NOT_READY, id="f"),
        ),
        percent=True,
    ),
    Graph(
        "Cold starts, and how long the model takes to load",
        9,
        (
            Line(metrics.COLD_STARTS, "cold starts"),
            Line(metrics.LOAD, "load, median, ms", stat="p50", right=True),
            Line(metrics.LOAD, "load, p95, ms", stat="p95", right=True),
        ),
    ),
    Graph(
        "Pictures by outcome",
        9,
        (
            Line(metrics.CUT_OUT, "cut out", color=GREEN),
            Line(metrics.REFUSED, "refused: the caller's fault", color=ORANGE),
            Line(metrics.FAILED, "failed", color=RED),
            Line(metrics.SKIPPED, "skipped", color=GREY),
        ),
        stacked=True,
    ),
    Table(
        "Pictures by trigger",
        6,
        f'filter message = "picture" | stats count(*) as pictures by {fields("picture", "trigger", "outcome")} '
        "| sort pictures desc",
    ),
    Graph(
        "Time per stage, median, ms",
        9,
        tuple(Line(metric, stage) for stage, metric in metrics.STAGES.items()),
        stat="p50",
        stacked=True,
    ),
    Graph(
        "Time per stage, p95, ms",
        6,
        tuple(Line(metric, stage) for stage, metric in metrics.STAGES.items()),
        stat="p95",
    ),
    Graph(
        "Invocations, errors, throttles",
        6,
        (
            Line(metrics.INVOCATIONS, "invocations"),
            Line(metrics.ERRORS, "errors", color=RED),
            Line(metrics.THROTTLES, "throttles", color=ORANGE),
        ),
    ),
    Graph("Dead letters", 6, (Line(metrics.DEAD_LETTERS, "uploads given up on", color=RED),), stat="Maximum"),
    Graph(
        "The queue of uploads, and the age of its oldest, s",
        6,
        (
            Line(metrics.WAITING, "waiting", color=ORANGE),
            Line(metrics.IN_WORK, "in work, or failed and hidden for a while", color=GREY),
            Line(metrics.OLDEST, "age of the oldest, s", color=RED, right=True),
        ),
        stat="Maximum",
    ),
    Graph(
        "Memory used, MB",
        6,
        (Line(metrics.MEMORY_USED, "most"),),
        stat="Maximum",
        limit=("the limit", "${MemoryMb}"),
    ),
    Graph(
        "Cost per thousand pictures, dollars (compute and requests, without provisioned concurrency and SnapStart)",
        9,
        (
            Line(
                "1000 * (ms / 1000 * ${MemoryMb} / 1024 * ${GbSecond} + calls * 0.0000002) / pictures",
                "dollars per thousand",
                "cost",
            ),
            Line(metrics.DURATION, id="ms"),
            Line(metrics.INVOCATIONS, id="calls"),
            Line(metrics.CUT_OUT, id="pictures"),
        ),
        period_s=3600,
    ),
    Graph(
        "Duration against the limits, ms",
        9,
        (Line(metrics.DURATION, "median", stat="p50"), Line(metrics.DURATION, "p99", stat="p99")),
        limit=("the HTTP API gives up", 30_000),
    ),
)
