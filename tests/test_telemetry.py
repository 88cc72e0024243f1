"""What is seen of a job: one line, its metrics, and nothing that is secret."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from handler import telemetry
from local import events
from tests.clients import BrokenContext, Context
from tests.pictures import save, scene

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients import Function
    from tests.conftest import Awaken, Buckets, Log, Metrics

STAGES = {"decode", "predict", "cut", "paint", "encode"}


def test_a_request_leaves_one_line_with_its_facts(function: Function, picture: bytes, log: Log) -> None:
    asked = function.cut_out(picture, context=Context("request-31"))
    (line,) = log.of("picture")
    assert {name: line[name] for name in ("outcome", "trigger", "picture", "request_id", "model", "format")} == {
        "outcome": "cut_out",
        "trigger": "http-api",
        "picture": "inline",
        "request_id": "request-31",
        "model": "brightness 1",
        "format": "PNG",
    }
    assert (line["width_px"], line["height_px"], line["input_bytes"]) == (96, 64, len(picture))
    assert line["output_bytes"] == len(asked.body)
    assert {f"{stage}_ms" for stage in STAGES} <= set(line)
    assert line["level"] == "INFO"
    assert line["service"] == "background-removal"


def test_an_upload_leaves_one_line_with_both_places(
    awaken: Awaken, brightness: Path, buckets: Buckets, picture: bytes, log: Log
) -> None:
    buckets.put("a.png", picture)
    awaken(MODEL_DIR=str(brightness), **buckets.environment())(events.upload(buckets.uploads, "a.png"))
    (line,) = log.of("picture")
    assert (line["trigger"], line["picture"]) == ("s3", f"s3://{buckets.uploads}/a.png")
    assert line["destination"] == f"s3://{buckets.cutouts}/cutouts/a.png.png"
    assert {f"{stage}_ms" for stage in STAGES | {"fetch", "deliver"}} <= set(line)


@pytest.mark.parametrize(
    ("data", "outcome", "level", "code"),
    [(b"words", "refused", "WARNING", "invalid_file_type"), (b"\x89PNG\r\n\x1a\n", "refused", "WARNING", None)],
)
def test_a_refused_picture_leaves_one_line_with_its_reason(  # noqa: PLR0917 - a table's columns
    function: Function, log: Log, data: bytes, outcome: str, level: str, code: str | None
) -> None:
    asked = function.cut_out(data)
    (line,) = log.of("picture")
    assert (line["outcome"], line["level"]) == (outcome, level)
    assert line["code"] == asked.error["code"] == (code or line["code"])
    assert line["reason"] == asked.error["detail"]


def test_a_failed_picture_leaves_one_line_with_its_reason(
    awaken: Awaken, failing: Path, picture: bytes, log: Log
) -> None:
    awaken(MODEL_DIR=str(failing)).cut_out(picture)
    (line,) = log.of("picture")
    assert (line["outcome"], line["level"], line["code"]) == ("failed", "ERROR", "model_failed")
    assert line["predict_ms"] >= 0


def test_the_lines_of_what_is_no_job_have_their_fields(function: Function, log: Log, picture: bytes) -> None:
    """Saved queries name fields: one that is renamed in the code would be asked for in vain."""
    given = {"level", "location", "message", "timestamp", "service"}
    function({}, Context("request-41"))
    function.cut_out(picture, context=BrokenContext("request-42"))
    (refused,), (unforeseen,) = log.of("refused"), log.of(telemetry.UNFORESEEN)
    assert set(refused) - given == {"code", "reason", "request_id"}
    assert (refused["code"], refused["request_id"]) == ("unknown_event", "request-41")
    assert set(unforeseen) - given == {"request_id", "exception", "exception_name"}
    assert unforeseen["request_id"] == "request-42"


def test_a_warm_ups_line_has_its_fields(awaken: Awaken, failing: Path, log: Log) -> None:
    given = {"level", "location", "message", "timestamp", "service"}
    awaken(MODEL_DIR=str(failing))({"warmup": True}, Context("request-43"))
    (line,) = log.of("warm-up")
    fields = {"status_code", "detail", "model_ready", "cold_start", "total_time_s", "request_id"}
    assert set(line) - given == fields
    assert (line["status_code"], line["model_ready"], line["cold_start"]) == (206, True, True)
    assert line["request_id"] == "request-43"


def test_every_picture_is_counted_by_its_outcome(
    awaken: Awaken, failing: Path, brightness: Path, picture: bytes, metrics: Metrics
) -> None:
    function = awaken(MODEL_DIR=str(brightness))
    function.cut_out(picture)
    first = metrics()
    assert first["PictureCutOut"] == [1]
    assert first["ColdStart"] == [1]
    assert {name for name in first if name.endswith("Time")} == {
        "ModelLoadTime",
        "DecodeTime",
        "PredictTime",
        "CutTime",
        "PaintTime",
        "EncodeTime",
    }
    function.cut_out(picture)
    assert set(metrics()) == {"PictureCutOut", "DecodeTime", "PredictTime", "CutTime", "PaintTime", "EncodeTime"}
    function.cut_out(b"words")
    assert set(metrics()) == {"PictureRefused", "DecodeTime"}
    awaken(MODEL_DIR=str(failing)).cut_out(picture)
    assert metrics()["PictureFailed"] == [1]


def test_a_skipped_upload_is_counted_and_leaves_one_line_with_its_reason(  # noqa: PLR0917 - fixtures
    awaken: Awaken, brightness: Path, buckets: Buckets, picture: bytes, metrics: Metrics, log: Log
) -> None:
    function = awaken(MODEL_DIR=str(brightness), **buckets.environment())
    buckets.put("a.png", picture, Metadata={"cutout-of-etag": "x"})
    function(events.upload(buckets.uploads, "a.png"))
    assert metrics()["PictureSkipped"] == [1]
    (line,) = log.of("picture")
    assert (line["outcome"], line["level"]) == ("skipped", "INFO")
    assert "wrote itself" in line["reason"]


def test_metrics_are_cloudwatchs_embedded_format(
    function: Function, picture: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    telemetry.metrics.clear_metrics()
    capsys.readouterr()
    function.cut_out(picture)
    (document,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    (described,) = document["_aws"]["CloudWatchMetrics"]
    assert described["Namespace"] == telemetry.NAMESPACE
    assert described["Dimensions"] == [[telemetry.FUNCTION_DIMENSION, "service"]]
    assert (document[telemetry.FUNCTION_DIMENSION], document["service"]) == ("local", telemetry.SERVICE)
    units = {metric["Name"]: metric["Unit"] for metric in described["Metrics"]}
    assert units["PictureCutOut"] == "Count"
    assert units["PredictTime"] == "Milliseconds"


def test_nothing_is_written_where_nothing_was_counted(function: Function, metrics: Metrics) -> None:
    assert function.ask("GET", "/health").status == 200
    metrics()
    assert function.ask("GET", "/health").status == 200
    assert metrics() == {}


def test_neither_body_nor_credential_reaches_log_or_metrics(
    awaken: Awaken, brightness: Path, log: Log, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "TOP-SECRET-KEY")
    picture = save(scene())
    function = awaken(MODEL_DIR=str(brightness), API_KEYS="KEY-OF-A-CALLER", POWERTOOLS_LOG_LEVEL="DEBUG")
    function.ask("POST", body=picture, headers={"x-api-key": "KEY-OF-A-CALLER"})
    function.ask("POST", body=b"WORDS-OF-A-BODY", headers={"x-api-key": "KEY-OF-A-CALLER"}, query="format=png")
    function.ask("POST", headers={"x-api-key": "KEY-THAT-IS-WRONG"})
    written = log.text + capsys.readouterr().out
    assert "picture" in written
    for secret in ("TOP-SECRET", "KEY-OF", "KEY-THAT", "WORDS-OF", base64.b64encode(picture).decode()[:30], "\\x89PNG"):
        assert secret not in written


def test_a_stopwatch_adds_up_and_times_failures_too() -> None:
    watch = telemetry.Stopwatch()
    with watch.stage("a"):
        pass
    first = watch.stages_ms["a"]
    with pytest.raises(ValueError, match="x"), watch.stage("a"):
        raise ValueError("x")
    assert watch.stages_ms["a"] > first > 0
