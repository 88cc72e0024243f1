"""Ours: the pipeline that the function runs, bytes in, PNG out."""

from __future__ import annotations

from bench.report import report_results
from handler.job import Done, Inline, Invocation, Job, Output, Rendering
from handler.pipeline import Pipeline
from handler.settings import Settings

pipeline = Pipeline(Settings.from_env())
pipeline.model.load()


def cut_out(data: bytes) -> bytes:
    """Run the stages as a request does."""
    job = Job("http", Inline(data), (Output(Rendering(format="png")),))
    outcome = pipeline.cut_out(job, Invocation("bench"))
    assert isinstance(outcome, Done), outcome  # noqa: S101 - a bench that measured failures would be a lie
    return outcome.files[0].data


report_results(cut_out, lambda: (pipeline.model.last_network_ms or 0.0) / 1e3)
