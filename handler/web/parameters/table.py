"""The table: every parameter of POST /v1.0/removebg, grouped, in the order in which the documents list them.

A row says how its values are read and what they do. To offer another: add its row, and read it in `read.wish_of`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from handler.web.parameters.kinds import (
    ASPECT_RATIO,
    COLOUR,
    MARGINS,
    NOTE,
    POSITION,
    REGION,
    SCALE,
    SIDE,
    URL,
    Base64,
    Boolean,
    Choice,
    File,
    Percentage,
    choice,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from handler.job import Channels, Format
    from handler.web.parameters.kinds import Kind

T_co = TypeVar("T_co", covariant=True)

ShadowType = Literal["drop", "ground", "none"]


@dataclass(frozen=True)
class Parameter(Generic[T_co]):
    """One row."""

    name: str
    kind: Kind[T_co]
    meaning: str  # a sentence or two, for people
    default: str = ""  # what it counts as where it is not given
    samples: tuple[str, ...] = ()  # values as clients send them; those of a choice or a boolean are its words

    @property
    def examples(self) -> tuple[str, ...]:
        """Values that make sense."""
        if self.samples:
            return self.samples
        if isinstance(self.kind, Choice):
            return tuple(self.kind.values)
        return ("true", "false", "1", "0", "yes", "no") if isinstance(self.kind, Boolean) else ()

    @property
    def is_file(self) -> bool:
        """Whether it comes as bytes, which only a multipart form carries."""
        return isinstance(self.kind, File)


@dataclass(frozen=True)
class Group:
    """Rows that belong together."""

    title: str
    parameters: tuple[Parameter[Any], ...]


IMAGE_FILE = Parameter("image_file", File(), "The picture. Exactly one of the three is given.")
IMAGE_FILE_B64 = Parameter("image_file_b64", Base64(), "The same within a text.")
IMAGE_URL = Parameter(
    "image_url",
    URL,
    "Where the picture is fetched from, or the reference of one that was uploaded, which serves one cut-out.",
    samples=("https://example.com/photo.jpg",),
)

SIZE = Parameter(
    "size",
    choice(
        {
            "auto": None,
            "preview": 0.25,
            "small": 0.25,
            "regular": 0.25,
            "medium": 1.5,
            "hd": 4.0,
            "full": 25.0,
            "4k": 25.0,
            "50MP": 50.0,
        }
    ),
    "The largest result in megapixels: preview (= small, regular) 0.25, medium 1.5, hd 4, full (= 4k) 25, 50MP 50; "
    "auto: as large as the picture. Its aspect ratio stays, and nothing is enlarged.",
    "auto",
)
MAX_SIDE = Parameter(
    "max_side",
    SIDE,
    "The longest side of the result in px, within what size allows. Nothing is enlarged. An addition to remove.bg's "
    "parameters.",
    samples=("1024", "512px"),
)
FORMAT: Parameter[Format] = Parameter(
    "format",
    choice({"auto": "auto", "png": "png", "jpg": "jpg", "webp": "webp", "zip": "zip"}, jpeg="jpg"),
    "The result's format. auto: PNG where anything of it is transparent, else JPEG, which lies on white where nothing "
    "else is asked for. zip: color.jpg and alpha.png, whatever channels says.",
    "auto",
)
CHANNELS: Parameter[Channels] = Parameter(
    "channels",
    choice({"rgba": "rgba", "alpha": "alpha"}),
    "alpha: the matte alone, in grey, without shadow and background.",
    "rgba",
)

TYPE = Parameter(
    "type",
    words(
        *("auto", "person", "product", "car", "car_part", "car_interior", "animal", "graphic", "graphics"),
        *("transportation", "other"),
    ),
    "What the picture shows. Taken, and chooses nothing: there is one model for all.",
    "auto",
)
TYPE_LEVEL = Parameter(
    "type_level",
    choice({"none": False, "1": True, "2": True, "latest": True}),
    "none: without the header X-Type, which else says other: nothing is classified here.",
    "1",
)
SEMITRANSPARENCY = Parameter(
    "semitransparency", Boolean(), "false: hard edges; each pixel is the subject's or is not.", "true"
)
ROI = Parameter(
    "roi",
    REGION,
    "The rectangle that the subject is looked for in; all else is background. Values are measured on the upright "
    "picture, bare numbers are px.",
    "0% 0% 100% 100%",
    ("0% 0% 100% 100%", "0 0 100% 100%", "10% 20% 90% 80%", "5px 10px 60px 50px", "5 10 60 50"),
)

CROP = Parameter("crop", Boolean(), "Cut off what is empty around the subject.", "false")
CROP_MARGIN = Parameter(
    "crop_margin",
    MARGINS,
    "Added around a cropped subject, in px of the picture or in % of the subject.",
    "0",
    ("0", "30px", "10%", "10px 20%", "5 10% 15px 0"),
)
ASPECT_RATIO_ROW = Parameter(
    "aspect_ratio",
    ASPECT_RATIO,
    "The canvas is widened around its middle until it has this shape; nothing is cut off. With crop=true and 1:1 it is "
    "a square around the subject. An addition to remove.bg's parameters.",
    "original",
    ("original", "1:1", "4:5", "16:9"),
)
SCALE_ROW = Parameter(
    "scale",
    SCALE,
    "The share of the canvas that the subject fills.",
    "original",
    ("original", "10%", "50%", "100%"),
)
POSITION_ROW = Parameter(
    "position",
    POSITION,
    "Where the subject is put in the space around it. With a scale, and nothing else said, in the middle.",
    "original",
    ("original", "center", "0%", "10% 90%", "100% 100%"),
)

ADD_SHADOW = Parameter("add_shadow", Boolean(), "Put a soft shadow under the subject.", "false")
SHADOW_TYPE: Parameter[ShadowType] = Parameter(
    "shadow_type",
    choice({"auto": "drop", "drop": "drop", "3D": "ground", "car": "ground", "none": "none"}),
    "Of add_shadow: drop lies behind the subject, 3D and car on the ground below it, auto is drop.",
    "auto",
)
SHADOW_OPACITY = Parameter(
    "shadow_opacity",
    Percentage(),
    "Of add_shadow, in percent.",
    "50",
    ("0", "50", "100"),
)

BG_COLOR = Parameter(
    "bg_color",
    COLOUR,
    "A colour behind the subject; 4 and 8 digits have an alpha. At most one of the three is given.",
    "",
    ("81d4fa", "#81d4fa", "fff", "81d4fa77", "f0c8", "green"),
)
BG_IMAGE_URL = Parameter(
    "bg_image_url",
    URL,
    "Where a picture behind the subject is fetched from. It is scaled to cover the canvas, and centred.",
    samples=("https://example.com/beach.jpg",),
)
BG_IMAGE_FILE = Parameter("bg_image_file", File(), "The same as a file.")

REDIRECT = Parameter(
    "redirect",
    Boolean(),
    "This service's own. true: a picture too large for the answer is answered with 303 and its URL in Location, where "
    "the service has a bucket for it; else it is refused. As JSON it has a result_url without being asked.",
    "false",
)

IMAGE_FILENAME = Parameter("image_filename", NOTE, "The picture's name.", samples=("photo.jpg",))
TAG = Parameter("tag", NOTE, "What the picture is about, in your words.", samples=("hair",))

SOURCES = (IMAGE_FILE, IMAGE_FILE_B64, IMAGE_URL)
BACKGROUNDS = (BG_COLOR, BG_IMAGE_URL, BG_IMAGE_FILE)

TABLE = (
    Group("The picture", SOURCES),
    Group("The result", (SIZE, MAX_SIDE, FORMAT, CHANNELS)),
    Group("The subject", (TYPE, TYPE_LEVEL, SEMITRANSPARENCY, ROI)),
    Group("Its place", (CROP, CROP_MARGIN, ASPECT_RATIO_ROW, SCALE_ROW, POSITION_ROW)),
    Group("Its shadow", (ADD_SHADOW, SHADOW_TYPE, SHADOW_OPACITY)),
    Group("Its background", BACKGROUNDS),
    Group("The answer", (REDIRECT,)),
)

# Of POST /v1.0/improve.
IMPROVEMENT = (Group("The picture", SOURCES), Group("About it", (IMAGE_FILENAME, TAG)))


def rows(table: tuple[Group, ...]) -> Iterator[Parameter[Any]]:
    """Give every row of a table."""
    for group in table:
        yield from group.parameters
