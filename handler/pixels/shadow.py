"""A soft shadow made from the matte.

Enters: the alpha of a subject on its canvas. Leaves: the alpha of its shadow, which is black. Blurred at a fraction of
the size: what is soft has no detail, and a picture of 12 megapixels would take most of a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from handler.job import Box, Shadow

# In shares of the subject's longer side.
DROP_BLUR, DROP_DOWN = 0.025, 0.03
GROUND_BLUR = 0.02
# A ground shadow is the subject lying flat: this share of its height, its middle where the subject stands.
GROUND_HEIGHT = 0.14
# A blur of this many pixels is smooth enough to be enlarged.
BLUR_PX = 4.0


def cast(alpha: NDArray[np.uint8], box: Box, shadow: Shadow) -> NDArray[np.uint8]:
    """Give the (H, W) alpha of the shadow that the subject in `box` casts."""
    height_px, width_px = alpha.shape
    longer_px = max(box.width_px, box.height_px)
    blur_px = max(1.0, longer_px * (DROP_BLUR if shadow.kind == "drop" else GROUND_BLUR))
    step = max(1, int(blur_px / BLUR_PX))  # pixels of the canvas for one of the small one
    small_size = (-(-width_px // step), -(-height_px // step))
    small = Image.new("L", small_size)
    if shadow.kind == "drop":
        small.paste(Image.fromarray(alpha).reduce(step), (0, round(longer_px * DROP_DOWN / step)))
    else:
        bottom_px = box.top_px + box.height_px
        part = Image.fromarray(alpha[box.slices])
        flat_px = max(1, round(box.height_px * GROUND_HEIGHT / step))
        flat = part.resize((max(1, round(box.width_px / step)), flat_px), Image.Resampling.BOX)
        small.paste(flat, (round(box.left_px / step), round(bottom_px / step - flat_px / 2)))
    blurred = small.filter(ImageFilter.GaussianBlur(blur_px / step))
    darkness = blurred.point([round(value * shadow.opacity) for value in range(256)])
    if step > 1:
        reach = (0.0, 0.0, width_px / step, height_px / step)
        darkness = darkness.resize((width_px, height_px), Image.Resampling.BILINEAR, box=reach)
    return np.asarray(darkness)
