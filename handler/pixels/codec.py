"""Bytes to pixels and back: formats, limits, orientation, colour modes and profiles.

Enters: the bytes of a file that anyone may have made. Leaves: a Picture of straight 8-bit sRGB, upright, with its own
alpha where it had one; and, the other way, an encoded file without metadata. It must not know the model or the request.
"""

from __future__ import annotations

import io
import math
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from handler.errors import FileTooLarge, InvalidDimensions, InvalidFileType, ResolutionTooHigh, UnreadableImage

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF")
READABLE = "JPEG, PNG, WebP, GIF, TIFF, BMP, AVIF and HEIC"

# ISO base media brands of HEVC pictures; AVIF's are Pillow's own to read.
HEIF_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"})

# Our own limit, checked on the header's size before any pixel is decoded, replaces Pillow's warning and its second
# limit.
Image.MAX_IMAGE_PIXELS = None

# The largest side each format can hold.
MAX_SIDE_PX = {"jpg": 65_500, "webp": 16_383, "png": 2**31 - 1}
MEDIA_TYPES = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}


@dataclass(frozen=True)
class Limits:
    """What is refused before memory is spent on it."""

    max_bytes: int
    max_megapixels: float


@dataclass(frozen=True)
class Picture:
    """Upright 8-bit sRGB pixels."""

    rgb: NDArray[np.uint8] = field(repr=False)  # (H, W, 3)
    alpha: NDArray[np.uint8] | None = field(repr=False)  # (H, W), straight; None: opaque
    format: str

    @property
    def width_px(self) -> int:
        """Columns."""
        return int(self.rgb.shape[1])

    @property
    def height_px(self) -> int:
        """Rows."""
        return int(self.rgb.shape[0])

    @property
    def seen(self) -> NDArray[np.uint8]:
        """The picture as a page shows it, (H, W, 3): over white, so that colours under alpha 0 stay hidden."""
        if self.alpha is None:
            return self.rgb
        page = Image.new("RGB", (self.width_px, self.height_px), "white")
        page.paste(Image.fromarray(self.rgb), mask=Image.fromarray(self.alpha))
        return np.asarray(page)


@dataclass(frozen=True)
class Header:
    """A file that was recognised and whose size is within the limits; no pixel is decoded yet."""

    image: Image.Image = field(repr=False)
    width_px: int
    height_px: int


def read_header(data: bytes, limits: Limits) -> Header:
    """Recognise a file and check its limits, at the cost of its header alone.

    Raises FileTooLarge, InvalidFileType, UnreadableImage or ResolutionTooHigh.
    """
    if len(data) > limits.max_bytes:
        raise FileTooLarge(f"The file has {len(data):,} bytes; the limit is {limits.max_bytes:,}. Send a smaller file.")
    if not data:
        raise InvalidFileType(f"The file is empty. Send a picture: {READABLE} are read.")
    heif = data[4:8] == b"ftyp" and data[8:12] in HEIF_BRANDS
    if heif:
        _read_heif()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about odd metadata; what matters raises
            image = Image.open(io.BytesIO(data), formats=("HEIF",) if heif else FORMATS)
    except UnidentifiedImageError as error:
        raise InvalidFileType(f"The file is not a picture that can be read; {READABLE} can.") from error
    except Exception as error:
        raise UnreadableImage(f"The picture's header is broken ({type(error).__name__}). Export it again.") from error
    width_px, height_px = image.size
    if width_px * height_px > limits.max_megapixels * 1e6:
        raise ResolutionTooHigh(
            f"The picture has {width_px}×{height_px} pixels, {width_px * height_px / 1e6:.1f} megapixels; "
            f"the limit is {limits.max_megapixels:g}. Scale it down first."
        )
    return Header(image, width_px, height_px)


def decode(header: Header, max_megapixels: float | None = None) -> Picture:
    """Decode the first frame to upright sRGB, scaled down to `max_megapixels` where that is less than the picture.

    Raises UnreadableImage where the data is cut short or damaged.
    """
    image = header.image
    name = image.format or "unknown"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image.load()
            profile = image.info.get("icc_profile")
            ImageOps.exif_transpose(image, in_place=True)
            colours, alpha = _separate(image)
            rgb = _to_srgb(colours, profile)
    except Exception as error:
        raise UnreadableImage(
            f"The picture's data is damaged or cut short ({type(error).__name__}: {error}). Export it again."
        ) from error
    if max_megapixels is not None and rgb.width * rgb.height > max_megapixels * 1e6:
        shrink = math.sqrt(max_megapixels * 1e6 / (rgb.width * rgb.height))
        size = (max(1, math.floor(rgb.width * shrink)), max(1, math.floor(rgb.height * shrink)))
        if alpha is None:
            rgb = rgb.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
        else:  # together: Pillow weighs each colour by its alpha, so that hidden colours do not bleed into edges
            rgb.putalpha(alpha)
            rgba = rgb.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
            rgb, alpha = rgba.convert("RGB"), rgba.getchannel("A")
    return Picture(np.asarray(rgb), np.asarray(alpha) if alpha is not None else None, name)


