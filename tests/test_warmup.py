"""The suite that would have caught the incident: sizes, both resize modes, and three honest codes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import snapshot_restore_py
from PIL import Image

from handler import telemetry
from handler.errors import Redelivery, UnknownForeground
from handler.job import Failed, Inline, Invocation, Job, Output, Rendering
from handler.pipeline import Pipeline
from handler.settings import Settings
from handler.warmup import DUMMY_PX, dummy_picture, warm_up
from local import events
from local.emulator import ROOT
from tests import artefacts
from tests.hostile import hostile, s3_error
from tests.pictures import opened, save, scene

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Awaken, Log, Metrics

SIZES = [(1, 1), (16, 16), (17, 17), (32, 32), (64, 64), (128, 128), (640, 16), (1, 64), (64, 1)]
HEADERS = {"X-Warmup-Status", "X-Model-Ready", "X-Warmup-Time"}
FIELDS = {"status", "message", "model_ready", "total_time", "endpoint", "timestamp", "container_ready"}
MORE_FIELDS = {"load_time", "inference_time", "cold_start"}
INVOCATION = Invocation("ping-1")
FIRST = Invocation("ping-1", cold_start=True)


def pipeline_of(model_dir: Path, **environment: str) -> Pipeline:
    return Pipeline(Settings.from_env({"MODEL_DIR": str(model_dir), "THREADS": "1", **environment}))


@pytest.fixture(scope="module", params=["static", "dynamic"])
def resize(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def u2netp_pipeline(u2netp: Path, resize: str) -> Pipeline:
    return pipeline_of(u2netp, INSPIRENET_RESIZE=resize)


@pytest.fixture(scope="module")
def flexible_pipeline(brightness: Path, resize: str) -> Pipeline:
    return pipeline_of(brightness, INSPIRENET_RESIZE=resize)


def unproven(pipeline: Pipeline) -> Pipeline:
    """Give a new environment's pipeline with the same settings, so that its warm-up really runs."""
    return Pipeline(pipeline.settings)


@pytest.mark.parametrize(("width_px", "height_px"), SIZES)
def test_a_dummy_of_any_size_warms_a_model_of_flexible_size(
    flexible_pipeline: Pipeline, width_px: int, height_px: int
) -> None:
    warmth = warm_up(unproven(flexible_pipeline), INVOCATION, width_px, height_px)
    assert (warmth.status_code, warmth.status, warmth.model_ready) == (200, "success", True), warmth.message


@pytest.mark.parametrize(("width_px", "height_px"), SIZES)
def test_a_dummy_of_any_size_warms_the_embedded_model(u2netp_pipeline: Pipeline, width_px: int, height_px: int) -> None:
    u2netp_pipeline.proven = False  # public state: the model is loaded, and has to be proven again
    warmth = warm_up(u2netp_pipeline, INVOCATION, width_px, height_px)
    assert (warmth.status_code, warmth.status, warmth.model_ready) == (200, "success", True), warmth.message
    assert warmth.inference_time_s is not None


def test_dynamic_resize_really_leaves_the_square(brightness: Path, tmp_path: Path) -> None:
    """Guard of the tests above: a graph that takes 64×64 alone passes static and fails dynamic on 640×16."""
    squares = artefacts.brightness()
    for dimension in squares.graph.input[0].type.tensor_type.shape.dim[2:]:
        dimension.dim_param = ""
        dimension.dim_value = 64
    folder = artefacts.write(tmp_path / "squares", squares)
    assert warm_up(pipeline_of(folder, INSPIRENET_RESIZE="static"), INVOCATION, 640, 16).status_code == 200
    dynamic = warm_up(pipeline_of(folder, INSPIRENET_RESIZE="dynamic"), INVOCATION, 640, 16)
    assert dynamic.status_code == 206
    assert "640×32" in dynamic.message


def test_the_default_dummy_is_64_px_and_has_something_to_cut_out() -> None:
    dummy = opened(dummy_picture(DUMMY_PX, DUMMY_PX))
    assert dummy.size == (64, 64)
    assert len(dummy.getcolors() or []) > 1


