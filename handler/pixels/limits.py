"""What is too much: sides, pixels, decoding work, and what the memory carries. Judged before any of it is spent.

Enters: a Claim, or the size and mode that the decoder names. Leaves: nothing, or a CallerError that names the limit.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from handler.errors import ConfigurationError, OutOfMemory, ResolutionTooHigh, UnreadableImage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from handler.pixels.claim import Claim
    from handler.settings import Settings

# Where no memory size is known, and the most where one is: a larger picture takes longer than an HTTP caller waits.
# It is remove.bg's own limit, too.
USUAL_MEGAPIXELS = 50.0

# What a pixel costs at the process's peak, from its file to its result, by format and mode: `python -m
# bench.picture_memory`, rounded up. Most are at their dearest while they are cut out (the picture, the matte, the
# subject), WebP while its decoder holds two canvases.
BYTES_PER_PX: dict[tuple[str, str], int] = {
    ("JPEG", "RGB"): 14,
    ("JPEG", "L"): 14,
    ("JPEG", "CMYK"): 14,
    ("PNG", "RGB"): 14,
    ("PNG", "RGBA"): 15,
    ("PNG", "LA"): 15,
    ("PNG", "P"): 15,
    ("PNG", "L"): 14,
    ("PNG", "I;16"): 14,
    ("WEBP", "RGB"): 18,
    ("WEBP", "RGBA"): 19,
    ("GIF", "P"): 14,
    ("TIFF", "RGB"): 14,
    ("TIFF", "RGBA"): 15,
    ("TIFF", "CMYK"): 14,
    ("TIFF", "F"): 14,
    ("BMP", "RGB"): 14,
    ("AVIF", "RGB"): 14,
    ("AVIF", "RGBA"): 15,
    ("HEIF", "RGB"): 15,
    ("HEIF", "RGBA"): 16,
}
DEAREST = max(BYTES_PER_PX.values())

# What a pixel of the subject holds while it is painted: itself, in its place on the canvas, and the result.
BYTES_PER_SUBJECT_PX = 12

# And while it waits for the next file to be made of it: its colours and its alpha.
BYTES_PER_WAITING_PX = 4

# What a pixel of the result takes once it is painted, and what its dearest encoder, WebP's, takes beside it for noise.
BYTES_PER_PAINTED_PX = 4
BYTES_PER_TRIAL_PX = 16

# The estimation of colours holds some rows of each of its sizes: `layers/matting`.
BYTES_PER_COLUMN = 700

# Neither the model's nor in proportion to the picture: bands of rows, and Lambda's own runtime beside the process.
BESIDE_BYTES = 120_000_000


@dataclass(frozen=True)
class Memory:
    """What there is, and what of it is the model's."""

    total_bytes: int  # the function's
    model_bytes: int  # the process's peak with the model alone, at the largest size that its network takes

    @property
    def spare_bytes(self) -> int:
        """What is left for a picture."""
        return self.total_bytes - self.model_bytes - BESIDE_BYTES

    def carries_px(self, file_format: str, mode: str, width_px: int, file_bytes: int) -> int:
        """Say how many pixels of this kind can be cut out without the process being killed.

        The file counts twice: as it came, and as its decoder holds it.
        """
        spare_bytes = self.spare_bytes - 2 * file_bytes - BYTES_PER_COLUMN * width_px
        return max(0, spare_bytes // bytes_per_px(file_format, mode))


@dataclass(frozen=True)
class Limits:
    """What is refused before memory and time are spent on it. The defaults' reasons stand in `settings`."""

    max_bytes: int
    max_megapixels: float | None = None  # None: what `memory` carries, up to USUAL_MEGAPIXELS
    memory: Memory | None = None  # None: not known
    max_side_px: int = 65_535
    max_scans: int = 100
    max_parts: int = 100_000

    @classmethod
    def of(cls, settings: Settings, model_bytes: int | None) -> Limits:
        """Read the limits from the settings, and from what the model leaves of the memory where both are known.

        Raises ConfigurationError where that is nothing.
        """
        memory = None
        if settings.memory_mb is not None and model_bytes is not None:
            memory = Memory(settings.memory_mb * 2**20, model_bytes)
            if settings.max_input_megapixels is None and memory.spare_bytes <= 0:
                raise ConfigurationError(
                    f"AWS_LAMBDA_FUNCTION_MEMORY_SIZE={settings.memory_mb} leaves nothing for a picture beside the "
                    f"model, which takes {model_bytes / 2**20:.0f} MB. Raise the memory by at least "
                    f"{100 - memory.spare_bytes // 2**20} MB, or set MAX_INPUT_MEGAPIXELS to what is to be tried."
                )
        return cls(
            max_bytes=settings.max_input_bytes,
            max_megapixels=settings.max_input_megapixels,
            memory=memory,
            max_side_px=settings.max_input_side_px,
            max_scans=settings.max_input_scans,
            max_parts=settings.max_input_parts,
        )

    def beside(self, subject_px: int) -> Limits:
        """Give the limits for a second picture, whose memory is what a subject of `subject_px` leaves."""
        return self._beside_bytes(BYTES_PER_SUBJECT_PX * subject_px)

    def canvas_px(self, waiting_px: int = 0) -> int:
        """Say how large a canvas may be that is larger than its picture, by margins around the subject.

        `waiting_px`: of a subject that stays in memory beside it.
        """
        limits = self._beside_bytes(BYTES_PER_WAITING_PX * waiting_px)
        return int(limits._most_px("PNG", "RGBA", 0, 0))

    def trial_px(self, painted_px: int) -> float:
        """Say how large a file may be tried beside a painting: whether it fits is no reason to be killed for."""
        if self.memory is None:
            return USUAL_MEGAPIXELS * 1e6
        return max(0.0, (self.memory.spare_bytes - BYTES_PER_PAINTED_PX * painted_px) / BYTES_PER_TRIAL_PX)

    def check_claim(self, claim: Claim) -> None:
        """Judge what a file says of itself. Raises ResolutionTooHigh or UnreadableImage."""
        self._check_sides(claim.width_px, claim.height_px)
        most_px = self._most_px(claim.format, "", claim.width_px, len(claim.data))
        self._check_pixels(claim.width_px, claim.height_px, most_px)
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
        self._check_pixels(width_px, height_px, self._most_px(file_format, mode, width_px, file_bytes))

    def _beside_bytes(self, held_bytes: int) -> Limits:
        """Give the limits of what is left beside `held_bytes`."""
        if self.memory is None:
            return self
        return replace(self, memory=replace(self.memory, model_bytes=self.memory.model_bytes + held_bytes))

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

    def _most_px(self, file_format: str, mode: str, width_px: int, file_bytes: int) -> float:
        if self.max_megapixels is not None:
            return self.max_megapixels * 1e6
        if self.memory is None:
            return USUAL_MEGAPIXELS * 1e6
        return min(USUAL_MEGAPIXELS * 1e6, self.memory.carries_px(file_format, mode, width_px, file_bytes))


def bytes_per_px(file_format: str, mode: str) -> int:
    """Give the peak by the pixel of a picture on its whole way. What was not measured costs as the dearest.

    Without a mode, as long as the decoder has not named it, the format's cheapest.
    """
    if not mode:
        return min((cost for (known, _), cost in BYTES_PER_PX.items() if known == file_format), default=DEAREST)
    return BYTES_PER_PX.get((file_format, mode), DEAREST)


@contextmanager
def memory_is_ours(doing: str) -> Iterator[None]:
    """Name a lack of memory for what it is: nothing that the caller did, and worth a retry elsewhere."""
    try:
        yield
    except MemoryError as error:
        raise OutOfMemory(
            f"The memory did not suffice while {doing}. Raise the function's memory, or lower MAX_INPUT_MEGAPIXELS."
        ) from error
