"""Which size a picture goes to the network at. Arithmetic alone: no pixels, no settings.

Enters: a picture's size and the artefact's SizePolicy. Leaves: the network's input size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class SizePolicy:
    """What the artefact takes, and how pictures are brought to it."""

    kind: Literal["fixed", "flexible"]
    base_px: int  # the side of the square that static pictures become
    resize: Literal["static", "dynamic"] = "static"
    multiple_px: int = 32
    shorter_side_max_px: int = 1280
    max_pixels: int | None = None  # dynamic only; None: unbounded


def network_size(width_px: int, height_px: int, policy: SizePolicy) -> tuple[int, int]:
    """Give the (width, height) in px that a picture is resampled to for the network.

    Static squares every picture, as upstream does. Dynamic keeps the aspect ratio: the shorter side is bounded by
    1280 px and both are rounded to multiples of 32, exactly as transparent-background's `dynamic_resize` does
    wherever that works; where it fails or exhausts memory, this does not:

    | picture | upstream | here | why |
    |---|---|---|---|
    | 1×1 | 0×0, fails | 32×32 | a side never rounds to 0 |
    | 16×16 | 0×0, fails | 32×32 | Python rounds 0.5 to the even 0 |
    | 17×17 | 32×32 | 32×32 | |
    | 640×16 | 640×0, fails | 640×32 | a side never rounds to 0 |
    | 48×48 | 64×64 | 64×64 | 1.5 rounds to the even 2 |
    | 80×80 | 64×64 | 64×64 | 2.5 rounds to the even 2, too |
    | 300×200 | 288×192 | 288×192 | |
    | 1920×1080 | 1920×1088 | 1920×1088 | |
    | 4000×3000 | 1696×1280 | 1696×1280 | the shorter side is bounded |
    | 3000×4000 | 1280×1696 | 1280×1696 | |
    | 1280×20000 | 1280×20000, exhausts memory | 320×5056 | with `max_pixels` = 1280², the aspect ratio kept |
    | 4000×3000 | 1696×1280 | 1472×1088 | with `max_pixels` = 1280² |
    """
    if policy.kind == "fixed" or policy.resize == "static":
        return policy.base_px, policy.base_px
    width, height = float(width_px), float(height_px)
    excess = min(width, height) / policy.shorter_side_max_px
    if excess > 1.0:
        width, height = width / excess, height / excess  # divided, as upstream does: a product rounds differently
    if policy.max_pixels is not None and _area(width, height, policy.multiple_px) > policy.max_pixels:
        shrink = math.sqrt(policy.max_pixels / (width * height))
        width, height = min(width, width * shrink), min(height, height * shrink)
        while _area(width, height, policy.multiple_px) > policy.max_pixels and max(width, height) > policy.multiple_px:
            width, height = width * 0.99, height * 0.99  # rounding up may overshoot the bound by one multiple a side
    return _to_multiple(width, policy.multiple_px), _to_multiple(height, policy.multiple_px)


def _to_multiple(side: float, multiple_px: int) -> int:
    return max(1, round(side / multiple_px)) * multiple_px


def _area(width: float, height: float, multiple_px: int) -> int:
    return _to_multiple(width, multiple_px) * _to_multiple(height, multiple_px)
