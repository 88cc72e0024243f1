"""The function's entry: match → answer, and the one catch-all.

Enters: whatever wakes the function. Leaves: a structured object whose `statusCode` is true, or a raised error where
only that makes the platform deliver an upload again. Importing this loads neither the model nor its engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from handler import telemetry
from handler.environment import Environment
from handler.errors import CutoutError, Unforeseen
from handler.job import Invocation
from handler.triggers import http, ping, unknown, uploads

if TYPE_CHECKING:
    from collections.abc import Callable

    from handler.streamed import StreamedAnswer
    from handler.triggers.call import Call

MATCHES: tuple[Callable[[Any], Call | None], ...] = (http.match, ping.match, uploads.match)

environment = Environment.start()


def lambda_handler(event: Any, context: Any) -> dict[str, Any] | StreamedAnswer:  # noqa: ANN401 - whatever JSON and the platform give
    """Answer one event.

    Raises a ServiceError, ModelError, ConfigurationError or Unforeseen for an event that has to be delivered again.
    """
    invocation = _invocation(context, cold_start=environment.begin())
    if invocation.cold_start:
        telemetry.count(telemetry.COLD_START)
    call = match(event)
    try:
        return call.answer(invocation, environment)
    except CutoutError as error:
        telemetry.refused(error, invocation.request_id)
        return call.refuse(error, invocation)
    except Exception:  # noqa: BLE001 - the catch-all: no event leads to a traceback in an answer
        telemetry.unforeseen(invocation.request_id)
        return call.refuse(Unforeseen(invocation.request_id), invocation)
    finally:
        telemetry.flush()


def match(event: Any) -> Call:  # noqa: ANN401 - anything that JSON holds
    """Find the one trigger whose event this is and give its call; where there is none, the call that refuses."""
    return next((call for matches in MATCHES if (call := matches(event)) is not None), None) or unknown.match(event)


def _invocation(context: Any, *, cold_start: bool) -> Invocation:  # noqa: ANN401 - awslambdaric's context, or None
    return Invocation(
        request_id=getattr(context, "aws_request_id", "unknown"),
        function_arn=getattr(context, "invoked_function_arn", None),
        remaining_ms=getattr(context, "get_remaining_time_in_millis", lambda: float("inf")),
        streams_to=environment.pipeline.settings.stream_answers_to,
        cold_start=cold_start,
    )
