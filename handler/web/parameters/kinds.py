"""Kinds of values: how a text is read, how it is described to people, and its JSON schema.

Enters: a text that is not empty. Leaves: a value, or ValueError. `words` completes the sentence "give …".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from PIL import ImageColor

from handler.job import Length, Margins, Position, Region

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from handler.job import Rgba

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Schema = dict[str, Any]

# Nine digits are more than any picture has pixels, and few enough to compute with.
FRACTION = r"(?:\.[0-9]{1,20})?"
NUMBER = rf"[0-9]{{1,9}}{FRACTION}"
LENGTH = rf"{NUMBER}(?:px|%)?"
# A client that sends a number below zero means a place outside of the picture.
SIGNED_LENGTH = rf"-?{LENGTH}"

# What is bounded is so by its pattern, so that the published schema says the whole truth.
NOTHING_MORE = r"(?:\.0{1,20})?"
UP_TO_100 = rf"0{{0,6}}(?:100{NOTHING_MORE}|[0-9]{{1,2}}{FRACTION})"
FROM_10_TO_100 = rf"0{{0,6}}(?:100{NOTHING_MORE}|[1-9][0-9]{FRACTION})"
UP_TO_500_PX = rf"0{{0,6}}(?:500{NOTHING_MORE}|[1-4]?[0-9]{{1,2}}{FRACTION})(?:px)?"
UP_TO_50_PERCENT = rf"0{{0,6}}(?:50{NOTHING_MORE}|[1-4]?[0-9]{FRACTION})%"
MARGIN = rf"(?:{UP_TO_500_PX}|{UP_TO_50_PERCENT})"
PERCENT = rf"{UP_TO_100}%"
HEX = "[0-9a-fA-F]"


class Kind(Protocol[T_co]):
    """What a parameter's values have in common."""

    @property
    def words(self) -> str:
        """What to give."""

    @property
    def schema(self) -> Schema:
        """The JSON schema of the values."""

    def read(self, text: str) -> T_co:
        """Read a value. Raises ValueError."""


@dataclass(frozen=True)
class Choice(Generic[T]):
    """One of some words, in any case of letters; some have a second name that is not listed."""

    values: Mapping[str, T]
    unlisted: Mapping[str, T]

    @property
    def words(self) -> str:
        """What to give."""
        return f"one of {', '.join(self.values)}"

    @property
    def schema(self) -> Schema:
        """The JSON schema of the values."""
        return {"enum": [*self.values, *(int(name) for name in self.values if name.isdigit())]}

    def read(self, text: str) -> T:
        """Read a value. Raises ValueError."""
        wanted = text.strip().lower()
        for name, value in (*self.values.items(), *self.unlisted.items()):
            if name.lower() == wanted:
                return value
        raise ValueError(text)


def choice(values: Mapping[str, T], **unlisted: T) -> Choice[T]:
    """Make a choice of words with the values that they stand for."""
    return Choice(values, unlisted)


def words(*names: str) -> Choice[str]:
    """Make a choice of words that stand for themselves."""
    return Choice({name: name for name in names}, {})


@dataclass(frozen=True)
class Boolean:
    """Yes or no, in every form that clients have for it."""

    words: str = "true or false (1 or 0, yes or no)"

    @property
    def schema(self) -> Schema:
        """The JSON schema of the values."""
        return {"enum": [True, False, "true", "false", 1, 0, "1", "0", "yes", "no"]}

    def read(self, text: str) -> bool:
        """Read a value. Raises ValueError."""
        wanted = text.strip().lower()
        if wanted in {"true", "1", "yes"}:
            return True
        if wanted in {"false", "0", "no"}:
            return False
        raise ValueError(text)


@dataclass(frozen=True)
class Written(Generic[T]):
    """A text of a certain form."""

    words: str
    parse: Callable[[str], T]
    pattern: str | None = None  # of the whole text
    format: str | None = None

    @property
    def schema(self) -> Schema:
        """The JSON schema of the values."""
        schema: Schema = {"type": "string"}
        if self.pattern is not None:
            schema["pattern"] = f"^(?:{self.pattern})$"
        if self.format is not None:
            schema["format"] = self.format
        return schema

    def read(self, text: str) -> T:
        """Read a value. Raises ValueError."""
        written = text.strip()
        if self.pattern is not None and not re.fullmatch(self.pattern, written, re.IGNORECASE | re.ASCII):
            raise ValueError(text)
        return self.parse(written)


@dataclass(frozen=True)
class Percentage:
    """A number from 0 to 100, which may carry a percent sign."""

    words: str = "a number from 0 to 100"

    @property
    def schema(self) -> Schema:
        """The JSON schema of the values."""
        return {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": 100},
                {"type": "string", "pattern": f"^{UP_TO_100}%?$"},
            ]
        }

    def read(self, text: str) -> float:
        """Read a value. Raises ValueError."""
        written = text.strip().removesuffix("%")
        # A JSON number close to 0 comes as Python writes it: 1e-07.
        if not re.fullmatch(rf"{UP_TO_100}|[0-9]{FRACTION}e-[0-9]{{1,3}}", written, re.ASCII):
            raise ValueError(text)
        return float(written)


