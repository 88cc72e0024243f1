"""Whether a result can be carried; and where it cannot, what of it could be: tried by encoding it, not guessed.

Enters: what is wanted, what its caller could ask for instead, and how many bytes and how much time there are. Leaves:
what fits, for a refusal. It must not know requests: how something is asked for comes with it, and goes into a sentence
as it is.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from handler.errors import InvalidDimensions, OutOfMemory, ResultTooLarge
from handler.pixels.archive import pack
from handler.pixels.encode import encode, least_bytes, require_encodable
from handler.pixels.layout import bounded_size
from handler.pixels.limits import memory_is_ours

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from handler.job import Alternatives, FileFormat, Output, ResultFormat
    from handler.pixels.paint import Painting

# What a try is taken to need, so that none is begun that the time left would not suffice for: about three times of what
# `make bench-encode` measures.
PER_MEGAPIXEL_MS = 200.0
# A smaller result is cut out of a smaller picture, so that its file is not the one that was tried to the last byte.
MARGIN = 0.95


@dataclass(frozen=True)
class Fit:
    """Something that would have been carried."""

    asked_by: str
    width_px: int
    height_px: int
    size_bytes: int
    exact: bool  # False: it is about as large

    def __str__(self) -> str:
        about = "" if self.exact else "about "
        return f"{self.asked_by} ({self.width_px:,}×{self.height_px:,} px, {about}{self.size_bytes:,} bytes)"


def require_possible(output: Output, width_px: int, height_px: int) -> None:
    """Refuse, before any work, what no file of this size can be: too long a side, or too large to be carried.

    Raises InvalidDimensions or ResultTooLarge.
    """
    rendering = output.rendering
    if rendering.format == "zip":
        require_encodable("jpg", width_px, height_px)
        return
    formats: tuple[FileFormat, ...] = ("png", "jpg") if rendering.format == "auto" else (rendering.format,)
    if len(formats) == 1:
        require_encodable(formats[0], width_px, height_px)
    if output.max_bytes is None or output.by_url:
        return
    bands: Literal[1, 3] = 1 if rendering.channels == "alpha" else 3
    least = _least(formats, (width_px, height_px), bands)
    if least > output.max_bytes:
        offered = output.alternatives
        may_fit = [words for words, name in offered.formats if _least((name,), (width_px, height_px), bands) == 0]
        may_fit += next(
            (
                [words]
                for words, megapixels in offered.sizes
                if _least(formats, bounded_size(width_px, height_px, megapixels), bands) <= output.max_bytes
            ),
            [],
        )
        limit = f"{least:,} bytes at the least, and {output.max_bytes:,} can be carried."
        what_may = f"What may fit: {'; '.join(may_fit)}." if may_fit else ""
        sentences = (f"A result of {width_px:,}×{height_px:,} px has {limit}", what_may, offered.otherwise)
        raise ResultTooLarge(" ".join(filter(None, sentences)))


def _least(formats: tuple[FileFormat, ...], size: tuple[int, int], bands: Literal[1, 3]) -> int:
    return min(least_bytes(file_format, *size, bands) for file_format in formats)


def advice(fits: tuple[Fit, ...]) -> str:
    """Say what fits, for whoever asked for something that does not."""
    if not fits:
        return "No other format or size was found to fit in the time and memory that there are."
    return f"What fits: {'; '.join(str(fit) for fit in fits)}."


def fitting(
    painting: Painting, alternatives: Alternatives, max_bytes: int, time_ms: float, most_px: float
) -> tuple[Fit, ...]:
    """Find what fits: other formats in the same size, else in the largest that fits, and the same format in one.

    Nothing is tried that would need more than `time_ms`, or has more than `most_px`.
    """
    trial = _Trial(painting, max_bytes, time.monotonic() + time_ms / 1e3, most_px)
    formats = [(words, name) for words, name in alternatives.formats if _can_hold(painting, name)]
    height_px, width_px = painting.pixels.shape[:2]
    sizes = [(words, mp) for words, mp in alternatives.sizes if mp * 1e6 < width_px * height_px]
    # Sizes first: a large WebP may take all the time that there is, and a smaller size nearly always fits.
    smaller, too_large = None, []
    for words, megapixels in sizes:
        smaller = trial.of(words, painting.file_format, megapixels)
        if smaller is not None:
            break
        too_large.append((words, megapixels))
    found = [fit for words, name in formats if (fit := trial.of(words, name)) is not None]
    for words, megapixels in too_large:
        if not found:
            both = (trial.of(f"{asked_by} with {words}", name, megapixels) for asked_by, name in formats)
            found = [fit for fit in both if fit is not None]
    return tuple(found) if smaller is None else (*found, smaller)


class _Trial:
    """Encodes one painting in several ways, as long as there is time."""

    def __init__(self, painting: Painting, max_bytes: int, deadline: float, most_px: float) -> None:
        self._painting = painting
        self._max_bytes = max_bytes
        self._deadline = deadline  # of time.monotonic()
        self._most_px = most_px

    def of(self, words: str, file_format: ResultFormat, max_megapixels: float | None = None) -> Fit | None:
        """Try one way; None where it does not fit, cannot be, or would take too long to know."""
        pixels = self._painting.pixels
        width_px, height_px = bounded_size(pixels.shape[1], pixels.shape[0], max_megapixels)
        is_smaller = max_megapixels is not None
        work_px = width_px * height_px + (pixels.shape[0] * pixels.shape[1] // 4 if is_smaller else 0)
        if width_px * height_px > self._most_px:
            return None
        if time.monotonic() + work_px / 1e6 * PER_MEGAPIXEL_MS / 1e3 > self._deadline:
            return None
        max_bytes = int(self._max_bytes * MARGIN) if is_smaller else self._max_bytes
        try:
            if is_smaller:
                with memory_is_ours("a smaller result is tried"):
                    pixels = _resized(pixels, (width_px, height_px))
            data = pack(pixels, max_bytes) if file_format == "zip" else encode(pixels, file_format, max_bytes)
        except (ResultTooLarge, InvalidDimensions, OutOfMemory):
            return None
        return Fit(words, width_px, height_px, len(data), exact=not is_smaller)


def _can_hold(painting: Painting, file_format: FileFormat) -> bool:
    """Whether a format is another one, and loses nothing of what is transparent."""
    has_alpha = painting.pixels.ndim == 3 and painting.pixels.shape[2] == 4
    return file_format != painting.file_format and not (has_alpha and file_format == "jpg")


def _resized(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    image = Image.fromarray(pixels)
    if image.mode != "RGBA":
        return np.asarray(image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0))
    image = image.convert("RGBa")  # each colour weighed by its alpha, as `place` does it
    image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.asarray(image.convert("RGBA"))
