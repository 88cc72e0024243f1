"""A matte is enlarged exactly as torch enlarges it."""

import numpy as np
import pytest
from matting import resize_align_corners
from numpy.typing import NDArray

# Computed by torch 2.13.0: interpolate(matte, size, mode="bilinear", align_corners=True).
TORCH_MATTE = (np.arange(12, dtype=np.float32).reshape(3, 4) ** 2 % 7 / 7).astype(np.float32)
TORCH_RESULTS = {
    (5, 7): [
        [0.0, 0.0714286, 0.1428571, 0.3571429, 0.5714286, 0.4285715, 0.2857143],
        [0.1428571, 0.25, 0.3571429, 0.3571429, 0.3571429, 0.25, 0.1428571],
        [0.2857143, 0.4285715, 0.5714286, 0.3571429, 0.1428571, 0.0714286, 0.0],
        [0.2142857, 0.3928572, 0.5714286, 0.3928572, 0.2142857, 0.1785714, 0.1428571],
        [0.1428571, 0.3571429, 0.5714286, 0.4285715, 0.2857143, 0.2857143, 0.2857143],
    ],
    (2, 3): [[0.0, 0.3571429, 0.2857143], [0.1428571, 0.4285715, 0.2857143]],
    (1, 5): [[0.0, 0.1071429, 0.3571429, 0.5, 0.2857143]],
    (4, 1): [[0.0], [0.1904762], [0.2380953], [0.1428571]],
}


def reference(matte: NDArray[np.float32], width_px: int, height_px: int) -> NDArray[np.float64]:
    """Interpolate in float64 at torch's positions, which are float32."""

    def between(length: int, wanted: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
        step = np.float32(length - 1) / np.float32(wanted - 1) if wanted > 1 else np.float32(0)
        position = step * np.arange(wanted, dtype=np.float32)
        first = np.minimum(position.astype(np.intp), length - 1)
        return first, np.minimum(first + 1, length - 1), np.minimum((position - first).astype(np.float64), 1)

    top, bottom, down = between(matte.shape[0], height_px)
    left, right, across = between(matte.shape[1], width_px)
    exact = matte.astype(np.float64)
    rows = exact[top] * (1 - down)[:, None] + exact[bottom] * down[:, None]
    return np.asarray(rows[:, left] * (1 - across) + rows[:, right] * across)


@pytest.mark.parametrize("size", TORCH_RESULTS, ids=str)
def test_agrees_with_torch(size: tuple[int, int]) -> None:
    """Values that torch computed come out again."""
    height_px, width_px = size
    np.testing.assert_allclose(
        resize_align_corners(TORCH_MATTE, width_px, height_px), TORCH_RESULTS[size], rtol=0, atol=3e-7
    )


@pytest.mark.parametrize(
    ("matte_size", "size"),
    [
        ((1, 1), (5, 7)), ((1, 9), (1, 1)), ((9, 1), (4, 30)), ((64, 48), (1, 1)), ((64, 48), (1, 50)),
        ((384, 384), (512, 512)), ((1024, 1024), (640, 333)), ((100, 100), (100, 100)), ((32, 64), (3000, 17)),
        ((1024, 33), (4000, 61)), ((2, 2), (3, 3)), ((5, 5), (3, 9)),
    ],
    ids=str,
)  # fmt: skip
def test_agrees_with_the_formula(matte_size: tuple[int, int], size: tuple[int, int]) -> None:
    """Any size to any size, sides of one pixel among them, within float32's last bits and the same 8-bit values."""
    matte = np.random.default_rng(1).random(matte_size, dtype=np.float32)
    height_px, width_px = size
    resized = resize_align_corners(matte, width_px, height_px)
    expected = reference(matte, width_px, height_px)
    assert resized.dtype == np.float32
    np.testing.assert_allclose(resized, expected, rtol=0, atol=3e-7)
    steps = np.abs(np.uint8(resized * 255).astype(int) - np.uint8(expected.astype(np.float32) * 255))
    assert steps.max() <= 1
    assert np.count_nonzero(steps) <= 1 + resized.size // 100_000


def test_same_size_is_a_copy() -> None:
    """A matte that already fits comes back bit for bit, as an array of its own."""
    matte = np.random.default_rng(2).random((31, 47), dtype=np.float32)
    resized = resize_align_corners(matte, 47, 31)
    np.testing.assert_array_equal(resized, matte)
    assert not np.shares_memory(resized, matte)


def test_accepts_a_strided_matte() -> None:
    """A view with gaps and a reversed axis gives what its copy gives."""
    view = np.random.default_rng(3).random((40, 60), dtype=np.float32)[::-2, ::3]
    np.testing.assert_array_equal(resize_align_corners(view, 33, 77), resize_align_corners(view.copy(), 33, 77))


@pytest.mark.parametrize("matte", [[[0.5]], np.zeros((2, 2)), np.zeros((2, 2), np.uint8)], ids=["list", "f8", "u1"])
def test_refuses_another_type(matte: object) -> None:
    """What is no float32 array is named, not converted."""
    with pytest.raises(TypeError, match="must be an array of float32"):
        resize_align_corners(matte, 4, 4)  # type: ignore[arg-type]  # the mistake under test


@pytest.mark.parametrize(
    ("shape", "width_px", "height_px", "sentence"),
    [
        ((2, 2, 1), 4, 4, r"shape \(2, 2, 1\); it must be \(height, width\)"),
        ((0, 2), 4, 4, "matte's height is 0; it must be 1 to"),
        ((2, 2), 0, 4, "width_px is 0; it must be 1 to"),
        ((2, 2), 4, -1, "height_px is -1; it must be 1 to"),
        ((2, 2), 2**24 + 1, 1, "width_px is 16777217; it must be 1 to 16777216"),
    ],
)
def test_refuses_an_impossible_size(shape: tuple[int, ...], width_px: int, height_px: int, sentence: str) -> None:
    """The error names the side, its value and the limit."""
    with pytest.raises(ValueError, match=sentence):
        resize_align_corners(np.zeros(shape, np.float32), width_px, height_px)
