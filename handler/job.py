"""What is asked for and what came of it: frozen data that flows one way. A leaf beside errors.py.

A trigger parses its event into Jobs; the pipeline turns each Job into an Outcome, which carries its own report; the
trigger answers with the Outcomes. One word means one thing: a trigger wakes the function, a picture's place is where
its bytes are, an output is one file that is wanted of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from handler.errors import CutoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from handler.errors import Skip

FileFormat = Literal["png", "jpg", "webp"]
ResultFormat = Literal["png", "jpg", "webp", "zip"]  # zip: color.jpg and alpha.png
Format = Literal["auto", "png", "jpg", "webp", "zip"]
Channels = Literal["rgba", "alpha"]
Rgba = tuple[int, int, int, int]
UploadSender = Literal["s3", "eventbridge", "sns", "sqs", "s3-batch"]
TriggerName = (
    Literal["rest", "http-api", "function-url", "alb", "http", "warmup", "folder"] | UploadSender
)  # "http": a plain server; "folder": neither server nor Lambda


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
class Length:
    """A distance in pixels, or in percent of what it is measured on."""

    value: float
    unit: Literal["px", "%"] = "px"

    def of(self, whole_px: int) -> float:
        """Give it in pixels."""
        return self.value if self.unit == "px" else self.value * whole_px / 100


ZERO = Length(0)


@dataclass(frozen=True)
class Region:
    """The rectangle from (left, top) to (right, bottom) of an upright picture, in its own pixels or in percent."""

    left: Length
    top: Length
    right: Length
    bottom: Length


@dataclass(frozen=True)
class Margins:
    """What is added around a subject, in the picture's pixels or in percent of the subject's own height or width."""

    top: Length = ZERO
    right: Length = ZERO
    bottom: Length = ZERO
    left: Length = ZERO


@dataclass(frozen=True)
class Position:
    """Where a subject lies in the space that it leaves free: 0 is left or top, 0.5 the middle, 1 right or bottom."""

    across: float
    down: float


@dataclass(frozen=True)
class Shadow:
    """A shadow under the subject: behind it, or on the ground below it."""

    kind: Literal["drop", "ground"] = "drop"
    opacity: float = 0.5  # of its darkest part, 0 to 1


@dataclass(frozen=True)
class Rendering:
    """How a file is to look. The fields stand in the order in which they take effect.

    Hard edges → crop → aspect ratio → scale and position on the canvas → the canvas's size → shadow → background →
    format. So a cropped file of a small size has all the detail that the picture has, and a shadow ends where the
    canvas does.
    """

    soft_edges: bool = True  # False: each pixel is the subject's or is not
    crop: Margins | None = None  # cut off what is empty around the subject, then add these; None: the whole picture
    aspect_ratio: float | None = None  # width by height to which the canvas is widened; None: as it is
    scale: float | None = None  # share of the canvas that the subject is to fill, 0 to 1; None: its own size
    position: Position | None = None  # None: where it was
    max_megapixels: float | None = None  # the canvas is scaled down to this; None: the picture's own size
    max_side_px: int | None = None  # and until no side is longer than this
    shadow: Shadow | None = None
    background: Rgba | Inline | None = None  # a picture is scaled to cover the canvas, and centred
    channels: Channels = "rgba"  # alpha: the matte alone, in grey, without shadow and background
    format: Format = "auto"  # auto: PNG if any pixel of it is transparent, else JPEG


# Where an object declares its own renditions: a name among its metadata or tags.
DECLARATION = "cutout-outputs"
# The report about a declaration without sense is named by this, so that no rendition may be.
DECLARATION_NAME = "outputs"


@dataclass(frozen=True)
class Rendition:
    """One kind of file that is wanted of every upload, with a name where there are several."""

    rendering: Rendering = Rendering()
    name: str = ""
    region: Region | None = None


@dataclass(frozen=True)
class Alternatives:
    """What a caller could ask for instead of a file that is too large, each by the words that ask for it."""

    formats: tuple[tuple[str, FileFormat], ...] = ()  # such as ("format=webp", "webp"), the best first
    sizes: tuple[tuple[str, float], ...] = ()  # such as ("size=hd", 4.0) megapixels, the largest first
    otherwise: str = ""  # a sentence that names ways around the limit


@dataclass(frozen=True)
class Output:
    """One file that is wanted of a picture."""

    rendering: Rendering = Rendering()
    destination: S3Destination | None = None  # None: it travels in the answer
    max_bytes: int | None = None  # what can be carried; None: any
    by_url: bool = False  # what cannot be carried is laid where a URL leads to; else it is refused
    alternatives: Alternatives = Alternatives()  # for that refusal


@dataclass(frozen=True)
class Job:
    """One picture to cut out, once, for any number of outputs."""

    trigger: TriggerName
    picture: Inline | S3Object
    outputs: tuple[Output, ...] = (Output(),)
    region: Region | None = None  # where a subject may be; None: everywhere


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels of the file."""

    left_px: int
    top_px: int
    width_px: int
    height_px: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to index an array with."""
        bottom_px, right_px = self.top_px + self.height_px, self.left_px + self.width_px
        return slice(self.top_px, bottom_px), slice(self.left_px, right_px)


@dataclass(frozen=True)
class File:
    """A finished picture, encoded."""

    data: bytes = field(repr=False)
    file_format: ResultFormat
    width_px: int
    height_px: int
    foreground: Box
    destination: S3Destination | None = None  # where it was written, and its data let go; None: it is in the answer
    size_bytes: int = 0
    url: str | None = field(default=None, repr=False)  # where it lies for a while, too large for the answer


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
class End:
    """What came of one output."""

    destination: S3Destination | None
    what: File | Skip | CutoutError


@dataclass(frozen=True)
class Mixed:
    """The outputs of one job came to different ends: one for each, in their order."""

    report: Report
    ends: tuple[End, ...]

    @property
    def errors(self) -> tuple[CutoutError, ...]:
        """What those failed with that failed."""
        return tuple(end.what for end in self.ends if isinstance(end.what, CutoutError))


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


Outcome: TypeAlias = Done | Mixed | Skipped | Failed


def outcome_of(report: Report, ends: Sequence[End]) -> Outcome:
    """Put the ends of a job's outputs together: where all are of one kind, the job's is of that kind."""
    files = tuple(end.what for end in ends if isinstance(end.what, File))
    if len(files) == len(ends):
        return Done(report, files)
    first = ends[0].what
    if not isinstance(first, File) and all(_same(first, end.what) for end in ends):
        return Failed(report, first) if isinstance(first, CutoutError) else Skipped(report, first)
    return Mixed(report, tuple(ends))


def ends_of(outcome: Outcome, outputs: Sequence[Output]) -> tuple[End, ...]:
    """Give what came of each output of a job."""
    match outcome:
        case Done(files=files):
            return tuple(End(output.destination, file) for output, file in zip(outputs, files, strict=True))
        case Mixed(ends=ends):
            return ends
        case Skipped(skip=skip):
            return tuple(End(output.destination, skip) for output in outputs)
        case Failed(error=error):
            return tuple(End(output.destination, error) for output in outputs)


def _same(one: Skip | CutoutError, other: object) -> bool:
    return type(one) is type(other) and str(one) == str(other)


@dataclass(frozen=True)
class Invocation:
    """What the platform says about this call of the handler."""

    request_id: str
    function_arn: str | None = None
    remaining_ms: Callable[[], float] = field(default=lambda: float("inf"))
    max_file_bytes: int | None = None  # of a picture that its sender can carry back; None: any
    streams_to: frozenset[TriggerName] = frozenset()  # senders whose answers are streamed
    cold_start: bool = False  # it is the first event of an environment that nothing had warmed at its start
