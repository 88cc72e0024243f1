"""The way of a picture: fetch → decode → predict → cut, then for each output: place → paint → encode → deliver.

Enters: a Job. Leaves: an Outcome, always: Done with a file for each output, Failed with an error of our tree, or Mixed
where one output cannot be made and another can. It must not know which event woke the function, nor what an answer
looks like.
"""

from __future__ import annotations

import functools
import threading
import traceback
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from handler import deadline, telemetry
from handler.errors import CallerError, ConfigurationError, CutoutError, ResultTooLarge, Unforeseen
from handler.job import End, Facts, Failed, File, Inline, Invocation, Job, Outcome, Output, Report, outcome_of
from handler.model.door import Model
from handler.pixels.archive import pack
from handler.pixels.cut import Subject, cut
from handler.pixels.decode import decode
from handler.pixels.encode import MEDIA_TYPES, encode
from handler.pixels.fitting import advice, fitting, require_possible
from handler.pixels.header import read_header
from handler.pixels.layout import bounded_size, region_box, with_surroundings
from handler.pixels.limits import Limits, memory_is_ours
from handler.pixels.paint import paint
from handler.pixels.place import place
from handler.storage.exchange import RESULTS, Exchange
from handler.storage.objects import Storage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from handler.job import Rendering
    from handler.pixels.header import Header
    from handler.pixels.paint import Painting
    from handler.pixels.picture import Picture
    from handler.settings import Settings


# How often a picture that waits for its turn looks whether anybody still waits for it.
LOOK_UP_S = 0.2


