"""The whole function under the real Runtime Interface Emulator, with S3 over HTTP. One event at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import urllib3
from PIL import Image

from local import events
from local.emulator import ROOT, Emulator
from tests.clients import REMOVEBG, SENDERS, Sender, read
from tests.conftest import Buckets, metrics_of
from tests.pictures import opened, sample, save

if TYPE_CHECKING:
    from collections.abc import Iterator


PHOTOGRAPHS = ROOT / "demo" / "photos"
PING = {"warmup": True}


@pytest.fixture(scope="module")
def lambda_function(u2netp: Path, stores: Buckets) -> Iterator[Emulator]:
    """Give the function with the embedded model, its HOME read-only as Lambda's is."""
    environment = {**stores.environment(), "RESULT_BUCKET": stores.cutouts}
    with Emulator({"MODEL_DIR": str(u2netp), "HOME": "/nonexistent", **environment}) as running:
        yield running


@pytest.fixture(scope="module")
def first_pings(lambda_function: Emulator) -> list[Any]:
    """Send the first two events that this function ever sees."""
    return [lambda_function.invoke(events.load("scheduled")) for _ in range(2)]


@pytest.fixture
def warm(lambda_function: Emulator, first_pings: list[Any]) -> Emulator:
    return lambda_function


def lines_of(log: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]


def form_event(sender: Sender, picture: bytes, **fields: str) -> dict[str, Any]:
    body, headers = events.form(fields, {"image_file": ("picture", picture)})
    return events.request(sender, "POST", REMOVEBG, body, headers)


def test_the_first_ping_is_a_cold_start_and_the_second_answers_from_memory(first_pings: list[Any]) -> None:
    cold, warm = first_pings
    assert (cold.status_code, cold.payload["cold_start"], cold.payload["model_ready"]) == (200, True, True)
    assert (warm.status_code, warm.payload["cold_start"], warm.payload["model_ready"]) == (200, False, True)
    assert cold.payload["inference_time"] > 0
    assert warm.payload["inference_time"] is None
    assert warm.elapsed_s < cold.elapsed_s / 10


