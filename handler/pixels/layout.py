"""Sizes and boxes in pixels. Arithmetic alone: no pixel is touched here.

Enters: sizes, and what a Region or a Rendering says. Leaves: a Layout: how large the canvas is, and which part of the
picture comes to lie where on it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from handler.errors import RoiExceedsBounds, RoiRegionEmpty
from handler.job import Box

if TYPE_CHECKING:
    from handler.job import Margins, Region, Rendering

# What the network sees around a region: a subject that the region cuts through is recognised by more than its stump,
# and one beside it stays small.
SURROUNDINGS = 0.25


@dataclass(frozen=True)
class Layout:
    """What of a picture is seen, and where."""

    width_px: int  # of the canvas
    height_px: int
    source: Box  # of the picture
    target: Box  # on the canvas

    @property
    def fills_the_canvas(self) -> bool:
        """Whether nothing of the canvas is left empty."""
        return (self.target.width_px, self.target.height_px) == (self.width_px, self.height_px)


def bounded_size(
    width_px: int, height_px: int, max_megapixels: float | None, max_side_px: int | None = None
) -> tuple[int, int]:
    """Give the (width, height) within both bounds that has the same aspect ratio; never enlarged."""
    if max_megapixels is not None and width_px * height_px > max_megapixels * 1e6:
        shrink = math.sqrt(max_megapixels * 1e6 / (width_px * height_px))
        width_px, height_px = max(1, math.floor(width_px * shrink)), max(1, math.floor(height_px * shrink))
    longer_px = max(width_px, height_px)
    if max_side_px is not None and longer_px > max_side_px:  # in whole numbers, so that the longer side is exact
        return max(1, width_px * max_side_px // longer_px), max(1, height_px * max_side_px // longer_px)
    return width_px, height_px


def region_box(region: Region, width_px: int, height_px: int) -> Box:
    """Give a region of a picture in its pixels. Raises RoiExceedsBounds or RoiRegionEmpty."""
    left, right = region.left.of(width_px), region.right.of(width_px)
    top, bottom = region.top.of(height_px), region.bottom.of(height_px)
    words = f"from ({left:g}, {top:g}) to ({right:g}, {bottom:g}) px"
    if not (min(left, right) >= 0 and max(left, right) <= width_px):
        raise RoiExceedsBounds(f"The roi reaches {words}; the picture is {width_px} px wide. Give a region within it.")
    if not (min(top, bottom) >= 0 and max(top, bottom) <= height_px):
        raise RoiExceedsBounds(f"The roi reaches {words}; the picture is {height_px} px high. Give a region within it.")
    if right <= left or bottom <= top:
        raise RoiRegionEmpty(f"The roi reaches {words}: give the upper left corner first, and a size above 0.")
    across = _whole(left, right - left, width_px)
    down = _whole(top, bottom - top, height_px)
    return Box(across[0], down[0], across[1], down[1])


def with_surroundings(box: Box, width_px: int, height_px: int) -> Box:
    """Widen a box by a share of itself to each side, as far as the picture goes."""
    across_px, down_px = round(box.width_px * SURROUNDINGS), round(box.height_px * SURROUNDINGS)
    left_px, top_px = max(0, box.left_px - across_px), max(0, box.top_px - down_px)
    right_px = min(width_px, box.left_px + box.width_px + across_px)
    bottom_px = min(height_px, box.top_px + box.height_px + down_px)
    return Box(left_px, top_px, right_px - left_px, bottom_px - top_px)


def arrange(
    width_px: int, height_px: int, subject: Box, rendering: Rendering, most_megapixels: float | None = None
) -> Layout:
    """Lay out a picture of this size whose subject is seen in a box.

    `most_megapixels` bounds the canvas whatever is asked for: margins can make it larger than the picture.
    """
    bounds = [limit for limit in (rendering.max_megapixels, most_megapixels) if limit is not None]
    bound = min(bounds, default=None)
    moves = (rendering.crop, rendering.aspect_ratio, rendering.scale, rendering.position)
    if all(move is None for move in moves):
        size = bounded_size(width_px, height_px, bound, rendering.max_side_px)
        return Layout(*size, Box(0, 0, width_px, height_px), Box(0, 0, *size))
    canvas = Box(0, 0, width_px, height_px) if rendering.crop is None else _cropped(subject, rendering.crop)
    if rendering.aspect_ratio is not None:
        canvas = _widened(canvas, rendering.aspect_ratio)
    width, height = float(subject.width_px), float(subject.height_px)
    if rendering.scale is not None:
        factor = rendering.scale * min(canvas.width_px / width, canvas.height_px / height)
        width, height = width * factor, height * factor
    if rendering.position is not None:
        left = rendering.position.across * (canvas.width_px - width)
        top = rendering.position.down * (canvas.height_px - height)
    else:  # around the same middle
        left = subject.left_px + (subject.width_px - width) / 2 - canvas.left_px
        top = subject.top_px + (subject.height_px - height) / 2 - canvas.top_px
    size = bounded_size(canvas.width_px, canvas.height_px, bound, rendering.max_side_px)
    across_ratio, down_ratio = size[0] / canvas.width_px, size[1] / canvas.height_px
    across = _whole(left * across_ratio, width * across_ratio, size[0])
    down = _whole(top * down_ratio, height * down_ratio, size[1])
    return Layout(*size, subject, Box(across[0], down[0], across[1], down[1]))


def _cropped(subject: Box, margins: Margins) -> Box:
    """Give the canvas around a subject, in the picture's coordinates; it may reach beyond the picture."""
    top, bottom = round(margins.top.of(subject.height_px)), round(margins.bottom.of(subject.height_px))
    left, right = round(margins.left.of(subject.width_px)), round(margins.right.of(subject.width_px))
    return Box(
        subject.left_px - left, subject.top_px - top, left + subject.width_px + right, top + subject.height_px + bottom
    )


def _widened(canvas: Box, aspect_ratio: float) -> Box:
    """Add to both ends of a canvas's width or height until it has an aspect ratio; nothing is cut off."""
    width_px = max(canvas.width_px, round(canvas.height_px * aspect_ratio))
    height_px = max(canvas.height_px, round(canvas.width_px / aspect_ratio))
    left_px = canvas.left_px - (width_px - canvas.width_px) // 2
    top_px = canvas.top_px - (height_px - canvas.height_px) // 2
    return Box(left_px, top_px, width_px, height_px)


def _whole(start: float, length: float, space_px: int) -> tuple[int, int]:
    """Bring a stretch to whole pixels within a space: its start and its length, at least 1."""
    length_px = max(1, round(length))
    return min(max(0, round(start)), space_px - length_px), length_px
