"""Several files of one picture: the network looks once, and each file is what it would have been alone."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from handler.errors import InvalidFileType, UnknownForeground
from handler.job import Done, File, Inline, Invocation, Job, Margins, Mixed, Output, Position, Rendering, Shadow
from tests.pictures import quarters, save, scene

if TYPE_CHECKING:
    from handler.pipeline import Pipeline

PICTURE = Inline(save(scene(200, 150)))
RENDERINGS = (
    Rendering(),
    Rendering(channels="alpha", format="png"),
    Rendering(crop=Margins(), max_megapixels=0.005, format="webp"),
    Rendering(scale=0.5, position=Position(0, 1), shadow=Shadow(), format="zip", soft_edges=False),
    Rendering(background=Inline(save(quarters())), format="jpg"),
)


@pytest.fixture
def looks(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Count how often the real engine is asked."""
    engine = pipeline.model.load().engine
    asked: list[Any] = []
    infer = type(engine).infer

    def counted(self: Any, batch: Any) -> Any:
        asked.append(batch.shape)
        return infer(self, batch)

    monkeypatch.setattr(type(engine), "infer", counted)
    return asked


def files(pipeline: Pipeline, *renderings: Rendering) -> tuple[File, ...]:
    outcome = pipeline.run(Job("http", PICTURE, tuple(Output(one) for one in renderings)), Invocation("request-7"))
    assert isinstance(outcome, Done)
    return outcome.files


def test_the_network_looks_once_whatever_the_number_of_files(pipeline: Pipeline, looks: list[Any]) -> None:
    together = files(pipeline, *RENDERINGS)
    assert len(looks) == 1
    alone = [files(pipeline, one)[0] for one in RENDERINGS]
    assert len(looks) == 1 + len(RENDERINGS)
    assert [file.data for file in together] == [file.data for file in alone]


def test_a_background_that_cannot_be_read_costs_no_look(pipeline: Pipeline, looks: list[Any]) -> None:
    broken = dataclasses.replace(Rendering(), background=Inline(b"no picture"))
    outcome = pipeline.run(Job("http", PICTURE, (Output(broken),)), Invocation("request-7"))
    assert not isinstance(outcome, Done)
    assert looks == []


def test_a_file_that_cannot_be_made_leaves_the_others_alone(pipeline: Pipeline, looks: list[Any]) -> None:
    """Known before the network, or only when the subject is; in the first place or in the last."""
    faint = Inline(save(scene(200, 150).point(lambda value: value // 3)))
    broken = Rendering(background=Inline(b"no picture"))
    hard = Rendering(soft_edges=False)
    for wanted in ((broken, Rendering(), hard), (hard, broken, Rendering())):
        looks.clear()
        outcome = pipeline.run(Job("http", faint, tuple(Output(one) for one in wanted)), Invocation("request-7"))
        assert isinstance(outcome, Mixed)
        kinds = {broken: InvalidFileType, hard: UnknownForeground, Rendering(): File}
        assert [type(end.what) for end in outcome.ends] == [kinds[one] for one in wanted]
        assert len(looks) == 1
