"""The way of a picture as a whole: one look for any number of outputs, and what a failed job lets go of."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import numpy as np

from handler.errors import ModelError
from handler.job import Done, Failed, Inline, Invocation, Job, Output, Rendering
from handler.pipeline import Pipeline
from handler.settings import Settings
from tests import artefacts
from tests.pictures import opened, sample

if TYPE_CHECKING:
    from pathlib import Path

    from handler.job import Outcome

INVOCATION = Invocation("request-1")


def pipeline_of(folder: Path) -> Pipeline:
    return Pipeline(Settings.from_env({"MODEL_DIR": str(folder), "THREADS": "1"}))


def run(pipeline: Pipeline, picture: bytes, *renderings: Rendering) -> Outcome:
    return pipeline.run(Job("http", Inline(picture), tuple(Output(wanted) for wanted in renderings)), INVOCATION)


def test_several_outputs_of_a_job_come_of_one_look_and_differ_as_asked(tmp_path: Path, picture: bytes) -> None:
    """The network answers by chance, never the same twice: two outputs that agree have seen one answer."""
    pipeline = pipeline_of(artefacts.write(tmp_path, artefacts.chance()))
    matte, cutout = Rendering(format="png", channels="alpha"), Rendering(format="png")
    small = Rendering(format="webp", background=(255, 0, 0, 255), max_megapixels=0.001)
    outcome = run(pipeline, picture, matte, cutout, small)
    again = run(pipeline, picture, matte)
    assert isinstance(outcome, Done)
    assert isinstance(again, Done)
    seen = np.asarray(opened(outcome.files[0].data))
    assert np.array_equal(seen, np.asarray(opened(outcome.files[1].data))[..., 3])
    assert not np.array_equal(seen, np.asarray(opened(again.files[0].data)))
    formats = [(file.file_format, opened(file.data).mode, opened(file.data).size) for file in outcome.files]
    assert formats == [("png", "L", (96, 64)), ("png", "RGBA", (96, 64)), ("webp", "RGB", formats[2][2])]
    assert formats[2][2][0] < 96
    assert outcome.report.facts.output_bytes == sum(len(file.data) for file in outcome.files)


def test_a_failed_job_lets_go_of_its_picture_while_its_error_lives(failing: Path) -> None:
    """The frames of its traceback would hold the decoded picture until the error is gone."""
    picture = sample("JPEG", 1500, 1000)  # 4.5 MB decoded
    pipeline = pipeline_of(failing)
    run(pipeline, picture, Rendering())  # loads the model
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        failures = [run(pipeline, picture, Rendering()) for _ in range(3)]
        grown_bytes = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert all(isinstance(failed, Failed) and isinstance(failed.error, ModelError) for failed in failures)
    assert grown_bytes < 1_000_000
