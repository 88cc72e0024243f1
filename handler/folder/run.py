"""A folder's photographs, each to its results: what is there already stays, and what fails is named."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from handler.errors import CutoutError, FileTooLarge, InvalidFileType, TargetTaken
from handler.folder.journal import Entry, digest_of
from handler.folder.walk import is_regular
from handler.job import Failed, File, Inline, Invocation, Job, Output, ends_of
from handler.pixels.claim import READABLE

if TYPE_CHECKING:
    from pathlib import Path

    from handler.folder.journal import Journal
    from handler.folder.progress import Progress
    from handler.job import Rendition
    from handler.pipeline import Pipeline

# What a name claims to be a picture by. Other files are tried, too, and are no failure where they are none.
PICTURES = frozenset(
    {
        *(".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".avif", ".heic", ".heif"),
        *(".ico", ".cur"),
    }
)
NOT_READABLE = "not_readable_or_writable"  # the code of what the file system refuses
FULL_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


@dataclass(frozen=True)
class Failure:
    """What was not made, and why."""

    photograph: str
    code: str
    reason: str
    result: str | None = None  # None: all of the photograph's


@dataclass
class Tally:
    """What came of the photographs so far."""

    made: list[str] = field(default_factory=list)  # results
    failures: list[Failure] = field(default_factory=list)
    no_pictures: list[str] = field(default_factory=list)
    there_already: int = 0  # photographs


@dataclass(frozen=True)
class Wanted:
    """One result that is wanted of a photograph."""

    result: str  # its path within the folder of results
    rendition: Rendition
    options: str


class Run:
    """Works on the photographs of one folder."""

    def __init__(
        self, photos: Path, journal: Journal, pipeline: Pipeline, renditions: tuple[tuple[Rendition, str], ...]
    ) -> None:
        """Make `renditions`, each with what is written down of its options."""
        self._photos = photos
        self._journal = journal
        self._pipeline = pipeline
        self._renditions = renditions
        self._model = pipeline.model.revision()
        self.tally = Tally()

    def missing(self, photograph: Path) -> list[Wanted]:
        """List what is not made yet of a photograph. Raises OSError."""
        wanted = [Wanted(_result(photograph, rendition), rendition, options) for rendition, options in self._renditions]
        source = self._photos / photograph
        return [one for one in wanted if not self._journal.is_made(one.result, source, self._model, one.options)]

    def load(self) -> None:
        """Load the model, so that what would fail for every photograph fails once. Raises CutoutError."""
        self._pipeline.model.load()

    def is_ahead(self, photograph: Path) -> bool:
        """Whether a photograph has to be worked on; one that cannot be looked at has to, and fails then."""
        try:
            return bool(self.missing(photograph))
        except OSError:
            return True

    def work(self, photographs: list[Path], progress: Progress) -> None:
        """Make what is missing of each. Raises OSError where nothing more can be written."""
        try:
            self._work(photographs, progress)
        finally:
            progress.close()

    def _work(self, photographs: list[Path], progress: Progress) -> None:
        for photograph in photographs:
            failures_before, made_before = len(self.tally.failures), len(self.tally.made)
            try:
                self._cut_out(photograph)
            except CutoutError as error:
                self._note(photograph, error)
            except OSError as error:
                if error.errno in FULL_DISK:
                    raise
                reason = f"{error.strerror or error}: {error.filename}" if error.filename else str(error)
                self.tally.failures.append(Failure(str(photograph), NOT_READABLE, reason))
            failures, made = self.tally.failures[failures_before:], self.tally.made[made_before:]
            came = failures[0].reason if failures else ", ".join(made) or "no picture"
            progress.ended(str(photograph), came, failed=bool(failures))

    def _cut_out(self, photograph: Path) -> None:
        """Make what is missing of one photograph. Raises CutoutError, OSError."""
        source = self._photos / photograph
        wanted = self.missing(photograph)
        data, mtime_ns = self._read(source)
        free = [one for one in wanted if self._is_free(photograph, one)]
        for region in dict.fromkeys(one.rendition.region for one in free):
            group = [one for one in free if one.rendition.region == region]
            outputs = tuple(Output(one.rendition.rendering) for one in group)
            outcome = self._pipeline.cut_out(Job("folder", Inline(data), outputs, region), Invocation("folder"))
            if isinstance(outcome, Failed):  # all of them, for the same reason
                self._note(photograph, outcome.error)
                continue
            for one, end in zip(group, ends_of(outcome, outputs), strict=True):
                if isinstance(end.what, File):
                    self._put(one, end.what.data, data, mtime_ns)
                elif isinstance(end.what, CutoutError):
                    self._note(photograph, end.what, one.result)

    def _read(self, source: Path) -> tuple[bytes, int]:
        """Read a photograph, and when it was last changed. Raises FileTooLarge, InvalidFileType, OSError."""
        max_bytes = self._pipeline.settings.max_input_bytes
        if not is_regular(source):
            raise InvalidFileType("It is no file but a pipe, a socket or a device.")
        there = source.stat()
        if there.st_size > max_bytes:
            raise FileTooLarge(
                f"The file has {there.st_size:,} bytes; the limit is {max_bytes:,}. Save it smaller, or raise "
                "MAX_INPUT_BYTES."
            )
        if there.st_size == 0:
            raise InvalidFileType(f"The file is empty. {READABLE} are read.")
        return source.read_bytes(), there.st_mtime_ns

    def _is_free(self, photograph: Path, one: Wanted) -> bool:
        """Whether a result's place is free; note it where it is not."""
        if self._journal.may_write(one.result):
            return True
        taken = TargetTaken(
            f"{one.result} is there and was not made from this photograph here, or was changed since: move it, or give "
            "another folder."
        )
        self._note(photograph, taken, one.result)
        return False

    def _put(self, one: Wanted, result: bytes, photograph: bytes, mtime_ns: int) -> None:
        self._journal.put(
            Entry(
                one.result,
                digest_of(result),
                len(result),
                digest_of(photograph),
                len(photograph),
                mtime_ns,
                self._model,
                one.options,
            ),
            result,
        )
        self.tally.made.append(one.result)

    def _note(self, photograph: Path, error: CutoutError, result: str | None = None) -> None:
        name = str(photograph)
        claims = photograph.suffix.lower() in PICTURES
        if isinstance(error, InvalidFileType | FileTooLarge) and not claims:
            if name not in self.tally.no_pictures:
                self.tally.no_pictures.append(name)
            return
        self.tally.failures.append(Failure(name, error.code, str(error), result))


def _result(photograph: Path, rendition: Rendition) -> str:
    """Name a result as one of an upload is: the whole name with one more extension, so that no two share a result."""
    name = rendition.name and f".{rendition.name}"
    return f"{photograph}{name}.{rendition.rendering.format}"
