"""Colours of any mode and profile to sRGB with straight alpha.

Enters: a decoded image. Leaves: how to bring any band of its rows to RGB and alpha. It must not know files.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageChops

from handler.pixels.picture import bands

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PIL import ImageCms

WIDE_GREY = frozenset({"I;16", "I;16B", "I;16L", "I;16N", "I", "F"})
WITH_ALPHA = frozenset({"RGBA", "LA", "PA", "La", "RGBa"})

# Pillow widens grey of 2 and 4 bits to 8, and leaves the transparent value as it was in the file.
GREY_STEPS: Mapping[str, int] = {"L;2": 85, "L;4": 17}

# A profile that moves no colour of the grid by more than this is sRGB: its many editions differ by their rounding.
SRGB_TOLERANCE = 2
GRID_STEPS = 9


@dataclass(frozen=True)
class Reading:
    """How an image's pixels are read; the same for each band of its rows."""

    has_alpha: bool
    key: int | tuple[int, ...] | None  # the one colour that is transparent, in the image's own values
    low: float  # of wide grey: what is black
    high: float  # and what is white
    to_srgb: ImageCms.ImageCmsTransform | None = field(repr=False)
    from_mode: str  # what the transform takes; "L" of a colour image, too, whose profile is grey

    def read(self, band: Image.Image) -> tuple[Image.Image, Image.Image | None]:
        """Give a band's colours as RGB, and its alpha as L, or None."""
        colours, alpha = self._separate(band)
        if self.to_srgb is not None:
            if colours.mode != self.from_mode:
                colours = colours.getchannel(0)
            from PIL import ImageCms  # noqa: PLC0415 - many pictures carry no profile

            converted = ImageCms.applyTransform(colours, self.to_srgb)
            assert converted is not None  # noqa: S101 - for mypy: only a conversion in place gives None
            return converted, alpha
        return colours if colours.mode == "RGB" else colours.convert("RGB"), alpha

    def _separate(self, band: Image.Image) -> tuple[Image.Image, Image.Image | None]:
        """Bring any mode to one that a colour profile applies to (L, RGB or CMYK), and its alpha as L, or None."""
        mode = band.mode
        if mode in WIDE_GREY:
            alpha = None
            if self.key is not None:
                alpha = Image.fromarray(np.where(np.asarray(band) == self.key, 0, 255).astype(np.uint8))
            return self._wide_grey(band), alpha
        if mode in {"LA", "La"}:
            both = band.convert("LA")
            return both.getchannel("L"), both.getchannel("A")
        if self.key is not None:
            band.info["transparency"] = self.key
        if not self.has_alpha:
            return band if mode in {"RGB", "L", "CMYK"} else band.convert("RGB"), None  # 1, P, YCbCr, LAB, HSV, RGBX
        if mode in {"1", "L"}:
            both = band.convert("LA")
            return both.getchannel("L"), both.getchannel("A")
        rgba = band.convert("RGBA")
        return rgba.convert("RGB"), rgba.getchannel("A")

    def _wide_grey(self, band: Image.Image) -> Image.Image:
        """Scale 16-bit, 32-bit and float grey to 8 bits. `convert("L")` would clip at 255 instead."""
        values = np.asarray(band, dtype=np.float32)
        if band.mode == "F":
            values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
        scaled = (values - self.low) * (255.0 / max(self.high - self.low, 1e-12))
        return Image.fromarray(np.clip(scaled + 0.5, 0, 255).astype(np.uint8))


def reading_of(image: Image.Image, raw_mode: str) -> Reading:
    """Look at a loaded image once. `raw_mode` is how the file held it: "L;2" is grey of two bits."""
    transparency = image.info.get("transparency")
    key = transparency if isinstance(transparency, (int, tuple)) and image.mode != "P" else None
    if isinstance(key, int):
        key *= GREY_STEPS.get(raw_mode, 1)
    elif key is not None and max(key) > 255:
        key = tuple(part >> 8 for part in key)  # colours of 16 bits were cut to 8
    low, high = _range(image) if image.mode in WIDE_GREY else (0.0, 255.0)
    has_alpha = image.mode in WITH_ALPHA or key is not None or (image.mode == "P" and transparency is not None)
    to_srgb, from_mode = _transform(image)
    return Reading(has_alpha, key, low, high, to_srgb, from_mode)


def _range(image: Image.Image) -> tuple[float, float]:
    """Say which values of a wide grey image are black and white."""
    if image.mode not in {"I", "F"}:
        return 0.0, 65_535.0
    low, high = np.inf, -np.inf
    for rows in bands(*image.size):
        values = np.asarray(image.crop((0, rows.start, image.width, rows.stop)), dtype=np.float32)
        if image.mode == "F":
            values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
        low, high = min(low, float(values.min())), max(high, float(values.max()))
    if image.mode == "I":
        return 0.0, max(high, 65_535.0)
    return (0.0, 1.0) if high <= 1.0 and low >= 0.0 else (low, high)


def _transform(image: Image.Image) -> tuple[ImageCms.ImageCmsTransform | None, str]:
    """Give the way from the embedded profile to sRGB; None where there is none, or nothing would change."""
    profile = image.info.get("icc_profile")
    if not profile:
        return None, ""
    from PIL import ImageCms  # noqa: PLC0415 - many pictures carry no profile

    from_mode = _colours_mode(image)
    try:
        embedded = ImageCms.getOpenProfile(io.BytesIO(profile))
        if from_mode == "RGB" and embedded.profile.xcolor_space.strip() == "GRAY" and _is_grey(image):
            from_mode = "L"  # grey of 16 bits with alpha is read as colours
        transform = ImageCms.buildTransform(
            embedded,
            ImageCms.createProfile("sRGB"),
            from_mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        )
        if from_mode == "RGB" and _changes_little(transform):
            return None, ""
    except (ImageCms.PyCMSError, OSError):
        return None, ""  # a profile for another mode, or a broken one, is worth less than the picture
    return transform, from_mode


def _colours_mode(image: Image.Image) -> str:
    """Say what `Reading._separate` makes of this image's mode."""
    if image.mode in {"CMYK", "RGB"}:
        return image.mode
    grey = (
        image.mode in WIDE_GREY
        or image.mode in {"L", "LA", "La"}
        or (image.mode == "1" and "transparency" in image.info)
    )
    return "L" if grey else "RGB"


def _changes_little(transform: ImageCms.ImageCmsTransform) -> bool:
    """Compare by colours: names are anybody's, "Display P3 Gamut with sRGB Transfer" is one of them."""
    from PIL import ImageCms  # noqa: PLC0415 - as above

    steps = np.linspace(0, 255, GRID_STEPS).round().astype(np.uint8)
    grid = Image.fromarray(np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(GRID_STEPS, -1, 3))
    converted = ImageCms.applyTransform(grid, transform)
    assert converted is not None  # noqa: S101 - for mypy: only a conversion in place gives None
    moved = np.abs(np.asarray(grid, np.int16) - np.asarray(converted, np.int16))
    return int(moved.max()) <= SRGB_TOLERANCE


def _is_grey(image: Image.Image) -> bool:
    for rows in bands(*image.size):
        red, green, blue = image.crop((0, rows.start, image.width, rows.stop)).split()[:3]
        if ImageChops.difference(red, green).getbbox() or ImageChops.difference(green, blue).getbbox():
            return False
    return True
