"""POST /v1.0/uploads, and what its references lead to: one picture, once, and nothing else."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import numpy as np
import pytest
import uvicorn
from PIL import Image

from handler import telemetry
from handler.pipeline import Pipeline
from handler.settings import Settings
from handler.web.application import build
from local import events
from local.emulator import ROOT
from tests.clients import REMOVEBG, SENDERS, Answered, Context, Sender
from tests.faults import Cut, Fault, faulty
from tests.hostile import s3_error
from tests.pictures import opened, quarters, save
from tests.web.conftest import send

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.applications import Starlette

    from tests.clients import Function
    from tests.conftest import Awaken, Log
    from tests.hostile import Seen
    from tests.web.conftest import Roomy

UPLOADS = "/v1.0/uploads"
JSON = {"content-type": "application/json"}


def cut_out(function: Function, fields: dict[str, str], **ask: Any) -> Answered:
    return function.ask("POST", body=json.dumps(fields).encode(), headers=JSON, **ask)


@pytest.mark.parametrize("sender", SENDERS)
def test_a_place_for_a_picture_is_given(roomy: Roomy, sender: Sender) -> None:
    asked = roomy.function.ask("POST", UPLOADS, sender=sender)
    assert (asked.status, asked.headers["content-type"]) == (201, "application/json")
    data = asked.json["data"]
    assert set(data) == {"url", "fields", "image_url", "max_bytes", "expires_at"}
    assert re.fullmatch(r"upload:[\w-]{43}", data["image_url"])
    assert data["fields"]["key"] == f"uploads/{data['image_url'].removeprefix('upload:')}"
    assert data["max_bytes"] == 50_000_000
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", data["expires_at"])
    assert "x-ratelimit-limit" in asked.headers


def test_a_place_has_the_settings_limits(awaken: Awaken, brightness: Path, roomy: Roomy) -> None:
    function = awaken(MODEL_DIR=str(brightness), MAX_INPUT_BYTES="1234", RESULT_URL_SECONDS="60")
    assert function.ask("POST", UPLOADS).json["data"]["max_bytes"] == 1234


@pytest.mark.parametrize("name", ["image_url", "bg_image_url"])
def test_a_reference_stands_for_its_picture_in_every_content_type(roomy: Roomy, picture: bytes, name: str) -> None:
    backdrop = save(quarters(64, 48))
    source = {"image_file": ("a", picture)} if name == "bg_image_url" else {}
    expected = roomy.function.cut_out(picture, format="png")
    if name == "bg_image_url":
        body, headers = events.form({"format": "png"}, {"image_file": ("a", picture), "bg_image_file": ("b", backdrop)})
        expected = roomy.function.ask("POST", body=body, headers=headers)
    uploaded = picture if name == "image_url" else backdrop
    fields = {name: roomy.upload(uploaded), "format": "png"}
    body, headers = events.form(fields, source)
    assert roomy.function.ask("POST", body=body, headers=headers).body == expected.body
    if name == "bg_image_url":
        return
    for kind in ("application/json", "application/x-www-form-urlencoded"):
        fields = {name: roomy.upload(uploaded), "format": "png"}
        body = json.dumps(fields).encode() if kind.endswith("json") else urlencode(fields).encode()
        assert roomy.function.ask("POST", body=body, headers={"content-type": kind}).body == expected.body
    query = urlencode({name: roomy.upload(uploaded), "format": "png"})
    assert roomy.function.ask("POST", query=query).body == expected.body


def test_an_upload_serves_one_cut_out_and_is_gone(roomy: Roomy, picture: bytes, log: Log) -> None:
    reference, other = roomy.upload(picture), roomy.upload(picture)
    assert cut_out(roomy.function, {"image_url": reference, "bg_image_url": other}).status == 200
    assert roomy.keys() == []
    again = cut_out(roomy.function, {"image_url": reference})
    assert (again.status, again.error["code"]) == (400, "failed_image_download")
    assert "POST /v1.0/uploads" in again.error["detail"]
    assert reference.removeprefix("upload:") not in log.text


def test_a_background_that_was_not_uploaded_is_a_failed_download(roomy: Roomy, picture: bytes) -> None:
    reference = roomy.upload(picture)
    asked = cut_out(roomy.function, {"image_url": reference, "bg_image_url": f"upload:{'A' * 43}"})
    assert (asked.status, asked.error["code"]) == (400, "failed_bg_download")
    assert len(roomy.keys()) == 1


def test_what_no_request_could_use_is_removed(roomy: Roomy) -> None:
    for junk in (b"words", save(quarters())[:60]):
        asked = cut_out(roomy.function, {"image_url": roomy.upload(junk)})
        assert asked.status == 400
        assert roomy.keys() == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"roi": "0 0 5000 5000"}, "roi_exceeds_bounds"),
        ({"roi": "5 5 5 5"}, "roi_region_empty"),
        ({"size": "huge"}, "invalid_size"),
    ],
)
def test_a_picture_that_another_request_could_use_stays(
    roomy: Roomy, picture: bytes, fields: dict[str, str], code: str
) -> None:
    reference = roomy.upload(picture)
    asked = cut_out(roomy.function, {"image_url": reference, **fields})
    assert (asked.status, asked.error["code"]) == (400, code)
    assert cut_out(roomy.function, {"image_url": reference}).status == 200


def test_a_good_picture_does_not_go_with_a_background_that_is_none(roomy: Roomy, picture: bytes) -> None:
    reference = roomy.upload(picture)
    asked = cut_out(roomy.function, {"image_url": reference, "bg_image_url": roomy.upload(b"words")})
    assert (asked.status, asked.error["code"]) == (400, "invalid_file_type")
    assert cut_out(roomy.function, {"image_url": reference}).status == 200


def test_a_result_too_large_keeps_the_picture_for_the_next_request(roomy: Roomy) -> None:
    grain = np.random.default_rng(7).integers(0, 255, (520, 520, 3), np.uint8)
    reference = roomy.upload(save(Image.fromarray(grain)))
    refused = cut_out(roomy.function, {"image_url": reference, "format": "png"}, sender="alb")
    assert refused.error["code"] == "result_too_large"
    assert cut_out(roomy.function, {"image_url": reference, "format": "webp"}, sender="alb").status == 200


def test_what_may_be_tried_again_stays(roomy: Roomy, picture: bytes) -> None:
    reference = roomy.upload(picture)
    short = cut_out(roomy.function, {"image_url": reference}, context=Context(remaining_ms=700))
    assert (short.status, short.error["code"]) == (503, "time_too_short")
    assert cut_out(roomy.function, {"image_url": reference}).status == 200


def test_a_reference_reads_no_other_object(roomy: Roomy, picture: bytes) -> None:
    """Of the same name in another folder, in the bucket's root, and as an older version."""
    client, token = roomy.server.client, "B" * 43
    for key in (f"results/{token}", f"improve/{token}", token, f"uploads/{token}/x", f"uploads/{token}.png"):
        client.put_object(Bucket=roomy.bucket, Key=key, Body=picture)
    client.put_bucket_versioning(Bucket=roomy.bucket, VersioningConfiguration={"Status": "Enabled"})
    client.put_object(Bucket=roomy.bucket, Key=f"uploads/{token}", Body=picture)
    client.delete_object(Bucket=roomy.bucket, Key=f"uploads/{token}")
    asked = cut_out(roomy.function, {"image_url": f"upload:{token}"})
    assert (asked.status, asked.error["code"]) == (400, "failed_image_download")


