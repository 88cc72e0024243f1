"""Pictures for tests: drawn, never constant, and one of each format that the function reads."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image, ImageDraw

pillow_heif.register_heif_opener()

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF")
SAVE: dict[str, dict[str, Any]] = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}


def scene(width_px: int = 96, height_px: int = 64, mode: str = "RGB") -> Image.Image:
    """Draw a bright disc, left of the middle, on a dark ground that changes across and down."""
    across = np.linspace(0, 60, width_px)[np.newaxis, :].repeat(height_px, axis=0)
    down = np.linspace(0, 60, height_px)[:, np.newaxis].repeat(width_px, axis=1)
    ground = np.dstack([across, down, np.full((height_px, width_px), 20.0)]).astype(np.uint8)
    image = Image.fromarray(ground)
    box = (width_px // 8, height_px // 4, max(width_px // 8, width_px // 2), max(height_px // 4, 3 * height_px // 4))
    ImageDraw.Draw(image).ellipse(box, fill=(250, 240, 200))
    return image.convert(mode)


def quarters(width_px: int = 48, height_px: int = 32) -> Image.Image:
    """Draw four quarters of four colours: red, green / blue, white. Every turn and mirroring is told apart."""
    image = Image.new("RGB", (width_px, height_px), (255, 255, 255))
    draw = ImageDraw.Draw(image)
    half = (width_px // 2, height_px // 2)
    draw.rectangle((0, 0, half[0] - 1, half[1] - 1), fill=(220, 20, 20))
    draw.rectangle((half[0], 0, width_px, half[1] - 1), fill=(20, 200, 20))
    draw.rectangle((0, half[1], half[0] - 1, height_px), fill=(20, 20, 220))
    return image


def save(image: Image.Image, file_format: str = "PNG", **more: Any) -> bytes:
    """Encode a picture."""
    out = io.BytesIO()
    image.save(out, file_format, **{**SAVE.get(file_format, {}), **more})
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    """Decode with Pillow alone, so that the function's result is read by other code than its own."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def sample(file_format: str, width_px: int = 96, height_px: int = 64) -> bytes:
    """Give the scene as a file of this format."""
    return save(scene(width_px, height_px), file_format)
