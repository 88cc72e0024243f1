"""API keys whose hashes a secret holds: who gets in, for how long, and that nobody does where none can be compared."""

from __future__ import annotations

import base64
import hashlib
import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import botocore.retries.standard
import pytest
from aws_lambda_powertools.utilities.parameters import base

from handler.web.keys import SECRET_LIFETIME_S
from tests.hostile import Answer, hostile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.clients import Answered, Function
    from tests.conftest import Awaken, Log
    from tests.hostile import Hostile, Seen

ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:cutout-keys-AbCdEf"


def entry(key: str) -> str:
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def secret(text: str) -> Answer:
    """Give a secret as Secrets Manager does."""
    return _json(200, {"ARN": ARN, "Name": "cutout-keys", "VersionId": "1", "SecretString": text})


def binary_secret(data: bytes) -> Answer:
    return _json(200, {"ARN": ARN, "Name": "cutout-keys", "SecretBinary": base64.b64encode(data).decode()})


def refusal(status: int, code: str) -> Answer:
    return _json(status, {"__type": code, "Message": "so it is"})


def _json(status: int, document: dict[str, Any]) -> Answer:
    return Answer(status, json.dumps(document).encode(), {"content-type": "application/x-amz-json-1.1"})


@dataclass
class SecretsManager:
    """What stands where Secrets Manager stands; a test changes its answer."""

    answer: Answer
    server: Hostile = field(init=False)


@contextmanager
def secrets_manager(answer: Answer) -> Iterator[SecretsManager]:
    manager = SecretsManager(answer)

    def asked(request: Seen) -> Answer:
        headers = {name.lower(): value for name, value in request.headers.items()}
        assert headers["x-amz-target"] == "secretsmanager.GetSecretValue"
        assert json.loads(request.body)["SecretId"] == ARN
        return manager.answer

    with hostile(asked) as manager.server:
        yield manager


@pytest.fixture
def keys(awaken: Awaken, monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretsManager]:
    monkeypatch.setattr(botocore.retries.standard.ExponentialBackoff, "delay_amount", lambda self, context: 0)
    with secrets_manager(secret(f"{entry('first')},\n {entry('second')}")) as manager:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", manager.server.url)
        yield manager


@pytest.fixture
def guarded(keys: SecretsManager, awaken: Awaken, brightness: Path) -> Function:
    return awaken(MODEL_DIR=str(brightness), API_KEYS_SECRET_ARN=ARN)


