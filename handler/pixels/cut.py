"""Pixels and a matte to the result's pixels: the subject cut out once, then painted as often as there are outputs.

Enters: a Picture and its matte. Leaves: a Subject; from it, an array ready to encode and the format it is to have.
It must not know files, requests or the model.

A Subject needs neither the Picture nor the matte any more: let go of them, they are two thirds of what is held.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from matting import estimate_foreground
from PIL import Image

from handler.errors import UnknownForeground
from handler.job import Box, Rendering, Rgba
from handler.pixels.limits import memory_is_ours
from handler.pixels.picture import bands

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from handler.pixels.encode import FileFormat
    from handler.pixels.picture import Picture

WHITE: Rgba = (255, 255, 255, 255)

# Fainter alphas than this are haze that no one sees as subject: 5 %.
SUBJECT_ALPHA = 13


@dataclass(frozen=True)
class Subject:
    """What was cut out."""

    rgb: NDArray[np.uint8] | None = field(repr=False)  # (H, W, 3), free of the old background; None: not asked for
    alpha: NDArray[np.uint8] = field(repr=False)  # (H, W), straight
    box: Box

    @property
    def opaque(self) -> bool:
        """Whether the subject fills the picture."""
        return bool(self.alpha.min() == 255)


@dataclass(frozen=True)
class Composition:
    """What is to be encoded."""

    pixels: NDArray[np.uint8] = field(repr=False)  # (H, W) grey, (H, W, 3) RGB or (H, W, 4) straight RGBA
    file_format: FileFormat
    foreground: Box


def cut(picture: Picture, matte: NDArray[np.float32], *, colours: bool = True) -> Subject:
    """Cut the subject out by its (H, W) matte in [0, 1].

    A picture's own alpha is kept: it multiplies the matte. Without `colours` there is the matte alone, sooner.
    Raises UnknownForeground where nothing is left, OutOfMemory.
    """
    with memory_is_ours("the subject is cut out"):
        alpha = np.empty(matte.shape, np.uint8)
        for rows in bands(picture.width_px, picture.height_px):
            band = (matte[rows] * 255).astype(np.uint8)  # truncated, as transparent-background does
            if picture.alpha is not None:
                band = ((band.astype(np.uint16) * picture.alpha[rows] + 127) // 255).astype(np.uint8)
            alpha[rows] = band
        box = _subject_box(alpha)
        if not colours:
            return Subject(None, alpha, box)
        opaque = alpha.min() == 255
        return Subject(picture.rgb if opaque else estimate_foreground(picture.rgb, matte), alpha, box)


def paint(subject: Subject, rendering: Rendering) -> Composition:
    """Render a subject as asked. Raises OutOfMemory."""
    if rendering.channels == "alpha" or subject.rgb is None:
        return Composition(subject.alpha, "png" if rendering.format == "auto" else rendering.format, subject.box)
    background = rendering.background if rendering.background and rendering.background[3] > 0 else None
    if background is None and rendering.format == "jpg":
        background = WHITE
    opaque = subject.opaque
    with memory_is_ours("the result is painted"):
        if background is not None:
            on_jpeg = rendering.format == "jpg"
            pixels = _over(subject.rgb, subject.alpha, background, flat=on_jpeg or background[3] == 255)
            opaque = opaque or background[3] == 255
        elif opaque:
            pixels = subject.rgb
        else:
            pixels = np.empty((*subject.alpha.shape, 4), np.uint8)
            for rows in bands(pixels.shape[1], pixels.shape[0]):
                alpha = subject.alpha[rows, :, np.newaxis]
                # What nobody sees is not sent: smaller, and the old background does not leak.
                np.multiply(subject.rgb[rows], alpha > 0, out=pixels[rows, :, :3])
                pixels[rows, :, 3:] = alpha
    return Composition(pixels, _format(rendering, opaque=opaque), subject.box)


def compose(picture: Picture, matte: NDArray[np.float32], rendering: Rendering) -> Composition:
    """Cut the subject out and render it: `cut` and `paint`, where there is one output alone."""
    return paint(cut(picture, matte, colours=rendering.channels != "alpha"), rendering)


def _format(rendering: Rendering, *, opaque: bool) -> FileFormat:
    if rendering.format == "auto":
        return "jpg" if opaque else "png"
    return rendering.format


def _subject_box(alpha: NDArray[np.uint8]) -> Box:
    if alpha.max() == 0:
        raise UnknownForeground("Nothing in the picture stands out from its background. Try a picture with a subject.")
    seen = alpha >= min(SUBJECT_ALPHA, int(alpha.max()))
    columns, rows = np.flatnonzero(seen.any(axis=0)), np.flatnonzero(seen.any(axis=1))
    left, top, right, bottom = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
    return Box(left, top, right - left, bottom - top)


def _over(colours: NDArray[np.uint8], alpha: NDArray[np.uint8], background: Rgba, *, flat: bool) -> NDArray[np.uint8]:
    """Lay colours over a plain background: straight (H, W, 4), or (H, W, 3) where it is `flat`, on white at last."""
    height_px, width_px = alpha.shape
    painted = np.empty((height_px, width_px, 3 if flat else 4), np.uint8)
    for rows in bands(width_px, height_px):
        mask = Image.fromarray(alpha[rows])
        if background[3] == 255:
            canvas = Image.new("RGB", mask.size, background[:3])
            canvas.paste(Image.fromarray(colours[rows]), mask=mask)
        else:
            canvas = Image.new("RGBA", mask.size, background)
            canvas.alpha_composite(Image.fromarray(np.dstack([colours[rows], alpha[rows]])))
            if flat:
                page = Image.new("RGB", mask.size, WHITE[:3])
                page.paste(canvas.convert("RGB"), mask=canvas.getchannel("A"))
                canvas = page
        painted[rows] = np.asarray(canvas)
    return painted
