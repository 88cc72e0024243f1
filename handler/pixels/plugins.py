"""Teaches Pillow a format when the first file of it comes; what nobody sends costs no start.

Enters: a format's name, as Pillow has it. Leaves: nothing; Pillow reads and writes it from then on.
"""

from __future__ import annotations

import importlib

# Asked for a format that it has no plugin of yet, Pillow loads all forty that there are.
PLUGINS = {"WEBP": "WebPImagePlugin", "TIFF": "TiffImagePlugin", "ICO": "IcoImagePlugin"}


def load_plugin(file_format: str) -> None:
    """Load what a format needs beside Pillow's own five; once is enough, and more is harmless."""
    if file_format == "HEIF":
        import pillow_heif  # noqa: PLC0415 - 20 ms, which only pictures from phones need

        pillow_heif.register_heif_opener(thumbnails=False)
    elif file_format == "AVIF":
        from PIL import AvifImagePlugin  # noqa: PLC0415 - libavif, 5 MB, which few pictures need

        # libavif would start a thread for each processor of the host, with buffers of its own each.
        AvifImagePlugin.DEFAULT_MAX_THREADS = 2
    elif file_format in PLUGINS:
        importlib.import_module(f"PIL.{PLUGINS[file_format]}")
