"""What a job of S3 Batch Operations wants of every object: its `userArguments`, by the contract's own names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handler.errors import CallerError, InvalidParameter
from handler.job import Rendering

if TYPE_CHECKING:
    from collections.abc import Mapping

    from handler.settings import Settings

# Of the contract's table, what says how a file is to look; the others name a picture, or a part of one.
NAMES = (
    *("size", "format", "channels", "semitransparency", "crop", "crop_margin", "scale", "position"),
    *("add_shadow", "shadow_type", "shadow_opacity", "bg_color"),
)


def plain_rendering(settings: Settings) -> Rendering:
    """Give what every upload gets that nobody asked anything special for."""
    return Rendering(format=settings.output_format)


def rendering_of_arguments(arguments: Mapping[str, object], settings: Settings) -> Rendering:
    """Read a job's arguments; without any it is what uploads get, so that their cut-outs count as done.

    Raises InvalidParameter or CallerError for the first that is not known, or whose value makes no sense.
    """
    if not arguments:
        return plain_rendering(settings)
    from handler.web.parameters.read import Fields, wish_of  # noqa: PLC0415 - the web's imports, where they are needed
    from handler.web.parameters.table import TABLE  # noqa: PLC0415 - likewise

    given: dict[str, str] = {}
    for name, value in arguments.items():
        if name not in NAMES:
            raise CallerError(
                f"userArguments names {name[:80]!r}, which is not known here: give some of {', '.join(NAMES)}."
            )
        if not isinstance(value, str) or not value:
            raise InvalidParameter(name, f"{name}={str(value)[:80]!r} makes no sense: give a text that is not empty.")
        given[name] = value
    fields = Fields({"format": settings.output_format, **given}, TABLE)
    rendering = wish_of(fields, "auto").rendering
    if fields.faults:
        raise fields.faults[0]
    if rendering.format == "auto":
        raise InvalidParameter(
            "format",
            "format='auto' makes no sense here, where it is part of the result's key: give png, jpg, webp or zip.",
        )
    return rendering
