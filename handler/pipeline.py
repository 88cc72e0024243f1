"""The way of a picture: fetch → decode → predict → compose → encode → deliver. Each stage once, in this order.

Enters: a Job. Leaves: a Result, or an error of our tree. It must not know which event woke the function, nor what an
answer looks like.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from handler import telemetry
from handler.errors import CallerError, ConfigurationError, TimeTooShort
from handler.job import Cutout, Inline, Invocation, Job, Result, S3Object, Skip
from handler.model.door import Model
from handler.pixels.cut import cut, paint
from handler.pixels.decode import decode
from handler.pixels.encode import MEDIA_TYPES, encode
from handler.pixels.header import read_header
from handler.pixels.limits import Limits
from handler.storage.objects import CUTOUT_OF, SEQUENCER, Fetched, Storage

if TYPE_CHECKING:
    from handler.settings import Settings

# What a stage is taken to need before this environment has measured it.
UNMEASURED_LOAD_MS = 2_000.0
UNMEASURED_PREDICT_MS = 1_000.0
PER_MEGAPIXEL_MS = 300.0  # everything but the network, with a margin: 12 megapixels take about 2 s on two cores


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
        self.storage = Storage()
        # One picture at a time: two would need twice the memory and be no faster. Matters under uvicorn alone.
        self._one_at_a_time = threading.Lock()

    def check(self) -> None:
        """Raise the ConfigurationError that the settings were read with, if there was one."""
        if self.fault is not None:
            raise self.fault

    def run(self, job: Job, invocation: Invocation) -> Result:
        """Cut one picture out and report it.

        Raises Skip, or a CutoutError of any kind: a CallerError where the job is at fault, else one worth a retry.
        """
        watch = telemetry.Stopwatch()
        facts: dict[str, Any] = {
            "origin": job.origin,
            "source": _place(job.source),
            "request_id": invocation.request_id,
        }
        try:
            result = self.cut_out(job, invocation, watch, facts)
        except Exception as error:
            outcome = (
                "skipped" if isinstance(error, Skip) else "refused" if isinstance(error, CallerError) else "failed"
            )
            code = getattr(error, "code", type(error).__name__)
            telemetry.picture(outcome, watch.stages_ms, {**facts, "code": code, "reason": str(error)})
            raise
        telemetry.picture("cut_out", watch.stages_ms, facts)
        return result

    def cut_out(self, job: Job, invocation: Invocation, watch: telemetry.Stopwatch, facts: dict[str, Any]) -> Result:
        """Take one picture through the stages, unreported.

        `watch` and `facts` fill up on the way, also where it fails.
        """
        self.check()
        with self._one_at_a_time:
            return self._stages(job, invocation, watch, facts)

    def _stages(self, job: Job, invocation: Invocation, watch: telemetry.Stopwatch, facts: dict[str, Any]) -> Result:
        self._require_time(invocation, 1, 1)  # whatever it is, it will take this long at least
        fetched: Fetched | None = None
        if isinstance(job.source, S3Object):
            with watch.stage("fetch"):
                fetched = self.storage.fetch(job.source, self.settings.max_input_bytes)
            data = fetched.data
        else:
            data = job.source.data

        with watch.stage("decode"):
            header = read_header(data, Limits.of(self.settings, self.model.peak_bytes()))
            facts |= {"input_bytes": len(data), "input_width_px": header.width_px, "input_height_px": header.height_px}
            self._require_time(invocation, header.width_px, header.height_px)
            picture = decode(header, job.rendering.max_megapixels)
        facts |= {"format": picture.format, "width_px": picture.width_px, "height_px": picture.height_px}

        was_loaded = self.model.loaded
        with watch.stage("predict"):
            matte = self.model.predict(picture.seen)
        facts["model"] = self.model.name
        if not was_loaded and self.model.load_ms is not None:
            telemetry.duration(telemetry.MODEL_LOAD_MS, self.model.load_ms)

        with watch.stage("compose"):
            subject = cut(picture, matte, colours=job.rendering.channels != "alpha")
            size = (picture.width_px, picture.height_px)
            del picture, matte
            composition = paint(subject, job.rendering)
            del subject
        with watch.stage("encode"):
            encoded = encode(composition.pixels, composition.file_format)
        self.proven = True
        facts["output_bytes"] = len(encoded)
        cutout = Cutout(
            data=encoded,
            media_type=MEDIA_TYPES[composition.file_format],
            extension=composition.file_format,
            width_px=size[0],
            height_px=size[1],
            foreground=composition.foreground,
        )

        if job.target is not None:
            with watch.stage("deliver"):
                self.storage.deliver(job.target, encoded, cutout.media_type, self._metadata(job.source, fetched))
            facts["target"] = f"s3://{job.target.bucket}/{job.target.key}"
        return Result(job, cutout, watch.stages_ms)

    def _require_time(self, invocation: Invocation, width_px: int, height_px: int) -> None:
        """Refuse what would be killed half-way: a timeout ends the whole warm process and answers nothing."""
        load_ms = 0.0 if self.model.loaded else UNMEASURED_LOAD_MS
        predict_ms = self.model.expected_predict_ms(width_px, height_px) or UNMEASURED_PREDICT_MS
        needed_ms = load_ms + predict_ms + PER_MEGAPIXEL_MS * width_px * height_px / 1e6
        remaining_ms = invocation.remaining_ms()
        if remaining_ms < needed_ms:
            raise TimeTooShort(
                f"The picture would take about {needed_ms / 1e3:.1f} s; {max(0, remaining_ms) / 1e3:.1f} s are left. "
                "Try again, send a smaller picture, or raise the function's timeout or memory."
            )

    def _metadata(self, source: Inline | S3Object, fetched: Fetched | None) -> dict[str, str]:
        """Say which upload a result was made from, and by what."""
        metadata = {CUTOUT_OF: fetched.etag if fetched else "", "cutout-model": self.model.name}
        if fetched and fetched.version_id:
            metadata["cutout-of-version"] = fetched.version_id
        if isinstance(source, S3Object) and source.sequencer:
            metadata[SEQUENCER] = source.sequencer
        return metadata


def _place(source: Inline | S3Object) -> str:
    return f"s3://{source.bucket}/{source.key}" if isinstance(source, S3Object) else "inline"
