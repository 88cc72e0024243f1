"""What leaves: formats, alpha, no metadata; and what is known of a result before there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest

from handler.errors import InvalidDimensions, ResultTooLarge
from handler.pixels.encode import encode, least_bytes, require_encodable
from tests.pictures import opened, scene

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from handler.pixels.encode import FileFormat

SIZES = [(1, 1), (8, 8), (9, 17), (300, 200), (1023, 769), (2048, 2048)]


def flat(width_px: int, height_px: int, bands: int) -> NDArray[np.uint8]:
    return np.full((height_px, width_px, bands), 128, np.uint8)


def transparent(width_px: int, height_px: int) -> NDArray[np.uint8]:
    return np.zeros((height_px, width_px, 4), np.uint8)


@pytest.mark.parametrize("file_format", ["png", "jpg", "webp"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_no_result_is_smaller_than_the_least(file_format: FileFormat, size: tuple[int, int]) -> None:
    """A bound that is too high would refuse what would have fitted: so the emptiest pictures are held against it."""
    pictures: dict[str, tuple[NDArray[np.uint8], Literal[1, 3]]] = {
        "flat": (flat(*size, 3), 3),
        "black": (flat(*size, 3) * 0, 3),
        "flat grey": (flat(*size, 1)[..., 0], 1),
        "a scene": (np.asarray(scene(*size)), 3),
    }
    if file_format != "jpg":
        pictures["transparent"] = (transparent(*size), 3)
    for name, (pixels, bands) in pictures.items():
        assert len(encode(pixels, file_format)) >= least_bytes(file_format, *size, bands), name


@pytest.mark.parametrize(("file_format", "share"), [("jpg", 0.97), ("png", 0.6)])
def test_the_least_is_nearly_reached(file_format: FileFormat, share: float) -> None:
    """A bound of nothing would be true, too."""
    reached = len(encode(flat(4096, 4096, 3), file_format))
    assert share * reached < least_bytes(file_format, 4096, 4096, 3) <= reached


def test_a_result_that_is_too_large_ends_the_work() -> None:
    noise = np.random.default_rng(2).integers(0, 255, (400, 400, 3), np.uint8)
    formats: list[FileFormat] = ["png", "jpg", "webp"]
    for file_format in formats:
        size_bytes = len(encode(noise, file_format))
        assert len(encode(noise, file_format, max_bytes=size_bytes)) == size_bytes
        with pytest.raises(ResultTooLarge, match=f"more than {size_bytes - 1:,} bytes"):
            encode(noise, file_format, max_bytes=size_bytes - 1)


@pytest.mark.parametrize(("file_format", "longest"), [("webp", 16_383), ("jpg", 65_500)])
def test_a_side_longer_than_the_format_holds_is_refused(file_format: Literal["webp", "jpg"], longest: int) -> None:
    strip = np.zeros((1, longest + 1, 3), np.uint8)
    assert opened(encode(strip[:, 1:], file_format)).size == (longest, 1)
    with pytest.raises(InvalidDimensions, match=f"{longest:,} px"):
        encode(strip, file_format)
    with pytest.raises(InvalidDimensions, match=f"{longest:,} px"):  # before there are any pixels
        require_encodable(file_format, 1, longest + 1)
    require_encodable("png", 1, longest + 1)
