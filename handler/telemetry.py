"""What happened, for people and alarms: one structured line a job, and metrics in CloudWatch's embedded format.

Enters: facts as numbers and short strings, never a body, a credential or a picture. Leaves: lines on standard output.
Names of metrics and log fields stand here alone; alarms, dashboards and queries refer to them.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
    "compose": "ComposeTime",
    "encode": "EncodeTime",
    "deliver": "DeliverTime",
}

# Lines of the log by their message, with the fields that saved queries may ask for. A picture has the times of the
# stages that it went through, and `code` and `reason` unless it was cut out.
LINES = {
    "picture": frozenset(
        {
            *("outcome", "code", "reason", "origin", "source", "request_id", "model", "width_px", "height_px"),
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


def picture(outcome: str, stages_ms: Mapping[str, float], facts: Mapping[str, Any]) -> None:
    """Report one job: a line with its facts, and its metrics. `outcome` is a key of PICTURES."""
    count(PICTURES[outcome])
    for stage, milliseconds in stages_ms.items():
        duration(STAGES_MS[stage], milliseconds)
    report = logger.error if outcome == "failed" else logger.warning if outcome == "refused" else logger.info
    rounded = {f"{stage}_ms": round(milliseconds, 1) for stage, milliseconds in stages_ms.items()}
    report("picture", extra={"outcome": outcome, **facts, **rounded})


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
