"""What is too much: sides, pixels, decoding work, and what the memory carries. Judged before any of it is spent.

Enters: a Claim, or the size and mode that the decoder names. Leaves: nothing, or a CallerError that names the limit.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from handler.errors import OutOfMemory, ResolutionTooHigh, UnreadableImage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from handler.pixels.claim import Claim

# Where no memory size is known, and the most where one is: a larger picture takes longer than an HTTP caller waits.
# It is remove.bg's own limit, too.
USUAL_MEGAPIXELS = 50.0

# `python -m bench.picture_memory`
BYTES_PER_PX: dict[str, float] = {}

# What is neither the model's nor grows with the pixels: bands of rows, a column's 0.7 kB in the estimation of colours at
# the longest side, what the allocator keeps, and Lambda's own runtime beside the process.
BESIDE_BYTES = 200_000_000


@dataclass(frozen=True)
class Memory:
    """What there is, and what of it is the model's."""

    total_bytes: int  # the function's
    model_bytes: int  # the process's peak with the model alone, at the largest size that its network takes

    def carries_px(self, file_format: str, mode: str, file_bytes: int) -> int:
        """Say how many pixels of this kind can be cut out without the process being killed."""
        spare_bytes = self.total_bytes - self.model_bytes - BESIDE_BYTES - 2 * file_bytes
        return max(0, int(spare_bytes / bytes_per_px(file_format, mode)))


@dataclass(frozen=True)
class Limits:
    """What is refused before memory and time are spent on it. The defaults' reasons stand in `settings`."""

    max_bytes: int
    max_megapixels: float | None = None  # None: what `memory` carries, up to USUAL_MEGAPIXELS
    memory: Memory | None = None  # None: not known
    max_side_px: int = 65_535
    max_scans: int = 100
    max_parts: int = 100_000

    def check_claim(self, claim: Claim) -> None:
        """Judge what a file says of itself. Raises ResolutionTooHigh or UnreadableImage."""
        self._check_sides(claim.width_px, claim.height_px)
        self._check_pixels(claim.width_px, claim.height_px, self._most_px(claim.format, "", len(claim.data)))
        most_px = self._most_px(claim.format, "", len(claim.data))
        if claim.coded_px > most_px:
            raise ResolutionTooHigh(
                f"The picture has {claim.width_px}×{claim.height_px} pixels, and its tiles or strips hold "
                f"{claim.coded_px / 1e6:.1f} megapixels; the limit is {most_px / 1e6:.4g}. Save it with smaller tiles."
            )
        if claim.scans > self.max_scans:
            raise UnreadableImage(
                f"The JPEG has {claim.scans:,} scans; the limit is {self.max_scans:,}. Save it again, not progressive."
            )
        if claim.parts > self.max_parts:
            raise UnreadableImage(
                f"The {claim.name} file is in more than {self.max_parts:,} parts, which is the limit. Export it again."
            )

    def check_size(self, file_format: str, mode: str, width_px: int, height_px: int, file_bytes: int) -> None:
        """Judge what the decoder says. Raises ResolutionTooHigh."""
        self._check_sides(width_px, height_px)
        self._check_pixels(width_px, height_px, self._most_px(file_format, mode, file_bytes))

    def _check_sides(self, width_px: int, height_px: int) -> None:
        if max(width_px, height_px) > self.max_side_px:
            raise ResolutionTooHigh(
                f"The picture has {width_px}×{height_px} pixels; the limit for a side is {self.max_side_px:,}. "
                "Scale it down or cut it first."
            )

    def _check_pixels(self, width_px: int, height_px: int, most_px: float) -> None:
        if width_px * height_px > most_px:
            raise ResolutionTooHigh(
                f"The picture has {width_px}×{height_px} pixels, {width_px * height_px / 1e6:.1f} megapixels; "
                f"the limit is {most_px / 1e6:.4g}. Scale it down first."
            )

    def _most_px(self, file_format: str, mode: str, file_bytes: int) -> float:
        if self.max_megapixels is not None:
            return self.max_megapixels * 1e6
        if self.memory is None:
            return USUAL_MEGAPIXELS * 1e6
        return min(USUAL_MEGAPIXELS * 1e6, self.memory.carries_px(file_format, mode, file_bytes))


def bytes_per_px(file_format: str, mode: str) -> float:
    """Give the peak by the pixel of a picture on its whole way; of the cheapest mode where none is known yet."""
    return BYTES_PER_PX.get(file_format, 20.0)


@contextmanager
def memory_is_ours(doing: str) -> Iterator[None]:
    """Name a lack of memory for what it is: nothing that the caller did, and worth a retry elsewhere."""
    try:
        yield
    except MemoryError as error:
        raise OutOfMemory(
            f"The memory did not suffice while {doing}. Raise the function's memory, or lower MAX_INPUT_MEGAPIXELS."
        ) from error