@pytest.mark.parametrize("sender", SENDERS)
def test_a_photograph_is_cut_out_for_every_sender(warm: Emulator, sender: Sender) -> None:
    photograph = (PHOTOGRAPHS / "astronaut.jpg").read_bytes()
    reply = warm.invoke(form_event(sender, photograph, size="preview", format="png"))
    cutout = read(reply.payload).picture
    assert (cutout.format, cutout.mode) == ("PNG", "RGBA")
    alpha = np.asarray(cutout)[..., 3]
    rows, columns = alpha.shape
    middle = alpha[rows // 4 : 3 * rows // 4, columns // 4 : 3 * columns // 4]
    assert middle.mean() > 150, "the astronaut is in the middle"
    assert alpha[: rows // 10, -columns // 10 :].mean() < 60, "and not in the corner"


def test_warm_up_and_health_over_http(warm: Emulator) -> None:
    asked = read(warm.invoke(events.request("function-url", "GET", "/warmup")).payload)
    assert (asked.status, asked.headers["x-warmup-status"], asked.headers["x-model-ready"]) == (200, "success", "true")
    health = read(warm.invoke(events.request("function-url", "GET", "/health")).payload)
    assert health.json["model"] == "u2netp 1"


def test_what_is_no_picture_is_a_400_and_its_sentence(warm: Emulator) -> None:
    asked = read(warm.invoke(form_event("http-api", b"These are words.")).payload)
    assert (asked.status, asked.error["code"]) == (400, "invalid_file_type")


def test_a_12_megapixel_upload_is_cut_out(warm: Emulator, stores: Buckets) -> None:
    photograph = Image.open(PHOTOGRAPHS / "chelsea.jpg").resize((4000, 3000), Image.Resampling.BICUBIC)
    stores.put("large.jpg", save(photograph, "JPEG", quality=90))
    reply = warm.invoke(events.upload(stores.uploads, "large.jpg"))
    assert reply.status_code == 200, reply.payload
    cutout = opened(stores.get(stores.cutouts, "cutouts/large.jpg.png")["Body"].read())
    assert (cutout.mode, cutout.size) == ("RGBA", (4000, 3000))
    low, high = cutout.getchannel("A").getextrema()
    assert low != high


def test_of_a_queues_messages_only_those_that_have_to_come_again_are_named(warm: Emulator, stores: Buckets) -> None:
    stores.put("queued.png", sample("PNG"))
    stores.put("words.txt", b"words")
    bodies = [events.upload(stores.uploads, key) for key in ("queued.png", "words.txt")]
    reply = warm.invoke(events.sqs(*bodies, "Hello from SQS!", events.load("s3_testevent")))
    assert reply.payload["batchItemFailures"] == [{"itemIdentifier": "m2"}]
    assert {"cutouts/queued.png.png", "cutouts/words.txt.png.error.json"} <= set(stores.keys(stores.cutouts))
    assert warm.invoke(PING).status_code == 200


def test_a_result_too_large_for_lambda_leaves_the_process_alive(brightness: Path) -> None:
    values = np.random.default_rng(3).integers(100, 255, (1300, 1300, 3), np.uint8)
    noise = save(Image.fromarray(values), "JPEG", quality=85)
    with Emulator({"MODEL_DIR": str(brightness)}) as function:
        asked = read(function.invoke(form_event("http-api", noise, format="png")).payload)
        after = function.invoke(PING).payload
    assert (asked.status, asked.error["code"]) == (400, "result_too_large")
    assert (after["statusCode"], after["cold_start"], after["load_time"]) == (200, False, None), "the same process"


def test_every_event_file_is_answered_or_raised_by_name(warm: Emulator) -> None:
    for path in sorted(events.EVENTS.glob("*.json")):
        payload = warm.invoke(json.loads(path.read_text(encoding="utf-8"))).payload
        if "errorType" in payload:
            assert payload["errorType"] == "Redelivery", path.name
        elif "invocationSchemaVersion" not in payload:  # S3 Batch Operations reads its own form and nothing besides
            assert isinstance(payload["statusCode"], int), path.name


def test_the_log_has_lines_and_metrics_and_no_traceback(warm: Emulator) -> None:
    warm.invoke(form_event("http-api", sample("PNG")))
    log = warm.log()
    pictures = [line for line in lines_of(log) if line.get("message") == "picture"]
    assert {"cut_out", "refused"} <= {line["outcome"] for line in pictures}
    counted = {name for document in metrics_of(log) for name in document}
    assert {"ColdStart", "WarmupSuccess", "PictureCutOut", "PictureRefused", "ModelLoadTime", "PredictTime"} <= counted
    assert not [line for line in lines_of(log) if "failed unforeseen" in str(line.get("message"))]


@pytest.mark.parametrize(
    "why",
    [{"MIN_INSTANCES": "1"}, {"AWS_LAMBDA_INITIALIZATION_TYPE": "provisioned-concurrency"}],
    ids=lambda why: next(iter(why)),
)
def test_a_function_kept_warm_answers_its_first_ping_from_memory(brightness: Path, why: dict[str, str]) -> None:
    with Emulator({"MODEL_DIR": str(brightness), **why}) as function:
        first = function.invoke(PING).payload
    assert (first["statusCode"], first["cold_start"], first["message"]) == (200, False, "Already warm.")


def test_a_function_whose_first_warm_up_fails_starts_and_says_so(tmp_path: Path) -> None:
    with Emulator({"MODEL_DIR": str(tmp_path), "MIN_INSTANCES": "1"}) as function:
        ping = function.invoke(PING).payload
        health = read(function.invoke(events.request("rest", "GET", "/health")).payload)
        log = function.log()
    assert (ping["statusCode"], ping["status"], ping["model_ready"]) == (500, "error", False)
    assert health.status == 200
    assert [line["status_code"] for line in lines_of(log) if line.get("message") == "warm-up"] == [500, 500]


def test_settings_without_sense_are_answered(brightness: Path) -> None:
    with Emulator({"MODEL_DIR": str(brightness), "MAX_INPUT_BYTES": "lots"}) as function:
        asked = read(function.invoke(form_event("http-api", sample("PNG"))).payload)
        raised = function.invoke(events.load("s3_put")).payload
    assert (asked.status, asked.error["code"]) == (500, "configuration_error")
    assert "MAX_INPUT_BYTES='lots'" in asked.error["detail"]
    assert raised["errorType"] == "Redelivery"
    assert "MAX_INPUT_BYTES='lots'" in raised["errorMessage"]


def test_the_emulator_leaves_no_process_behind(brightness: Path) -> None:
    before = children_of(os.getpid())
    with Emulator({"MODEL_DIR": str(brightness)}) as function:
        function.invoke(PING)
        emulators = children_of(os.getpid()) - before
        assert len(emulators) == 1
        runtimes = children_of(*emulators)
        assert len(runtimes) == 1
    assert not {process for process in emulators | runtimes if process in running()}


def running() -> dict[int, int]:
    """Map every process that is not a zombie to its parent."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text(encoding="utf-8").rpartition(")")[2].split()[:2]
        except OSError:  # a process that ended meanwhile
            continue
        if state != "Z":
            found[int(stat.parent.name)] = int(parent)
    return found


def children_of(*parents: int) -> set[int]:
    return {process for process, parent in running().items() if parent in parents}


@pytest.mark.parametrize("sender", ["http-api", "alb"])
def test_what_no_event_and_no_answer_can_carry_goes_through_the_bucket(
    warm: Emulator, stores: Buckets, sender: Sender
) -> None:
    image = Image.open(PHOTOGRAPHS / "astronaut.jpg").convert("RGB").resize((1500, 1500))
    grain = np.random.default_rng(3).normal(0, 8, (1500, 1500, 3))
    photograph = save(Image.fromarray((np.asarray(image) + grain).clip(0, 255).astype(np.uint8)), compress_level=0)
    assert len(photograph) > 6_291_556
    place = read(warm.invoke(events.request(sender, "POST", "/v1.0/uploads")).payload).json["data"]
    fields = [*place["fields"].items(), ("Content-Type", "image/png"), ("file", ("a", photograph, "image/png"))]
    assert urllib3.request("POST", place["url"], fields=fields).status == 204
    asked = {"image_url": place["image_url"], "format": "png", "bg_color": "fff", "redirect": "true"}
    event = events.request(sender, "POST", REMOVEBG, json.dumps(asked).encode(), {"content-type": "application/json"})
    answer = read(warm.invoke(event).payload)
    data = urllib3.request("GET", answer.headers["location"]).data if answer.status == 303 else answer.body
    assert answer.status == (303 if sender == "alb" else 200)
    assert opened(data).size == (1500, 1500)
    assert stores.keys(stores.cutouts).count(place["fields"]["key"]) == 0


def test_serve_cuts_out_over_plain_http(brightness: Path, picture: bytes) -> None:
    """`make serve`'s command, and a request that comes over a socket."""
    command = [sys.executable, "-m", "handler.serve", "--port", "0"]
    environment = {
        "PATH": os.environ["PATH"],
        "MODEL_DIR": str(brightness),
        "POWERTOOLS_METRICS_DISABLED": "true",
        "PYTHONUNBUFFERED": "1",
    }
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            url = ""
            for line in server.stderr:
                if "Uvicorn running on " in line:
                    url = line.split("Uvicorn running on ")[1].split()[0]
                    break
            assert url.startswith("http://127.0.0.1:")
            body, headers = events.form({"format": "png"}, {"image_file": ("a.png", picture)})
            answer = urllib3.request("POST", f"{url}{REMOVEBG}", body=body, headers=headers)
        finally:
            server.terminate()
    assert (answer.status, answer.headers["content-type"]) == (200, "image/png")
    assert (opened(answer.data).mode, opened(answer.data).size) == ("RGBA", (96, 64))
