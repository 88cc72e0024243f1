"""A saved query asks for fields that the lines it is for really have."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from handler import telemetry
from local import events
from tests.template.stack import ROOT, stack

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Awaken, Buckets, Log

Line = dict[str, Any]

# The lines that a query is for, by what its `filter` says.
SELECTED: dict[str, Callable[[Line], bool]] = {
    "warm-ups that failed": lambda line: line.get("message") == "warm-up" and line["status_code"] != 200,
    "failures": lambda line: line.get("level") == "ERROR" and line.get("message") == "picture",
    "why pictures were refused": lambda line: line.get("outcome") == "refused",
    "pictures by trigger and outcome": lambda line: line.get("message") == "picture",
    "slowest pictures": lambda line: line.get("message") == "picture" and line["outcome"] == "cut_out",
    "cold starts and memory": lambda line: line.get("type") == "platform.report",
    "everything about one request": lambda line: line.get("request_id") is not None,
}
# What Logs Insights itself knows: its words, its functions, and the field that it adds.
LANGUAGE = {
    "fields",
    "filter",
    "sort",
    "limit",
    "stats",
    "by",
    "as",
    "and",
    "or",
    "in",
    "desc",
    "asc",
    "h",
    "timestamp",
}
FUNCTIONS = {"count", "sum", "max", "bin", "ispresent"}


def queries() -> dict[str, str]:
    """Give the text of each saved query by its title."""
    return {
        it["Name"].removeprefix("cutout/"): str(it["QueryString"])
        for it in stack().of_type("Logs::QueryDefinition").values()
    }


def asked_for(query: str) -> set[str]:
    """Give the fields that a query names."""
    without_texts = re.sub(r'"[^"]*"', '""', query)
    named = set(re.findall(r"\bas (\w+)", without_texts))
    return set(re.findall(r"[a-zA-Z_][\w.]*", without_texts)) - named - LANGUAGE - FUNCTIONS


def known(line: Line) -> set[str]:
    """Give a line's fields as Logs Insights names them: those within others by their path."""
    found = set(line)
    for name, value in line.items():
        if isinstance(value, dict):
            found |= {f"{name}.{inner}" for inner in known(value)}
    return found


@pytest.fixture
def written(  # noqa: PLR0917 - fixtures
    awaken: Awaken, brightness: Path, failing: Path, buckets: Buckets, picture: bytes, log: Log
) -> list[Line]:
    """Have every kind of line written: cut out by both ways, refused, failed, warmed, and warmed in vain."""
    buckets.put("a.png", picture)
    works = awaken(MODEL_DIR=str(brightness), **buckets.environment())
    works({"warmup": True})
    works(events.upload(buckets.uploads, "a.png"))
    works.cut_out(picture)
    works.cut_out(b"words")
    fails = awaken(MODEL_DIR=str(failing))
    fails({"warmup": True})
    fails.cut_out(picture)
    report = (ROOT / "tests" / "template" / "platform_report.jsonl").read_text(encoding="utf-8")
    timeout = {"type": "platform.runtimeDone", "record": {"requestId": "request-7", "status": "timeout"}}
    return [*log.lines, *(json.loads(line) for line in report.splitlines()), timeout]


def test_every_query_is_looked_at() -> None:
    assert set(queries()) == set(SELECTED)


@pytest.mark.parametrize("title", SELECTED)
def test_a_query_asks_for_fields_that_its_lines_have(title: str, written: list[Line]) -> None:
    selected = [line for line in written if SELECTED[title](line)]
    platform = [line for line in written if "type" in line]  # may be in any answer, beside the lines of the code
    assert selected
    fields = set().union(*(known(line) for line in [*selected, *platform]))
    assert asked_for(queries()[title]) - fields == set()


def test_a_line_has_the_fields_that_telemetry_says(written: list[Line]) -> None:
    for message, fields in telemetry.LINES.items():
        lines = [line for line in written if line.get("message") == message]
        assert lines
        assert fields - set().union(*map(set, lines)) == set()


def test_a_query_asks_for_messages_and_outcomes_that_there_are() -> None:
    for query in queries().values():
        assert set(re.findall(r'message = "([^"]+)"', query)) <= set(telemetry.LINES)
        assert set(re.findall(r'outcome = "([^"]+)"', query)) <= set(telemetry.PICTURES)
