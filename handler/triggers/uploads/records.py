"""One record of each form to the object that it names. Pure.

Each form writes a key in its own way:

| form | key | |
|---|---|---|
| S3's notification | form-encoded: `red+flower.jpg` is "red flower.jpg" | [^1] |
| EventBridge | as it is | [^2] |
| S3 Batch Operations, schema 1.0 | form-encoded | [^3] |
| S3 Batch Operations, schema 2.0 | not documented: as it is, and form-encoded where there is no such object | [^4] |

[^1]: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
[^2]: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
[^3]: https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-invoke-lambda.html
[^4]: https://docs.aws.amazon.com/AmazonS3/latest/API/API_control_LambdaInvokeOperation.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from handler.errors import ForeignMessage, MalformedEvent, Skip
from handler.job import S3Object

if TYPE_CHECKING:
    from collections.abc import Callable

TEST_EVENT = Skip("It is S3's test event; the notification works.")


@dataclass(frozen=True)
class NoUpload:
    """A record that leads to no cut-out."""

    picture: S3Object | None
    why: Skip | MalformedEvent | ForeignMessage


Entry = S3Object | NoUpload


def read_notification(record: dict[str, Any]) -> Entry:
    """Read a record of the form that S3 sends itself. Never raises."""
    name = str(record.get("eventName", "ObjectCreated:"))
    created = name.removeprefix("s3:").startswith("ObjectCreated:")
    return _read(record, NOTIFICATION, None if created else name)


def read_eventbridge(event: dict[str, Any]) -> Entry:
    """Read an event of the form in which S3 sends it to EventBridge. Never raises."""
    name = str(event.get("detail-type"))
    return _read(event, EVENTBRIDGE, None if name == "Object Created" else name)


def read_task(task: Any, schema: str) -> tuple[Entry, ...]:  # noqa: ANN401 - anything that JSON holds
    """Read a task of S3 Batch Operations: what it may name, the likeliest first. Never raises."""
    try:
        if not isinstance(task, dict):
            raise MalformedEvent(f"A task of S3 Batch Operations is a {type(task).__name__}; an object is needed.")  # noqa: TRY301
        version_id = _text_or_none("s3VersionId", task.get("s3VersionId") or None)
        if schema == "1.0":
            bucket = _text("s3BucketArn", task.get("s3BucketArn")).rpartition(":::")[2]
            keys = [_decoded("s3Key", task.get("s3Key"))]
        else:
            bucket = _text("s3Bucket", task.get("s3Bucket"))
            keys = [_text("s3Key", task.get("s3Key")), _decoded("s3Key", task.get("s3Key"))]
    except MalformedEvent as error:
        return (NoUpload(None, error),)
    pictures = [S3Object(bucket, key, version_id) for key in dict.fromkeys(keys)]
    return tuple(_upload_or_skip(picture, None, "", None) for picture in pictures)


def _read(record: dict[str, Any], form: _Form, other: str | None) -> Entry:
    """Read a record; `other` is its event's name where that is none that creates an object."""
    try:
        thing = _inner(record, form.room, "object")
        name = f"{form.room}.object"
        picture = S3Object(
            _text(f"{form.room}.bucket.name", _inner(record, form.room, "bucket").get("name")),
            form.read_key(f"{name}.key", thing.get("key")),
            _text_or_none(f"{name}.{form.version_id}", thing.get(form.version_id)),
            _hexadecimal(f"{name}.sequencer", thing.get("sequencer")),
            _text_or_none(f"{name}.{form.etag}", thing.get(form.etag)),
        )
    except MalformedEvent as error:
        return NoUpload(None, error)
    return _upload_or_skip(picture, other, form.created, thing.get("size"))


def _upload_or_skip(picture: S3Object, other: str | None, needed: str, size: object) -> Entry:
    reason = None
    if other is not None:
        reason = f"The event is {other[:80]}; only {needed} leads to a cut-out."
    elif picture.key.endswith("/"):
        reason = "The key ends in a slash: it is a folder's marker."
    elif size == 0:
        reason = "The object is empty."
    return picture if reason is None else NoUpload(picture, Skip(reason))


def _inner(record: dict[str, Any], *way: str) -> dict[str, Any]:
    inner: Any = record
    for step in way:
        inner = inner.get(step)
        if not isinstance(inner, dict):
            raise MalformedEvent(f"A record's {'.'.join(way)} is missing or no object; the bucket and key are in it.")
    return inner  # type: ignore[no-any-return]  # JSON's objects have texts as names


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise MalformedEvent(f"A record's {name} is {str(value)[:80]!r}; a text that is not empty is needed.")
    try:
        value.encode()
    except UnicodeEncodeError as error:  # half of a surrogate pair, which JSON can hold and UTF-8 cannot
        raise MalformedEvent(f"A record's {name} is {value[:80]!r}, which is no Unicode text.") from error
    return value


def _text_or_none(name: str, value: object) -> str | None:
    return None if value is None else _text(name, value)


def _decoded(name: str, value: object) -> str:
    return _text(name, unquote_plus(_text(name, value)))


def _hexadecimal(name: str, value: object) -> str | None:
    if value is None:
        return None
    text = _text(name, value)
    if not re.fullmatch(r"[0-9a-fA-F]{1,64}", text):  # S3's have 16 to 20; it becomes metadata, which is short ASCII
        raise MalformedEvent(f"A record's {name} is {text[:80]!r}; up to 64 hexadecimal digits are needed.")
    return text


@dataclass(frozen=True)
class _Form:
    """Where one sender puts what every sender says of an object."""

    room: str
    version_id: str
    etag: str
    created: str  # the name of its events that create an object
    read_key: Callable[[str, object], str]


NOTIFICATION = _Form("s3", "versionId", "eTag", "ObjectCreated", _decoded)
EVENTBRIDGE = _Form("detail", "version-id", "etag", "Object Created", _text)
