"""Ours: the pipeline that the function runs, bytes in, PNG out."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.report import report_mark, report_result
from handler.job import Inline, Invocation, Job, Rendering
from handler.pipeline import Pipeline
from handler.settings import Settings
from handler.telemetry import Stopwatch

pipeline = Pipeline(Settings.from_env())
pipeline.model.load()
report_mark("loaded")
data = Path(sys.argv[1]).read_bytes()
job = Job("bench", Inline(data), Rendering(format="png"))
for _ in range(int(sys.argv[2])):
    result = pipeline.cut_out(job, Invocation("bench"), Stopwatch(), {})
    report_result(len(result.cutout.data), (pipeline.model.last_network_ms or 0.0) / 1e3)
