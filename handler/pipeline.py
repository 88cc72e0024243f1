"""The way of a picture: fetch → decode → predict → cut, then for each output: place → paint → encode → deliver.

Enters: a Job. Leaves: an Outcome, always: Done with a file for each output, Skipped, or Failed with an error of our
tree. It must not know which event woke the function, nor what an answer looks like.
"""

from __future__ import annotations

import threading
import traceback
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from handler import deadline, telemetry
from handler.errors import ConfigurationError, CutoutError, Skip, Unforeseen
from handler.job import Done, Facts, Failed, File, Inline, Invocation, Job, Outcome, Output, Report, Skipped
from handler.model.door import Model
from handler.pixels.codec import MEDIA_TYPES, Limits, Picture, decode, encode, read_header
from handler.pixels.cut import Subject, cut
from handler.pixels.paint import paint, place
from handler.storage.objects import Storage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from handler.settings import Settings


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
            with self._one_at_a_time:
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
        del picture, matte
        files = tuple(self._make(subject, output) for output in self._job.outputs)
        self._facts = replace(self._facts, output_bytes=sum(len(file.data) for file in files))
        return files

    def _fetch(self) -> bytes:
        picture = self._job.picture
        if isinstance(picture, Inline):
            return picture.data
        with self._watch.stage("fetch"):
            return self._pipeline.storage.fetch(picture, self._pipeline.settings.max_input_bytes)

    def _decode(self, data: bytes) -> Picture:
        settings = self._pipeline.settings
        with self._watch.stage("decode"):
            header = read_header(data, Limits(settings.max_input_bytes, settings.max_input_megapixels))
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
        """Give the size at which one look of the network serves every output; None: the picture's own."""
        sizes = [output.rendering.max_megapixels for output in self._job.outputs]
        return None if None in sizes else max(size for size in sizes if size is not None)

    def _predict(self, picture: Picture) -> NDArray[np.float32]:
        model = self._pipeline.model
        was_loaded = model.loaded
        with self._watch.stage("predict"):
            try:
                matte = model.predict(picture.seen)
            finally:
                if model.loaded:
                    self._facts = replace(self._facts, model=model.name)
                    self._model_load_ms = None if was_loaded else model.load_ms
        return matte

    def _make(self, subject: Subject, output: Output) -> File:
        with self._watch.stage("paint"):
            painting = paint(place(subject, output.rendering), output.rendering)
        with self._watch.stage("encode"):
            data = encode(painting.pixels, painting.file_format)
        self._pipeline.proven = True  # whatever becomes of the delivery
        height_px, width_px = painting.pixels.shape[:2]
        file = File(data, painting.file_format, width_px, height_px, painting.foreground, output.destination)
        if output.destination is not None:
            with self._watch.stage("deliver"):
                deadline.require(self._invocation, deadline.DELIVER_MS)
                self._pipeline.storage.deliver(output.destination, data, MEDIA_TYPES[file.file_format])
            self._facts = replace(self._facts, destination=self._facts.destination or str(output.destination))
        return file


def _let_go(error: BaseException) -> None:
    """Free what the frames of a failed job still hold: a decoded picture would live as long as its error."""
    link: BaseException | None = error
    while link is not None:
        traceback.clear_frames(link.__traceback__)
        link = link.__cause__ or link.__context__
