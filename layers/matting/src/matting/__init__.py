"""Foreground colours and matte enlargement for cut-out pictures.

Arrays enter, arrays leave. Nothing here knows files, models or requests, keeps state between calls or starts threads;
the compiled loops in kernel.c run without Python's lock, so threads may call both functions at once.
"""

from matting.foreground import estimate_foreground
from matting.resize import resize_align_corners

__all__ = ["estimate_foreground", "resize_align_corners"]
