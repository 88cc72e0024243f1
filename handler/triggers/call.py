"""What every trigger gives: a call, which is one event that it knows, parsed once.

A trigger is a module with one function, `match(event)`, that gives a call where the event is of its kind, by its shape
alone and without ever raising, and None elsewhere; no two triggers match the same event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from handler.environment import Environment
    from handler.errors import CutoutError
    from handler.job import Invocation
    from handler.streamed import StreamedAnswer


class Call(Protocol):
    """One event, parsed."""

    def answer(self, invocation: Invocation, environment: Environment) -> dict[str, Any] | StreamedAnswer:
        """Take the event the whole way. Raises a CutoutError for `refuse` to put into form."""

    def refuse(self, error: CutoutError, invocation: Invocation) -> dict[str, Any] | StreamedAnswer:
        """Put an error into the form that the sender reads, or raise it where only that makes it deliver again."""
