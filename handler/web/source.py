"""Where a request's picture is, and its bytes: within the body, behind a URL, or uploaded before.

Enters: a Body. Leaves: bytes, or the CallerError that says what is wrong with where they are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from handler import telemetry
from handler.errors import (
    CallerError,
    CutoutError,
    FailedBackgroundDownload,
    FailedImageDownload,
    MissingSource,
    MultipleSources,
    ObjectNotFound,
    Unfetchable,
    UnreadableImage,
)
from handler.web.body import decode_base64
from handler.web.parameters.kinds import UPLOAD_SCHEME
from handler.web.parameters.table import IMAGE_FILE, IMAGE_FILE_B64, IMAGE_URL
from handler.web.parameters.table import SOURCES as ROWS

if TYPE_CHECKING:
    from handler.job import Invocation
    from handler.pipeline import Pipeline
    from handler.storage.exchange import Upload
    from handler.web.body import Body
    from handler.web.parameters.read import Fields

SOURCES = tuple(row.name for row in ROWS)

# A picture that takes longer leaves too little of an HTTP caller's patience for the network.
MAX_FETCH_S = 10.0


@dataclass(frozen=True)
class Source:
    """Where the picture is; `faults` says what is wrong with that."""

    url: str  # "" where the body holds it
    data: bytes | None = field(repr=False)
    faults: tuple[CallerError, ...]

    @classmethod
    def of(cls, body: Body, fields: Fields) -> Source:
        """Find it."""
        url, data, faults = fields.read(IMAGE_URL, ""), body.files.get(IMAGE_FILE.name), _count(body)
        encoded = body.fields.get(IMAGE_FILE_B64.name)
        if encoded is not None and not faults:
            try:
                data = decode_base64(IMAGE_FILE_B64.name, encoded)
            except UnreadableImage as error:
                faults = (error,)
        return cls(url, data, faults)

    def read(self, pipeline: Pipeline, invocation: Invocation) -> Got:
        """Get the bytes. Raises FileTooLarge, FailedImageDownload, or a ServiceError."""
        return Got(self.data) if self.data is not None else fetched(IMAGE_URL.name, self.url, pipeline, invocation)


@dataclass(frozen=True)
class Got:
    """A picture's bytes, and the upload that they came from if they did."""

    data: bytes = field(repr=False)
    upload: Upload | None = None


def fetched(name: str, url: str, pipeline: Pipeline, invocation: Invocation) -> Got:
    """Get the picture that a parameter names by its URL or its upload's reference.

    Raises FileTooLarge, what the contract has for the rest, or a ServiceError.
    """
    named = FailedImageDownload if name == IMAGE_URL.name else FailedBackgroundDownload
    settings = pipeline.settings
    if url.lower().startswith(UPLOAD_SCHEME):
        try:
            upload = pipeline.exchange.read(url[len(UPLOAD_SCHEME) :], settings.max_input_bytes)
        except ObjectNotFound as error:
            raise named(
                f"{name}: nothing was uploaded by this reference, or it has served its cut-out or has expired. Get "
                "another one by POST /v1.0/uploads, and send the picture to its url first."
            ) from error
        return Got(upload.data, upload)
    from handler.web.fetch import fetch  # noqa: PLC0415 - with ssl 30 ms that a request with a file need not pay

    timeout_s = min(MAX_FETCH_S, invocation.remaining_ms() / 1e3)
    try:
        return Got(fetch(url, max_bytes=settings.max_input_bytes, timeout_s=timeout_s, allow=settings.url_fetch_allow))
    except Unfetchable as error:
        raise named(f"{name}: {error}") from error


def discard(pipeline: Pipeline, upload: Upload) -> None:
    """Remove an upload that has served. What was asked for is there, so that a failure is the log's alone."""
    try:
        pipeline.exchange.discard(upload)
    except CutoutError as error:
        telemetry.left_behind(error)


def _count(body: Body) -> tuple[CallerError, ...]:
    match body.count(SOURCES):
        case 0:
            return (
                MissingSource(
                    f"Send a picture as {IMAGE_FILE.name} (multipart), as {IMAGE_FILE_B64.name}, or as the body."
                ),
            )
        case 1:
            return ()
        case _:
            return (MultipleSources(f"Give one of {', '.join(SOURCES)}, once."),)
