"""Filter a picture's rows for PNG, so that they compress well."""

import numpy as np
from numpy.typing import NDArray

from matting.library import kernel


def filter_rows(pixels: NDArray[np.uint8], start: int, stop: int) -> NDArray[np.uint8]:
    """Filter some rows of a picture as PNG wants them, each by the filter that makes its differences smallest.

    Rows of one picture may be filtered by several threads: none needs another's result.

    Source: https://www.w3.org/TR/png-3/#9Filters.

    Args:
        pixels: (height, width) or (height, width, channels), contiguous.
        start: the first row.
        stop: the row after the last.

    Returns:
        (stop - start, 1 + bytes of a row): the filter's number, and the filtered row.

    Raises:
        TypeError: pixels is no array of uint8.
        ValueError: pixels is empty, not contiguous or of another shape, or has not these rows.
        MemoryError: there is no memory for the rows.
    """
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8:
        kind = f"an array of {pixels.dtype}" if isinstance(pixels, np.ndarray) else f"a {type(pixels).__name__}"
        raise TypeError(f"pixels is {kind}; it must be an array of uint8")
    if pixels.ndim not in {2, 3} or pixels.size == 0 or not pixels.flags.c_contiguous:
        raise ValueError(f"pixels has shape {pixels.shape}; it must be (height, width[, channels]) and contiguous")
    if not 0 <= start < stop <= pixels.shape[0]:
        raise ValueError(f"there are no rows {start} to {stop} among {pixels.shape[0]}")
    pixel_bytes = pixels.shape[2] if pixels.ndim == 3 else 1
    row_bytes = pixels.shape[1] * pixel_bytes
    filtered = np.empty((stop - start, 1 + row_bytes), np.uint8)
    scratch = np.empty(3 * row_bytes, np.uint8)
    kernel.matting_filter_png_rows(
        pixels.ctypes.data + start * row_bytes,
        pixels.ctypes.data + (start - 1) * row_bytes if start > 0 else None,
        stop - start,
        row_bytes,
        pixel_bytes,
        scratch.ctypes.data,
        filtered.ctypes.data,
    )
    return filtered
