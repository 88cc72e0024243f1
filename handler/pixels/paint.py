"""A subject to the pixels of one file: its size, its background, or the matte alone.

Enters: a Subject and a Rendering. Leaves: a Painting, ready to encode. It must not know files, requests or the model.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from handler.pixels.cut import Subject, subject_box
from handler.pixels.layout import bounded_size
from handler.pixels.limits import memory_is_ours
from handler.pixels.picture import bands

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from handler.job import Box, FileFormat, Rendering, Rgba

WHITE: Rgba = (255, 255, 255, 255)


@dataclass(frozen=True)
class Painting:
    """What is to be encoded."""

    pixels: NDArray[np.uint8] = field(repr=False)  # (H, W) grey, (H, W, 3) RGB or (H, W, 4) straight RGBA
    file_format: FileFormat
    foreground: Box


def place(subject: Subject, rendering: Rendering) -> Subject:
    """Bring the subject to the output's size, where that is smaller than the size at which it was cut out."""
    size = bounded_size(subject.width_px, subject.height_px, rendering.max_megapixels)
    if size == (subject.width_px, subject.height_px):
        return subject
    # Together: Pillow weighs each colour by its alpha, so that colours nobody sees do not bleed into the edges.
    whole = Image.fromarray(np.dstack([subject.rgb, subject.alpha]))
    small = np.asarray(whole.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0))
    rgb, alpha = np.ascontiguousarray(small[..., :3]), np.ascontiguousarray(small[..., 3])
    return Subject(rgb, alpha, subject_box(alpha))


def paint(subject: Subject, rendering: Rendering) -> Painting:
    """Render the subject as asked. Raises OutOfMemory."""
    alpha = subject.alpha
    if rendering.channels == "alpha":
        return Painting(alpha, "png" if rendering.format == "auto" else rendering.format, subject.box)
    background = rendering.background if rendering.background and rendering.background[3] > 0 else None
    if background is None and rendering.format == "jpg":
        background = WHITE
    opaque = subject.opaque
    with memory_is_ours("the result is painted"):
        if background is not None:
            flat = rendering.format == "jpg" or background[3] == 255
            pixels = _over(subject.rgb, alpha, background, flat=flat)
            opaque = opaque or background[3] == 255
        elif opaque:
            pixels = subject.rgb
        else:
            pixels = _straight(subject.rgb, alpha)
    return Painting(pixels, _format(rendering, opaque=opaque), subject.box)


def _format(rendering: Rendering, *, opaque: bool) -> FileFormat:
    if rendering.format == "auto":
        return "jpg" if opaque else "png"
    return rendering.format


def _straight(colours: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Put colours and alpha together, (H, W, 4). What nobody sees is not sent: smaller, and nothing old leaks."""
    pixels = np.empty((*alpha.shape, 4), np.uint8)
    for rows in bands(alpha.shape[1], alpha.shape[0]):
        band = alpha[rows, :, np.newaxis]
        np.multiply(colours[rows], band > 0, out=pixels[rows, :, :3])
        pixels[rows, :, 3:] = band
    return pixels


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
