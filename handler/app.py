"""The function's entry: recognise → answer, and the one catch-all.

Enters: whatever wakes the function. Leaves: a structured object whose `statusCode` is true, or a raised error where
only that makes the platform deliver an upload again. Importing this loads neither the model nor its engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snapshot_restore_py import register_after_restore

from handler import telemetry
from handler.errors import ConfigurationError, CutoutError, Unforeseen
from handler.job import Invocation
from handler.pipeline import Pipeline
from handler.settings import Settings, function_name
from handler.triggers.http import Http
from handler.triggers.ping import Warmup
from handler.triggers.unknown import Unknown
from handler.triggers.uploads.envelopes import Wrapped
from handler.triggers.uploads.run import S3
from handler.warmup import warm_up

if TYPE_CHECKING:
    from handler.triggers import Source

SOURCES: tuple[Source, ...] = (Http(), Warmup(), S3(), Wrapped())

UNKNOWN = Unknown()


class Environment:
    """What one execution environment keeps between invocations."""

    def __init__(self) -> None:
        self._pipeline: Pipeline | None = None
        self.cold = True

    def pipeline(self) -> Pipeline:
        """Give the pipeline, made with the first event.

        Settings that make no sense become its fault: every picture is then refused with their sentence, while
        /health and error documents go on answering, and an init does not crash.
        """
        if self._pipeline is None:
            try:
                self._pipeline = Pipeline(Settings.from_env())
            except ConfigurationError as error:
                self._pipeline = Pipeline(Settings(), fault=error)
        return self._pipeline

    def renew(self) -> None:
        """Drop what a restored snapshot must not share with its siblings."""
        if self._pipeline is not None:
            self._pipeline.storage.forget_connections()

    def warm_at_start(self) -> None:
        """Warm up during init where nobody waits for it. A failure is logged and counted, and init goes on."""
        pipeline = self.pipeline()
        if pipeline.settings.warms_at_start or pipeline.fault is not None:
            warm_up(pipeline, Invocation(request_id="init"))
            telemetry.flush()


telemetry.name_function(function_name())
environment = Environment()
register_after_restore(environment.renew)
environment.warm_at_start()


def lambda_handler(event: Any, context: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever JSON and the platform give
    """Answer one event.

    Raises a ServiceError, ModelError, ConfigurationError or Unforeseen for an event that has to be delivered again.
    """
    invocation = _invocation(context)
    if environment.cold:
        environment.cold = False
        telemetry.count(telemetry.COLD_START)
    source = recognise(event)
    try:
        return source.answer(event, invocation, environment.pipeline())
    except CutoutError as error:
        telemetry.logger.warning(
            "refused", extra={"code": error.code, "reason": str(error), "request_id": invocation.request_id}
        )
        return source.refuse(event, error, invocation)
    except Exception:  # noqa: BLE001 - the catch-all: no event leads to a traceback in an answer
        telemetry.logger.exception("failed unforeseen", extra={"request_id": invocation.request_id})
        return source.refuse(event, Unforeseen(invocation.request_id), invocation)
    finally:
        telemetry.flush()


def recognise(event: Any) -> Source:  # noqa: ANN401 - anything that JSON holds
    """Find the one source whose event this is; `Unknown` where there is none."""
    return next((source for source in SOURCES if source.matches(event)), UNKNOWN)


def _invocation(context: Any) -> Invocation:  # noqa: ANN401 - awslambdaric's context, or None in a console's test
    return Invocation(
        request_id=getattr(context, "aws_request_id", "unknown"),
        function_arn=getattr(context, "invoked_function_arn", None),
        remaining_ms=getattr(context, "get_remaining_time_in_millis", lambda: float("inf")),
    )
