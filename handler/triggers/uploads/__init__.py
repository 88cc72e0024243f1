"""Uploads: events that tell of new objects in a bucket, whichever way they arrive.

The way of one: envelopes.py opens what it came in, records.py reads each record, run.py takes them one after the other,
upload.py brings the results of each object up to date at the places that place.py gives them, and reply.py answers in
the form that makes its sender keep what has to be tried again. calls.py holds these together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from handler.triggers.call import Call


def match(event: Any) -> Call | None:  # noqa: ANN401 - anything that JSON holds
    """Match a bucket's notifications, S3's test event, and the envelopes that carry them."""
    from handler.triggers.uploads.calls import call_of  # noqa: PLC0415 - none of it is for requests and pings

    return call_of(event)
