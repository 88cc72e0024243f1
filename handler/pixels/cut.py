"""A picture and its matte to the subject: what stands out, in its own colours.

Enters: a Picture and its matte. Leaves: a Subject, from which any number of files is painted. It must not know files,
requests or the model. A Subject needs neither the Picture nor the matte any more: let go of them, they are two thirds
of what is held.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from matting import estimate_foreground

from handler.errors import UnknownForeground
from handler.job import Box
from handler.pixels.limits import memory_is_ours
from handler.pixels.picture import bands

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from handler.pixels.picture import Picture

# Fainter alphas than this are haze that no one sees as subject: 5 %.
SUBJECT_ALPHA = 13


@dataclass(frozen=True)
class Subject:
    """What was cut out of a picture."""

    # (H, W, 3): the subject's own colours, the old background taken out; None where only the matte is wanted
    rgb: NDArray[np.uint8] | None = field(repr=False)
    alpha: NDArray[np.uint8] = field(repr=False)  # (H, W), straight
    box: Box  # where it can be seen

    @property
    def width_px(self) -> int:
        """Columns."""
        return int(self.alpha.shape[1])

    @property
    def height_px(self) -> int:
        """Rows."""
        return int(self.alpha.shape[0])

    @property
    def opaque(self) -> bool:
        """Whether the subject fills the picture."""
        return bool(self.alpha.min() == 255)


def cut(picture: Picture, matte: NDArray[np.float32], *, colours: bool = True) -> Subject:
    """Cut the subject out by its (H, W) matte in [0, 1].

    A picture's own alpha is kept: it multiplies the matte. Without `colours`, where only the matte is wanted, the
    estimate of the subject's colours is saved.

    Raises UnknownForeground where nothing is left, OutOfMemory.
    """
    with memory_is_ours("the subject is cut out"):
        alpha = np.empty(matte.shape, np.uint8)
        for rows in bands(picture.width_px, picture.height_px):
            band = (matte[rows] * 255).astype(np.uint8)  # truncated, as transparent-background does
            if picture.alpha is not None:
                band = ((band.astype(np.uint16) * picture.alpha[rows] + 127) // 255).astype(np.uint8)
            alpha[rows] = band
        box = subject_box(alpha)
        if not colours:
            return Subject(None, alpha, box)
        is_opaque = bool(alpha.min() == 255)
        return Subject(picture.rgb if is_opaque else estimate_foreground(picture.rgb, matte), alpha, box)


def subject_box(alpha: NDArray[np.uint8]) -> Box:
    """Give the box of what can be seen of an (H, W) alpha. Raises UnknownForeground where that is nothing."""
    if alpha.max() == 0:
        raise UnknownForeground("Nothing in the picture stands out from its background. Try a picture with a subject.")
    seen = alpha >= min(SUBJECT_ALPHA, int(alpha.max()))
    columns, rows = np.flatnonzero(seen.any(axis=0)), np.flatnonzero(seen.any(axis=1))
    left, top, right, bottom = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
    return Box(left, top, right - left, bottom - top)
