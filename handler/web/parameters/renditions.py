"""A text to the renditions that it declares: a setting's, an object's metadata or tag, an argument of a job. Pure.

    full: format=png / web: format=webp max_side=1024 bg_color=white / square: crop=true aspect_ratio=1:1 format=webp

Enters: names, each with options by the contract's own names. Leaves: Renditions, or InvalidParameter. It is written in
the characters that a tag of S3 allows; `%` is none of them, so `pct` counts as it:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from handler.errors import CallerError, ConfigurationError, InvalidParameter
from handler.job import DECLARATION_NAME, Rendering, Rendition
from handler.web.parameters.read import SHOWN_CHARACTERS, Fields, wish_of
from handler.web.parameters.table import TABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from handler.settings import Settings

# Of the contract's table, what says how a file is to look; the others name a picture, whose server may be away.
NAMES = (
    *("size", "max_side", "format", "channels", "semitransparency", "roi", "crop", "crop_margin", "aspect_ratio"),
    *("scale", "position", "add_shadow", "shadow_type", "shadow_opacity", "bg_color"),
)

# Who may upload may ask for them all, and each takes time.
MOST = 10

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
DIGEST = re.compile(r"[0-9a-f]{8}")  # what results of unnamed options are told apart by


def renditions_of_setting(settings: Settings) -> tuple[Rendition, ...]:
    """Give what every upload gets that nothing special is asked for. Raises ConfigurationError."""
    if settings.outputs is None:
        return (Rendition(Rendering(format=settings.output_format)),)
    try:
        return read_renditions(settings.outputs, settings, ())
    except CallerError as error:
        raise ConfigurationError(f"OUTPUTS={settings.outputs!r} makes no sense: {error}") from error


def read_renditions(text: str, settings: Settings, known: tuple[Rendition, ...]) -> tuple[Rendition, ...]:
    """Read a declaration. A name alone stands for the rendition of that name among the known ones.

    One rendition needs no name. Raises InvalidParameter.
    """
    entries = [entry.strip() for entry in text.split("/")]
    if len(entries) > MOST:
        raise _fault(f"it declares {len(entries)} outputs; the limit is {MOST}.")
    found = tuple(_entry(entry, settings, known, alone=len(entries) == 1) for entry in entries)
    names = [rendition.name for rendition in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise _fault(f"two outputs are named {twice!r}: give each a name of its own.")
    return found


def read_options(options: Mapping[str, str], settings: Settings, name: str = "") -> Rendition:
    """Read options by the contract's names. Raises InvalidParameter for the first that makes no sense."""
    unknown = next((option for option in options if option not in NAMES), None)
    if unknown is not None:
        raise _fault(f"{unknown[:SHOWN_CHARACTERS]!r} is not known here: give some of {', '.join(NAMES)}.")
    fields = Fields({"format": settings.output_format, **options}, TABLE)
    wish = wish_of(fields, "auto")
    if fields.faults:
        raise fields.faults[0]
    if wish.rendering.format == "auto":
        raise InvalidParameter(
            "format",
            "format='auto' makes no sense here, where it is part of the result's key: give png, jpg, webp or zip.",
        )
    return Rendition(wish.rendering, name, wish.region)


def _entry(entry: str, settings: Settings, known: tuple[Rendition, ...], *, alone: bool) -> Rendition:
    before, colon, after = entry.partition(":")
    name = before.strip()
    if alone and "=" in before:
        try:
            return read_options(_options(entry), settings)
        except InvalidParameter as error:
            raise _fault(str(error)) from error
    if not NAME.fullmatch(name):
        raise _fault(
            f"{entry[:SHOWN_CHARACTERS]!r} has no name: write a name of lowercase letters, digits and hyphens, a "
            'colon, and its options, such as "web: format=webp max_side=1024", with a slash between two outputs.'
        )
    if name == DECLARATION_NAME or DIGEST.fullmatch(name):
        raise _fault(f"{name!r} is a name that this function uses itself: give another.")
    if not colon:
        wanted = next((rendition for rendition in known if rendition.name == name), None)
        if wanted is None:
            raise _fault(f'{name!r} has no options, and OUTPUTS knows no such name: write "{name}: …" with options.')
        return wanted
    try:
        return read_options(_options(after), settings, name)
    except InvalidParameter as error:
        raise _fault(f"{name}: {error}") from error


def _options(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in text.split():
        option, equals, value = word.partition("=")
        if not equals or not value:
            raise _fault(f"{word[:SHOWN_CHARACTERS]!r} is no option: write name=value, with + for a space in a value.")
        if option in found:
            raise _fault(f"{option[:SHOWN_CHARACTERS]} is given twice.")
        found[option] = re.sub(r"(?<=[0-9])pct(?![a-z0-9])", "%", value.replace("+", " "))
    return found


def _fault(sentence: str) -> InvalidParameter:
    return InvalidParameter(DECLARATION_NAME, sentence)
