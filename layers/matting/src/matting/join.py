"""Put a subject's colours and its alpha together."""

import numpy as np
from numpy.typing import NDArray

from matting.library import kernel


def join_alpha(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Join colours and alpha to straight RGBA, everything 0 where alpha is.

    Args:
        rgb: (height, width, 3).
        alpha: (height, width).

    Returns:
        (height, width, 4), a new array.

    Raises:
        TypeError: an argument is no array of uint8.
        ValueError: the shapes do not fit.
    """
    for name, value in (("rgb", rgb), ("alpha", alpha)):
        if not isinstance(value, np.ndarray) or value.dtype != np.uint8:
            kind = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"
            raise TypeError(f"{name} is {kind}; it must be an array of uint8")
    if alpha.ndim != 2 or rgb.shape != (*alpha.shape, 3):
        raise ValueError(f"rgb has shape {rgb.shape} and alpha {alpha.shape}; they must be (h, w, 3) and (h, w)")
    rgb, alpha = np.ascontiguousarray(rgb), np.ascontiguousarray(alpha)
    rgba = np.empty((*alpha.shape, 4), np.uint8)
    kernel.matting_join_alpha(rgb.ctypes.data, alpha.ctypes.data, alpha.size, rgba.ctypes.data)
    return rgba
