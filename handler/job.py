"""What is asked for and what came of it: frozen data that flows one way. A leaf beside errors.py.

A trigger parses its event into Jobs; the pipeline turns each Job into an Outcome, which carries its own report; the
trigger answers with the Outcomes. One word means one thing: a trigger wakes the function, a picture's place is where
its bytes are, an output is one file that is wanted of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from handler.errors import CutoutError, Skip

FileFormat = Literal["png", "jpg", "webp"]
Format = Literal["auto", "png", "jpg", "webp"]
Channels = Literal["rgba", "alpha"]
Rgba = tuple[int, int, int, int]
UploadSender = Literal["s3", "eventbridge", "sns", "sqs", "s3-batch"]
TriggerName = (
    Literal["rest", "http-api", "function-url", "alb", "http", "warmup"] | UploadSender
)  # "http": a plain server


@dataclass(frozen=True)
class Inline:
    """A picture that came within the request."""

    data: bytes = field(repr=False)

    def __str__(self) -> str:
        return "inline"


@dataclass(frozen=True)
class S3Object:
    """A picture in a bucket; the key is decoded."""

    bucket: str
    key: str
    version_id: str | None = None
    sequencer: str | None = None  # orders the events of one key
    etag: str | None = None  # once S3 was asked: what is fetched has to have it

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class Provenance:
    """What a file is made from and how: written beside it, so that the same work is known again."""

    picture: S3Object
    model: str = ""  # its revision
    options: str = ""  # what the rendering asks for


@dataclass(frozen=True)
class S3Destination:
    """Where a file is written to, and on what condition."""

    bucket: str
    key: str
    provenance: Provenance
    replaces: str | None = None  # the ETag of what it may replace; None: nothing may be there

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class Rendering:
    """How a file is to look."""

    format: Format = "auto"  # auto: PNG if any pixel of it is transparent, else JPEG
    channels: Channels = "rgba"  # alpha: the matte alone, in grey
    background: Rgba | None = None
    max_megapixels: float | None = None  # scaled down to this; None: the picture's own size


@dataclass(frozen=True)
class Output:
    """One file that is wanted of a picture."""

    rendering: Rendering = Rendering()
    destination: S3Destination | None = None  # None: it travels in the answer


@dataclass(frozen=True)
class Job:
    """One picture to cut out, once, for any number of outputs."""

    trigger: TriggerName
    picture: Inline | S3Object
    outputs: tuple[Output, ...] = (Output(),)


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels of the file."""

    left_px: int
    top_px: int
    width_px: int
    height_px: int


@dataclass(frozen=True)
class File:
    """A finished picture, encoded."""

    data: bytes = field(repr=False)
    file_format: FileFormat
    width_px: int
    height_px: int
    foreground: Box
    destination: S3Destination | None = None  # where it was written; None: it travels in the answer


@dataclass(frozen=True)
class Facts:
    """What was learned of a job on its way, for the log; None where it did not get that far."""

    trigger: TriggerName
    picture: str  # its place
    request_id: str
    input_bytes: int | None = None
    input_width_px: int | None = None  # as the file's header says
    input_height_px: int | None = None
    format: str | None = None  # of the input: "JPEG", "PNG" …
    width_px: int | None = None  # upright and scaled down, as the network sees it
    height_px: int | None = None
    model: str | None = None
    output_bytes: int | None = None  # of all outputs
    destination: str | None = None  # of the first output


@dataclass(frozen=True)
class Report:
    """What is told of a job, whatever came of it."""

    facts: Facts
    stages_ms: Mapping[str, float]  # also of the stage that failed
    model_load_ms: float | None = None  # where this job had to load the model


@dataclass(frozen=True)
class Done:
    """The job succeeded: a file for each of its outputs, in their order."""

    report: Report
    files: tuple[File, ...]


@dataclass(frozen=True)
class Skipped:
    """There was nothing to do."""

    report: Report
    skip: Skip


@dataclass(frozen=True)
class Failed:
    """The job failed; `error.retriable` says whether it may succeed later."""

    report: Report
    error: CutoutError


Outcome: TypeAlias = Done | Skipped | Failed


@dataclass(frozen=True)
class Invocation:
    """What the platform says about this call of the handler."""

    request_id: str
    function_arn: str | None = None
    remaining_ms: Callable[[], float] = field(default=lambda: float("inf"))
    cold_start: bool = False  # it is the first event of an environment that nothing had warmed at its start