@dataclass
class Pipeline:
    """The stages with what they share: settings, the model's door, S3 and the bucket for what is too large."""

    settings: Settings
    fault: ConfigurationError | None = None  # why `settings` are not what the environment asked for
    model: Model = field(init=False)
    storage: Storage = field(init=False)
    exchange: Exchange = field(init=False)
    proven: bool = field(init=False, default=False)  # this environment has cut out a picture, encoding included

    def __post_init__(self) -> None:
        self.model = Model(self.settings)
        self.storage = Storage(output_owner=self.settings.output_bucket_owner)
        self.exchange = Exchange(self.settings.result_bucket, self.settings.result_url_seconds)
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
                ends = passage.go()
        except CutoutError as error:
            _let_go(error)
            return Failed(passage.report(), error)
        except Exception as error:  # noqa: BLE001 - one job's surprise must not keep others from being worked on
            telemetry.unforeseen(invocation.request_id)
            _let_go(error)
            return Failed(passage.report(), Unforeseen(invocation.request_id))
        return outcome_of(passage.report(), ends)

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
        self._ends: dict[int, File | CutoutError] = {}  # by the output's number in the job

    def report(self) -> Report:
        return Report(self._facts, dict(self._watch.stages_ms), self._model_load_ms)

    def go(self) -> list[End]:
        """Take the picture through; an output that fails leaves the others alone."""
        deadline.require(self._invocation, deadline.expected_ms(self._pipeline.model, 1, 1))  # no picture takes less
        data = self._fetch()
        picture = self._decode(data)
        del data
        if picture is not None:
            matte = self._predict(picture)
            with self._watch.stage("cut"):
                colours = any(output.rendering.channels == "rgba" for _, output in self._left())
                subject = cut(picture, matte, colours=colours)
            del picture, matte
            left = [subject]  # taken out for the last file, which is then painted and encoded without it
            del subject
            self._make_all(left)
        return [End(output.destination, self._ends[number]) for number, output in enumerate(self._job.outputs)]

    def _left(self) -> list[tuple[int, Output]]:
        """Give the outputs that have come to no end yet, each with its number."""
        return [(number, output) for number, output in enumerate(self._job.outputs) if number not in self._ends]

    def _make_all(self, left: list[Subject]) -> None:
        outputs = self._left()
        for number, output in outputs:
            with self._ends_alone(number):
                if number != outputs[0][0]:
                    subject_px = left[0].width_px * left[0].height_px
                    deadline.require(self._invocation, deadline.further_output_ms(subject_px))
                is_last = number == outputs[-1][0]
                self._ends[number] = self._make(left.pop() if is_last else left[0], output, shared=not is_last)
        made = [end.size_bytes for end in self._ends.values() if isinstance(end, File)]
        self._facts = replace(self._facts, output_bytes=sum(made) if made else None)

    @contextmanager
    def _ends_alone(self, number: int) -> Iterator[None]:
        """Let an output's failure be its own end, and not the job's."""
        try:
            yield
        except CutoutError as error:
            _let_go(error)
            self._ends[number] = error
        except Exception as error:  # noqa: BLE001 - one output's surprise must not cost the others
            telemetry.unforeseen(self._invocation.request_id)
            _let_go(error)
            self._ends[number] = Unforeseen(self._invocation.request_id)

    def _fetch(self) -> bytes:
        picture = self._job.picture
        if isinstance(picture, Inline):
            return picture.data
        with self._watch.stage("fetch"):
            return self._pipeline.storage.fetch(picture, self._pipeline.settings.max_input_bytes)

    def _decode(self, data: bytes) -> Picture | None:
        """Decode the picture; None where no output can be made of it."""
        with self._watch.stage("decode"):
            header = read_header(data, self._limits)
            # Before the network's seconds are spent on what cannot be finished. A background is recognised anew when it
            # is painted: its header may hold a copy of the file, which would live through the network's peak.
            for number, output in self._left():
                with self._ends_alone(number):
                    self._backdrop(output, header.width_px * header.height_px)
                    rendering = output.rendering
                    # Else the file's size depends on what is found, or on which way is up.
                    if rendering.crop is None and rendering.aspect_ratio is None:
                        require_possible(output, *_scaled_size(header, rendering))
            self._facts = replace(
                self._facts, input_bytes=len(data), input_width_px=header.width_px, input_height_px=header.height_px
            )
            if not self._left():
                return None
            needed_ms = deadline.expected_ms(self._pipeline.model, header.width_px, header.height_px)
            deadline.require(self._invocation, needed_ms)
            picture = decode(header, *self._largest_size(header))
        self._facts = replace(
            self._facts, format=picture.format, width_px=picture.width_px, height_px=picture.height_px
        )
        return picture

    def _largest_size(self, header: Header) -> tuple[float | None, int | None]:
        """Give the megapixels and the side at which one look of the network serves every output; None: the picture's.

        What is cut out of a part of the picture, or scales a part up, is made from all the detail that there is.
        """
        renderings = [output.rendering for _, output in self._left()]
        parts = [part for one in renderings for part in (one.crop, one.aspect_ratio, one.scale)]
        if self._job.region is not None or any(part is not None for part in parts):
            return None, None
        largest = max(renderings, key=lambda one: _scaled_size(header, one))
        return largest.max_megapixels, largest.max_side_px

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

    def _make(self, subject: Subject, output: Output, *, shared: bool) -> File:
        """Make a file of the subject; `shared`: others are made of it after this one, so that it stays in memory."""
        with self._watch.stage("paint"):
            subject_px = subject.width_px * subject.height_px
            with memory_is_ours("the subject is put in its place"):
                canvas_px = max(self._limits.canvas_px(subject_px if shared else 0), subject_px)
                placed = place(subject, output.rendering, canvas_px / 1e6)
            del subject
            painting = paint(placed, output.rendering, self._decoded(self._backdrop(output, subject_px)))
            del placed
        with self._watch.stage("encode"):
            data = self._encoded(painting, output)
        self._pipeline.proven = True  # whatever becomes of the delivery
        height_px, width_px = painting.pixels.shape[:2]
        file = File(data, painting.file_format, width_px, height_px, painting.foreground, size_bytes=len(data))
        del painting
        if output.by_url and output.max_bytes is not None and len(data) > output.max_bytes:
            return self._handed_over(file)
        if output.destination is not None:
            with self._watch.stage("deliver"):
                deadline.require(self._invocation, deadline.DELIVER_MS)
                self._pipeline.storage.deliver(output.destination, data, MEDIA_TYPES[file.file_format])
            self._facts = replace(self._facts, destination=self._facts.destination or str(output.destination))
            return replace(file, data=b"", destination=output.destination)
        return file

    def _encoded(self, painting: Painting, output: Output) -> bytes:
        """Encode once, as far as the file can be carried. Raises ResultTooLarge, which says what could be."""
        max_bytes = None if output.by_url else output.max_bytes
        try:
            if painting.file_format == "zip":
                return pack(painting.pixels, max_bytes)
            threads = self._pipeline.settings.threads
            return encode(painting.pixels, painting.file_format, max_bytes, threads=threads)
        except ResultTooLarge as error:
            sentence = str(error)
        # Out here, where nothing holds any more what the encoder had.
        assert max_bytes is not None  # noqa: S101 - for mypy: else there was no limit
        time_ms = deadline.left_ms(self._invocation, deadline.ANSWER_MS)
        most_px = self._limits.trial_px(painting.pixels.shape[0] * painting.pixels.shape[1])
        fits = fitting(painting, output.alternatives, max_bytes, time_ms, most_px)
        raise ResultTooLarge(" ".join(filter(None, [sentence, advice(fits), output.alternatives.otherwise])))

    def _handed_over(self, file: File) -> File:
        with self._watch.stage("deliver"):
            deadline.require(self._invocation, deadline.DELIVER_MS)
            media_type, request_id = MEDIA_TYPES[file.file_format], self._invocation.request_id
            url = self._pipeline.exchange.hand_over(file.data, file.file_format, media_type, request_id)
        place = f"s3://{self._pipeline.settings.result_bucket}/{RESULTS}"  # no more of it: a key is as good as the file
        self._facts = replace(self._facts, destination=self._facts.destination or place)
        return replace(file, url=url)


def _scaled_size(header: Header, rendering: Rendering) -> tuple[int, int]:
    """Give the size of the whole picture as a rendering bounds it."""
    return bounded_size(header.width_px, header.height_px, rendering.max_megapixels, rendering.max_side_px)


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
