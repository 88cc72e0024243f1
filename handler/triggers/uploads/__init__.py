"""Uploads: events that tell of new objects in a bucket, whichever way they arrive.

The way of one: envelopes.py opens what it came in, records.py reads each record, run.py cuts out what it names, and
reply.py answers in the form that makes its sender keep what has to be tried again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from handler.errors import NotTakenYet
from handler.triggers.uploads.envelopes import Notification, Unopened, open_envelope
from handler.triggers.uploads.reply import refuse, respond
from handler.triggers.uploads.run import run

if TYPE_CHECKING:
    from handler.environment import Environment
    from handler.errors import CutoutError
    from handler.job import Invocation
    from handler.triggers.call import Call


def match(event: Any) -> Call | None:  # noqa: ANN401 - anything that JSON holds
    """Match a bucket's notifications, S3's test event, and the envelopes that carry them."""
    opened = open_envelope(event)
    if isinstance(opened, Notification):
        return NotifiedCall(opened)
    return None if opened is None else UnopenedCall(opened)


@dataclass(frozen=True)
class NotifiedCall:
    """Records that came straight from the bucket, by an asynchronous invocation."""

    notification: Notification

    def answer(self, invocation: Invocation, environment: Environment) -> dict[str, Any]:
        """Cut out every record's object. Raises Redelivery where any failed for a reason that may pass."""
        return respond([(entry, run(entry, invocation, environment.pipeline)) for entry in self.notification.entries])

    def refuse(self, error: CutoutError, invocation: Invocation) -> dict[str, Any]:  # noqa: ARG002 - Call's signature
        """Raise what may pass, answer what would fail again."""
        return refuse(error)


@dataclass(frozen=True)
class UnopenedCall:
    """Uploads in an envelope that is known and not opened yet.

    Answering with a code would lose them, since these senders read raised errors only; so they are raised, and wait in
    their queue or go to its dead letters.
    """

    envelope: Unopened

    def answer(self, invocation: Invocation, environment: Environment) -> NoReturn:  # noqa: ARG002 - Call's signature
        """Raise NotTakenYet."""
        raise NotTakenYet(
            f"Uploads that come through {self.envelope.name} are not taken yet: let the bucket notify the function."
        )

    def refuse(self, error: CutoutError, invocation: Invocation) -> NoReturn:  # noqa: ARG002 - Call's signature
        """Raise, so that the sender keeps the event."""
        raise error
