"""What a warm environment holds after many pictures, under the emulator: as much as after the tenth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from local import events
from local.emulator import Emulator
from tests.pictures import sample, save, scene
from tests.test_end_to_end import form_event

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Buckets

pytestmark = pytest.mark.slow


def memory_growth(function: Emulator, requests: list[Any]) -> float:
    """Send requests; give how much memory the process holds after the last, relative to after the tenth."""
    for request in requests[:10]:
        assert function.invoke(request).status_code == 200
    after_ten = function.resident_bytes()
    for request in requests[10:]:
        assert function.invoke(request).status_code == 200
    return function.resident_bytes() / after_ten - 1


def test_200_requests_leave_memory_where_it_was_after_the_tenth(brightness: Path) -> None:
    """The claim is about the same request: what a job holds is let go when it is done."""
    with Emulator({"MODEL_DIR": str(brightness)}) as function:
        assert abs(memory_growth(function, [form_event("http-api", sample("JPEG"))] * 200)) < 0.05


def test_20_inferences_of_the_embedded_model_leave_memory_where_it_was_after_the_tenth(u2netp: Path) -> None:
    """The same with a real network, whose 200 would take minutes: its session's own memory does not grow."""
    with Emulator({"MODEL_DIR": str(u2netp)}, memory_mb=1769) as function:  # one thread, for a shared machine's sake
        assert abs(memory_growth(function, [form_event("http-api", sample("JPEG"))] * 20)) < 0.05


def test_200_requests_of_many_sizes_do_not_grow_beyond_the_largest(brightness: Path) -> None:
    """The allocator keeps the largest picture's pages; it is among the first ten, so that only a leak grows on."""
    sizes = [(440, 330)] * 5 + [(40 + 37 * number % 400, 30 + 53 * number % 300) for number in range(195)]
    with Emulator({"MODEL_DIR": str(brightness)}) as function:
        assert (
            abs(memory_growth(function, [form_event("http-api", save(scene(*size), "JPEG")) for size in sizes])) < 0.05
        )


def test_200_uploads_leave_memory_where_it_was_after_the_first_20(brightness: Path, buckets: Buckets) -> None:
    """Ten messages in an event, what is written is not kept."""
    noise = np.random.default_rng(3).integers(100, 255, (200, 200, 3), np.uint8)
    keys = [f"many/{number}.jpg" for number in range(200)]
    for key in keys:
        buckets.put(key, save(Image.fromarray(noise), "JPEG", quality=85))
    tens = [
        events.sqs(*(events.upload(buckets.uploads, key) for key in keys[at : at + 10])) for at in range(0, 200, 10)
    ]
    with Emulator({"MODEL_DIR": str(brightness), **buckets.environment()}) as function:
        for event in tens[:2]:
            assert function.invoke(event).payload["batchItemFailures"] == []
        after_20 = function.resident_bytes()
        for event in tens[2:]:
            assert function.invoke(event).payload["batchItemFailures"] == []
        assert abs(function.resident_bytes() / after_20 - 1) < 0.05
