"""A header to a picture: decoded, upright, sRGB.

Enters: a Header. Leaves: a Picture. The decoder's own image is gone then, and nothing of the file is held. It is read
in bands of rows into arrays that already stand upright, so that it and the picture are all that is held at once.
"""

from __future__ import annotations

import dataclasses
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageChops

from handler.errors import OutOfMemory, UnreadableImage
from handler.pixels.colour import reading_of
from handler.pixels.jpeg import END, read_markers
from handler.pixels.layout import bounded_size
from handler.pixels.limits import memory_is_ours
from handler.pixels.picture import Picture, bands

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from handler.pixels.header import Header

ORIENTATION = 0x0112

# What a JPEG may lack at its end and be read nevertheless: the rows of its last blocks. More is a picture cut short,
# whose lower part would be grey.
FORGIVEN_ROWS = 16

# A JPEG's decoder can leave out what a smaller picture does not show: each 8×8 block becomes 4×4, 2×2 or 1×1 px. Down
# to twice the size that is wanted, as Pillow's own thumbnails do it, what is scaled down from there differs from what
# all the detail would give by 1.3/255 on average at the most, and by 16/255 anywhere but in the outermost pixels.
# Straight to that size it would be 3/255, and 40/255.
DETAIL = 2


@dataclass(frozen=True)
class _Decoded:
    """What a decoder gave."""

    image: Image.Image
    raw_mode: str  # how the file held it
    reduced: int = 1  # by how much it is smaller than the file says: 1, 2, 4 or 8


def decode(header: Header, max_megapixels: float | None = None, max_side_px: int | None = None) -> Picture:
    """Decode the first frame to upright sRGB, scaled down to both bounds where they are less than the picture.

    Raises UnreadableImage where the data is cut short or damaged, OutOfMemory.
    """
    least = bounded_size(header.width_px, header.height_px, max_megapixels, max_side_px)
    try:
        with memory_is_ours("the picture is decoded"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            decoded = _loaded(header, least)
            reduced, orientation = decoded.reduced, _orientation(decoded.image)
            rgb, alpha = _upright(decoded, orientation)
            del decoded
    except OutOfMemory:
        raise
    except Exception as error:
        raise UnreadableImage(
            f"The picture's data is damaged or cut short ({type(error).__name__}: {error}). Export it again."
        ) from error
    with memory_is_ours("the picture is scaled down"):
        full = (rgb.shape[1], rgb.shape[0])
        if reduced > 1:
            full = (header.width_px, header.height_px) if orientation < 5 else (header.height_px, header.width_px)
        size = bounded_size(*full, max_megapixels, max_side_px)
        if size != full:
            rgb, alpha = _scaled(rgb, alpha, size, _filled(rgb, full, reduced, orientation))
    return Picture(rgb, alpha, header.name)


def _loaded(header: Header, least: tuple[int, int]) -> _Decoded:
    """Decode to the decoder's own mode, with at least the detail that a picture of the `least` size shows."""
    image = header.open()
    # A JPEG's alone; the others' decoders have no such way and give None.
    draft = image.draft(None, (DETAIL * least[0], DETAIL * least[1]))
    reduced = 1 if draft is None else round(header.width_px / draft[1][2])
    arguments = image.tile[0].args if image.tile else None  # type: ignore[attr-defined]  # of every ImageFile
    raw_mode = arguments[0] if isinstance(arguments, tuple) else arguments
    try:
        image.load()
    except OSError:
        if reduced > 1:
            return _loaded(header, (header.width_px, header.height_px))  # what is missing is told by all the detail
        mended = _without_its_end(header, image) if header.format == "JPEG" else None
        if mended is None:
            raise
        return _Decoded(mended, "RGB")
    return _Decoded(image, str(raw_mode), reduced)


def _filled(
    rgb: NDArray[np.uint8], full: tuple[int, int], reduced: int, orientation: int
) -> tuple[float, float, float, float]:
    """Give what the picture fills of an upright array: (left, top, right, bottom).

    A reduced one has a part of a pixel too much where `reduced` does not divide its sides, where it ends in the file.
    """
    width_px, height_px = full[0] / reduced, full[1] / reduced
    corners = np.zeros((2, 2), np.uint8)
    _as_stored(corners, orientation)[1, 1] = 1
    (row,), (column,) = np.nonzero(corners)
    left = 0.0 if column else rgb.shape[1] - width_px
    top = 0.0 if row else rgb.shape[0] - height_px
    return left, top, left + width_px, top + height_px


def _without_its_end(header: Header, partly: Image.Image) -> Image.Image | None:
    """Read a JPEG that lacks its last bytes, as browsers do; None where it lacks more.

    libjpeg fills up what is missing once it is told that the file ends. How much that is shows beside the attempt
    without: the row above the forgiven ones has to be the same. A progressive picture's rows come with the first scan,
    so there the last scan has to have begun.
    """
    markers = read_markers(header.data, len(header.data))
    if markers.ends:
        return None
    top = max(0, header.height_px - FORGIVEN_ROWS - 1)
    partly.tile = []  # type: ignore[attr-defined]  # of every ImageFile: what was decoded is all there is
    before = partly.crop((0, top, header.width_px, top + 1))
    partly.close()  # two pictures would be one too many for the memory
    image = dataclasses.replace(header, data=header.data + END).open()
    image.load()
    after = image.crop((0, top, header.width_px, top + 1))
    return image if markers.refined or ImageChops.difference(before, after).getbbox() is None else None


def _upright(decoded: _Decoded, orientation: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Read an image into arrays, turned as its EXIF says."""
    image = decoded.image
    reading = reading_of(image, decoded.raw_mode)
    width_px, height_px = image.size
    upright = (width_px, height_px) if orientation >= 5 else (height_px, width_px)
    rgb = np.empty((*upright, 3), np.uint8)
    alpha = np.empty(upright, np.uint8) if reading.has_alpha else None
    stored_rgb = _as_stored(rgb, orientation)
    stored_alpha = None if alpha is None else _as_stored(alpha, orientation)
    for rows in bands(width_px, height_px):
        colours, band_alpha = reading.read(image.crop((0, rows.start, width_px, rows.stop)))
        stored_rgb[rows] = np.asarray(colours)
        if stored_alpha is not None:
            stored_alpha[rows] = 255 if band_alpha is None else np.asarray(band_alpha)
    return rgb, None if alpha is None or alpha.min() == 255 else alpha


def _orientation(image: Image.Image) -> int:
    """Read which way is up; where the metadata is broken, the picture is taken as it lies."""
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - metadata may be broken in any way, and the picture is what matters
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _as_stored(upright: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """View an upright array as the file has it: https://www.cipa.jp/std/documents/e/DC-008-2012_E.pdf, 4.6.4."""
    views = {
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }
    return views.get(orientation, upright)


def _scaled(
    rgb: NDArray[np.uint8],
    alpha: NDArray[np.uint8] | None,
    size: tuple[int, int],
    box: tuple[float, float, float, float],
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    image = Image.fromarray(rgb)
    if alpha is None:
        return np.asarray(image.resize(size, Image.Resampling.LANCZOS, box, reducing_gap=3.0)), None
    # together: Pillow weighs each colour by its alpha, so that hidden colours do not bleed into edges
    image.putalpha(Image.fromarray(alpha))
    rgba = image.resize(size, Image.Resampling.LANCZOS, box, reducing_gap=3.0)
    return np.asarray(rgba.convert("RGB")), np.asarray(rgba.getchannel("A"))
