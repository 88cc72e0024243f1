"""What may come of an event, whatever it holds, where everything around the function works: the fuzz tests' judge.

An exception that nobody foresaw is turned into an error of our tree, so that an answer's form alone tells nothing. It
shows in its code, in its sentence, and in the log line that carries its traceback.
"""

from __future__ import annotations

import base64
import contextlib
import inspect
import io
import json
import logging
from typing import TYPE_CHECKING, Any

import handler.errors
from handler import telemetry
from handler.errors import CutoutError, MalformedEvent, Redelivery, Unforeseen
from handler.web.parameters.table import IMPROVEMENT, TABLE, rows

if TYPE_CHECKING:
    from collections.abc import Iterator

# Every name that a request for a cut-out may give a parameter by, and that any request may.
NAMES = frozenset(row.name for row in rows(TABLE))
EVERY_NAME = NAMES | {row.name for row in rows(IMPROVEMENT)}
UNFORESEEN_CODE = Unforeseen("any").code

# Every code there is. A caller's text among them would be a name that nobody's client can know.
CODES = {
    error.code
    for _, error in inspect.getmembers(handler.errors, inspect.isclass)
    if issubclass(error, CutoutError) and error not in {CutoutError, Unforeseen}
} | {f"invalid_{name}" for name in EVERY_NAME}


RAISED = (Redelivery, MalformedEvent)


@contextlib.contextmanager
def log_of_the_service() -> Iterator[io.StringIO]:
    """Hear what the function logs, tracebacks and all."""
    stream = io.StringIO()
    listener = logging.StreamHandler(stream)
    listener.setFormatter(telemetry.logger.registered_formatter)
    logger = logging.getLogger(telemetry.SERVICE)
    logger.addHandler(listener)
    try:
        yield stream
    finally:
        logger.removeHandler(listener)


def judge(answer: Any, log: str) -> None:
    """Judge an answer and what was logged meanwhile. Raises AssertionError with what is wrong."""
    assert telemetry.UNFORESEEN not in log, log
    assert isinstance(answer, dict), answer
    if "invocationSchemaVersion" in answer:
        _judge_batch(answer)
        return
    assert type(answer["statusCode"]) is int, answer
    assert 200 <= answer["statusCode"] < 500, answer
    # As awslambdaric writes it, which does not escape: half of a surrogate pair would be an answer that is never sent.
    json.dumps(answer, ensure_ascii=False, allow_nan=False).encode()
    for error in _errors(answer):
        assert set(error) == {"title", "code", "detail"}, error
        assert error["code"] in CODES, error
        assert all(error.values()), error
        assert "Traceback" not in error["detail"], error


def _judge_batch(answer: dict[str, Any]) -> None:
    """Judge the response of S3 Batch Operations: nothing that came is to be tried again, where S3 works."""
    json.dumps(answer, ensure_ascii=False, allow_nan=False).encode()
    assert set(answer) == {"invocationSchemaVersion", "treatMissingKeysAs", "invocationId", "results"}, answer
    for result in answer["results"]:
        assert result["resultCode"] in {"Succeeded", "PermanentFailure"}, result
        assert result["resultString"], result


def judge_raised(error: CutoutError, log: str) -> None:
    """Judge an error that was raised instead of an answer: a message that is no notification, for the dead letters."""
    assert telemetry.UNFORESEEN not in log, log
    assert type(error) in RAISED, repr(error)
    str(error).encode()


def _errors(answer: dict[str, Any]) -> list[dict[str, str]]:
    """List the error documents of an answer, which has them exactly where its code says so."""
    if "results" in answer:
        errors = [result["error"] for result in answer["results"] if "error" in result]
        assert bool(errors) is (answer["statusCode"] >= 400), answer
        return errors
    assert "headers" in answer or "multiValueHeaders" in answer, answer
    body = answer.get("body") or ""
    text = base64.b64decode(body).decode("latin-1") if answer.get("isBase64Encoded") else body
    if answer["statusCode"] < 400:
        return []
    if not text:
        return []
    errors = json.loads(text)["errors"]
    assert errors, answer
    return list(errors)
