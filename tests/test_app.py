"""The entry: what importing it costs, cold starts, and the catch-all. That no event reaches it: test_fuzz.py."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from handler.errors import Unforeseen
from handler.warmup import dummy_picture
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
# Small to import, and megabytes to read from the disk: OpenSSL, FreeType, libavif, lcms, all of Pillow's plugins.
SELDOM = (
    *("_hashlib", "ssl", "asyncio", "PIL.ImageFont", "PIL.AvifImagePlugin", "PIL.ImageCms", "PIL.TiffImagePlugin"),
    *("PIL.WebPImagePlugin", "importlib.metadata", "zoneinfo", "numpy.random", "numpy.ma", "numpy.fft"),
    *("handler.triggers.uploads.calls", "handler.web.application"),
)
# What the function is made of before it knows its first event. botocore is looked for by Powertools, and not loaded.
PACKAGES = {
    *("handler", "numpy", "PIL", "matting", "aws_lambda_powertools", "jmespath", "typing_extensions", "botocore"),
    "snapshot_restore_py",
}


def loaded_after(code: str, model_dir: Path | None = None) -> list[str]:
    """List the modules that a fresh Python has loaded after some code, beside those that it starts with."""
    script = f"import sys; before = set(sys.modules)\n{code}\nprint(*sorted(set(sys.modules) - before))"
    environment = os.environ | ({} if model_dir is None else {"MODEL_DIR": str(model_dir)})
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()


def test_importing_the_handler_imports_nothing_heavy() -> None:
    assert set(loaded_after("import handler.app")).isdisjoint({*HEAVY, *SELDOM})


def test_importing_the_handler_imports_no_further_package() -> None:
    loaded = {name.partition(".")[0] for name in loaded_after("import handler.app")}
    assert loaded - sys.stdlib_module_names - PACKAGES == set()


def test_a_ping_imports_neither_the_http_application_nor_s3(brightness: Path) -> None:
    code = "import handler.app as app; assert app.lambda_handler({'warmup': True}, None)['statusCode'] == 200"
    loaded = loaded_after(code, brightness)
    assert {*HEAVY, *SELDOM}.intersection(loaded) == {"onnxruntime"}


@pytest.mark.parametrize(("file_format", "plugins"), [("JPEG", set()), ("WEBP", {"PIL.WebPImagePlugin"})])
def test_a_picture_imports_no_format_but_its_own(
    brightness: Path, tmp_path: Path, file_format: str, plugins: set[str]
) -> None:
    disc = tmp_path / "disc"
    Image.open(io.BytesIO(dummy_picture(64, 64))).save(disc, file_format)
    code = f"""
from handler.job import Inline, Invocation, Job, Output, Rendering
import handler.app as app, pathlib
job = Job('http', Inline(pathlib.Path({str(disc)!r}).read_bytes()), (Output(Rendering(format='png')),))
assert app.environment.pipeline.cut_out(job, Invocation('one')).files"""
    loaded = loaded_after(code, brightness)
    assert {*HEAVY, *SELDOM}.intersection(loaded) == {"onnxruntime", *plugins}


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
