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
    """Render the subject as asked."""
    alpha = subject.alpha
    if rendering.channels == "alpha":
        return Painting(alpha, "png" if rendering.format == "auto" else rendering.format, subject.box)
    opaque = bool(alpha.min() == 255)
    background = rendering.background
    if background is None and rendering.format == "jpg":
        background = WHITE
    if background is not None and background[3] > 0:
        pixels = _over(subject.rgb, alpha, background)
        opaque = opaque or background[3] == 255
    elif opaque:
        pixels = subject.rgb
    else:
        pixels = np.dstack([subject.rgb, alpha])
        pixels[alpha == 0] = 0  # what nobody sees is not sent: smaller, and the old background does not leak
    if rendering.format == "jpg" and pixels.shape[2] == 4:
        pixels = _over(pixels[..., :3], pixels[..., 3], WHITE)  # a translucent background on JPEG
    return Painting(pixels, _format(rendering, opaque=opaque), subject.box)


def _format(rendering: Rendering, *, opaque: bool) -> FileFormat:
    if rendering.format == "auto":
        return "jpg" if opaque else "png"
    return rendering.format


def _over(colours: NDArray[np.uint8], alpha: NDArray[np.uint8], background: Rgba) -> NDArray[np.uint8]:
    """Lay colours over a plain background: (H, W, 3) where that is opaque, straight (H, W, 4) where it is not."""
    height_px, width_px = alpha.shape
    if background[3] == 255:
        canvas = Image.new("RGB", (width_px, height_px), background[:3])
        canvas.paste(Image.fromarray(np.ascontiguousarray(colours)), mask=Image.fromarray(alpha))
        return np.asarray(canvas)
    canvas = Image.new("RGBA", (width_px, height_px), background)
    canvas.alpha_composite(Image.fromarray(np.dstack([colours, alpha])))
    return np.asarray(canvas)
