"""One record of a bucket's notification to the object that it names. Pure.

Keys are form-encoded, `versionId` is absent in an unversioned bucket:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from handler.errors import MalformedEvent, Skip
from handler.job import S3Object


@dataclass(frozen=True)
class NoUpload:
    """A record that leads to no cut-out."""

    picture: S3Object | None
    why: Skip | MalformedEvent


Entry = S3Object | NoUpload


def read_notification(record: dict[str, Any]) -> Entry:
    """Read a record of the form that S3 sends itself. Never raises."""
    try:
        picture = _object_of(record)
    except MalformedEvent as error:
        return NoUpload(None, error)
    reason = _reason_to_skip(record, picture)
    return picture if reason is None else NoUpload(picture, Skip(reason))


def _object_of(record: dict[str, Any]) -> S3Object:
    try:
        bucket, thing = record["s3"]["bucket"]["name"], record["s3"]["object"]
        key, version_id, sequencer = thing["key"], thing.get("versionId"), thing.get("sequencer")
    except (KeyError, TypeError, AttributeError) as error:
        raise MalformedEvent(f"An S3 record lacks {error}; s3.bucket.name and s3.object.key are needed.") from error
    return S3Object(
        _text("s3.bucket.name", bucket),
        unquote_plus(_text("s3.object.key", key)),
        None if version_id is None else _text("s3.object.versionId", version_id),
        None if sequencer is None else _hexadecimal("s3.object.sequencer", sequencer),
    )


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise MalformedEvent(f"An S3 record's {name} is {value!r}; a text that is not empty is needed.")
    try:
        value.encode()
    except UnicodeEncodeError as error:  # half of a surrogate pair, which JSON can hold and UTF-8 cannot
        raise MalformedEvent(f"An S3 record's {name} is {value!r}, which is no Unicode text.") from error
    return value


def _hexadecimal(name: str, value: object) -> str:
    text = _text(name, value)
    if not re.fullmatch(r"[0-9a-fA-F]{1,64}", text):  # S3's have 16 to 20; it becomes metadata, which is short ASCII
        raise MalformedEvent(f"An S3 record's {name} is {value!r}; up to 64 hexadecimal digits are needed.")
    return text


def _reason_to_skip(record: dict[str, Any], picture: S3Object) -> str | None:
    name = record.get("eventName", "ObjectCreated:")
    if not str(name).removeprefix("s3:").startswith("ObjectCreated:"):
        return f"The event is {name}; only ObjectCreated leads to a cut-out."
    if picture.key.endswith("/"):
        return "The key ends in a slash: it is a folder's marker."
    if record["s3"]["object"].get("size") == 0:
        return "The object is empty."
    return None