def test_a_successful_warm_up_keeps_the_whole_contract(u2netp: Path) -> None:
    warmth = warm_up(pipeline_of(u2netp), FIRST)
    body = warmth.body
    assert set(body) == FIELDS | MORE_FIELDS
    assert body["status"] == "success"
    assert body["model_ready"] is True
    assert body["container_ready"] is True
    assert body["endpoint"] == "/warmup"
    assert body["cold_start"] is True
    assert datetime.fromisoformat(body["timestamp"]).tzinfo is not None
    assert 0 < body["inference_time"] <= body["total_time"]
    assert 0 < body["load_time"] <= body["total_time"]
    assert set(warmth.headers) == HEADERS
    assert warmth.headers["X-Warmup-Status"] == "success"
    assert warmth.headers["X-Model-Ready"] == "true"
    assert float(warmth.headers["X-Warmup-Time"]) == pytest.approx(body["total_time"], abs=0.001)
    json.dumps(body)


def test_a_model_that_loads_and_cannot_infer_is_206(failing: Path) -> None:
    warmth = warm_up(pipeline_of(failing), INVOCATION)
    assert warmth.status_code == 206
    assert warmth.status == "error"
    assert warmth.headers["X-Warmup-Status"] == "error"
    assert warmth.headers["X-Model-Ready"] == "true"
    assert warmth.body["model_ready"] is True
    assert warmth.body["message"].startswith("Test inference failed: failing failed on 64×64 px")
    assert warmth.body["load_time"] is not None


def _nothing(folder: Path, sound: Path) -> None:
    """Leave no artefact at all."""


def _corrupt_graph(folder: Path, sound: Path) -> None:
    shutil.copytree(sound, folder)
    (folder / "model.onnx").write_bytes(b"\x08\x09 this is no graph" * 50)


def _cut_short(folder: Path, sound: Path) -> None:
    shutil.copytree(sound, folder)
    (folder / "model.onnx").write_bytes((sound / "model.onnx").read_bytes()[:200])


def _no_weights(folder: Path, sound: Path) -> None:
    shutil.copytree(sound, folder)
    (folder / "model.onnx").unlink()


def _manifest_of_words(folder: Path, sound: Path) -> None:
    shutil.copytree(sound, folder)
    (folder / "model.json").write_text("no JSON", encoding="utf-8")


