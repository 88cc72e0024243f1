"""Colours and alpha come together, and what nobody sees is gone."""

import numpy as np
import pytest
from matting import join_alpha
from numpy.typing import NDArray


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (33, 31), (64, 257)], ids=str)
def test_joins_what_is_seen_and_drops_the_rest(size: tuple[int, int]) -> None:
    random = np.random.default_rng(3)
    rgb = random.integers(0, 256, (*size, 3), np.uint8)
    alpha = random.choice(np.array([0, 1, 127, 128, 255], np.uint8), size)
    expected = np.dstack([rgb, alpha])
    expected[alpha == 0] = 0
    np.testing.assert_array_equal(join_alpha(rgb, alpha), expected)


def test_takes_parts_of_larger_arrays() -> None:
    pixels = np.random.default_rng(4).integers(0, 256, (20, 30, 4), np.uint8)
    joined = join_alpha(pixels[::2, 3:, :3], pixels[::2, 3:, 3])
    np.testing.assert_array_equal(joined, pixels[::2, 3:] * (pixels[::2, 3:, 3:] > 0))


@pytest.mark.parametrize(
    ("rgb", "alpha", "error", "sentence"),
    [
        (np.zeros((2, 2, 3), np.float32), np.zeros((2, 2), np.uint8), TypeError, "rgb is an array of float32"),
        (np.zeros((2, 2, 3), np.uint8), [[0]], TypeError, "alpha is a list"),
        (np.zeros((2, 2, 4), np.uint8), np.zeros((2, 2), np.uint8), ValueError, "shape"),
        (np.zeros((2, 3, 3), np.uint8), np.zeros((2, 2), np.uint8), ValueError, "shape"),
    ],
)
def test_refuses_what_does_not_fit(
    rgb: NDArray[np.uint8], alpha: NDArray[np.uint8], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        join_alpha(rgb, alpha)
