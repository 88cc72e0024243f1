"""Which of a bucket's objects a job is about, and how a manifest names them. Pure.

A manifest has no version ids: the function makes the result of a key's newest object, whichever version it is told of
(docs/uploads.md), and so does S3 Batch Operations where none is named:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-create-job.html#specify-batchjob-manifest
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable

FORMAT = "S3BatchOperations_CSV_20180820"
FIELDS = ("Bucket", "Key")
# Of the formats that handler/pixels reads. What has no such ending may be a picture, too; nobody would know unread.
EXTENSIONS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".dib"),
    *(".avif", ".heic", ".heif", ".hif", ".ico", ".cur"),
)
# Classes that S3 gives only after hours: a job would fail on each.
ARCHIVED = ("GLACIER", "DEEP_ARCHIVE")


@dataclass(frozen=True)
class Listed:
    """An object as a listing names it."""

    key: str
    size_bytes: int
    storage_class: str = "STANDARD"


@dataclass
class Tally:
    """What a listing came to, counted while it goes by."""

    pictures: int = 0
    size_bytes: int = 0
    left_out: dict[str, int] = field(default_factory=dict)  # by the reason
    example: dict[str, str] = field(default_factory=dict)  # the first key of each reason


def reason_against(listed: Listed, max_input_bytes: int, own_prefix: str | None) -> str | None:
    """Say why an object is left out; None: it is taken.

    `own_prefix` is where the function's own results lie in this bucket, None where they lie in another.
    """
    reason = None
    if listed.key.endswith("/"):
        reason = "folder markers"
    elif own_prefix is not None and listed.key.startswith(own_prefix):
        reason = "the function's own results"
    elif not listed.key.lower().endswith(EXTENSIONS):
        reason = "no picture, by their names' endings"
    elif listed.size_bytes == 0:
        reason = "empty"
    elif listed.size_bytes > max_input_bytes:
        reason = f"larger than {max_input_bytes:,} bytes (MaxInputBytes)"
    elif listed.storage_class in ARCHIVED:
        reason = "archived: restore them first"
    return reason


def write(
    objects: Iterable[Listed], bucket: str, max_input_bytes: int, own_prefix: str | None, manifest: TextIO
) -> Tally:
    """Write a row for each object that is taken, and count all of them."""
    tally = Tally()
    # Encoded keys hold neither quotes, commas nor line ends: csv finds nothing to quote.
    rows = csv.writer(manifest, lineterminator="\n")
    for listed in objects:
        reason = reason_against(listed, max_input_bytes, own_prefix)
        if reason is None:
            rows.writerow([bucket, encoded(listed.key)])
            tally.pictures += 1
            tally.size_bytes += listed.size_bytes
        else:
            tally.left_out[reason] = tally.left_out.get(reason, 0) + 1
            tally.example.setdefault(reason, listed.key)
    return tally


def encoded(key: str) -> str:
    """Encode a key as a manifest has it.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-create-job.html#create-manifest-file
    """
    return quote(key, safe="/")


def described(tally: Tally) -> str:
    """Say what is left out, in sentences."""
    if not tally.left_out:
        return "Nothing is left out."
    parts = [
        f"{count:,} {reason}, such as {tally.example[reason]!r}"
        for reason, count in sorted(tally.left_out.items(), key=lambda pair: -pair[1])
    ]
    return f"Left out: {'; '.join(parts)}."
