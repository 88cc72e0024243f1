"""The way of a picture: fetch → decode → predict → cut, then for each output: place → paint → encode → deliver.

Enters: a Job. Leaves: an Outcome, always: Done with a file for each output, Skipped, or Failed with an error of our
tree. It must not know which event woke the function, nor what an answer looks like.
"""

from __future__ import annotations

import functools
import threading
import traceback
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from handler import deadline, telemetry
from handler.errors import CallerError, ConfigurationError, CutoutError, ResultTooLarge, Skip, Unforeseen
from handler.job import Done, Facts, Failed, File, Inline, Invocation, Job, Outcome, Output, Report, Skipped
from handler.model.door import Model
from handler.pixels.archive import pack
from handler.pixels.cut import Subject, cut
from handler.pixels.decode import decode
from handler.pixels.encode import MEDIA_TYPES, encode, least_bytes, require_encodable
from handler.pixels.header import read_header
from handler.pixels.layout import bounded_size, region_box, with_surroundings
from handler.pixels.limits import Limits, memory_is_ours
from handler.pixels.paint import paint
from handler.pixels.place import place
from handler.storage.objects import Storage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from handler.job import FileFormat
    from handler.pixels.header import Header
    from handler.pixels.picture import Picture
    from handler.settings import Settings


# How often a picture that waits for its turn looks whether anybody still waits for it.
LOOK_UP_S = 0.2


@dataclass
class Pipeline:
    """The stages with what they share: settings, the model's door and S3."""

    settings: Settings
    fault: ConfigurationError | None = None  # why `settings` are not what the environment asked for
    model: Model = field(init=False)
    storage: Storage = field(init=False)
    proven: bool = field(init=False, default=False)  # this environment has cut out a picture, encoding included

    def __post_init__(self) -> None:
        self.model = Model(self.settings)
        self.storage = Storage(output_owner=self.settings.output_bucket_owner)
        # One picture at a time: two would need twice the memory and be no faster. Matters under uvicorn alone.
        self._one_at_a_time = threading.Lock()

    def check(self) -> None:
        """Raise the ConfigurationError that the settings were read with, if there was one."""
        if self.fault is not None:
            raise self.fault

    def run(self, job: Job, invocation: Invocation) -> Outcome:
        """Cut one picture out and report it. Never raises."""
        outcome = self.cut_out(job, invocation)
        telemetry.picture(outcome)
        return outcome

    def cut_out(self, job: Job, invocation: Invocation) -> Outcome:
        """Take one picture through the stages, unreported. Never raises."""
        passage = _Passage(self, job, invocation)
        try:
            self.check()
            with self._turn(invocation):
                files = passage.go()
        except Skip as skip:
            return Skipped(passage.report(), skip)
        except CutoutError as error:
            _let_go(error)
            return Failed(passage.report(), error)
        except Exception as error:  # noqa: BLE001 - one job's surprise must not keep others from being worked on
            telemetry.unforeseen(invocation.request_id)
            _let_go(error)
            return Failed(passage.report(), Unforeseen(invocation.request_id))
        return Done(passage.report(), files)

    @contextmanager
    def _turn(self, invocation: Invocation) -> Iterator[None]:
        """Wait until no other picture is worked on. Raises TimeTooShort once there is no point in waiting."""
        while not self._one_at_a_time.acquire(timeout=LOOK_UP_S):
            deadline.require(invocation, deadline.expected_ms(self.model, 1, 1))
        try:
            yield
        finally:
            self._one_at_a_time.release()


