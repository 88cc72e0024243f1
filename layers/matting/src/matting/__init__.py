"""Foreground colours, matte enlargement, RGBA and PNG's filters for cut-out pictures.

Arrays enter, arrays leave. Nothing here knows files, models or requests, keeps state between calls or starts threads;
the compiled loops run without Python's lock, so threads may call all functions at once.
"""

from matting.foreground import estimate_foreground
from matting.join import join_alpha
from matting.png import filter_rows
from matting.resize import resize_align_corners

__all__ = ["estimate_foreground", "filter_rows", "join_alpha", "resize_align_corners"]
