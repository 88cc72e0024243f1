"""One module an event family, all with the same three members, so that each reads from top to bottom.

`matches` recognises an event by its shape alone; exactly one source does. `answer` takes it the whole way: it parses
the event into Jobs, runs them and responds in the form that its sender reads. `refuse` puts an error into that form,
or raises it where only a raised error makes the platform deliver again. (DESIGN's first sketch had `parse` and
`respond` as members; HTTP parses inside its ASGI application, so the pair is each module's own and the contract is
what all four share.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from handler.errors import CutoutError
    from handler.job import Invocation
    from handler.pipeline import Pipeline

Event = Any  # what json.loads may give


class Source(Protocol):
    """An event family."""

    def matches(self, event: Event) -> bool:
        """Whether the event is of this family, whatever its content is worth. Never raises."""

    def answer(self, event: Event, invocation: Invocation, pipeline: Pipeline) -> dict[str, Any]:
        """Take the event the whole way. Raises a CutoutError for `refuse` to put into form."""

    def refuse(self, event: Event, error: CutoutError, invocation: Invocation) -> dict[str, Any]:
        """Put an error into the form that the sender reads, or raise it for redelivery."""
