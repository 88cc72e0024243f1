"""Outcomes of uploads to what their sender reads.

The invocation is asynchronous: what is returned goes to the log at best, and only a raised error makes Lambda try again
and then hand the event to its dead letters. So if any object failed for a reason that may pass, the whole event is
raised once all have been worked on; its finished objects are simply done again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from handler.errors import CutoutError, Redelivery
from handler.job import Done, Failed, Outcome, Skipped
from handler.triggers.reply import Result, failed, reply, skipped
from handler.triggers.uploads.records import Entry, NoUpload

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

EVENT = "s3"


def respond(ended: Sequence[tuple[Entry, Outcome]]) -> dict[str, Any]:
    """Put the outcomes together. Raises Redelivery where any failed for a reason that may pass."""
    retriable = [outcome.error for _, outcome in ended if isinstance(outcome, Failed) and outcome.error.retriable]
    if retriable:
        raise Redelivery(f"{len(retriable)} of {len(ended)} objects failed and may succeed later: {retriable[0]}")
    return reply(EVENT, [_result(entry, outcome) for entry, outcome in ended])


def refuse(error: CutoutError) -> dict[str, Any]:
    """Raise what may pass, answer what would fail again."""
    if error.retriable:
        raise error
    return reply(EVENT, [failed(error)])


def _result(entry: Entry, outcome: Outcome) -> Result:
    place = _place(entry)
    if isinstance(outcome, Skipped):
        return skipped(outcome.skip, **place)
    if isinstance(outcome, Failed):
        return failed(outcome.error, **place)
    return Result(200, "success", {**place, **_made(outcome)})


def _place(entry: Entry) -> Mapping[str, object]:
    picture = entry.picture if isinstance(entry, NoUpload) else entry
    if picture is None:
        return {}
    return {"picture": {"bucket": picture.bucket, "key": picture.key, "version": picture.version_id}}


def _made(done: Done) -> Mapping[str, object]:
    (file,) = done.files
    written = {"bucket": file.destination.bucket, "key": file.destination.key} if file.destination else None
    return {
        "destination": written,
        "width": file.width_px,
        "height": file.height_px,
        "bytes": len(file.data),
        "times_ms": {stage: round(milliseconds, 1) for stage, milliseconds in done.report.stages_ms.items()},
    }
