"""What of a painting could be carried: what is said, and when nothing is tried."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from handler.errors import ResultTooLarge
from handler.job import Alternatives, Box, Output, Rendering
from handler.pixels.encode import encode
from handler.pixels.fitting import PER_MEGAPIXEL_MS, Fit, advice, fitting, require_possible
from handler.pixels.limits import Limits, Memory
from handler.pixels.paint import Painting

if TYPE_CHECKING:
    from handler.job import FileFormat

FORMATS: tuple[tuple[str, FileFormat], ...] = (("format=webp", "webp"), ("format=jpg", "jpg"))
REAL = Alternatives(FORMATS, (("size=hd", 4.0), ("size=medium", 1.5), ("size=preview", 0.25)))
# The same on pictures of a fifth of the side, which take less time.
ASKED = Alternatives(FORMATS, (("size=hd", 0.16), ("size=medium", 0.06), ("size=preview", 0.01)))
AMPLE_MS = 60_000.0
AMPLE_PX = 1e9


def painting(mode: str, side_px: int = 160) -> Painting:
    shape = (side_px, side_px, len(mode)) if len(mode) > 1 else (side_px, side_px)
    pixels = np.random.default_rng(1).integers(0, 255, shape, np.uint8)
    return Painting(pixels, "png", Box(0, 0, side_px, side_px))


@pytest.mark.parametrize(("mode", "formats"), [("RGBA", {"webp"}), ("RGB", {"webp", "jpg"}), ("L", {"webp", "jpg"})])
def test_formats_are_encoded_and_none_loses_transparency(mode: str, formats: set[str]) -> None:
    painted = painting(mode)
    fits = fitting(painted, ASKED, 60_000, AMPLE_MS, AMPLE_PX)
    found = {fit.asked_by: fit for fit in fits}
    assert {name for name in ("webp", "jpg") if f"format={name}" in found} == formats
    assert found["format=webp"] == Fit("format=webp", 160, 160, len(encode(painted.pixels, "webp")), exact=True)


def test_a_smaller_size_is_the_largest_that_fits() -> None:
    fits = fitting(painting("RGB", 280), ASKED, 200_000, AMPLE_MS, AMPLE_PX)
    assert [fit.asked_by for fit in fits if not fit.exact] == ["size=medium"]
    (smaller,) = (fit for fit in fits if not fit.exact)
    assert (smaller.width_px, smaller.height_px) == (244, 244)


def test_what_nearly_does_not_fit_is_not_advised_in_another_size() -> None:
    """A smaller result is made of a smaller picture: its file may be a little larger than the one that was tried."""
    painted = painting("RGB", 140)
    (tried,) = (fit for fit in fitting(painted, ASKED, 200_000, AMPLE_MS, AMPLE_PX) if not fit.exact)
    fits = fitting(painted, ASKED, tried.size_bytes + 1, AMPLE_MS, AMPLE_PX)
    assert all(fit.exact for fit in fits)


def test_a_format_and_a_size_together_where_neither_suffices() -> None:
    fits = fitting(painting("RGB", 300), ASKED, 68_000, AMPLE_MS, AMPLE_PX)
    assert [fit.asked_by for fit in fits] == ["format=webp with size=medium", "size=preview"]


def test_nothing_is_begun_that_the_time_would_not_suffice_for() -> None:
    painted = painting("RGB", 1400)
    assert fitting(painted, REAL, 5_000_000, 0.0, AMPLE_PX) == ()
    for_a_preview_ms = PER_MEGAPIXEL_MS * (0.25 + 1.4**2 / 4) + 20
    assert for_a_preview_ms < PER_MEGAPIXEL_MS * 1.4**2
    fits = fitting(painted, REAL, 5_000_000, for_a_preview_ms, AMPLE_PX)
    assert [fit.asked_by for fit in fits] == ["size=preview"]
    assert "in the time" in advice(())


def test_a_smaller_size_is_known_before_a_large_webp_has_taken_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the clock is three seconds later."""
    clock = SimpleNamespace(monotonic=itertools.count(0, 3).__next__)
    monkeypatch.setattr("handler.pixels.fitting.time", clock)
    fits = fitting(painting("RGB", 280), ASKED, 200_000, 5_000, AMPLE_PX)
    assert [fit.asked_by for fit in fits] == ["size=medium"]


def test_nothing_is_tried_that_the_memory_would_not_carry() -> None:
    fits = fitting(painting("RGB", 280), ASKED, 200_000, AMPLE_MS, 50_000)
    assert [fit.asked_by for fit in fits] == ["size=preview"]
    carried = Limits(50_000_000, memory=Memory(total_bytes=1_000_000_000, model_bytes=400_000_000))
    assert carried.trial_px(10_000_000) == (480_000_000 - 40_000_000) / 16
    assert carried.trial_px(1_000_000_000) == 0


def test_colours_that_nobody_sees_do_not_bleed_into_a_smaller_size() -> None:
    """As `place` does it: else the file that was tried would hold what the real one does not."""
    pixels = np.zeros((120, 120, 4), np.uint8)
    pixels[..., :3] = np.random.default_rng(2).integers(0, 255, (120, 120, 3), np.uint8)
    pixels[:, 60:, 3] = 255
    hidden = pixels.copy()
    hidden[:, :60, :3] = 0
    sizes = {
        fit.size_bytes
        for one in (pixels, hidden)
        for fit in fitting(Painting(one, "png", Box(60, 0, 60, 120)), ASKED, 36_000, AMPLE_MS, AMPLE_PX)
        if not fit.exact
    }
    assert len(sizes) == 1


def test_what_cannot_be_is_said_before_the_work_with_what_may() -> None:
    output = Output(Rendering(format="jpg"), max_bytes=785_000, alternatives=REAL)
    with pytest.raises(ResultTooLarge, match=r"What may fit: format=webp; size=hd\.$"):
        require_possible(output, 10_000, 5_000)
    require_possible(Output(Rendering(format="jpg"), max_bytes=785_000, by_url=True), 10_000, 5_000)
