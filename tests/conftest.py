"""What tests share: artefacts, a local S3, and the function as a fresh execution environment."""

from __future__ import annotations

import importlib.util
import io
import json
import logging
import os
import subprocess
import sys
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from hypothesis import HealthCheck, settings

from handler import telemetry
from handler.pipeline import Pipeline
from handler.settings import Settings
from local.emulator import ROOT
from local.s3 import LocalS3, local_s3
from tests import artefacts
from tests.clients import Function
from tests.pictures import save, scene

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType

settings.register_profile(
    "suite",
    deadline=None,  # this machine may be shared: a time limit an example would fail by chance
    max_examples=60,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
settings.load_profile("suite")


class Awaken(Protocol):
    """Starts a fresh execution environment with these variables."""

    def __call__(self, **environment: str) -> Function: ...


@pytest.fixture(autouse=True)
def _lambda_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every test Lambda's variables and none of this machine's."""
    for name in os.environ:
        if name.startswith(("AWS_", "INSPIRENET_", "MAX_", "OUTPUT", "RESULT_", "API_", "WARMUP_")) or name in {
            *("ALLOWED_ORIGINS", "MODEL_DIR", "TARGET_SIZE", "MIN_INSTANCES", "DEFAULT_SIZE", "THREADS"),
            *("STREAM_ANSWERS_TO", "THROTTLE_RATE"),
        }:
            monkeypatch.delenv(name)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-east-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "local")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("THREADS", "1")


@pytest.fixture(scope="session")
def u2netp() -> Path:
    """Give the embedded model's artefact, built where `make` has not built it yet."""
    folder = ROOT / "build" / "model" / "u2netp"
    if not (folder / "model.json").exists():
        subprocess.run(
            [sys.executable, "-m", "layers.model.build", "u2netp", "--out", str(folder)], cwd=ROOT, check=True
        )
    return folder


@pytest.fixture(scope="session")
def brightness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an artefact of flexible size whose matte is the picture's brightness."""
    return artefacts.write(tmp_path_factory.mktemp("brightness"), artefacts.brightness())


@pytest.fixture(scope="session")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an artefact that loads and fails whenever it runs."""
    return artefacts.write(tmp_path_factory.mktemp("failing"), artefacts.failing(), name="failing")


@pytest.fixture
def awaken(monkeypatch: pytest.MonkeyPatch) -> Awaken:
    """Start the function as Lambda does: the module runs anew, with what the environment then says."""

    def start(**environment: str) -> Function:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return Function(_fresh_app())

    return start


def _fresh_app() -> ModuleType:
    """Run handler/app.py anew as a module of its own, as a new execution environment does."""
    spec = importlib.util.find_spec("handler.app")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def function(brightness: Path) -> Function:
    """Give a function with the brightness model, shared by a module's tests: its model is loaded once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODEL_DIR", str(brightness))
        patch.setenv("THREADS", "1")
        return Function(_fresh_app())


@pytest.fixture(scope="session")
def pipeline(brightness: Path) -> Pipeline:
    """Give a pipeline with the brightness model."""
    return Pipeline(Settings.from_env({"MODEL_DIR": str(brightness), "THREADS": "1"}))


@pytest.fixture(scope="session")
def s3() -> Iterator[LocalS3]:
    """Give S3 over real HTTP."""
    with local_s3() as server:
        yield server


@dataclass(frozen=True)
class Buckets:
    """Two fresh buckets, and what tests do with them."""

    server: LocalS3
    uploads: str = field(default_factory=lambda: f"in-{uuid.uuid4()}")
    cutouts: str = field(default_factory=lambda: f"out-{uuid.uuid4()}")

    def put(self, key: str, data: bytes, **more: Any) -> Any:
        return self.server.client.put_object(Bucket=self.uploads, Key=key, Body=data, **more)

    def keys(self, bucket: str) -> list[str]:
        return sorted(entry["Key"] for entry in self.server.client.list_objects_v2(Bucket=bucket).get("Contents", []))

    def get(self, bucket: str, key: str) -> Any:
        return self.server.client.get_object(Bucket=bucket, Key=key)

    def document(self, bucket: str, key: str) -> dict[str, Any]:
        return dict(json.loads(self.get(bucket, key)["Body"].read()))

    def keep_versions(self, bucket: str | None = None) -> None:
        self.server.client.put_bucket_versioning(
            Bucket=bucket or self.uploads, VersioningConfiguration={"Status": "Enabled"}
        )

    def versions(self, bucket: str) -> list[str]:
        return [entry["VersionId"] for entry in self.server.client.list_object_versions(Bucket=bucket)["Versions"]]

    def environment(self) -> dict[str, str]:
        return {"AWS_ENDPOINT_URL_S3": self.server.url, "OUTPUT_BUCKET": self.cutouts, "OUTPUT_PREFIX": "cutouts/"}


def made_buckets(s3: LocalS3) -> Buckets:
    """Make two buckets that nobody else knows."""
    made = Buckets(s3)
    for name in (made.uploads, made.cutouts):
        s3.client.create_bucket(Bucket=name)
    return made


@pytest.fixture
def buckets(s3: LocalS3) -> Buckets:
    """Make two buckets that no other test knows."""
    return made_buckets(s3)


@pytest.fixture(scope="module")
def stores(s3: LocalS3) -> Buckets:
    """Make two buckets that no other file's tests know."""
    return made_buckets(s3)


@pytest.fixture(scope="session")
def picture() -> bytes:
    """Give a small picture with a bright subject."""
    return save(scene())


@dataclass(frozen=True)
class Log:
    """What the function has logged in this test, as it wrote it."""

    stream: io.StringIO

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    def of(self, message: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["message"] == message]


@pytest.fixture
def log() -> Iterator[Log]:
    """Listen to the function's logger, in its own format: its own stream was opened before pytest's capture."""
    stream = io.StringIO()
    listener = logging.StreamHandler(stream)
    listener.setFormatter(telemetry.logger.registered_formatter)
    logger = logging.getLogger(telemetry.SERVICE)
    logger.addHandler(listener)
    yield Log(stream)
    logger.removeHandler(listener)


def metrics_of(output: str) -> list[dict[str, Any]]:
    """Read the embedded metrics out of standard output: one document a line."""
    found = []
    for line in output.splitlines():
        try:
            document = json.loads(line)
        except ValueError:
            continue
        if isinstance(document, dict) and "_aws" in document:
            found.append(document)
    return found


class Metrics(Protocol):
    """Gives the metrics written since it was last asked: a name's values."""

    def __call__(self) -> dict[str, list[float]]: ...


@pytest.fixture
def metrics(capsys: pytest.CaptureFixture[str]) -> Metrics:
    """Read what the function counts."""
    telemetry.metrics.clear_metrics()
    capsys.readouterr()

    def written() -> dict[str, list[float]]:
        totals: dict[str, list[float]] = {}
        for document in metrics_of(capsys.readouterr().out):
            for described in document["_aws"]["CloudWatchMetrics"][0]["Metrics"]:
                values = document[described["Name"]]
                totals.setdefault(described["Name"], []).extend(values if isinstance(values, list) else [values])
        return totals

    return written
