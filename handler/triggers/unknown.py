"""What no source knows: a structured 400 that says what was understood and what is accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from handler.errors import CutoutError, UnknownEvent
from handler.triggers.reply import answer, failed

if TYPE_CHECKING:
    from handler.job import Invocation
    from handler.pipeline import Pipeline

ACCEPTED = (
    "API Gateway (REST and HTTP API), Function URL and ALB requests; S3 notifications; EventBridge schedules; "
    'and the pings {"warmup": true}, {"warmer": true} and those of serverless-plugin-warmup'
)


class Unknown:
    """The source that stands in where no other matches."""

    def matches(self, event: Any) -> bool:  # noqa: ANN401, ARG002 - the contract's signature
        """Match anything: it is asked last."""
        return True

    def answer(self, event: Any, invocation: Invocation, pipeline: Pipeline) -> NoReturn:  # noqa: ANN401, ARG002
        """Raise UnknownEvent."""
        if isinstance(event, dict):
            seen = f"an object with the keys {', '.join(sorted(str(key)[:40] for key in event)[:12]) or 'none'}"
        else:
            seen = f"a {type(event).__name__}"
        raise UnknownEvent(f"The event is {seen}, which no source knows. Accepted are {ACCEPTED}.")

    def refuse(self, event: Any, error: CutoutError, invocation: Invocation) -> dict[str, Any]:  # noqa: ANN401, ARG002
        """Answer the error."""
        return answer("unknown", [failed(error)])
