"""What Lambda carries, to the byte, in its own emulator: what fits passes, a byte more is refused, the process lives.

The real service answers 413 to an event beyond its limit; the emulator hands the function what fits of it.
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from handler.job import Done, Inline, Invocation, Job, Output, Rendering
from local import events
from local.emulator import Emulator
from tests.clients import REMOVEBG, SENDERS, Answered, Sender, read
from tests.pictures import sample, save

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from handler.pipeline import Pipeline

pytestmark = pytest.mark.slow

EVENT_BYTES = 6_291_556
# The limits stand here again: an answer beyond them ends the process.
ANSWER_BYTES: dict[Sender, int] = {
    "rest": 6_291_556,
    "http-api": 6_291_556,
    "function-url": 6_291_556,
    "alb": 1_048_576,
}


@pytest.fixture(scope="module")
def emulated(brightness: Path) -> Iterator[Emulator]:
    with Emulator({"MODEL_DIR": str(brightness), "THREADS": "1"}) as function:
        assert function.invoke({"warmup": True}).status_code == 200
        yield function


@pytest.fixture(autouse=True)
def _the_process_survives(emulated: Emulator) -> Iterator[None]:
    before = emulated.runtime_pid()
    yield
    health = read(emulated.invoke(events.request("http-api", "GET", "/health")).payload)
    assert (health.status, health.json["warm"], emulated.runtime_pid()) == (200, True, before)


def cut_out_event(sender: Sender, picture: bytes, **fields: str) -> dict[str, Any]:
    body, headers = events.form({"format": "png", **fields}, {"image_file": ("a", picture)})
    return events.request(sender, "POST", REMOVEBG, body, headers)


def size_of(event: object) -> int:
    return len(json.dumps(event).encode())


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_an_event_of_the_largest_size_is_answered(emulated: Emulator, sender: Sender, beyond: int) -> None:
    event = {**cut_out_event(sender, sample("PNG") + bytes(4_600_000)), "padding": ""}
    event["padding"] = "p" * (EVENT_BYTES + beyond - size_of(event))
    assert size_of(event) == EVENT_BYTES + beyond
    payload = emulated.invoke(event).payload
    if beyond > 0:
        assert payload["errorType"] == "Runtime.UnmarshalError", "the real service answers 413 itself"
    else:
        assert read(payload).picture.size == (96, 64)


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_an_answer_of_the_largest_size_is_given(emulated: Emulator, sender: Sender, beyond: int) -> None:
    """An unknown path is said again in the answer; each of its quotes takes four bytes there, and two in the event."""

    def ask(path: str) -> Any:
        event = events.request(sender, "GET", "/")
        if sender in {"rest", "alb"}:
            event["path"] = path
        else:
            event["requestContext"]["http"]["path"] = path
        return emulated.invoke(event).payload

    limit_bytes = ANSWER_BYTES[sender]
    nearly = "/x" + '"' * (limit_bytes // 4 - 150)
    letters = limit_bytes + beyond - size_of(ask(nearly))
    assert letters > 0
    answered = ask(nearly + "a" * letters)
    if beyond > 0:
        refused = read(answered)
        assert (refused.status, refused.error["code"]) == (400, "result_too_large")
    else:
        assert size_of(answered) == limit_bytes + beyond
        assert read(answered).status == 404


def noise(side_px: int, dark: int) -> bytes:
    """Make a square of noise whose last pixels are black, so that nothing of the result is there."""
    values: NDArray[np.uint8] = np.random.default_rng(5).integers(100, 255, (side_px * side_px, 3), np.uint8)
    values[len(values) - dark :] = 0
    return save(Image.fromarray(values.reshape(side_px, side_px, 3)), compress_level=1)


def result_bytes(pipeline: Pipeline, picture: bytes) -> int:
    outcome = pipeline.cut_out(Job("http", Inline(picture), (Output(Rendering(format="png")),)), Invocation("here"))
    assert isinstance(outcome, Done)
    return len(outcome.files[0].data)


@pytest.mark.parametrize("limit_bytes", sorted(set(ANSWER_BYTES.values())))
def test_of_two_pictures_that_differ_by_a_pixel_one_is_carried_and_the_other_refused(
    emulated: Emulator, pipeline: Pipeline, limit_bytes: int
) -> None:
    carried_bytes = (limit_bytes - 1000) // 4 * 3  # of a picture in base64, beside its headers
    side_px = round((carried_bytes * 1.02 / 3.33) ** 0.5)
    few, many = 0, side_px * side_px // 6
    assert result_bytes(pipeline, noise(side_px, few)) > carried_bytes > result_bytes(pipeline, noise(side_px, many))
    while many - few > 1:
        middle = (few + many) // 2
        if result_bytes(pipeline, noise(side_px, middle)) > carried_bytes:
            few = middle
        else:
            many = middle
    for sender in [sender for sender, limit in ANSWER_BYTES.items() if limit == limit_bytes]:
        fits: Answered = read(emulated.invoke(cut_out_event(sender, noise(side_px, many))).payload)
        assert fits.status == 200
        assert carried_bytes - 100 < len(fits.body) <= carried_bytes  # what a pixel more or less makes of a PNG
        assert fits.picture.size == (side_px, side_px)
        refused = read(emulated.invoke(cut_out_event(sender, noise(side_px, few))).payload)
        assert (refused.status, refused.error["code"]) == (400, "result_too_large")
