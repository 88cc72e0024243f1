"""awslambdaric with answers that stream: `python -m handler.streaming handler.app.lambda_handler`.

awslambdaric 4.2 sends every answer whole (https://github.com/aws/aws-lambda-roadmap/issues/39). Here its own loop runs
with one step added: a StreamedAnswer is posted to the Runtime API piece by piece. Everything else (other answers,
errors, init, snapshots, logs) is awslambdaric's. When it learns to stream, this module goes.

The protocol: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
"""

from __future__ import annotations

import base64
import json
import logging
import sys
from typing import TYPE_CHECKING, Any

from awslambdaric import __main__ as buffered
from awslambdaric import bootstrap
from awslambdaric.lambda_config import LambdaConfigProvider
from awslambdaric.lambda_runtime_client import LambdaRuntimeClient
from awslambdaric.lambda_runtime_marshaller import LambdaMarshaller

from handler import streamed
from handler.errors import CutoutError, Unforeseen
from handler.streamed import StreamedAnswer

if TYPE_CHECKING:
    from http.client import HTTPConnection

# A status, headers and cookies as JSON, eight zero bytes, the body.
HTTP_ANSWER = "application/vnd.awslambda.http-integration-response"
END_OF_PRELUDE = bytes(8)
ERROR_TYPE, ERROR_BODY = "Lambda-Runtime-Function-Error-Type", "Lambda-Runtime-Function-Error-Body"

logger = logging.getLogger(__name__)


class Marshaller(LambdaMarshaller):  # type: ignore[misc]  # published without types
    """Turns answers into what the client posts; a StreamedAnswer already is that."""

    def marshal_response(self, response: object) -> tuple[Any, str]:
        """Give what to post, and its media type."""
        if isinstance(response, StreamedAnswer):
            return response, HTTP_ANSWER
        marshalled: tuple[Any, str] = super().marshal_response(response)
        return marshalled


class RuntimeClient(LambdaRuntimeClient):  # type: ignore[misc]  # published without types
    """Speaks with the Runtime API."""

    marshaller = Marshaller()

    def post_invocation_result(
        self,
        invoke_id: str,
        result_data: object,
        content_type: str = "application/json",
        invocation_id: str | None = None,
    ) -> None:
        """Post an answer, streamed if it is one that streams.

        A stream that breaks off is logged and no more: whoever was to read it has gone, and the next invocation is
        another caller's.
        """
        if not isinstance(result_data, StreamedAnswer):
            super().post_invocation_result(invoke_id, result_data, content_type, invocation_id)
            return
        from http.client import HTTPConnection, HTTPException  # noqa: PLC0415 - 20 ms that no ping or upload need pay

        connection = HTTPConnection(self.lambda_runtime_address)
        try:
            connection.putrequest("POST", f"/2018-06-01/runtime/invocation/{invoke_id}/response")
            connection.putheader("Content-Type", content_type)
            connection.putheader("Lambda-Runtime-Function-Response-Mode", "streaming")
            connection.putheader("Transfer-Encoding", "chunked")
            connection.putheader("Trailer", f"{ERROR_TYPE}, {ERROR_BODY}")
            if invocation_id is not None:
                connection.putheader("Lambda-Runtime-Invocation-Id", invocation_id)
            connection.endheaders()
            _send(connection, result_data, invoke_id)
            response = connection.getresponse()
            if response.status != 202:
                refusal = response.read(1_000).decode(errors="replace")
                logger.error("The Runtime API refused the stream of %s: %d %s", invoke_id, response.status, refusal)
        except (OSError, HTTPException) as error:
            logger.warning("The stream of %s was not taken to its end: %r", invoke_id, error)
        finally:
            connection.close()


def _send(connection: HTTPConnection, answer: StreamedAnswer, invoke_id: str) -> None:
    """Send a body in chunks. An error that its pieces raise ends it: there is no other status to give any more."""
    prelude = {"statusCode": answer.status_code, "headers": dict(answer.headers), "cookies": answer.cookies}
    connection.send(_chunk(json.dumps(prelude).encode() + END_OF_PRELUDE))
    pieces = iter(answer.body)
    trailers = b""
    while True:
        try:
            piece = next(pieces, None)
        except Exception as error:  # whatever it is, the stream ends here and the process lives on
            logger.exception("The stream of %s broke off", invoke_id)
            trailers = _trailers(error if isinstance(error, CutoutError) else Unforeseen(invoke_id))
            break
        if piece is None:
            break
        if piece:  # a chunk without bytes is the end
            connection.send(_chunk(piece))
    connection.send(b"0\r\n" + trailers + b"\r\n")


def _chunk(data: bytes | memoryview) -> bytes:
    return b"".join((b"%x\r\n" % len(data), data, b"\r\n"))


def _trailers(error: CutoutError) -> bytes:
    told = json.dumps({"errorType": type(error).__name__, "errorMessage": str(error)})
    body = base64.b64encode(told.encode()).decode()
    return f"{ERROR_TYPE}: Function.{type(error).__name__}\r\n{ERROR_BODY}: {body}\r\n".encode()


def main(arguments: list[str]) -> None:
    """Run awslambdaric's loop around the handler that the arguments name."""
    config = LambdaConfigProvider(arguments)
    if config.is_multi_concurrent:  # its processes make clients of their own; whoever streams is refused there
        buffered.main(arguments)
        return
    streamed.can_be_sent = True
    bootstrap.run(config.handler, RuntimeClient(config.api_address, config.use_thread_polling))


if __name__ == "__main__":
    main(sys.argv)