class _Passage:
    """One job on its way through the stages, and what it learns as it goes: its report holds that wherever it ends."""

    def __init__(self, pipeline: Pipeline, job: Job, invocation: Invocation) -> None:
        self._pipeline = pipeline
        self._job = job
        self._invocation = invocation
        self._watch = telemetry.Stopwatch()
        self._facts = Facts(job.trigger, str(job.picture), invocation.request_id)
        self._model_load_ms: float | None = None

    def report(self) -> Report:
        return Report(self._facts, dict(self._watch.stages_ms), self._model_load_ms)

    def go(self) -> tuple[File, ...]:
        deadline.require(self._invocation, deadline.expected_ms(self._pipeline.model, 1, 1))  # no picture takes less
        data = self._fetch()
        picture = self._decode(data)
        del data
        matte = self._predict(picture)
        with self._watch.stage("cut"):
            colours = any(output.rendering.channels == "rgba" for output in self._job.outputs)
            subject = cut(picture, matte, colours=colours)
        left = [subject]  # taken out for the last file, which is then painted and encoded without it
        del picture, matte, subject
        *others, last = self._job.outputs
        files = [self._make(left[0], output) for output in others]
        files.append(self._make(left.pop(), last))
        self._facts = replace(self._facts, output_bytes=sum(len(file.data) for file in files))
        return tuple(files)

    def _fetch(self) -> bytes:
        picture = self._job.picture
        if isinstance(picture, Inline):
            return picture.data
        with self._watch.stage("fetch"):
            return self._pipeline.storage.fetch(picture, self._pipeline.settings.max_input_bytes)

    def _decode(self, data: bytes) -> Picture:
        with self._watch.stage("decode"):
            header = read_header(data, self._limits)
            # Before the network's seconds are spent on what cannot be finished. A background is recognised anew when it
            # is painted: its header may hold a copy of the file, which would live through the network's peak.
            for output in self._job.outputs:
                self._backdrop(output, header.width_px * header.height_px)
                if output.rendering.crop is None:  # else the file's size depends on what is found
                    _require_possible(
                        output, *bounded_size(header.width_px, header.height_px, output.rendering.max_megapixels)
                    )
            self._facts = replace(
                self._facts, input_bytes=len(data), input_width_px=header.width_px, input_height_px=header.height_px
            )
            needed_ms = deadline.expected_ms(self._pipeline.model, header.width_px, header.height_px)
            deadline.require(self._invocation, needed_ms)
            picture = decode(header, self._largest_megapixels())
        self._facts = replace(
            self._facts, format=picture.format, width_px=picture.width_px, height_px=picture.height_px
        )
        return picture

    def _largest_megapixels(self) -> float | None:
        """Give the size at which one look of the network serves every output; None: the picture's own.

        What is cut out of a part of the picture, or scales a part up, is made from all the detail that there is.
        """
        renderings = [output.rendering for output in self._job.outputs]
        if self._job.region is not None or any(one.crop is not None or one.scale is not None for one in renderings):
            return None
        sizes = [one.max_megapixels for one in renderings]
        return None if None in sizes else max(size for size in sizes if size is not None)

    def _predict(self, picture: Picture) -> NDArray[np.float32]:
        model = self._pipeline.model
        was_loaded = model.loaded
        with self._watch.stage("predict"):
            try:
                with memory_is_ours("the network looks at the picture"):
                    matte = self._matte(picture)
            finally:
                if model.loaded:
                    self._facts = replace(self._facts, model=model.name)
                    self._model_load_ms = None if was_loaded else model.load_ms
        return matte

    def _matte(self, picture: Picture) -> NDArray[np.float32]:
        """Estimate the (H, W) matte. Where the job has a region, the network sees it and some of what is around it."""
        if self._job.region is None:
            return self._pipeline.model.predict(picture.seen)
        size = (picture.width_px, picture.height_px)
        region = region_box(self._job.region, *size)
        shown = with_surroundings(region, *size)
        seen = self._pipeline.model.predict(picture.seen[shown.slices])
        within = replace(region, left_px=region.left_px - shown.left_px, top_px=region.top_px - shown.top_px)
        matte = np.zeros((picture.height_px, picture.width_px), np.float32)
        matte[region.slices] = seen[within.slices]
        return matte

    @functools.cached_property
    def _limits(self) -> Limits:
        """What this job's pictures may cost; read once, since an unloaded model is asked for its manifest."""
        return Limits.of(self._pipeline.settings, self._pipeline.model.peak_bytes())

    def _backdrop(self, output: Output, subject_px: int) -> Header | None:
        """Recognise the picture that an output wants as its background, if it wants one."""
        background = output.rendering.background
        if not isinstance(background, Inline):
            return None
        with _about_the_background():
            return read_header(background.data, self._limits.beside(subject_px))

    def _decoded(self, backdrop: Header | None) -> Picture | None:
        if backdrop is None:
            return None
        with _about_the_background():
            return decode(backdrop)

    def _make(self, subject: Subject, output: Output) -> File:
        with self._watch.stage("paint"):
            subject_px = subject.width_px * subject.height_px
            with memory_is_ours("the subject is put in its place"):
                placed = place(subject, output.rendering, max(self._limits.canvas_px(), subject_px) / 1e6)
            del subject
            painting = paint(placed, output.rendering, self._decoded(self._backdrop(output, subject_px)))
            del placed
        with self._watch.stage("encode"):
            if painting.file_format == "zip":
                data = pack(painting.pixels)
            else:
                data = encode(painting.pixels, painting.file_format, output.max_bytes)
        self._pipeline.proven = True  # whatever becomes of the delivery
        height_px, width_px = painting.pixels.shape[:2]
        file = File(data, painting.file_format, width_px, height_px, painting.foreground, output.destination)
        if output.destination is not None:
            with self._watch.stage("deliver"):
                deadline.require(self._invocation, deadline.DELIVER_MS)
                self._pipeline.storage.deliver(output.destination, data, MEDIA_TYPES[file.file_format])
            self._facts = replace(self._facts, destination=self._facts.destination or str(output.destination))
        return file


def _require_possible(output: Output, width_px: int, height_px: int) -> None:
    """Refuse what no file of this size can be, whatever is in it: too long a side, or too large to be carried."""
    rendering = output.rendering
    if rendering.format == "zip":
        require_encodable("jpg", width_px, height_px)
        return
    formats: tuple[FileFormat, ...] = ("png", "jpg") if rendering.format == "auto" else (rendering.format,)
    if len(formats) == 1:
        require_encodable(formats[0], width_px, height_px)
    bands: Literal[1, 3] = 1 if rendering.channels == "alpha" else 3
    least = min(least_bytes(file_format, width_px, height_px, bands) for file_format in formats)
    if output.max_bytes is not None and least > output.max_bytes:
        raise ResultTooLarge(
            f"A {width_px}×{height_px} result has {least:,} bytes at the least, and {output.max_bytes:,} can be "
            "carried. Ask for format=webp or a smaller size, such as size=hd, or upload it to the input bucket instead."
        )


@contextmanager
def _about_the_background() -> Iterator[None]:
    """Say of which of two pictures an error speaks."""
    try:
        yield
    except CallerError as error:
        raise type(error)(f"The background picture: {error}") from error


def _let_go(error: BaseException) -> None:
    """Free what the frames of a failed job still hold: a decoded picture would live as long as its error."""
    link: BaseException | None = error
    while link is not None:
        traceback.clear_frames(link.__traceback__)
        link = link.__cause__ or link.__context__
