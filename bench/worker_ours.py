"""Ours: the pipeline that the function runs, bytes in, PNG out."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.report import report_mark, report_result
from handler.job import Done, Inline, Invocation, Job, Output, Rendering
from handler.pipeline import Pipeline
from handler.settings import Settings

pipeline = Pipeline(Settings.from_env())
pipeline.model.load()
report_mark("loaded")
data = Path(sys.argv[1]).read_bytes()
job = Job("http", Inline(data), (Output(Rendering(format="png")),))
for _ in range(int(sys.argv[2])):
    outcome = pipeline.cut_out(job, Invocation("bench"))
    assert isinstance(outcome, Done), outcome  # noqa: S101 - a bench that measured failures would be a lie
    report_result(len(outcome.files[0].data), (pipeline.model.last_network_ms or 0.0) / 1e3)
