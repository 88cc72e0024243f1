"""Bring a matte from the network's size to the picture's."""

import numpy as np
from numpy.typing import NDArray

from matting.library import kernel

LONGEST_SIDE_PX = 2**24  # float32, in which positions are computed, counts no further


def resize_align_corners(matte: NDArray[np.float32], width_px: int, height_px: int) -> NDArray[np.float32]:
    """Resize a matte bilinearly, its corner samples staying corners.

    The result is that of ``torch.nn.functional.interpolate(mode="bilinear", align_corners=True)``, float32 rounding of
    the positions included.

    Args:
        matte: (h, w).
        width_px: width of the result.
        height_px: height of the result.

    Returns:
        (height_px, width_px), a new array.

    Raises:
        TypeError: matte is no array of float32.
        ValueError: matte is empty or not two-dimensional, or a side of either is not in 1 ... 2**24 px.
        MemoryError: there is no memory for the working rows.
    """
    if not isinstance(matte, np.ndarray) or matte.dtype != np.float32:
        kind = f"an array of {matte.dtype}" if isinstance(matte, np.ndarray) else f"a {type(matte).__name__}"
        raise TypeError(f"matte is {kind}; it must be an array of float32")
    if matte.ndim != 2:
        raise ValueError(f"matte has shape {matte.shape}; it must be (height, width)")
    sides_px = {"matte's height": matte.shape[0], "matte's width": matte.shape[1]}
    for name, side_px in (sides_px | {"height_px": height_px, "width_px": width_px}).items():
        if not 1 <= side_px <= LONGEST_SIDE_PX:
            raise ValueError(f"{name} is {side_px}; it must be 1 to {LONGEST_SIDE_PX}")
    matte = np.ascontiguousarray(matte)
    resized = np.empty((height_px, width_px), dtype=np.float32)
    if not kernel.matting_resize_align_corners(
        matte.ctypes.data, *matte.shape, height_px, width_px, resized.ctypes.data
    ):
        raise MemoryError(f"no memory to resize a matte to {width_px}x{height_px} px")
    return resized
