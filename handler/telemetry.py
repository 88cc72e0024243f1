"""What happened, for people and alarms: one structured line a job, and metrics in CloudWatch's embedded format.

Enters: facts as numbers and short strings, never a body, a credential or a picture. Leaves: lines on standard output.
Names of metrics and log fields stand here alone; alarms, dashboards and queries refer to them.
"""

from __future__ import annotations

import dataclasses
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from handler.errors import CallerError, CutoutError
from handler.job import Done, Failed, Mixed, Outcome, Skipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from handler.warmup import Warmth

NAMESPACE = "InspyrenetLambda"
SERVICE = "background-removal"
FUNCTION_DIMENSION = "function"  # beside Powertools' own, `service`

COLD_START = "ColdStart"
WARMUPS = {200: "WarmupSuccess", 206: "WarmupPartial", 500: "WarmupFailure"}
PICTURES = {
    "cut_out": "PictureCutOut",
    "refused": "PictureRefused",
    "failed": "PictureFailed",
    "skipped": "PictureSkipped",
}
MODEL_LOAD_MS = "ModelLoadTime"
STAGES_MS = {
    "fetch": "FetchTime",
    "decode": "DecodeTime",
    "predict": "PredictTime",
    "cut": "CutTime",
    "paint": "PaintTime",
    "encode": "EncodeTime",
    "deliver": "DeliverTime",
}

UNFORESEEN = "failed unforeseen"  # the message of every exception that nobody foresaw

# Lines of the log by their message, with the fields that saved queries may ask for. A picture has the times of the
# stages that it went through, and `code` and `reason` unless it was cut out.
LINES = {
    "picture": frozenset(
        {
            *("outcome", "code", "reason", "trigger", "picture", "request_id", "model", "width_px", "height_px"),
            *(f"{stage}_ms" for stage in STAGES_MS),
        }
    ),
    "warm-up": frozenset({"status_code", "detail", "model_ready", "cold_start", "total_time_s", "request_id"}),
}

logger = Logger(service=SERVICE, utc=True, serialize_stacktrace=False)
metrics = Metrics(namespace=NAMESPACE, service=SERVICE)


def name_function(name: str) -> None:
    """Mark every metric from here on with the function's name: two stacks of one account would mix theirs."""
    metrics.set_default_dimensions(**{FUNCTION_DIMENSION: name})


def count(name: str) -> None:
    """Count one occurrence."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)


def duration(name: str, milliseconds: float) -> None:
    """Record a time."""
    metrics.add_metric(name=name, unit=MetricUnit.Milliseconds, value=round(milliseconds, 3))


def picture(outcome: Outcome) -> None:
    """Report one job: a line with what was learned of it, and its metrics."""
    report = outcome.report
    facts = {name: value for name, value in dataclasses.asdict(report.facts).items() if value is not None}
    times = {f"{stage}_ms": round(milliseconds, 1) for stage, milliseconds in report.stages_ms.items()}
    for stage, milliseconds in report.stages_ms.items():
        duration(STAGES_MS[stage], milliseconds)
    if report.model_load_ms is not None:
        duration(MODEL_LOAD_MS, report.model_load_ms)
    name, why = _verdict(outcome)
    count(PICTURES[name])
    write = {"refused": logger.warning, "failed": logger.error}.get(name, logger.info)
    write("picture", extra={"outcome": name, **why, **facts, **times})


def _verdict(outcome: Outcome) -> tuple[str, dict[str, str]]:
    """Name what came of a job, and say why it is not a cut-out. Of several results the worst counts."""
    match outcome:
        case Done():
            return "cut_out", {}
        case Skipped(skip=skip):
            return "skipped", {"reason": str(skip)}
        case Failed(error=error):
            return _failure(error), {"code": error.code, "reason": str(error)}
        case Mixed(ends=ends, errors=errors):
            if not errors:
                return "cut_out", {}
            worst = next((error for error in errors if not isinstance(error, CallerError)), errors[0])
            return _failure(worst), {"code": worst.code, "reason": f"{len(errors)} of {len(ends)} results: {worst}"}


def _failure(error: CutoutError) -> str:
    return "refused" if isinstance(error, CallerError) else "failed"


def warmed(warmth: Warmth, request_id: str) -> None:
    """Report one warm-up: a line, and the metric of its code."""
    count(WARMUPS[warmth.status_code])
    if warmth.load_time_s is not None:
        duration(MODEL_LOAD_MS, warmth.load_time_s * 1e3)
    logger.info(
        "warm-up",
        extra={
            "status_code": warmth.status_code,
            "detail": warmth.message,
            "model_ready": warmth.model_ready,
            "cold_start": warmth.cold_start,
            "total_time_s": round(warmth.total_time_s, 3),
            "request_id": request_id,
        },
    )


def refused(error: CutoutError, request_id: str) -> None:
    """Report an event that was refused as a whole."""
    logger.warning("refused", extra={"code": error.code, "reason": str(error), "request_id": request_id})


def left_behind(error: CutoutError) -> None:
    """Report that an upload which has served could not be removed; its bucket's lifecycle will."""
    logger.warning("an upload stays", extra={"code": error.code, "reason": str(error)})


def improvement(request_id: str, input_bytes: int, file_format: str) -> None:
    """Report a picture that was kept to be learned from."""
    logger.info("improvement", extra={"request_id": request_id, "input_bytes": input_bytes, "format": file_format})


def unforeseen(request_id: str) -> None:
    """Report the exception being handled, which nobody foresaw, with its traceback."""
    logger.exception(UNFORESEEN, extra={"request_id": request_id})


def gone() -> None:
    """Report a client of a plain web server that broke off while it sent."""
    logger.info("client gone")


def flush() -> None:
    """Write the metrics gathered since the last flush, if there are any."""
    if metrics.metric_set:
        metrics.flush_metrics()


class Stopwatch:
    """Times the stages of one job in milliseconds."""

    def __init__(self) -> None:
        self.stages_ms: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a block, also where it fails."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.stages_ms[name] = self.stages_ms.get(name, 0.0) + (time.perf_counter() - begun) * 1e3
