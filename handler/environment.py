"""What one execution environment keeps between events: the pipeline, the HTTP application, and whether it is cold.

Enters: the environment variables. Leaves: a pipeline, always; start-up warm-up and snapshot hooks happen here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapshot_restore_py import register_after_restore

from handler import telemetry
from handler.errors import ConfigurationError
from handler.job import Invocation
from handler.pipeline import Pipeline
from handler.settings import Settings, function_name, stream_answers_to
from handler.warmup import warm_up

if TYPE_CHECKING:
    from starlette.applications import Starlette


class Environment:
    """One execution environment, or one process of a web server."""

    def __init__(self) -> None:
        """Read the settings. A value that makes no sense does not stop the start.

        It becomes the pipeline's fault: every picture is then refused with the sentence that names it, while /health
        and error documents go on answering.
        """
        try:
            settings = Settings.from_env()
            if settings.outputs is not None:
                from handler.web.parameters.renditions import renditions_of_setting  # noqa: PLC0415 - where it is needed

                renditions_of_setting(settings)
            self.pipeline = Pipeline(settings)
        except ConfigurationError as error:
            self.pipeline = Pipeline(Settings(stream_answers_to=stream_answers_to()), fault=error)
        self._application: Starlette | None = None
        self._cold = True

    @classmethod
    def start(cls) -> Environment:
        """Make the environment as Lambda's init does: named in the metrics, warmed where nobody waits for it."""
        telemetry.name_function(function_name())
        environment = cls()
        register_after_restore(environment.renew)
        environment.warm_at_start()
        return environment

    def application(self) -> Starlette:
        """Give the HTTP application, made with the first request: no ping or upload need pay for its import."""
        if self._application is None:
            from handler.web.application import build  # noqa: PLC0415

            self._application = build(self.pipeline)
        return self._application

    def begin(self) -> bool:
        """Note that an event has come; say whether it is a cold start: the first, with nothing warmed before it."""
        cold, self._cold = self._cold, False
        return cold

    def warm_at_start(self) -> None:
        """Warm up during init where nobody waits for it. A failure is logged and counted, and init goes on."""
        if self.pipeline.settings.warms_at_start or self.pipeline.fault is not None:
            warmth = warm_up(self.pipeline, Invocation(request_id="init"))
            self._cold = warmth.status_code != 200
            telemetry.flush()

    def renew(self) -> None:
        """Drop what a restored snapshot must not share with its siblings."""
        self.pipeline.storage.forget_connections()
        self.pipeline.exchange.forget_connections()
