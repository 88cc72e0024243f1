"""What is asked for and what came of it: frozen data that flows one way. A leaf: it imports nothing of ours.

A source parses its event into Jobs; the pipeline turns each into a Result; the source answers with the Results.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Format = Literal["auto", "png", "jpg", "webp"]
Channels = Literal["rgba", "alpha"]
Rgba = tuple[int, int, int, int]


@dataclass(frozen=True)
class Inline:
    """A picture that came within the request."""

    data: bytes = field(repr=False)


@dataclass(frozen=True)
class S3Object:
    """A picture in a bucket, as a notification names it; the key is decoded."""

    bucket: str
    key: str
    version_id: str | None = None
    etag: str | None = None
    sequencer: str | None = None  # orders the events of one key


@dataclass(frozen=True)
class S3Target:
    """Where a result goes."""

    bucket: str
    key: str


@dataclass(frozen=True)
class Rendering:
    """How the result is to look."""

    format: Format = "auto"  # auto: PNG if any pixel of the result is transparent, else JPEG
    channels: Channels = "rgba"  # alpha: the matte alone, in grey
    background: Rgba | None = None
    max_megapixels: float | None = None  # the result is scaled down to this; None: the picture's own size


@dataclass(frozen=True)
class Job:
    """One picture to cut out."""

    origin: str  # the kind of event it came by, for logs and metrics: "rest", "s3", "warmup" …
    source: Inline | S3Object
    rendering: Rendering = Rendering()
    target: S3Target | None = None  # None: the result travels in the answer


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels of the result."""

    left_px: int
    top_px: int
    width_px: int
    height_px: int


@dataclass(frozen=True)
class Cutout:
    """A finished picture."""

    data: bytes = field(repr=False)
    media_type: str
    extension: str
    width_px: int
    height_px: int
    foreground: Box


@dataclass(frozen=True)
class Result:
    """What came of a job that succeeded."""

    job: Job
    cutout: Cutout
    stages_ms: Mapping[str, float]


class Skip(Exception):
    """Leave this picture alone. Reported with its reason, never retried."""


@dataclass(frozen=True)
class Invocation:
    """What the platform says about this call of the handler."""

    request_id: str
    function_arn: str | None = None
    remaining_ms: Callable[[], float] = field(default=lambda: float("inf"))
