"""Callers of the function: what they send, and what they read of an answer."""

from __future__ import annotations

import base64
import json
import logging
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from handler import telemetry
from local import events
from tests.pictures import opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from PIL import Image

Sender = Literal["rest", "http-api", "function-url", "alb"]
SENDERS: tuple[Sender, ...] = ("rest", "http-api", "function-url", "alb")
REMOVEBG = "/v1.0/removebg"


@dataclass(frozen=True)
class Context:
    """What awslambdaric hands to the handler."""

    aws_request_id: str = "request-7"
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:cutout"
    remaining_ms: float = 300_000

    def get_remaining_time_in_millis(self) -> float:
        return self.remaining_ms


class BrokenContext(Context):
    """A platform that breaks in the middle of a job: the real way to an exception nobody foresaw."""

    def get_remaining_time_in_millis(self) -> float:
        raise RuntimeError("secret-of-the-platform")


@contextmanager
def log_that_fails_on(message: str) -> Iterator[None]:
    """Let a log filter fail on a line: a surprise outside of every job, which holds its own."""

    def fails(record: logging.LogRecord) -> bool:
        if record.getMessage() == message:
            raise RuntimeError("secret-of-the-filter")
        return True

    logger = logging.getLogger(telemetry.SERVICE)
    logger.addFilter(fails)
    try:
        yield
    finally:
        logger.removeFilter(fails)


@dataclass(frozen=True)
class Answered:
    """An HTTP answer as a client reads it."""

    status: int
    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def errors(self) -> list[dict[str, str]]:
        errors = self.json["errors"]
        assert errors
        for error in errors:
            assert set(error) == {"title", "code", "detail"}
            assert all(error.values())
        return list(errors)

    @property
    def error(self) -> dict[str, str]:
        (error,) = self.errors
        return error

    @property
    def picture(self) -> Image.Image:
        assert self.status == 200, self.body[:300]
        return opened(self.body)


@dataclass(frozen=True)
class Function:
    """The handler in an execution environment of its own."""

    module: ModuleType = field(repr=False)

    def __call__(self, event: object, context: object = None) -> Any:
        return self.module.lambda_handler(event, context or Context())

    @property
    def model(self) -> Any:
        return self.module.environment.pipeline.model

    def ask(
        self,
        method: str,
        path: str = REMOVEBG,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        *,
        query: str = "",
        sender: Sender = "http-api",
        context: object = None,
    ) -> Answered:
        return read(self(events.request(sender, method, path, body, headers, query), context))

    def cut_out(
        self,
        picture: bytes,
        *,
        accept: str = "*/*",
        sender: Sender = "http-api",
        context: object = None,
        **fields: str,
    ) -> Answered:
        """Send a picture as a multipart form."""
        body, headers = events.form(fields, {"image_file": ("picture", picture)})
        return self.ask("POST", body=body, headers={**headers, "accept": accept}, sender=sender, context=context)


def read(answer: Any) -> Answered:
    """Read an answer in any of the forms that senders want."""
    headers = answer.get("headers") or {name: values[-1] for name, values in answer["multiValueHeaders"].items()}
    body = answer.get("body") or ""
    data = base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()
    return Answered(answer["statusCode"], {name.lower(): value for name, value in headers.items()}, data)