def knock(function: Function, key: str, body: bytes = b"no picture") -> Answered:
    """Send a request with a key; past the door it is a 400, for it holds no picture."""
    return function.ask("POST", body=body, headers={"x-api-key": key})


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Set Powertools' clock, by which a secret's lifetime is counted."""

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]  # the one call is without a zone
            return datetime.now(tz or UTC).replace(tzinfo=tz) + timedelta(seconds=seconds)

    monkeypatch.setattr(base, "datetime", Later)


@pytest.mark.parametrize("key", ["first", "second"])
def test_a_key_whose_hash_the_secret_holds_opens(guarded: Function, picture: bytes, key: str) -> None:
    assert knock(guarded, key, picture).status == 200


@pytest.mark.parametrize(
    "key", ["third", "First", "first,second", entry("first"), entry("first").removeprefix("sha256:"), "é"]
)
def test_no_other_key_opens_and_a_stored_hash_is_none(guarded: Function, key: str) -> None:
    """Who reads the secret must not get in with what it holds."""
    asked = knock(guarded, key)
    assert (asked.status, asked.error["code"]) == (403, "auth_failed")


def test_the_secret_is_read_once_for_many_requests(guarded: Function, keys: SecretsManager) -> None:
    assert keys.server.requests == []  # at start-up nobody waits for it
    for key in ("first", "wrong", "second"):
        knock(guarded, key)
    assert len(keys.server.requests) == 1


def test_a_removed_key_opens_nothing_after_the_lifetime_and_a_new_one_does(
    guarded: Function, keys: SecretsManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch, 0)
    assert knock(guarded, "first").status == 400
    keys.answer = secret(entry("third"))
    later(monkeypatch, SECRET_LIFETIME_S - 5)
    assert knock(guarded, "first").status == 400
    later(monkeypatch, SECRET_LIFETIME_S + 5)
    assert knock(guarded, "first").status == 403
    assert knock(guarded, "third").status == 400
    assert SECRET_LIFETIME_S <= 600


@pytest.mark.parametrize(
    "answer",
    [
        secret(""),
        secret(","),
        secret(" \n "),
        secret("first,second"),
        secret("sha256:abc"),
        secret(entry("first").removeprefix("sha256:")),
        secret(json.dumps({"keys": ["first"]})),
        binary_secret(entry("first").encode()),
        binary_secret(b"\xff\xfe"),
    ],
    ids=["empty", "comma", "blank", "plain keys", "short", "bare hash", "json", "binary", "no text"],
)
@pytest.mark.parametrize("key", ["first", "", ",", "{", "None"])
def test_a_secret_without_a_usable_entry_opens_nothing_and_says_what_would_do(
    guarded: Function, keys: SecretsManager, answer: Answer, key: str
) -> None:
    keys.answer = answer
    asked = knock(guarded, key)
    assert (asked.status, asked.error["code"]) == (500, "configuration_error")
    assert "sha256:<64 hexadecimal digits>" in asked.error["detail"]


def test_entries_that_are_no_hashes_open_nothing_beside_one_that_is(
    guarded: Function, keys: SecretsManager, log: Log
) -> None:
    keys.answer = secret(f"plain-key, {entry('first')}")
    assert knock(guarded, "plain-key").status == 403
    assert knock(guarded, "first").status == 400
    assert "plain-key" not in log.text
    assert log.of("the secret with the API keys holds entries that are no hashes")[0]["entries"] == 1


@pytest.mark.parametrize(
    ("answer", "code", "says"),
    [
        (refusal(400, "AccessDeniedException"), "access_denied", "secretsmanager:GetSecretValue"),
        (refusal(400, "ThrottlingException"), "dependency_failed", "try again"),
        (refusal(400, "ResourceNotFoundException"), "dependency_failed", "could not be read"),
        (refusal(500, "InternalServiceError"), "dependency_failed", "try again"),
        (Answer(503), "dependency_failed", "try again"),
        (Answer(200, b"{"), "dependency_failed", "try again"),
        (Answer(200, b"{}", {"content-type": "application/x-amz-json-1.1"}), "dependency_failed", "try again"),
    ],
    ids=["refused", "throttled", "no secret", "broken", "no words", "half", "neither text nor binary"],
)
def test_a_secret_that_cannot_be_read_opens_nothing_and_is_not_the_callers_fault(
    guarded: Function, keys: SecretsManager, answer: Answer, code: str, says: str
) -> None:
    keys.answer = answer
    asked = knock(guarded, "first")
    assert (asked.status, asked.error["code"]) == (502, code)
    assert says in asked.error["detail"]


def test_after_a_secret_that_could_not_be_read_the_next_request_asks_again(
    guarded: Function, keys: SecretsManager
) -> None:
    sound, keys.answer = keys.answer, refusal(500, "InternalServiceError")
    assert knock(guarded, "first").status == 502
    keys.answer = sound
    assert knock(guarded, "first").status == 400


def test_the_secret_wins_over_keys_of_the_environment(keys: SecretsManager, awaken: Awaken, brightness: Path) -> None:
    function = awaken(MODEL_DIR=str(brightness), API_KEYS_SECRET_ARN=ARN, API_KEYS="of-the-environment")
    assert knock(function, "of-the-environment").status == 403
    assert knock(function, "first").status == 400


def test_health_and_pings_need_no_secret(guarded: Function, keys: SecretsManager) -> None:
    keys.answer = refusal(400, "AccessDeniedException")
    assert guarded.ask("GET", "/health").status == 200
    assert guarded({"warmup": True})["statusCode"] == 200
    assert guarded.ask("GET", "/warmup").status == 502


@pytest.mark.parametrize("way", ["raw", "multipart", "json"])
def test_a_wrong_key_is_403_before_its_body_is_looked_at(awaken: Awaken, brightness: Path, way: str) -> None:
    """The size of a body, or what is wrong with it, is nothing to tell to a stranger."""
    function = awaken(MODEL_DIR=str(brightness), API_KEYS="hush", MAX_INPUT_BYTES="1000")
    kinds = {"raw": "image/png", "multipart": "multipart/form-data; boundary=x", "json": "application/json"}
    for key, status in (("wrong", 403), ("hush", 400)):
        asked = function.ask("POST", body=b"x" * 200_000, headers={"x-api-key": key, "content-type": kinds[way]})
        assert asked.status == status


def test_neither_keys_nor_hashes_reach_log_or_settings(guarded: Function, picture: bytes, log: Log) -> None:
    knock(guarded, "first", picture)
    knock(guarded, "wrong-guess")
    settings = repr(guarded.module.environment.pipeline.settings)
    for hidden in ("first", "wrong-guess", entry("first").removeprefix("sha256:")):
        assert hidden not in log.text
        assert hidden not in settings
