"""What the contract's words say of a result, reckoned apart from the function: the conformance tests' judge.

The picture is a square with two blocks on black, and the network's matte is the picture's brightness. With a side of
64, which is the network's own, that is so to the last bit.
"""

from __future__ import annotations

import io
import math
import re
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from tests.pictures import quarters, save

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from tests.clients import Answered

Box = tuple[float, float, float, float]  # left, top, right, bottom

SIDE = 64
WHITE_BLOCK = (8, 16, 28, 32)
FAINT_BLOCK = (40, 40, 56, 56)  # of alpha 100: gone where edges are hard
BLOCKS = ((WHITE_BLOCK, 255), (FAINT_BLOCK, 100))
BOTH = (8, 16, 56, 56)
BEACH = save(quarters(96, 64))

MEGAPIXELS = {
    "preview": 0.25,
    "small": 0.25,
    "regular": 0.25,
    "medium": 1.5,
    "hd": 4.0,
    "full": 25.0,
    "4k": 25.0,
    "50MP": 50.0,
    "auto": math.inf,
}
COLOUR_NAMES = {"green": "008000"}
FORMATS = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP", "zip": "ZIP"}


def photograph(side: int = SIDE) -> bytes:
    pixels = np.zeros((side, side, 3), np.uint8)
    for block, value in BLOCKS:
        left, top, right, bottom = (edge * side // SIDE for edge in block)
        pixels[top:bottom, left:right] = value
    return save(Image.fromarray(pixels))


@dataclass(frozen=True)
class Seen:
    """A result as a client sees it, whatever its format."""

    rgb: NDArray[np.float64]
    alpha: NDArray[np.float64]  # 255 where there is none
    format: str
    mode: str

    @property
    def size(self) -> tuple[int, int]:
        return self.alpha.shape[1], self.alpha.shape[0]


def seen(answer: Answered) -> Seen:
    assert answer.status == 200, answer.body[:500]
    if answer.headers["content-type"] == "application/zip":
        with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
            assert archive.namelist() == ["color.jpg", "alpha.png"]
            colours = Image.open(io.BytesIO(archive.read("color.jpg")))
            alpha = Image.open(io.BytesIO(archive.read("alpha.png")))
            assert (colours.format, colours.mode, alpha.format, alpha.mode) == ("JPEG", "RGB", "PNG", "L")
            assert colours.size == alpha.size
            return Seen(np.asarray(colours, float), np.asarray(alpha, float), "ZIP", "RGBA")
    image = answer.picture
    assert answer.headers["content-type"] == f"image/{str(image.format).lower()}"
    rgba = np.asarray(image.convert("RGBA"), float)
    return Seen(rgba[..., :3], rgba[..., 3], str(image.format), image.mode)


def box_of(headers: Mapping[str, str]) -> tuple[int, int, int, int]:
    left, top, width, height = (int(headers[f"x-foreground-{side}"]) for side in ("left", "top", "width", "height"))
    return left, top, left + width, top + height


def box_seen(alpha: NDArray[np.float64]) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero((alpha >= 13).any(axis=1)), np.flatnonzero((alpha >= 13).any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def is_true(fields: Mapping[str, str], name: str, *, otherwise: bool = False) -> bool:
    return {"": otherwise, "true": True, "1": True, "yes": True}.get(fields.get(name, ""), False)


def length_px(text: str, whole: float) -> float:
    return float(text[:-1]) / 100 * whole if text.endswith("%") else float(text.removesuffix("px"))


@dataclass(frozen=True)
class Expected:
    """What the words say of a result's size and of where the subject is on it."""

    size: tuple[int, int]
    box: Box
    shrink: float  # how many of its pixels one of the picture is


def subject_of(fields: Mapping[str, str], side: int) -> Box | None:
    """Say where the subject is in the picture: what of the blocks is within the region and not too faint."""
    roi = fields.get("roi") or "0 0 100% 100%"
    left, top, right, bottom = (length_px(part, side) for part in roi.split())
    found = []
    for block, value in BLOCKS:
        if value < 128 and not is_true(fields, "semitransparency", otherwise=True):
            continue
        near = [edge * side / SIDE for edge in block]
        clipped = (max(near[0], left), max(near[1], top), min(near[2], right), min(near[3], bottom))
        if clipped[0] < clipped[2] and clipped[1] < clipped[3]:
            found.append(clipped)
    if not found:
        return None
    lefts, tops, rights, bottoms = zip(*found, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def expected(fields: Mapping[str, str], side: int = SIDE) -> Expected | None:
    """Say how large the canvas is and where the subject is on it; None where there is no subject."""
    subject = subject_of(fields, side)
    if subject is None:
        return None
    left, top, right, bottom = subject
    width, height = right - left, bottom - top
    canvas = [float(side), float(side)]
    if is_true(fields, "crop"):
        parts = (fields.get("crop_margin") or "0").split()
        sides = {1: parts * 4, 2: parts * 2, 4: parts}[len(parts)]
        above, below = (round(length_px(sides[at], height)) for at in (0, 2))
        after, before = (round(length_px(sides[at], width)) for at in (1, 3))
        canvas = [before + width + after, above + height + below]
        left, top = before, above
    shape = fields.get("aspect_ratio") or "original"
    if shape != "original":
        across, down = (int(part) for part in shape.split(":"))
        wider = [max(canvas[0], round(canvas[1] * across / down)), max(canvas[1], round(canvas[0] * down / across))]
        left, top = left + (wider[0] - canvas[0]) // 2, top + (wider[1] - canvas[1]) // 2
        canvas = [float(length) for length in wider]
    scaled = [width, height]
    middle = (left + width / 2, top + height / 2)
    scale = fields.get("scale") or "original"
    position = fields.get("position") or ("original" if scale == "original" else "center")
    if scale != "original":
        factor = length_px(scale, 1) * min(canvas[0] / width, canvas[1] / height)
        scaled = [width * factor, height * factor]
    free = [canvas[axis] - scaled[axis] for axis in (0, 1)]
    if position == "original":
        corner = [min(max(0.0, middle[axis] - scaled[axis] / 2), free[axis]) for axis in (0, 1)]
    else:
        shares = ["50%"] if position == "center" else position.split()
        corner = [length_px(share, free[axis]) for axis, share in zip((0, 1), (shares[0], shares[-1]), strict=True)]
    canvas = [float(round(length)) for length in canvas]
    bound = MEGAPIXELS[fields.get("size") or "auto"] * 1e6
    longest = length_px(fields.get("max_side") or "99999", 1)
    shrink = min(1.0, math.sqrt(bound / (canvas[0] * canvas[1])), longest / max(canvas))
    box = [edge * shrink for edge in (*corner, corner[0] + scaled[0], corner[1] + scaled[1])]
    size = (math.floor(canvas[0] * shrink + 1e-6), math.floor(canvas[1] * shrink + 1e-6))
    return Expected(size, (box[0], box[1], box[2], box[3]), shrink)


def rgba_of(text: str) -> tuple[int, int, int, int]:
    """Read a colour as CSS does."""
    digits = COLOUR_NAMES.get(text, text.removeprefix("#"))
    if len(digits) <= 4:
        digits = re.sub("(.)", r"\1\1", digits)
    red, green, blue, alpha = bytes.fromhex(digits.ljust(8, "f"))
    return red, green, blue, alpha


@dataclass(frozen=True)
class Asked:
    """What a request asks for, as far as it is seen beside the subject."""

    fields: Mapping[str, str]

    @property
    def matte_alone(self) -> bool:
        return self.fields.get("channels") == "alpha" and self.fields.get("format") != "zip"

    @property
    def picture_behind(self) -> bool:
        return not self.matte_alone and bool(self.fields.get("bg_image_file") or self.fields.get("bg_image_url"))

    @property
    def colour_behind(self) -> tuple[int, int, int, int] | None:
        colour = self.fields.get("bg_color")
        return rgba_of(colour) if colour and not self.matte_alone else None

    @property
    def shadow(self) -> bool:
        opacity = float(self.fields.get("shadow_opacity") or 50)
        kind = self.fields.get("shadow_type") or "auto"
        return is_true(self.fields, "add_shadow") and kind != "none" and opacity > 0 and not self.matte_alone

    @property
    def flat(self) -> bool:
        """Whether nothing of the result can be transparent."""
        opaque = self.colour_behind is not None and self.colour_behind[3] == 255
        return not self.matte_alone and (opaque or self.picture_behind or self.fields.get("format") == "jpg")


def check(fields: Mapping[str, str], answer: Answered, side: int = SIDE) -> None:
    """Hold an answer to what the contract says of these fields."""
    layout = expected(fields, side)
    if layout is None:
        assert (answer.status, answer.error["code"]) == (400, "unknown_foreground")
        return
    result, asked = seen(answer), Asked(fields)
    whole = layout.box
    # The network looks at a region alone, enlarged: its edges are soft there. Of a picture that is larger than what the
    # network takes, a pixel of the matte is several of the result; of one that is made smaller, it sees that.
    coarse = 1.5 * side / SIDE * layout.shrink if side > SIDE or layout.shrink < 1 else 0
    is_soft = bool(fields.get("roi")) or bool(coarse)
    near = max(2.0, coarse)
    is_cropped = is_true(fields, "crop")

    assert result.size == (pytest.approx(layout.size, abs=2 * near) if is_soft and is_cropped else layout.size)
    assert (answer.headers["x-width"], answer.headers["x-height"]) == (str(result.size[0]), str(result.size[1]))
    assert answer.headers["x-credits-charged"] == "0"
    assert answer.headers.get("x-type") == (None if fields.get("type_level") == "none" else "other")
    told = box_of(answer.headers)
    assert told == pytest.approx(whole, abs=2 * near if is_soft else near)
    if fields.get("scale", "original") == "original" and not is_soft:
        assert told == pytest.approx(whole, abs=0.51)

    is_filled = result.size == (told[2] - told[0], told[3] - told[1]) and result.alpha.min() == 255
    fills = is_filled and not asked.matte_alone
    assert result.format == FORMATS.get(fields.get("format") or "auto", "JPEG" if asked.flat or fills else "PNG")
    _check_alpha(result, asked, told)
    inner = [round(edge + step) for edge, step in zip(whole, (near + 1, near + 1, -near - 1, -near - 1), strict=True)]
    alpha = result.rgb[..., 0] if asked.matte_alone else result.alpha
    inside = alpha[inner[1] : inner[3], inner[0] : inner[2]]
    assert inside.size == 0 or inside.max() >= 250
    corner = _empty_corner(result.size, whole, 2 * near)
    if corner is not None and not asked.shadow:
        _check_corner(corner, result, asked)


def _check_alpha(result: Seen, asked: Asked, told: tuple[int, int, int, int]) -> None:
    alpha = result.rgb[..., 0] if asked.matte_alone else result.alpha
    if asked.matte_alone:
        # WebP has no grey; JPEG is not exact.
        assert result.mode == "L" or result.format == "WEBP"
        return
    if asked.flat:
        assert result.alpha.min() == 255
        return
    if asked.colour_behind is not None and asked.colour_behind[3] > 0:
        return
    if not asked.shadow:
        assert box_seen(alpha) == told
        if not is_true(asked.fields, "semitransparency", otherwise=True):
            assert set(np.unique(alpha)) <= {0, 255}
        return
    beside = alpha.copy()
    beside[told[1] : told[3], told[0] : told[2]] = 0
    room_below = result.size[1] - told[3]
    assert room_below < 3 or beside.max() > 0, "the shadow is seen beside its subject"


def _empty_corner(size: tuple[int, int], box: Box, away: float) -> tuple[int, int] | None:
    """Find a corner of the canvas that is away from the subject."""
    for column, row in ((0, 0), (size[0] - 1, 0), (0, size[1] - 1), (size[0] - 1, size[1] - 1)):
        if not (box[0] - away <= column <= box[2] + away and box[1] - away <= row <= box[3] + away):
            return column, row
    return None


def _check_corner(corner: tuple[int, int], result: Seen, asked: Asked) -> None:
    column, row = corner
    colour, alpha = result.rgb[row, column], result.alpha[row, column]
    behind = asked.colour_behind
    if asked.matte_alone:
        assert colour.max() <= 6
    elif asked.picture_behind:
        width_px, height_px = result.size
        named = {(0, 0): (220, 20, 20), (1, 0): (20, 200, 20), (0, 1): (20, 20, 220), (1, 1): (255, 255, 255)}
        assert colour.tolist() == pytest.approx(named[int(column > width_px / 2), int(row > height_px / 2)], abs=20)
    elif asked.flat:
        red, green, blue, share = behind or (0, 0, 0, 0)
        on_white = [255 + (channel - 255) * share / 255 for channel in (red, green, blue)]
        assert colour.tolist() == pytest.approx(on_white, abs=8)
    elif behind is not None and behind[3] > 0:
        assert (*colour, alpha) == pytest.approx(behind, abs=8)
    else:
        assert alpha == 0
