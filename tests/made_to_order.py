"""A handler whose answers the event orders: for what the function's own answers do not come to by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from handler.errors import DependencyError
from handler.streamed import StreamedAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator

ERRORS = {"named": DependencyError("The picture's second half is missing."), "surprise": ValueError("/var/secret")}


def handler(event: Any, context: object) -> Any:
    if "whole" in event:
        return event["whole"]
    return StreamedAnswer(200, event.get("headers", {}), tuple(event.get("cookies", ())), pieces(event))


def pieces(event: Any) -> Iterator[bytes]:
    """Give pieces of the ordered sizes, each of a byte of its own, and end as ordered."""
    for number, size in enumerate(event["sizes"]):
        yield bytes([number + 1]) * size
    if "raises" in event:
        raise ERRORS[event["raises"]]