def test_keys_are_asked_for_as_elsewhere(awaken: Awaken, brightness: Path, roomy: Roomy) -> None:
    function = awaken(MODEL_DIR=str(brightness), API_KEYS="hush")
    assert function.ask("POST", UPLOADS).status == 403
    for headers in ({"X-Api-Key": "hush"}, {"Authorization": "Bearer hush"}):
        assert function.ask("POST", UPLOADS, headers=headers).status == 201
    assert function.ask("GET", UPLOADS, headers={"X-Api-Key": "hush"}).status == 405


def test_after_a_restored_snapshot_addresses_are_signed_anew(roomy: Roomy, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a client of its own: the one in the snapshot has the credentials of the environment that made it."""
    before = roomy.function.ask("POST", UPLOADS).json["data"]["url"]
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    assert roomy.function.ask("POST", UPLOADS).json["data"]["url"] == before
    roomy.function.module.environment.renew()
    assert roomy.function.ask("POST", UPLOADS).json["data"]["url"].startswith("http://127.0.0.1:9/")


def test_without_a_bucket_uploads_are_not_offered(function: Function) -> None:
    for asked in (
        function.ask("POST", UPLOADS),
        cut_out(function, {"image_url": f"upload:{'A' * 43}"}),
    ):
        assert (asked.status, asked.error["code"]) == (400, "not_offered")
        assert "RESULT_BUCKET" in asked.error["detail"]


def test_settings_without_sense_are_said_before_that(awaken: Awaken) -> None:
    function = awaken(RESULT_BUCKET="photos", RESULT_URL_SECONDS="8 days")
    for path in (UPLOADS, "/v1.0/improve"):
        asked = function.ask("POST", path)
        assert (asked.status, asked.error["code"]) == (500, "configuration_error")
        assert "RESULT_URL_SECONDS" in asked.error["detail"]


def failing_on(method: str, how: Fault) -> Any:
    def fault_of(request: Seen) -> Fault:
        return how if request.method == method else None

    return fault_of


@pytest.mark.parametrize(
    ("method", "how", "refusal"),
    [
        ("GET", s3_error(403, "AccessDenied"), (502, "access_denied")),
        ("GET", s3_error(400, "ExpiredToken"), (502, "dependency_failed")),
        ("GET", Cut("within"), (502, "dependency_failed")),
        ("PUT", s3_error(403, "AccessDenied"), (502, "access_denied")),
        ("PUT", s3_error(404, "NoSuchBucket"), (500, "configuration_error")),
    ],
    ids=str,
)
def test_what_s3_fails_at_may_be_tried_again_and_loses_nothing(
    awaken: Awaken, roomy: Roomy, method: str, how: Fault, refusal: tuple[int, str]
) -> None:
    grain = np.random.default_rng(7).integers(0, 255, (520, 520, 3), np.uint8)
    reference = roomy.upload(save(Image.fromarray(grain)))
    with faulty(roomy.server.url, failing_on(method, how)) as proxy:
        function = awaken(AWS_ENDPOINT_URL_S3=proxy.url)
        fields = {"image_url": reference, "format": "png", "redirect": "true"}
        asked = cut_out(function, fields, sender="alb")
        assert (asked.status, asked.error["code"]) == refusal
    assert roomy.keys() == [f"uploads/{reference.removeprefix('upload:')}"]


def test_an_upload_that_cannot_be_removed_is_the_logs_alone(
    awaken: Awaken, brightness: Path, roomy: Roomy, picture: bytes, log: Log
) -> None:
    reference = roomy.upload(picture)
    with faulty(roomy.server.url, failing_on("DELETE", s3_error(403, "AccessDenied"))) as proxy:
        function = awaken(MODEL_DIR=str(brightness), AWS_ENDPOINT_URL_S3=proxy.url)
        assert cut_out(function, {"image_url": reference}).status == 200
    (line,) = log.of("an upload stays")
    assert line["code"] == "access_denied"
    assert "s3:DeleteObject" in line["reason"]
    assert reference.removeprefix("upload:") not in log.text
    assert telemetry.UNFORESEEN not in log.text


def test_a_photograph_too_large_for_any_request_is_cut_out(roomy: Roomy) -> None:
    """22 MB and more: up by the form, and down by a redirect or, in a smaller size, as ever."""
    grain = np.random.default_rng(7).integers(0, 255, (2600, 2900, 3), np.uint8)
    photograph = save(Image.fromarray(grain), compress_level=0)
    assert len(photograph) > 22_000_000
    data = roomy.function.ask("POST", UPLOADS).json["data"]
    assert send(data, photograph) == 204
    asked = cut_out(roomy.function, {"image_url": data["image_url"], "format": "jpg", "size": "medium"})
    assert (asked.status, asked.headers["content-type"]) == (200, "image/jpeg")
    assert roomy.keys() == []


def test_a_request_names_one_picture_alone(roomy: Roomy, picture: bytes) -> None:
    reference = roomy.upload(picture)
    body, headers = events.form({"image_url": reference}, {"image_file": ("a", picture)})
    asked = roomy.function.ask("POST", REMOVEBG, body, headers)
    assert asked.error["code"] == "multiple_sources"
    assert len(roomy.keys()) == 1


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="the document's lines need curl and jq")
def test_the_documents_lines_do_what_it_says(roomy: Roomy, brightness: Path, picture: bytes, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "large-files.md").read_text(encoding="utf-8")
    lines = re.findall(r"<!-- a test runs these lines -->\n```sh\n(.+?)```", text, re.DOTALL)
    assert len(lines) == 1
    (tmp_path / "photo.jpg").write_bytes(picture)
    settings = {"MODEL_DIR": str(brightness), "RESULT_BUCKET": roomy.bucket, "API_KEYS": "hush"}
    with served(build(Pipeline(Settings.from_env(settings)))) as url:
        environment = {**os.environ, "URL": url, "KEY": "hush"}
        shell = ["bash", "-euo", "pipefail", "-c", lines[0]]
        subprocess.run(shell, cwd=tmp_path, env=environment, check=True, timeout=60)
    assert opened((tmp_path / "cutout.png").read_bytes()).format == "PNG"
    assert roomy.keys() == []


@contextmanager
def served(application: Starlette) -> Iterator[str]:
    """Run an application as a plain web server."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(application, log_level="critical", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive()
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
