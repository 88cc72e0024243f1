"""The entry: what importing it costs, cold starts, and the catch-all. That no event reaches it: test_fuzz.py."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from handler.errors import Unforeseen
from local import events
from local.emulator import ROOT
from tests.clients import Context, log_that_fails_on
from tests.triggers.test_ping import PINGS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients import Function
    from tests.conftest import Awaken, Log, Metrics

HEAVY = (
    *("onnxruntime", "torch", "transparent_background", "mangum", "starlette", "boto3", "botocore.session", "urllib3"),
    *("pillow_heif", "cv2", "pymatting", "numba", "scipy"),
)


def test_importing_the_handler_imports_nothing_heavy() -> None:
    code = f"import sys, handler.app; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_ping_imports_neither_the_http_application_nor_s3(brightness: Path) -> None:
    code = (
        f"import os, sys; os.environ['MODEL_DIR'] = {str(brightness)!r}; import handler.app as app;"
        "assert app.lambda_handler({'warmup': True}, None)['statusCode'] == 200;"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "['onnxruntime']"


def test_the_first_event_counts_a_cold_start(awaken: Awaken, brightness: Path, metrics: Metrics) -> None:
    function = awaken(MODEL_DIR=str(brightness))
    function({"warmup": True})
    assert metrics()["ColdStart"] == [1]
    function({"warmup": True})
    assert "ColdStart" not in metrics()


@pytest.mark.parametrize("context", [None, object(), {}, Context()], ids=lambda context: type(context).__name__)
def test_any_context_does(function: Function, context: Any) -> None:
    assert function.module.lambda_handler({"warmup": True}, context)["statusCode"] == 200


def test_what_nobody_foresaw_outside_of_a_job_is_a_500_too(awaken: Awaken, brightness: Path, log: Log) -> None:
    """An endpoint that is no address makes boto3 raise a ValueError, which no module of ours expects."""
    function = awaken(MODEL_DIR=str(brightness), AWS_ENDPOINT_URL_LAMBDA="no address, but a secret")
    answer = function({"warmer": True, "concurrency": 2}, Context("request-21"))
    assert answer["statusCode"] == 500
    assert "request-21" in answer["results"][0]["error"]["detail"]
    assert "secret" not in json.dumps(answer)
    (line,) = log.of("failed unforeseen")
    assert line["request_id"] == "request-21"
    assert "Traceback" in line["exception"]
    assert function({"warmup": True})["statusCode"] == 200


def test_what_nobody_foresaw_about_an_upload_is_raised_by_the_catch_all_too(
    awaken: Awaken, brightness: Path, log: Log
) -> None:
    """Answered, the upload would be lost: of an asynchronous invocation only a raised error is seen.

    A job's own surprises end in its outcome, so that one of its report is needed.
    """
    function = awaken(MODEL_DIR=str(brightness))
    with log_that_fails_on("picture"), pytest.raises(Unforeseen, match="quote request request-22"):
        function(events.load("s3_put"), Context("request-22"))
    (line,) = log.of("failed unforeseen")
    assert "secret-of-the-filter" in line["exception"]


@pytest.mark.parametrize("ping", PINGS.values(), ids=PINGS)
@pytest.mark.parametrize("odd", [None, 7, "text", [], {}], ids=str)
def test_a_ping_with_odd_additions_is_still_answered(function: Function, ping: Any, odd: Any) -> None:
    entry = {
        **(ping[0] if isinstance(ping, list) else ping),
        "detail": odd,
        "time": odd,
        "__WARMER_CORRELATIONID__": odd,
    }
    assert function(entry)["statusCode"] == 200
