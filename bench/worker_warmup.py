"""Ours, from the process's start to a warm-up that says 200: what a scheduled ping waits for."""

from __future__ import annotations

from bench.report import report_mark, report_result
from handler.job import Invocation
from handler.pipeline import Pipeline
from handler.settings import Settings
from handler.warmup import warm_up

pipeline = Pipeline(Settings.from_env())
warmth = warm_up(pipeline, Invocation("bench", cold_start=True))
report_mark(f"warm-up says {warmth.status_code}")
report_result(0)