BREAKAGES = [_nothing, _corrupt_graph, _cut_short, _no_weights, _manifest_of_words]


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: breakage.__name__.lstrip("_"))
def test_a_model_that_cannot_be_loaded_is_500_until_it_is_mended(
    breakage: Any, brightness: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "artefact"
    breakage(folder, brightness)
    pipeline = pipeline_of(folder)
    broken = warm_up(pipeline, INVOCATION)
    assert (broken.status_code, broken.status, broken.model_ready) == (500, "error", False)
    assert broken.headers["X-Warmup-Status"] == "error"
    assert broken.headers["X-Model-Ready"] == "false"
    assert broken.message.startswith("Model not ready: ")
    assert str(folder) in broken.message
    assert set(broken.body) == FIELDS | MORE_FIELDS
    assert broken.body["load_time"] is None
    assert broken.body["inference_time"] is None

    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(brightness, folder)
    mended = warm_up(pipeline, INVOCATION)
    assert (mended.status_code, mended.model_ready) == (200, True)


def test_after_a_failed_inference_the_next_ping_tries_again(tmp_path: Path, log: Log) -> None:
    pipeline = pipeline_of(artefacts.write(tmp_path, artefacts.afraid_of_light()))
    first, second = (warm_up(pipeline, invocation) for invocation in (FIRST, INVOCATION))
    assert (first.status_code, second.status_code) == (206, 206)
    assert (first.cold_start, second.cold_start) == (True, False)
    assert second.inference_time_s is not None
    assert len(log.of("warm-up failed")) == 2
    pipeline.run(_dark(), INVOCATION)
    assert warm_up(pipeline, INVOCATION).status_code == 200


def _dark() -> Job:
    return Job(
        "http", Inline(save(Image.fromarray(np.asarray(scene(64, 64)) // 4))), (Output(Rendering(format="png")),)
    )


def test_after_a_failed_later_stage_the_next_ping_tries_again(tmp_path: Path) -> None:
    """The network runs and finds nothing, so composing refuses: an inference alone is no proof."""
    pipeline = pipeline_of(artefacts.write(tmp_path, artefacts.constant(0.0)))
    first, second = (warm_up(pipeline, INVOCATION) for _ in range(2))
    assert (first.status_code, second.status_code) == (206, 206)
    assert second.inference_time_s is not None


def test_a_picture_without_a_subject_is_no_proof(tmp_path: Path) -> None:
    pipeline = pipeline_of(artefacts.write(tmp_path, artefacts.constant(0.0)))
    outcome = pipeline.run(_dark(), INVOCATION)
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, UnknownForeground)
    assert warm_up(pipeline, INVOCATION).status_code == 206


def test_a_second_ping_answers_from_memory(u2netp: Path) -> None:
    pipeline = pipeline_of(u2netp)
    first = warm_up(pipeline, INVOCATION)
    inferred = pipeline.model.last_network_ms
    second = warm_up(pipeline, INVOCATION)
    assert inferred is not None
    assert pipeline.model.last_network_ms == inferred  # a further inference would have taken another time
    assert (second.status_code, second.cold_start) == (200, False)
    assert second.load_time_s is None
    assert second.inference_time_s is None
    assert second.total_time_s < first.total_time_s / 10


def test_a_picture_before_the_first_ping_counts_as_warmth(brightness: Path) -> None:
    pipeline = pipeline_of(brightness)
    pipeline.run(_dark(), INVOCATION)
    warmth = warm_up(pipeline, INVOCATION)
    assert (warmth.status_code, warmth.inference_time_s, warmth.cold_start) == (200, None, False)


def test_the_warm_up_goes_the_way_of_a_real_picture(brightness: Path, tmp_path: Path) -> None:
    """A limit that refuses the dummy at decoding, and a matte that composing refuses, show: each stage takes part."""
    assert warm_up(pipeline_of(brightness, MAX_INPUT_BYTES="10"), INVOCATION).status_code == 206
    nothing = artefacts.write(tmp_path / "nothing", artefacts.constant(0.0))
    refused = warm_up(pipeline_of(nothing), INVOCATION)
    assert (refused.status_code, refused.model_ready) == (206, True)
    assert "Nothing in the picture stands out" in refused.message


def test_outcomes_are_counted_apart(brightness: Path, failing: Path, tmp_path: Path, metrics: Metrics) -> None:
    for folder in (brightness, brightness, failing, tmp_path / "nothing"):
        warm_up(pipeline_of(folder), INVOCATION)
    telemetry.flush()
    counted = metrics()
    assert counted["WarmupSuccess"] == [1, 1]
    assert counted["WarmupPartial"] == [1]
    assert counted["WarmupFailure"] == [1]
    assert len(counted["ModelLoadTime"]) == 3


def test_settings_without_meaning_for_the_artefact_are_noted_in_the_log(u2netp: Path, log: Log) -> None:
    warm_up(pipeline_of(u2netp, INSPIRENET_RESIZE="dynamic", TARGET_SIZE="1024", INSPIRENET_MODE="base"), INVOCATION)
    noted = [line["message"] for line in log.lines if "no effect" in line["message"]]
    assert [note.split()[0].partition("=")[0] for note in noted] == [
        "INSPIRENET_MODE",
        "INSPIRENET_RESIZE",
        "TARGET_SIZE",
    ]


# At start-up, in a process of its own: what Lambda's init does before any event.

AT_START = "import handler.app as a; p = a.environment.pipeline; print('STARTED', p.model.loaded, p.proven)"


def start(**environment: str) -> tuple[str, list[dict[str, Any]]]:
    """Import the handler as Lambda does; give whether it is loaded and proven, and what it wrote."""
    done = subprocess.run(
        [sys.executable, "-c", AT_START],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    *written, state = done.stdout.splitlines()
    return state, [json.loads(line) for line in written]


EARLY = [
    {"MIN_INSTANCES": "1"},
    {"AWS_LAMBDA_INITIALIZATION_TYPE": "provisioned-concurrency"},
    {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"},
]


@pytest.mark.parametrize("why", EARLY, ids=lambda why: next(iter(why.values())))
def test_where_nobody_waits_init_warms_up(why: dict[str, str], brightness: Path) -> None:
    state, written = start(MODEL_DIR=str(brightness), **why)
    assert state == "STARTED True True"
    assert [line["status_code"] for line in written if line.get("message") == "warm-up"] == [200]
    assert any("WarmupSuccess" in line for line in written)


def test_on_demand_init_leaves_the_model_alone_whatever_min_instances_says(brightness: Path) -> None:
    state, written = start(MODEL_DIR=str(brightness), AWS_LAMBDA_INITIALIZATION_TYPE="on-demand", MIN_INSTANCES="1")
    assert state == "STARTED False False"
    assert written == []


@pytest.mark.parametrize("why", EARLY, ids=lambda why: next(iter(why.values())))
def test_a_failing_warm_up_is_reported_and_init_goes_on(why: dict[str, str]) -> None:
    state, written = start(MODEL_DIR="/nonexistent", **why)
    assert state == "STARTED False False"
    assert [line["status_code"] for line in written if line.get("message") == "warm-up"] == [500]
    assert any(line.get("level") == "ERROR" for line in written)
    assert any("WarmupFailure" in line for line in written)


def test_settings_without_sense_do_not_stop_the_start(awaken: Awaken, log: Log, metrics: Metrics) -> None:
    function = awaken(MIN_INSTANCES="many")
    (line,) = log.of("warm-up")
    assert line["status_code"] == 500
    assert "MIN_INSTANCES='many'" in line["detail"]
    assert metrics()["WarmupFailure"] == [1]
    answer = function({"warmup": True})
    assert (answer["statusCode"], answer["model_ready"]) == (500, False)
    assert "MIN_INSTANCES='many'" in answer["message"]


def test_after_a_restored_snapshot_connections_are_new_and_the_model_stays(awaken: Awaken, brightness: Path) -> None:
    function = awaken(MODEL_DIR=str(brightness), AWS_LAMBDA_INITIALIZATION_TYPE="snap-start")
    inferred = function.model.last_network_ms
    function.module.environment.renew()
    assert function({"warmup": True})["message"] == "Already warm."
    assert function.model.last_network_ms == inferred is not None


@pytest.mark.parametrize("why", EARLY, ids=lambda why: next(iter(why.values())))
def test_what_init_has_warmed_has_no_cold_start(
    awaken: Awaken, brightness: Path, metrics: Metrics, why: dict[str, str]
) -> None:
    function = awaken(MODEL_DIR=str(brightness), **why)
    answer = function({"warmup": True})
    assert (answer["cold_start"], answer["message"]) == (False, "Already warm.")
    assert "ColdStart" not in metrics()


@pytest.mark.parametrize("why", EARLY, ids=lambda why: next(iter(why.values())))
def test_after_a_start_up_warm_up_that_failed_the_first_event_is_a_cold_start(
    awaken: Awaken, brightness: Path, tmp_path: Path, metrics: Metrics, why: dict[str, str]
) -> None:
    folder = tmp_path / "late"
    function = awaken(MODEL_DIR=str(folder), **why)
    assert "ColdStart" not in metrics()
    shutil.copytree(brightness, folder)
    first, second = (function({"warmup": True}) for _ in range(2))
    assert (first["cold_start"], second["cold_start"]) == (True, False)
    assert metrics()["ColdStart"] == [1]


@pytest.mark.parametrize("first", ["upload", "request", "nobody's"])
def test_the_first_event_of_any_kind_is_the_cold_start(
    awaken: Awaken, brightness: Path, metrics: Metrics, first: str
) -> None:
    event: dict[str, Any] = {
        "upload": events.load("s3_testevent"),
        "request": events.request("rest", "GET", "/health"),
        "nobody's": {},
    }
    function = awaken(MODEL_DIR=str(brightness))
    function(event[first])
    assert metrics()["ColdStart"] == [1]
    assert function({"warmup": True})["cold_start"] is False
    assert "ColdStart" not in metrics()


def test_a_restored_snapshot_runs_the_hook_that_makes_connections_new(
    awaken: Awaken, brightness: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run what awslambdaric runs after a restore; the old client would go on to the old place."""
    with hostile(s3_error(403, "AccessDenied")) as old, hostile(s3_error(403, "AccessDenied")) as new:
        function = awaken(MODEL_DIR=str(brightness), AWS_ENDPOINT_URL_S3=old.url, OUTPUT_BUCKET="out")
        with pytest.raises(Redelivery):
            function(events.upload("bucket", "a.png"))
        asked = len(old.requests)
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", new.url)
        for hook, arguments, named in snapshot_restore_py.get_after_restore():
            hook(*arguments, **named)
        with pytest.raises(Redelivery):
            function(events.upload("bucket", "a.png"))
    assert (len(old.requests), len(new.requests)) == (asked, asked)
    assert asked > 0
