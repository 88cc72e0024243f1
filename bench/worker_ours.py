"""Ours: the pipeline that the function runs, bytes in, PNG out. Arguments: picture, results."""

from __future__ import annotations

from bench.report import report_results
from handler.job import Inline, Invocation, Job, Rendering
from handler.pipeline import Pipeline
from handler.settings import Settings
from handler.telemetry import Stopwatch

pipeline = Pipeline(Settings.from_env())
pipeline.model.load()


def cut_out(data: bytes) -> bytes:
    """Run the stages as a request does."""
    job = Job("bench", Inline(data), Rendering(format="png"))
    return pipeline.cut_out(job, Invocation("bench"), Stopwatch(), {}).cutout.data


report_results(cut_out, lambda: (pipeline.model.last_network_ms or 0.0) / 1e3)