@dataclass(frozen=True)
class File:
    """The bytes of a picture, as a part of a multipart form."""

    words: str = "a file in a multipart form"

    @property
    def schema(self) -> Schema:
        """The JSON schema of the values."""
        return {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}

    def read(self, text: str) -> bytes:
        """Refuse a text where a file is needed."""
        raise ValueError(text)


@dataclass(frozen=True)
class Base64:
    """The bytes of a picture in base64."""

    words: str = "a picture in base64, also as a data URL"

    @property
    def schema(self) -> Schema:
        """The JSON schema of the values."""
        return {"type": "string", "contentEncoding": "base64"}

    def read(self, text: str) -> str:
        """Leave it to whoever decodes it."""
        return text


def _url(text: str) -> str:
    if any(character.isspace() or not character.isprintable() for character in text):
        raise ValueError(text)
    return text


# What POST /v1.0/uploads gives for a picture that was sent to S3: no URL that anything could be fetched from.
UPLOAD_SCHEME = "upload:"
UPLOAD_PATTERN = rf"{UPLOAD_SCHEME}[A-Za-z0-9_-]{{43}}"

URL = Written(
    "an absolute http:// or https:// URL, or the reference that POST /v1.0/uploads gave",
    _url,
    rf"https?://[^\s/]\S{{0,8000}}|{UPLOAD_PATTERN}",
    "uri",
)

# What stands beside a picture that is kept; a name of more characters is none of any file system.
NOTE = Written("a text of up to 255 characters", str, r"[^\x00-\x1f\x7f]{1,255}")


def _colour(text: str) -> Rgba:
    named = ImageColor.colormap.get(text.lower())
    if text.lower() == "transparent":
        return 0, 0, 0, 0
    digits = text.removeprefix("#")
    if named is not None:
        digits = named.removeprefix("#") if isinstance(named, str) else "".join(f"{part:02x}" for part in named)
    if len(digits) <= 4:
        digits = "".join(2 * digit for digit in digits)
    red, green, blue, alpha = bytes.fromhex(digits.ljust(8, "f"))
    return red, green, blue, alpha


COLOUR = Written(
    "3, 4, 6 or 8 hexadecimal digits, such as 81d4fa or #fff8, or a CSS colour name",
    _colour,
    rf"#?(?:{HEX}{{3,4}}|{HEX}{{6}}|{HEX}{{8}})|transparent|{'|'.join(sorted(ImageColor.colormap))}",
)


def _length(text: str) -> Length:
    if text.endswith("%"):
        return Length(float(text[:-1]), "%")
    return Length(float(text.lower().removesuffix("px")), "px")


def _region(text: str) -> Region:
    return Region(*(_length(part) for part in text.split()))


REGION = Written(
    'two corners as "x1 y1 x2 y2", each in px or %, such as "10% 0 100% 250px"',
    _region,
    rf"{SIGNED_LENGTH}(?:\s+{SIGNED_LENGTH}){{3}}",
)


def _margins(text: str) -> Margins:
    match [_length(part) for part in text.split()]:
        case [every]:
            return Margins(every, every, every, every)
        case [top, right]:
            return Margins(top, right, top, right)
        case sides:
            return Margins(*sides)


MARGINS = Written(
    "one, two (top and bottom, left and right) or four (top, right, bottom, left) values, each up to 500px or 50%, "
    'such as "30px" or "10% 5%"',
    _margins,
    rf"{MARGIN}(?:\s+{MARGIN}(?:\s+{MARGIN}\s+{MARGIN})?)?",
)


def _side(text: str) -> int:
    return int(text.lower().removesuffix("px"))


SIDE = Written("a whole number of pixels above 0, of up to 5 digits", _side, r"0{0,4}[1-9][0-9]{0,4}(?:px)?")


def _aspect_ratio(text: str) -> float | None:
    if text.lower() == "original":
        return None
    across, down = (int(part) for part in text.split(":"))
    return across / down


# More than 25:1 of many megapixels is longer than a file may be.
UP_TO_25 = "(?:1[0-9]|2[0-5]|[1-9])"
ASPECT_RATIO = Written(
    "original, or width:height in whole numbers from 1 to 25, such as 1:1 or 16:9",
    _aspect_ratio,
    rf"original|{UP_TO_25}:{UP_TO_25}",
)


def _scale(text: str) -> float | None:
    if text.lower() == "original":
        return None
    return float(text.removesuffix("%")) / 100


SCALE = Written("original, or 10% to 100%", _scale, rf"original|{FROM_10_TO_100}%")


def _position(text: str) -> Position | None:
    if text.lower() == "original":
        return None
    if text.lower() == "center":
        return Position(0.5, 0.5)
    parts = [float(part.removesuffix("%")) for part in text.split()]
    return Position(parts[0] / 100, parts[-1] / 100)


POSITION = Written(
    'original, center, or one or two values from 0% to 100% (across, down), such as "50%" or "10% 90%"',
    _position,
    rf"original|center|{PERCENT}(?:\s+{PERCENT})?",
)
