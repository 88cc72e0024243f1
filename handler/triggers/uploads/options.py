"""What a job of S3 Batch Operations wants of every object: its `userArguments`, by the contract's own names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handler.errors import InvalidParameter
from handler.job import Rendering

if TYPE_CHECKING:
    from collections.abc import Mapping

    from handler.settings import Settings


def plain_rendering(settings: Settings) -> Rendering:
    """Give what every upload gets that nobody asked anything special for."""
    return Rendering(format=settings.output_format)


def rendering_of_arguments(arguments: Mapping[str, object], settings: Settings) -> Rendering:
    """Read a job's arguments; without any it is what uploads get, so that their cut-outs count as done.

    Raises InvalidParameter for the first that is not known, or whose value makes no sense.
    """
    if not arguments:
        return plain_rendering(settings)
    from handler.web.parameters import READERS, rendering_of  # noqa: PLC0415 - the web's imports, where they are needed

    fields: dict[str, str] = {}
    for name, value in arguments.items():
        if name not in READERS:
            known = ", ".join(READERS)
            raise InvalidParameter(
                "userArguments", f"userArguments names {name[:80]!r}, which is not known here: give some of {known}."
            )
        if not isinstance(value, str) or not value:
            raise InvalidParameter(name, f"{name}={str(value)[:80]!r} makes no sense: give a text that is not empty.")
        fields[name] = value
    rendering = rendering_of({"format": settings.output_format, **fields}, "auto")
    if rendering.format == "auto":
        raise InvalidParameter(
            "format", "format='auto' makes no sense here, where it is part of the result's key: give png, jpg or webp."
        )
    return rendering
