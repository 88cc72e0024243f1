"""S3 notifications inside other envelopes: EventBridge, SQS, SNS, and S3 Batch Operations.

They are recognised and not cut out yet. Answering them with a code would lose the upload, since their senders read
raised errors only; so they are raised, and wait in their queue or go to the dead-letter queue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from handler.errors import CutoutError, ServiceError

if TYPE_CHECKING:
    from handler.job import Invocation
    from handler.pipeline import Pipeline


class NotTakenYet(ServiceError):
    """The event is understood and its way is not built."""

    status = 501
    code = "not_taken_yet"
    title = "Not taken yet"


class Wrapped:
    """The place of the sources to come."""

    def matches(self, event: Any) -> bool:  # noqa: ANN401 - anything that JSON holds
        """Recognise the envelopes by their outermost shape."""
        return _envelope(event) is not None

    def answer(self, event: Any, invocation: Invocation, pipeline: Pipeline) -> NoReturn:  # noqa: ANN401, ARG002
        """Raise, so that the sender keeps the event."""
        raise NotTakenYet(
            f"Uploads that come through {_envelope(event)} are not taken yet: let the bucket notify the function."
        )

    def refuse(self, event: Any, error: CutoutError, invocation: Invocation) -> NoReturn:  # noqa: ANN401, ARG002
        """Raise, so that the sender keeps the event."""
        raise error


def _envelope(event: Any) -> str | None:  # noqa: ANN401 - anything that JSON holds
    if not isinstance(event, dict):
        return None
    if "invocationSchemaVersion" in event and "tasks" in event:
        return "S3 Batch Operations"
    if event.get("source") == "aws.s3" and "detail-type" in event:
        return "EventBridge"
    records = event.get("Records")
    if isinstance(records, list) and records:
        for name, field, value in (("SQS", "eventSource", "aws:sqs"), ("SNS", "EventSource", "aws:sns")):
            if all(isinstance(record, dict) and record.get(field) == value for record in records):
                return name
    return None
