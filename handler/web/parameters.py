"""The parameter table of POST /v1.0/removebg: names and values of the remove.bg contract to a Rendering.

Enters: the request's fields, none of them empty. Leaves: a Rendering, or InvalidParameter with the code
`invalid_<name>`. A parameter that is not offered yet is taken at the values that ask for nothing, and refused at
every other: a client must not believe that its crop was done. To offer one: give it a reader in READERS and a field
in Rendering.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from PIL import ImageColor

from handler.errors import InvalidParameter
from handler.job import Rendering, Rgba
from handler.web.body import PICTURE, PICTURE_B64, PICTURE_URL

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from handler.settings import DefaultSize

# Megapixels of the result; None: the picture's own size.
SIZES: dict[str, float | None] = {
    "auto": None,
    "preview": 0.25,
    "small": 0.25,
    "regular": 0.25,
    "medium": 1.5,
    "hd": 4.0,
    "full": 25.0,
    "4k": 25.0,
    "50mp": 50.0,
}


def _size(value: str) -> float | None:
    return SIZES[_choice(value, tuple(SIZES))]


def _format(value: str) -> str:
    chosen = _choice(value, ("auto", "png", "jpg", "jpeg", "webp"))
    return "jpg" if chosen == "jpeg" else chosen


def _channels(value: str) -> str:
    return _choice(value, ("rgba", "alpha"))


def _colour(value: str) -> Rgba:
    """Read 3, 4, 6 or 8 hexadecimal digits, with or without #, or a CSS colour's name."""
    digits = value.strip().removeprefix("#")
    named = ImageColor.colormap.get(value.strip().lower())
    if named is not None:
        digits = named.removeprefix("#") if isinstance(named, str) else "".join(f"{part:02x}" for part in named)
    if not re.fullmatch(r"[0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8}", digits):
        raise ValueError("give 3, 4, 6 or 8 hexadecimal digits, such as 81d4fa or fff8, or a CSS colour name")
    if len(digits) <= 4:
        digits = "".join(2 * digit for digit in digits)
    red, green, blue, alpha = bytes.fromhex(digits.ljust(8, "f"))
    return red, green, blue, alpha


def _choice(value: str, choices: tuple[str, ...]) -> str:
    chosen = value.strip().lower()
    if chosen not in choices:
        raise ValueError(f"give one of {', '.join(choices)}")
    return chosen


# What is offered: the field's name, its reader, and the Rendering's member that it sets.
READERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "size": (_size, "max_megapixels"),
    "format": (_format, "format"),
    "channels": (_channels, "channels"),
    "bg_color": (_colour, "background"),
}

_NO = ("false", "0", "no")
_WHOLE = ("0% 0% 100% 100%",)
_ZERO = ("0", "0px", "0%")

# What the contract has and is not offered yet, with the values that ask for nothing. `type` only tells remove.bg
# which of its models to take, so that all its values are fine here.
NOT_YET: dict[str, tuple[str, ...]] = {
    "type": ("auto", "person", "product", "car", "animal", "graphic", "graphics", "transportation", "other"),
    "type_level": ("none", "1", "2", "latest"),
    "roi": _WHOLE,
    "crop": _NO,
    "crop_margin": _ZERO,
    "scale": ("original", "100%"),
    "position": ("original",),
    "add_shadow": _NO,
    "shadow_type": ("none", "auto"),  # means nothing without add_shadow
    "shadow_opacity": tuple(str(percent) for percent in range(101)),
    "semitransparency": ("true", "1", "yes"),
    "bg_image_url": (),
    "bg_image_file": (),
}


# Every name that means something; what a client sends besides is ignored, as the contract's service does.
NAMES = frozenset({PICTURE, PICTURE_B64, PICTURE_URL, *READERS, *NOT_YET})


def rendering_of(fields: Mapping[str, str], default_size: DefaultSize, files: Collection[str] = ()) -> Rendering:
    """Read every parameter of a request; `files` are the names of those that came as files.

    Raises InvalidParameter for the first that makes no sense or is not offered.
    """
    for name in files:
        if name in NOT_YET:
            raise InvalidParameter(name, f"{name} came as a file, and is not offered by this endpoint: leave it out.")
        if name != PICTURE:
            raise InvalidParameter(name, f"{name} came as a file; a text is needed.")
    members: dict[str, Any] = {"max_megapixels": SIZES[default_size.lower()]}
    for name, (read, member) in READERS.items():
        if name in fields:
            try:
                members[member] = read(fields[name])
            except ValueError as error:
                raise InvalidParameter(name, f"{name}={fields[name]!r} makes no sense: {error}.") from error
    for name, harmless in NOT_YET.items():
        if name in fields and fields[name].strip().lower() not in harmless:
            may_be = f"leave it out, or give one of {', '.join(harmless[:9])}" if harmless else "leave it out"
            raise InvalidParameter(name, f"{name}={fields[name][:100]!r} is not offered by this endpoint: {may_be}.")
    return Rendering(**members)
