"""What uploads come in: straight from the bucket, or inside EventBridge, SQS, SNS and S3 Batch Operations. Pure.

Enters: an event. Leaves: the entries of a notification, the name of an envelope that is not opened yet, or None where
the event tells of no upload.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from handler.errors import Skip
from handler.triggers.uploads.records import Entry, NoUpload, read_notification


@dataclass(frozen=True)
class Notification:
    """What came straight from the bucket."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Unopened:
    """An envelope that is known and not opened yet."""

    name: str


def open_envelope(  # noqa: PLR0911 - one return for each envelope
    event: Any,  # noqa: ANN401 - anything that JSON holds
) -> Notification | Unopened | None:
    """Recognise an event by its outermost shape, and read what came straight from the bucket."""
    if not isinstance(event, dict):
        return None
    if event.get("Event") == "s3:TestEvent":  # S3 sends it when a notification is set up
        return Notification((NoUpload(None, Skip("It is S3's test event; the notification works.")),))
    if "invocationSchemaVersion" in event and "tasks" in event:
        return Unopened("S3 Batch Operations")
    if event.get("source") == "aws.s3" and "detail-type" in event:
        return Unopened("EventBridge")
    records = event.get("Records")
    if not isinstance(records, list) or not records:
        return None
    if _all(records, "eventSource", "aws:s3"):
        return Notification(tuple(read_notification(record) for record in records))
    if _all(records, "eventSource", "aws:sqs"):
        return Unopened("SQS")
    return Unopened("SNS") if _all(records, "EventSource", "aws:sns") else None


def _all(records: list[Any], field: str, value: str) -> bool:
    return all(isinstance(record, dict) and record.get(field) == value for record in records)
