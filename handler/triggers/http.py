"""HTTP by four senders: REST API, HTTP API, Function URL and ALB, through Mangum to the one ASGI application.

The application parses and responds; this module knows what is Lambda's: which sender it is, how long its caller waits,
how large an answer may be, and whether it is streamed. An answer beyond that limit is never returned, since it would
kill the warm process.
"""

from __future__ import annotations

import dataclasses
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from handler import streamed
from handler.errors import (
    ConfigurationError,
    CutoutError,
    MalformedEvent,
    ResultTooLarge,
    TimeTooShort,
    error_document,
)
from handler.streamed import MAX_STREAMED_BYTES, StreamedAnswer, stream
from handler.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from handler.environment import Environment
    from handler.job import Invocation

Sender = Literal["rest", "http-api", "function-url", "alb"]

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (6 MB, as the service counts it), and
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html (1 MB)
MAX_ANSWER_BYTES: dict[Sender, int] = {
    "rest": 6_291_556,
    "http-api": 6_291_556,
    "function-url": 6_291_556,
    "alb": 1_048_576,
}
# An answer's headers and JSON around its picture, whose own size is what matters.
LARGEST_HEAD_BYTES = 1_000
# The gateways answer 504 then, while the function would run on:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
CALLER_WAITS_MS: dict[Sender, float] = {"rest": 29_000.0, "http-api": 30_000.0}
# A Regional REST API ends a stream after five minutes without a byte, and the first byte comes when the work is done:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html
STREAMS_CALLER_WAITS_MS: dict[Sender, float] = {"rest": 300_000.0}
# No invocation is older (Lambda's longest timeout), so an event that is was saved and sent again by hand.
REPLAYED_AFTER_MS = 900_000.0
MAX_EPOCH_MS = 10**14  # some 3,000 years from now; a JSON number has no end, and a float has


def match(event: Any) -> HttpCall | None:  # noqa: ANN401 - anything that JSON holds
    """Match a request by the context that its sender adds."""
    context = event.get("requestContext") if isinstance(event, dict) else None
    if not isinstance(context, dict):
        return None
    # API Gateway asks authorizers with events that look like requests, and WebSocket APIs send some that do:
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
    if "methodArn" in event or "routeArn" in event or "connectionId" in context:
        return None
    sender = _sender(event, context)
    if sender is None:
        return None
    return HttpCall(
        sender=sender,
        event=event,
        stage_prefix=_stage_prefix(event, context),
        requested_at_ms=_epoch_ms(context),
        wants_multiple_headers=sender == "alb" and "multiValueHeaders" in event,
    )


