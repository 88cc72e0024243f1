"""Pixels and a matte to the result's pixels: foreground colours, background, matte alone.

Enters: a Picture and its matte. Leaves: an array ready to encode, the format it is to have, and the subject's box.
It must not know files, requests or the model.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from matting import estimate_foreground
from PIL import Image

from handler.errors import UnknownForeground
from handler.job import Box, Rendering, Rgba

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from handler.pixels.codec import Picture

WHITE: Rgba = (255, 255, 255, 255)

# Fainter alphas than this are haze that no one sees as subject: 5 %.
SUBJECT_ALPHA = 13


@dataclass(frozen=True)
class Composition:
    """What is to be encoded."""

    pixels: NDArray[np.uint8] = field(repr=False)  # (H, W) grey, (H, W, 3) RGB or (H, W, 4) straight RGBA
    file_format: Literal["png", "jpg", "webp"]
    foreground: Box


def compose(picture: Picture, matte: NDArray[np.float32], rendering: Rendering) -> Composition:
    """Cut the subject out by its (H, W) matte in [0, 1], and render it as asked.

    A picture's own alpha is kept: it multiplies the matte. Raises UnknownForeground where nothing is left.
    """
    alpha = (matte * 255).astype(np.uint8)  # truncated, as transparent-background does
    if picture.alpha is not None:
        alpha = ((alpha.astype(np.uint16) * picture.alpha + 127) // 255).astype(np.uint8)
    box = _subject_box(alpha)
    if rendering.channels == "alpha":
        return Composition(alpha, "png" if rendering.format == "auto" else rendering.format, box)
    opaque = bool(alpha.min() == 255)
    background = rendering.background
    if background is None and rendering.format == "jpg":
        background = WHITE
    colours = picture.rgb if opaque else estimate_foreground(picture.rgb, matte)
    if background is not None and background[3] > 0:
        pixels = _over(colours, alpha, background)
        opaque = opaque or background[3] == 255
    elif opaque:
        pixels = colours
    else:
        pixels = np.dstack([colours, alpha])
        pixels[alpha == 0] = 0  # what nobody sees is not sent: smaller, and the old background does not leak
    if rendering.format == "jpg" and pixels.shape[2] == 4:
        pixels = _over(pixels[..., :3], pixels[..., 3], WHITE)  # a translucent background on JPEG
    return Composition(pixels, _format(rendering, opaque=opaque), box)


def _format(rendering: Rendering, *, opaque: bool) -> Literal["png", "jpg", "webp"]:
    if rendering.format == "auto":
        return "jpg" if opaque else "png"
    return rendering.format


def _subject_box(alpha: NDArray[np.uint8]) -> Box:
    if alpha.max() == 0:
        raise UnknownForeground("Nothing in the picture stands out from its background. Try a picture with a subject.")
    threshold = min(SUBJECT_ALPHA, int(alpha.max()))
    left, top, right, bottom = Image.fromarray(alpha >= threshold).getbbox() or (0, 0, alpha.shape[1], alpha.shape[0])
    return Box(left, top, right - left, bottom - top)


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
