"""A subject on its canvas to the pixels of one file: background, shadow, subject, or the matte alone.

Enters: a Subject that has its place, and a Rendering. Leaves: a Painting, ready to encode. It must not know files,
requests or the model.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from matting import join_alpha
from PIL import Image

from handler.pixels.background import cover
from handler.pixels.limits import memory_is_ours
from handler.pixels.picture import bands
from handler.pixels.shadow import cast

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from handler.job import Box, Rendering, ResultFormat, Rgba
    from handler.pixels.cut import Subject
    from handler.pixels.picture import Picture

WHITE: Rgba = (255, 255, 255, 255)


@dataclass(frozen=True)
class Painting:
    """What is to be encoded."""

    pixels: NDArray[np.uint8] = field(repr=False)  # (H, W) grey, (H, W, 3) RGB or (H, W, 4) straight RGBA
    file_format: ResultFormat
    foreground: Box


def paint(subject: Subject, rendering: Rendering, backdrop: Picture | None = None) -> Painting:
    """Render the subject as asked; `backdrop` is the background where that is a picture. Raises OutOfMemory."""
    with memory_is_ours("the result is painted"):
        return _painting(subject, rendering, backdrop)


def _painting(subject: Subject, rendering: Rendering, backdrop: Picture | None) -> Painting:
    if rendering.channels == "alpha" or subject.rgb is None:
        return Painting(subject.alpha, "png" if rendering.format == "auto" else rendering.format, subject.box)
    is_opaque = subject.opaque
    if is_opaque:
        pixels = subject.rgb
    elif (ground := _ground(subject, rendering, backdrop)) is None and rendering.shadow is None:
        # What nobody sees is not sent: smaller, and the old background does not leak.
        pixels = join_alpha(subject.rgb, subject.alpha)
    else:
        shadow = None if rendering.shadow is None else cast(subject.alpha, subject.box, rendering.shadow)
        pixels = _layered(subject.rgb, subject.alpha, shadow, ground, flat=rendering.format == "jpg")
        is_opaque = pixels.shape[2] == 3
    file_format: ResultFormat = rendering.format if rendering.format != "auto" else "jpg" if is_opaque else "png"
    return Painting(pixels, file_format, subject.box)


def _ground(subject: Subject, rendering: Rendering, backdrop: Picture | None) -> NDArray[np.uint8] | Rgba | None:
    """Give what lies behind the subject: pixels, a colour, or nothing that can be seen."""
    if backdrop is not None:
        return cover(backdrop, subject.width_px, subject.height_px)
    colour = rendering.background if isinstance(rendering.background, tuple) else None
    if colour is not None and colour[3] > 0:
        return colour
    return WHITE if rendering.format == "jpg" else None


def _layered(
    rgb: NDArray[np.uint8],
    alpha: NDArray[np.uint8],
    shadow: NDArray[np.uint8] | None,
    ground: NDArray[np.uint8] | Rgba | None,
    *,
    flat: bool,
) -> NDArray[np.uint8]:
    """Lay the subject over its shadow over the ground: (H, W, 3) where that is opaque, else straight (H, W, 4).

    `flat`: a translucent result is laid on white.
    """
    height_px, width_px = alpha.shape
    is_opaque = _is_opaque(ground)
    painted = np.empty((height_px, width_px, 3 if is_opaque or flat else 4), np.uint8)
    for rows in bands(width_px, height_px):
        mask = Image.fromarray(alpha[rows])
        shade = None if shadow is None else Image.fromarray(shadow[rows])
        if is_opaque:
            canvas = _band(ground, rows, mask.size, "RGB")
            if shade is not None:
                canvas.paste((0, 0, 0), mask=shade)
            canvas.paste(Image.fromarray(np.ascontiguousarray(rgb[rows])), mask=mask)
        else:
            canvas = _band(ground, rows, mask.size, "RGBA")
            if shade is not None:
                black = Image.new("RGBA", mask.size)
                black.putalpha(shade)
                canvas.alpha_composite(black)
            canvas.alpha_composite(Image.fromarray(join_alpha(rgb[rows], alpha[rows])))
            if flat:
                page = Image.new("RGB", mask.size, WHITE[:3])
                page.paste(canvas.convert("RGB"), mask=canvas.getchannel("A"))
                canvas = page
        painted[rows] = np.asarray(canvas)
    return painted


def _is_opaque(ground: NDArray[np.uint8] | Rgba | None) -> bool:
    if ground is None:
        return False
    return ground[3] == 255 if isinstance(ground, tuple) else bool(ground.shape[2] == 3)


def _band(ground: NDArray[np.uint8] | Rgba | None, rows: slice, size: tuple[int, int], mode: str) -> Image.Image:
    """Give one band of the ground, to be painted on."""
    if ground is None:
        return Image.new(mode, size)
    if isinstance(ground, tuple):
        return Image.new(mode, size, ground[: len(mode)])
    return Image.fromarray(ground[rows])  # a copy of the band