@dataclass(frozen=True)
class HttpCall:
    """One request; Mangum reads its parts out of the event."""

    sender: Sender
    event: dict[str, Any] = field(repr=False)
    stage_prefix: str
    requested_at_ms: float | None  # since the epoch, by the gateway's clock
    wants_multiple_headers: bool  # an ALB wants the form back that it sent

    def answer(self, invocation: Invocation, environment: Environment) -> dict[str, Any] | StreamedAnswer:
        """Run the request through the application.

        Raises MalformedEvent, ResultTooLarge, TimeTooShort or ConfigurationError.
        """
        streams = self.sender in invocation.streams_to
        if streams and not streamed.can_be_sent:
            raise ConfigurationError(
                f"STREAM_ANSWERS_TO names {self.sender}, and this process cannot stream. Start it by "
                "python -m handler.streaming, as the image's entry point does, or unset STREAM_ANSWERS_TO."
            )
        from mangum import Mangum  # noqa: PLC0415 - with Starlette a quarter of a second that no ping or upload need pay
        from mangum.protocols import HTTPCycle  # noqa: PLC0415

        application = environment.application()
        try:
            adapter = Mangum(application, lifespan="off", api_gateway_base_path=self.stage_prefix)
            request = adapter.infer(self.event, None)  # type: ignore[arg-type]  # no adapter of ours reads the context
            scope, body = request.scope, request.body
            for name in ("method", "path"):
                if not isinstance(scope[name], str):
                    raise TypeError(f"{name} is {scope[name]!r}")  # noqa: TRY301 - what the adapter should have raised
        except Exception as error:
            raise MalformedEvent(
                f"The {self.sender} event is not as AWS documents it ({type(error).__name__}: {error})."
            ) from error
        scope["path"] = scope["path"] or "/"  # a stage's own address, without a slash behind it
        scope["trigger"] = self.sender
        scope["invocation"] = dataclasses.replace(
            self._within_the_callers_patience(invocation), max_file_bytes=max_file_bytes(self.sender, streams=streams)
        )
        response = HTTPCycle(scope, body)(application)
        try:
            if streams:
                return stream(response["status"], response["headers"], response["body"], scope["method"], invocation)
            return self._whole(request(response))
        except (ResultTooLarge, TimeTooShort) as error:
            logger.warning(
                "answer too large", extra={"size_bytes": len(response["body"]), "request_id": invocation.request_id}
            )
            error.headers |= _cors_headers(response["headers"])  # or the page that asked could not read this
            raise

    def refuse(self, error: CutoutError, invocation: Invocation) -> dict[str, Any] | StreamedAnswer:
        """Answer the error document that the contract's clients read."""
        document = json.dumps(error_document(error))
        headers = {"content-type": "application/json", "x-request-id": invocation.request_id, **error.headers}
        if self.sender in invocation.streams_to:
            if not streamed.can_be_sent:
                raise error  # an answer sent whole would be read as the body of a 200
            return StreamedAnswer(error.status, headers, (), (document.encode(),))
        response: dict[str, Any] = {"statusCode": error.status, "body": document, "isBase64Encoded": False}
        if self.wants_multiple_headers:
            return {**response, "multiValueHeaders": {name: [value] for name, value in headers.items()}}
        return {**response, "headers": headers}

    def _whole(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Give an answer that is sent whole. Raises ResultTooLarge."""
        size_bytes = len(json.dumps(answer))
        if size_bytes > MAX_ANSWER_BYTES[self.sender]:
            raise ResultTooLarge(
                f"The answer would have {size_bytes:,} bytes, its picture in base64, and {self.sender} carries "
                f"{MAX_ANSWER_BYTES[self.sender]:,}. Ask for format=webp or a smaller size, such as size=hd, "
                "or upload the picture to the input bucket instead."
            )
        return answer

    def _within_the_callers_patience(self, invocation: Invocation) -> Invocation:
        """Count a gateway's seconds from the request's arrival there: a cold start spends many before any code runs."""
        waits_ms = STREAMS_CALLER_WAITS_MS if self.sender in invocation.streams_to else CALLER_WAITS_MS
        if self.sender not in waits_ms:
            return invocation
        waited_ms = 0.0 if self.requested_at_ms is None else max(0.0, time.time() * 1e3 - self.requested_at_ms)
        if waited_ms > REPLAYED_AFTER_MS:
            waited_ms = 0.0
        until = time.monotonic() + (waits_ms[self.sender] - waited_ms) / 1e3
        return dataclasses.replace(
            invocation,
            remaining_ms=lambda: min(invocation.remaining_ms(), (until - time.monotonic()) * 1e3),
        )


def _cors_headers(raw_headers: Iterable[Sequence[bytes]]) -> dict[str, str]:
    """Give what the application has said of who may read its answer."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in raw_headers}
    return {name: value for name, value in headers.items() if name.startswith("access-control-") or name == "vary"}


def max_file_bytes(sender: Sender, *, streams: bool = False) -> int:
    """Say how large a picture may be whose answer has the headers of any; sent whole, it travels as base64."""
    if streams:
        return MAX_STREAMED_BYTES
    return (MAX_ANSWER_BYTES[sender] - LARGEST_HEAD_BYTES) // 4 * 3


def _sender(event: dict[str, Any], context: dict[str, Any]) -> Sender | None:
    if "elb" in context:
        return "alb"
    if event.get("version") == "2.0" and isinstance(context.get("http"), dict):
        return "function-url" if ".lambda-url." in str(context.get("domainName")) else "http-api"
    return "rest" if "httpMethod" in event else None


def _stage_prefix(event: dict[str, Any], context: dict[str, Any]) -> str:
    """Give the path's first part where an HTTP API puts its stage's name there; routes do not know stages.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-stages.html
    """
    stage = context.get("stage")
    path = event.get("rawPath")
    if stage and stage != "$default" and isinstance(path, str) and f"{path}/".startswith(f"/{stage}/"):
        return f"/{stage}"
    return "/"


def _epoch_ms(context: dict[str, Any]) -> float | None:
    epoch_ms = context.get("timeEpoch", context.get("requestTimeEpoch"))  # HTTP API's name, REST API's
    if not isinstance(epoch_ms, int | float) or isinstance(epoch_ms, bool) or not 0 < epoch_ms < MAX_EPOCH_MS:
        return None
    return float(epoch_ms)