def encode(pixels: NDArray[np.uint8], file_format: Literal["png", "jpg", "webp"]) -> bytes:
    """Encode (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA; no metadata is written.

    Raises InvalidDimensions where a side is longer than the format can hold.
    """
    longest_px = max(pixels.shape[:2])
    if longest_px > MAX_SIDE_PX[file_format]:
        raise InvalidDimensions(
            f"{file_format} holds sides of up to {MAX_SIDE_PX[file_format]:,} px and the result's has {longest_px:,}. "
            "Ask for png, or for a smaller size."
        )
    image = Image.fromarray(pixels)
    out = io.BytesIO()
    if file_format == "png":
        # Run lengths on filtered rows: as small as the default effort on photographs, in a third of the time
        # (`make bench-encode`).
        image.save(out, "PNG", compress_level=1, compress_type=3)  # 3: zlib's Z_RLE
    elif file_format == "webp":
        image.save(out, "WEBP", quality=90, alpha_quality=100, method=0)  # the same command
    else:
        image.save(out, "JPEG", quality=90, subsampling=0)
    return out.getvalue()


def _read_heif() -> None:
    """Teach Pillow HEIC, when the first one comes: the library costs 20 ms to import."""
    import pillow_heif  # noqa: PLC0415 - only pictures from phones need it

    pillow_heif.register_heif_opener(thumbnails=False)


def _separate(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Bring any mode to one that a colour profile applies to (L, RGB or CMYK), and its alpha as L, or None."""
    mode = image.mode
    if mode == "RGB" or mode in {"L", "CMYK"}:
        if "transparency" not in image.info:
            return image, None
        rgba = image.convert("RGBA")
        return rgba.convert("RGB"), rgba.getchannel("A")
    if mode in {"I;16", "I;16B", "I;16L", "I;16N", "I", "F"}:
        return _wide_grey(image), None
    if mode in {"RGBA", "LA", "PA", "La", "RGBa"} or (mode == "P" and "transparency" in image.info):
        rgba = image.convert("RGBA")
        alpha = rgba.getchannel("A")
        return rgba.convert("RGB"), None if alpha.getextrema() == (255, 255) else alpha
    return image.convert("RGB"), None  # 1, P, YCbCr, LAB, HSV, RGBX


def _wide_grey(image: Image.Image) -> Image.Image:
    """Scale 16-bit, 32-bit and float grey to 8 bits. `convert("L")` would clip at 255 instead."""
    values = np.asarray(image, dtype=np.float32)
    if image.mode == "F":
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
        low, high = float(values.min()), float(values.max())
        if high <= 1.0 and low >= 0.0:
            low, high = 0.0, 1.0
    else:
        low, high = 0.0, 65_535.0 if image.mode != "I" else max(255.0, float(values.max()), 65_535.0)
    scaled = (values - low) * (255.0 / max(high - low, 1e-12))
    return Image.fromarray(np.clip(scaled + 0.5, 0, 255).astype(np.uint8))


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert L, RGB or CMYK to RGB by its embedded profile; without one, the mode's usual reading holds."""
    if profile:
        from PIL import ImageCms  # noqa: PLC0415 - many pictures carry no profile

        try:
            embedded = ImageCms.getOpenProfile(io.BytesIO(profile))
            if image.mode != "RGB" or "sRGB" not in ImageCms.getProfileDescription(embedded):
                converted = ImageCms.profileToProfile(
                    image,
                    embedded,
                    ImageCms.createProfile("sRGB"),
                    outputMode="RGB",
                    renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                )
                if converted is not None:
                    return converted
        except (ImageCms.PyCMSError, OSError):
            pass  # a profile for another mode, or a broken one, is worth less than the picture
    return image if image.mode == "RGB" else image.convert("RGB")
