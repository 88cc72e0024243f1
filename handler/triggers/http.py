"""HTTP by four senders: REST API, HTTP API, Function URL and ALB, through Mangum to the one ASGI application.

The application parses and responds; this module knows what is Lambda's: which sender it is, how long its caller waits,
and how large an answer may be. An answer beyond that limit is never returned, since it would kill the warm process.
"""

from __future__ import annotations

import dataclasses
import json
import time
from typing import TYPE_CHECKING, Any, Literal

from handler.errors import CutoutError, MalformedEvent, ResultTooLarge, error_document
from handler.telemetry import logger

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from handler.job import Invocation
    from handler.pipeline import Pipeline

Sender = Literal["rest", "http-api", "function-url", "alb"]

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (6 MB, as the service counts it), and
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html (1 MB)
MAX_ANSWER_BYTES: dict[Sender, int] = {
    "rest": 6_291_556,
    "http-api": 6_291_556,
    "function-url": 6_291_556,
    "alb": 1_048_576,
}
# The gateways answer 504 then, while the function would run on:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
CALLER_WAITS_MS: dict[Sender, float] = {"rest": 29_000.0, "http-api": 30_000.0}


class Http:
    """The source of requests."""

    def __init__(self) -> None:
        self._app: Starlette | None = None

    def matches(self, event: Any) -> bool:  # noqa: ANN401 - anything that JSON holds
        """Recognise a request by the context that its sender adds."""
        return _sender(event) is not None

    def answer(self, event: Any, invocation: Invocation, pipeline: Pipeline) -> dict[str, Any]:  # noqa: ANN401
        """Run the request through the application. Raises MalformedEvent or ResultTooLarge."""
        from mangum import Mangum  # noqa: PLC0415 - with Starlette a quarter of a second that no ping or upload need pay
        from mangum.protocols import HTTPCycle  # noqa: PLC0415

        sender = _sender(event)
        assert sender is not None  # noqa: S101 - for mypy: matches() said so
        if self._app is None:
            from handler.web import build  # noqa: PLC0415

            self._app = build(pipeline)
        try:
            adapter = Mangum(self._app, lifespan="off", api_gateway_base_path=_stage_prefix(event))
            request = adapter.infer(event, None)  # type: ignore[arg-type]  # no adapter of ours reads the context
            scope, body = request.scope, request.body
        except Exception as error:
            raise MalformedEvent(
                f"The {sender} event is not as AWS documents it ({type(error).__name__}: {error})."
            ) from error
        scope["origin"] = sender
        scope["invocation"] = _within_the_callers_patience(invocation, sender)
        answer: dict[str, Any] = request(HTTPCycle(scope, body)(self._app))
        size_bytes = len(json.dumps(answer))
        if size_bytes > MAX_ANSWER_BYTES[sender]:
            logger.warning("answer too large", extra={"size_bytes": size_bytes, "request_id": invocation.request_id})
            raise ResultTooLarge(
                f"The answer would have {size_bytes:,} bytes, its picture in base64, and {sender} carries "
                f"{MAX_ANSWER_BYTES[sender]:,}. Ask for format=webp or a smaller size, such as size=hd, "
                "or upload the picture to the input bucket instead."
            )
        return answer

    def refuse(self, event: Any, error: CutoutError, invocation: Invocation) -> dict[str, Any]:  # noqa: ANN401
        """Answer the error document that the contract's clients read."""
        headers = {"content-type": "application/json", "x-request-id": invocation.request_id, **error.headers}
        answer: dict[str, Any] = {
            "statusCode": error.status,
            "headers": headers,
            "body": json.dumps(error_document(error)),
            "isBase64Encoded": False,
        }
        if "multiValueHeaders" in event and _sender(event) == "alb":
            del answer["headers"]  # an ALB wants the form back that it sent
            answer["multiValueHeaders"] = {name: [value] for name, value in headers.items()}
        return answer


def _sender(event: Any) -> Sender | None:  # noqa: ANN401 - anything that JSON holds
    context = event.get("requestContext") if isinstance(event, dict) else None
    if not isinstance(context, dict):
        return None
    if "elb" in context:
        return "alb"
    if event.get("version") == "2.0" and isinstance(context.get("http"), dict):
        return "function-url" if ".lambda-url." in str(context.get("domainName")) else "http-api"
    return "rest" if "httpMethod" in event else None


def _stage_prefix(event: dict[str, Any]) -> str:
    """Give the path's first part where an HTTP API puts its stage's name there; routes do not know stages.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-stages.html
    """
    stage = event["requestContext"].get("stage")
    path = event.get("rawPath")
    if stage and stage != "$default" and isinstance(path, str) and f"{path}/".startswith(f"/{stage}/"):
        return f"/{stage}"
    return "/"


def _within_the_callers_patience(invocation: Invocation, sender: Sender) -> Invocation:
    if sender not in CALLER_WAITS_MS:
        return invocation
    deadline = time.monotonic() + CALLER_WAITS_MS[sender] / 1e3
    return dataclasses.replace(
        invocation,
        remaining_ms=lambda: min(invocation.remaining_ms(), (deadline - time.monotonic()) * 1e3),
    )
