"""A request's fields to what it wishes for, with everything that is wrong with them at once.

Enters: fields, none of them empty. Leaves: a Wish and the faults that were found on the way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from handler.errors import InvalidParameter
from handler.job import Length, Margins, Position, Region, Rendering, Shadow
from handler.web.parameters.table import (
    ADD_SHADOW,
    ASPECT_RATIO_ROW,
    BG_COLOR,
    CHANNELS,
    CROP,
    CROP_MARGIN,
    FORMAT,
    MAX_SIDE,
    POSITION_ROW,
    REDIRECT,
    ROI,
    SCALE_ROW,
    SEMITRANSPARENCY,
    SHADOW_OPACITY,
    SHADOW_TYPE,
    SIZE,
    TYPE,
    TYPE_LEVEL,
    Group,
    Parameter,
    rows,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from handler.errors import CallerError

T = TypeVar("T")

# A value in an error's sentence is cut here.
SHOWN_CHARACTERS = 100


class Fields:
    """A request's fields, read by a table's rows; what is wrong is noted in `faults`, in the order of reading."""

    def __init__(self, fields: Mapping[str, str], table: tuple[Group, ...]) -> None:
        self._fields = fields
        self._rows: Mapping[str, Parameter[Any]] = {row.name: row for row in rows(table)}
        self.faults: list[CallerError] = []

    def read(self, row: Parameter[T], otherwise: T) -> T:
        """Read a field by the table's own row of that name; `otherwise` where it is not given, or makes no sense."""
        own: Parameter[T] = self._rows.get(row.name, row)
        text = self._fields.get(row.name)
        if text is None:
            return otherwise
        try:
            return own.kind.read(text)
        except ValueError:
            shown = f"{row.name}={text[:SHOWN_CHARACTERS]!r}"
            self.faults.append(InvalidParameter(row.name, f"{shown} makes no sense: give {own.kind.words}."))
            return otherwise


@dataclass(frozen=True)
class Wish:
    """What a request wants to have made of its picture."""

    rendering: Rendering
    region: Region | None
    names_type: bool  # the answer has the header X-Type
    redirects: bool = False  # a picture that is too large for the answer may be behind a redirect


def wish_of(fields: Fields, default_size: str) -> Wish:
    """Read what the fields wish for; a background picture is added by whoever has it."""
    fields.read(TYPE, None)
    region = fields.read(ROI, None)
    scale = fields.read(SCALE_ROW, None)
    in_the_middle = Position(0.5, 0.5) if scale is not None else None
    margins = fields.read(CROP_MARGIN, Margins())
    shadow_type, opacity = fields.read(SHADOW_TYPE, "drop"), fields.read(SHADOW_OPACITY, 50.0)
    has_shadow = fields.read(ADD_SHADOW, otherwise=False) and shadow_type != "none"
    file_format = fields.read(FORMAT, "auto")
    channels = fields.read(CHANNELS, "rgba")
    rendering = Rendering(
        soft_edges=fields.read(SEMITRANSPARENCY, otherwise=True),
        crop=margins if fields.read(CROP, otherwise=False) else None,
        aspect_ratio=fields.read(ASPECT_RATIO_ROW, None),
        scale=scale,
        position=fields.read(POSITION_ROW, in_the_middle),
        max_megapixels=fields.read(SIZE, SIZE.kind.read(default_size)),
        max_side_px=fields.read(MAX_SIDE, None),
        shadow=Shadow(shadow_type, opacity / 100) if has_shadow and shadow_type != "none" else None,
        background=fields.read(BG_COLOR, None),
        channels="rgba" if file_format == "zip" else channels,
        format=file_format,
    )
    if region is not None and _is_whole(region):
        region = None
    return Wish(rendering, region, fields.read(TYPE_LEVEL, otherwise=True), fields.read(REDIRECT, otherwise=False))


def _is_whole(region: Region) -> bool:
    """Whether a region is any picture as a whole: many clients send it always."""
    return region.left.value == region.top.value == 0 and region.right == region.bottom == Length(100, "%")
