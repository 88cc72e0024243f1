"""What uploads come in: straight from the bucket, or inside EventBridge, SQS, SNS and S3 Batch Operations. Pure.

Enters: an event. Leaves: an envelope with its entries read, by the way in which its sender wants to be answered, or
None where the event tells of no upload. Envelopes hold envelopes: SNS in SQS, EventBridge in SQS or SNS; and SQS may
hold what Lambda itself keeps of an asynchronous event that failed, where dead letters are sent to a queue again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from handler.errors import ForeignMessage, MalformedEvent, printable
from handler.triggers.uploads.records import (
    TEST_EVENT,
    Entry,
    NoUpload,
    read_eventbridge,
    read_notification,
    read_task,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

# SNS in SQS, and whatever a topic relays: an event within an event within a message.
DEEPEST = 3


@dataclass(frozen=True)
class Direct:
    """What came by an asynchronous invocation: its sender sees nothing but a raised error."""

    sender: Literal["s3", "eventbridge", "sns"]
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Message:
    """One message of a queue."""

    message_id: str  # empty: it names none, and cannot be handed back alone
    group: str | None  # of a FIFO queue: what has to stay in order
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Queue:
    """A batch of SQS messages, each of which can be handed back."""

    messages: tuple[Message, ...]


@dataclass(frozen=True)
class Task:
    """One object of a job."""

    task_id: str
    candidates: tuple[Entry, ...]  # what it may name, the likeliest first


@dataclass(frozen=True)
class BatchJob:
    """An invocation by S3 Batch Operations."""

    schema: str
    invocation_id: str
    tasks: tuple[Task, ...]
    arguments: Mapping[str, object] = field(default_factory=dict)  # what the job's maker wants of every object


Envelope: TypeAlias = Direct | Queue | BatchJob


def open_envelope(  # noqa: PLR0911 - one return for each envelope
    event: Any,  # noqa: ANN401 - anything that JSON holds
) -> Envelope | None:
    """Recognise an event by its outermost shape and read what is in it. Never raises."""
    if not isinstance(event, dict):
        return None
    if "invocationSchemaVersion" in event and isinstance(event.get("tasks"), list):
        return _batch_job(event)
    told = _told(event)
    if told is not None:
        return Direct("eventbridge" if "detail-type" in event else "s3", told)
    records = event.get("Records")
    if not isinstance(records, list) or not records:
        return None
    if _all(records, "eventSource", "aws:sqs"):
        return Queue(tuple(_message(record) for record in records))
    if _all(records, "EventSource", "aws:sns"):
        return Direct("sns", tuple(entry for record in records for entry in _published(record.get("Sns"))))
    return None


def _told(event: dict[str, Any]) -> tuple[Entry, ...] | None:
    """Read what S3 itself says, to the function or to EventBridge; None where it is not S3 that speaks."""
    if event.get("Event") == "s3:TestEvent":  # S3 sends it when a notification is set up
        return (NoUpload(None, TEST_EVENT),)
    if event.get("source") == "aws.s3" and "detail-type" in event:
        return (read_eventbridge(event),)
    records = event.get("Records")
    if isinstance(records, list) and records and _all(records, "eventSource", "aws:s3"):
        return tuple(read_notification(record) for record in records)
    return None


def _message(record: dict[str, Any]) -> Message:
    message_id, attributes = record.get("messageId"), record.get("attributes")
    group = attributes.get("MessageGroupId") if isinstance(attributes, dict) else None
    return Message(
        message_id if isinstance(message_id, str) and printable(message_id) == message_id else "",
        group if isinstance(group, str) else None,
        _carried(record.get("body"), "An SQS message's body", of_a_queue=True),
    )


def _published(sns: Any) -> tuple[Entry, ...]:  # noqa: ANN401 - anything that JSON holds
    return _carried(sns.get("Message") if isinstance(sns, dict) else None, "An SNS message")


def _carried(text: object, name: str, depth: int = 1, *, of_a_queue: bool = False) -> tuple[Entry, ...]:
    """Read the text that a queue or topic carries. What tells of no upload is named, and handed back."""
    try:
        inner = json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError):
        return _foreign(f"{name} is no JSON")
    if not isinstance(inner, dict):
        return _foreign(f"{name} is no JSON object")
    told = _told(inner)
    if told is not None:
        return tuple(_or_foreign(entry) for entry in told)
    if inner.get("Type") == "Notification" and "Message" in inner and depth < DEEPEST:  # without raw delivery
        return _carried(inner["Message"], f"{name} holds an SNS message, which", depth + 1)
    if of_a_queue and (failed := failed_event(inner)) is not None:
        return tuple(_or_foreign(entry) for entry in failed.entries)
    keys = ", ".join(sorted(str(key)[:40] for key in inner)[:8]) or "none"
    return _foreign(f"{name} is an object with the keys {keys}")


def failed_event(record: dict[str, Any]) -> Direct | None:
    """Read the event in a record of Lambda's about an asynchronous invocation that failed; None where it is none.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """
    if "requestContext" not in record or "requestPayload" not in record:
        return None
    envelope = open_envelope(record["requestPayload"])
    return envelope if isinstance(envelope, Direct) else None


def _or_foreign(entry: Entry) -> Entry:
    """Turn a record that cannot be read into one that is handed back: it may be read by whoever mends it."""
    if isinstance(entry, NoUpload) and isinstance(entry.why, MalformedEvent):
        return NoUpload(entry.picture, ForeignMessage(str(entry.why)))
    return entry


def _foreign(what: str) -> tuple[Entry, ...]:
    return (
        NoUpload(
            None,
            ForeignMessage(
                f"{what}, where a notification of S3 is needed, straight or through EventBridge or SNS. It is handed "
                "back; the dead-letter queue keeps it."
            ),
        ),
    )


def _batch_job(event: dict[str, Any]) -> BatchJob:
    job = event.get("job")
    arguments = job.get("userArguments") if isinstance(job, dict) else None
    schema = printable(str(event["invocationSchemaVersion"]))
    return BatchJob(
        schema,
        printable(str(event.get("invocationId", ""))),
        tuple(
            Task(printable(str(task.get("taskId", ""))) if isinstance(task, dict) else "", read_task(task, schema))
            for task in event["tasks"]
        ),
        arguments if isinstance(arguments, dict) else {},
    )


def _all(records: list[Any], name: str, value: str) -> bool:
    return all(isinstance(record, dict) and record.get(name) == value for record in records)
