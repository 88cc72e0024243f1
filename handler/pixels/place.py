"""A subject to its place on the canvas: cropped, scaled and moved as a Layout says, in one resampling.

Enters: a Subject as large as its picture. Leaves: one as large as the canvas. It must not know files or requests.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from handler.errors import UnknownForeground
from handler.pixels.cut import Subject, subject_box
from handler.pixels.layout import Layout, arrange

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from handler.job import Box, Rendering

# From here on a pixel counts as the subject's where edges are to be hard.
HALF = 128


def place(subject: Subject, rendering: Rendering, most_megapixels: float | None = None) -> Subject:
    """Bring a subject to the canvas that a rendering asks for, which has at most `most_megapixels`.

    Raises UnknownForeground where hard edges leave nothing of it.
    """
    if not rendering.soft_edges:
        subject = _hardened(subject)
    layout = arrange(subject.width_px, subject.height_px, subject.box, rendering, most_megapixels)
    size = (layout.target.width_px, layout.target.height_px)
    if layout.fills_the_canvas and size == (subject.width_px, subject.height_px):
        return subject
    rgb = None if subject.rgb is None else subject.rgb[layout.source.slices]
    alpha = subject.alpha[layout.source.slices]
    is_resampled = size != (layout.source.width_px, layout.source.height_px)
    if is_resampled:
        rgb, alpha = _resampled(rgb, alpha, size)
        if not rendering.soft_edges:
            alpha = _hard(alpha)
    if not layout.fills_the_canvas:
        rgb, alpha = None if rgb is None else _on_canvas(rgb, layout), _on_canvas(alpha, layout)
    box = layout.target if layout.source == subject.box else subject.box
    return Subject(rgb, alpha, _measured(alpha, box) if is_resampled else box)


def _measured(alpha: NDArray[np.uint8], otherwise: Box) -> Box:
    """Look where the subject is seen after resampling; one that became too small for a pixel is where it belongs."""
    try:
        return subject_box(alpha)
    except UnknownForeground:
        return otherwise


def _hardened(subject: Subject) -> Subject:
    if subject.alpha.max() < HALF:
        raise UnknownForeground(
            "Nothing in the picture is more foreground than background, so that hard edges leave nothing. "
            "Leave out semitransparency=false."
        )
    alpha = _hard(subject.alpha)
    return dataclasses.replace(subject, alpha=alpha, box=subject_box(alpha))


def _hard(alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    hard = (alpha >= HALF).view(np.uint8)
    hard *= 255
    return hard


def _resampled(
    rgb: NDArray[np.uint8] | None, alpha: NDArray[np.uint8], size: tuple[int, int]
) -> tuple[NDArray[np.uint8] | None, NDArray[np.uint8]]:
    if rgb is None:
        return None, np.asarray(Image.fromarray(alpha).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0))
    # Together, each colour weighed by its alpha: colours nobody sees do not bleed into the edges. Pillow would do the
    # same for RGBA, and hold each step beside the next.
    image = Image.fromarray(np.dstack([rgb, alpha])).convert("RGBa")
    image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    image = image.convert("RGBA")
    resized = np.asarray(image)
    del image
    return resized[..., :3], np.ascontiguousarray(resized[..., 3])


def _on_canvas(pixels: NDArray[np.uint8], layout: Layout) -> NDArray[np.uint8]:
    canvas = np.zeros((layout.height_px, layout.width_px, *pixels.shape[2:]), np.uint8)
    canvas[layout.target.slices] = pixels
    return canvas
