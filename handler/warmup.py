"""Warm-up: load the model and take a small picture the whole way, so that the first person does not wait for it.

Enters: nothing but the pipeline. Leaves: a Warmth with an honest code: 200 warmed, 206 the model is loaded but the test
inference failed (usable, a warning), 500 the model is not ready. It must not know who asked: schedule, HTTP or init.
"""

from __future__ import annotations

import functools
import io
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from PIL import Image, ImageDraw

from handler import telemetry
from handler.errors import CutoutError, UnknownForeground
from handler.job import Inline, Invocation, Job, Rendering

if TYPE_CHECKING:
    from handler.pipeline import Pipeline

DUMMY_PX = 64


@dataclass(frozen=True)
class Warmth:
    """What a warm-up found."""

    status_code: Literal[200, 206, 500]
    message: str
    model_ready: bool
    total_time_s: float
    load_time_s: float | None  # None: it was loaded before, or could not be
    inference_time_s: float | None
    cold_start: bool

    @property
    def status(self) -> str:
        """`success` for 200, `error` for 206 and 500."""
        return "success" if self.status_code == 200 else "error"

    @property
    def headers(self) -> dict[str, str]:
        """The three headers that monitoring reads."""
        return {
            "X-Warmup-Status": self.status,
            "X-Model-Ready": str(self.model_ready).lower(),
            "X-Warmup-Time": f"{self.total_time_s:.3f}",
        }

    @property
    def body(self) -> dict[str, Any]:
        """The seven fields that a front end reads, and the times behind them, in seconds."""
        return {
            "status": self.status,
            "message": self.message,
            "model_ready": self.model_ready,
            "total_time": round(self.total_time_s, 3),
            "endpoint": "/warmup",
            "timestamp": datetime.now(UTC).isoformat(),
            "container_ready": True,
            "load_time": _rounded(self.load_time_s),
            "inference_time": _rounded(self.inference_time_s),
            "cold_start": self.cold_start,
        }


def warm_up(pipeline: Pipeline, invocation: Invocation, width_px: int = DUMMY_PX, height_px: int = DUMMY_PX) -> Warmth:
    """Warm this environment, or say from memory that it is warm.

    Once any picture has been cut out, a further call costs microseconds; after a failure the next one tries again.
    Never raises: whatever goes wrong is in the code, the message and the log.
    """
    begun = time.perf_counter()
    model = pipeline.model
    cold = not model.loaded
    load_s: float | None = None
    inference_s: float | None = None
    code: Literal[200, 206, 500] = 200
    message = "Already warm."
    if not pipeline.proven:
        message = "Model loaded and one picture cut out."
        try:
            pipeline.check()
            model.load()
            if cold and model.load_ms is not None:
                load_s = model.load_ms / 1e3
                telemetry.duration(telemetry.MODEL_LOAD_MS, model.load_ms)
                for note in model.notes:
                    telemetry.logger.warning(note)
            watch = telemetry.Stopwatch()
            job = Job("warmup", Inline(dummy_picture(width_px, height_px)), Rendering(format="png"))
            try:
                pipeline.cut_out(job, invocation, watch, {})
            except UnknownForeground:
                if min(width_px, height_px) > 1:
                    raise  # a subject was drawn, so a network that finds none is broken
            finally:
                inference_s = sum(watch.stages_ms.values()) / 1e3
        except Exception as error:  # noqa: BLE001 - the contract: a warm-up never raises, it reports
            code = 206 if model.loaded else 500
            what = str(error) if isinstance(error, CutoutError) else f"{type(error).__name__}: {error}"
            message = f"{'Test inference failed' if model.loaded else 'Model not ready'}: {what}"
            telemetry.logger.exception("warm-up failed", extra={"status_code": code})
    warmth = Warmth(code, message, model.loaded, time.perf_counter() - begun, load_s, inference_s, cold)
    telemetry.count(telemetry.WARMUPS[code])
    telemetry.logger.info(
        "warm-up",
        extra={
            "status_code": code,
            "detail": message,
            "model_ready": model.loaded,
            "cold_start": cold,
            "total_time_s": round(warmth.total_time_s, 3),
            "request_id": invocation.request_id,
        },
    )
    return warmth


@functools.cache
def dummy_picture(width_px: int, height_px: int) -> bytes:
    """Draw a PNG with something to cut out: a disc on a ground."""
    image = Image.new("RGB", (width_px, height_px), (210, 220, 230))
    inset = (width_px // 4, height_px // 4)
    ImageDraw.Draw(image).ellipse((*inset, width_px - 1 - inset[0], height_px - 1 - inset[1]), fill=(180, 40, 30))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
