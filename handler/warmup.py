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

import numpy as np
from PIL import Image

from handler import telemetry
from handler.errors import CutoutError, UnknownForeground
from handler.job import Failed, Inline, Invocation, Job, Output, Rendering

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
    cold_start: bool  # it was the environment's first event, and nothing had warmed it before

    @property
    def status(self) -> Literal["success", "error"]:
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
    found = _Found(200, "Already warm.") if pipeline.proven else _prove(pipeline, invocation, width_px, height_px)
    warmth = Warmth(
        status_code=found.status_code,
        message=found.message,
        model_ready=pipeline.model.loaded,
        total_time_s=time.perf_counter() - begun,
        load_time_s=found.load_time_s,
        inference_time_s=found.inference_time_s,
        cold_start=invocation.cold_start,
    )
    telemetry.warmed(warmth, invocation.request_id)
    return warmth


@dataclass(frozen=True)
class _Found:
    """What loading and one test picture showed."""

    status_code: Literal[200, 206, 500]
    message: str
    load_time_s: float | None = None
    inference_time_s: float | None = None


def _prove(pipeline: Pipeline, invocation: Invocation, width_px: int, height_px: int) -> _Found:
    """Load the model where it is not, and take a test picture the whole way."""
    model = pipeline.model
    was_loaded = model.loaded
    try:
        pipeline.check()
        loaded = model.load()
        job = Job("warmup", Inline(dummy_picture(width_px, height_px)), (Output(Rendering(format="png")),))
    except Exception as error:  # noqa: BLE001 - the contract: a warm-up never raises, it reports
        return _Found(500, f"Model not ready: {_reported(error, 500)}")
    load_time_s = None if was_loaded else loaded.load_ms / 1e3
    if not was_loaded:
        for note in loaded.notes:
            telemetry.logger.warning(note)
    outcome = pipeline.cut_out(job, invocation)
    inference_time_s = sum(outcome.report.stages_ms.values()) / 1e3
    # At one pixel a network may well see nothing; anywhere else a subject was drawn, and must be found.
    tolerable = (UnknownForeground,) if min(width_px, height_px) == 1 else ()
    if isinstance(outcome, Failed) and not isinstance(outcome.error, tolerable):
        return _Found(206, f"Test inference failed: {_reported(outcome.error, 206)}", load_time_s, inference_time_s)
    return _Found(200, "Model loaded and one picture cut out.", load_time_s, inference_time_s)


def _reported(error: Exception, status_code: int) -> str:
    """Log a failed warm-up with its traceback; give its sentence."""
    telemetry.logger.error("warm-up failed", exc_info=error, extra={"status_code": status_code})
    return str(error) if isinstance(error, CutoutError) else f"{type(error).__name__}: {error}"


@functools.cache
def dummy_picture(width_px: int, height_px: int) -> bytes:
    """Draw a PNG with something to cut out: a disc on a ground. By hand, since ImageDraw brings FreeType, 3 MB."""
    down, across = np.ogrid[:height_px, :width_px]
    # in units of the disc's radii, a quarter of each side
    right, below = (across - (width_px - 1) / 2) / (width_px / 4), (down - (height_px - 1) / 2) / (height_px / 4)
    inside = (right**2 + below**2 <= 1)[..., np.newaxis]
    rgb = np.where(inside, (180, 40, 30), (210, 220, 230)).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "PNG")
    return out.getvalue()


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
