"""Rows are filtered as PNG defines it, each by the filter that leaves least."""

import numpy as np
import pytest
from matting import filter_rows
from numpy.typing import NDArray

NONE, SUB, UP, PAETH = 0, 1, 2, 4


def paeth(left: int, above: int, corner: int) -> int:
    """Predict as https://www.w3.org/TR/png-3/#9Filter-type-4-Paeth does, literally."""
    estimate = left + above - corner
    distances = [(abs(estimate - value), rank) for rank, value in enumerate((left, above, corner))]
    return (left, above, corner)[min(distances)[1]]


def unfiltered(filtered: NDArray[np.uint8], pixel_bytes: int) -> list[list[int]]:
    """Take filters off one byte after the other, as a decoder does."""
    rows: list[list[int]] = []
    for number, *row in filtered.tolist():
        above = rows[-1] if rows else [0] * len(row)
        for at in range(len(row)):
            left = row[at - pixel_bytes] if at >= pixel_bytes else 0
            corner = above[at - pixel_bytes] if at >= pixel_bytes else 0
            guess = {NONE: 0, SUB: left, UP: above[at], PAETH: paeth(left, above[at], corner)}[number]
            row[at] = (row[at] + guess) % 256
        rows.append(row)
    return rows


def drawn(shape: tuple[int, ...], seed: int = 5) -> NDArray[np.uint8]:
    """Draw slopes across and down under a little noise, and some dots on black: every filter is somewhere the best."""
    random = np.random.default_rng(seed)
    down, across = np.mgrid[: shape[0], : shape[1]]
    slopes = np.where(down < shape[0] / 3, 7 * down, np.where(down < shape[0] / 2, 5 * across, 3 * across + 2 * down))
    picture = slopes.reshape(*slopes.shape, *[1] * (len(shape) - 2)) + random.integers(0, 3, shape)
    picture[: shape[0] // 5] = 90 * (random.random(picture[: shape[0] // 5].shape) < 0.1)
    drawing: NDArray[np.uint8] = picture.astype(np.uint8)
    return drawing


@pytest.mark.parametrize(
    "shape",
    [(1, 1), (1, 1, 4), (5, 1, 3), (1, 9, 4), (7, 3), (60, 33), (60, 31, 3), (40, 65, 4), (9, 257, 4)],
    ids=str,
)
def test_a_decoder_gets_the_pixels_back(shape: tuple[int, ...]) -> None:
    picture = drawn(shape)
    filtered = filter_rows(picture, 0, shape[0])
    assert unfiltered(filtered, shape[2] if len(shape) == 3 else 1) == picture.reshape(shape[0], -1).tolist()


def test_every_filter_is_chosen_where_it_leaves_least() -> None:
    picture = drawn((60, 65, 4))
    numbers = filter_rows(picture, 0, 60)[:, 0]
    assert set(numbers.tolist()) == {NONE, SUB, UP, PAETH}
    rows = picture.reshape(60, -1).astype(np.int16)
    left = np.pad(rows, ((0, 0), (4, 0)))[:, :-4]
    above = np.pad(rows, ((1, 0), (0, 0)))[:-1]
    for number, other in ((NONE, np.zeros_like(rows)), (SUB, left), (UP, above)):
        size = np.abs((rows - other).astype(np.int8).astype(np.int16)).sum(axis=1)
        chosen = np.abs(filter_rows(picture, 0, 60)[:, 1:].astype(np.int8).astype(np.int16)).sum(axis=1)
        assert (chosen <= size)[1:].all(), number


def test_paeths_ties_are_settled_as_the_standard_does() -> None:
    """A row made of what Paeth predicts and a small step leaves those steps, however near two neighbours are to it."""
    random = np.random.default_rng(8)
    above, steps = random.integers(0, 24, 900), random.integers(0, 6, 900)
    row = [int(above[0] + steps[0])]
    for at in range(1, 900):
        row.append((paeth(row[at - 1], int(above[at]), int(above[at - 1])) + int(steps[at])) % 256)
    filtered = filter_rows(np.array([above, row], np.uint8), 1, 2)[0]
    assert filtered[0] == PAETH
    np.testing.assert_array_equal(filtered[1:], steps)


def test_strips_are_parts_of_the_whole() -> None:
    picture = drawn((50, 40, 3))
    strips = [filter_rows(picture, top, min(top + 7, 50)) for top in range(0, 50, 7)]
    np.testing.assert_array_equal(np.concatenate(strips), filter_rows(picture, 0, 50))


@pytest.mark.parametrize(
    ("pixels", "rows", "error", "sentence"),
    [
        ([[1]], (0, 1), TypeError, "pixels is a list"),
        (np.zeros((2, 2), np.float32), (0, 2), TypeError, "an array of float32"),
        (np.zeros((0, 2), np.uint8), (0, 1), ValueError, "shape"),
        (np.zeros((4, 4), np.uint8)[:, ::2], (0, 4), ValueError, "contiguous"),
        (np.zeros((4, 4), np.uint8), (0, 5), ValueError, "no rows 0 to 5 among 4"),
        (np.zeros((4, 4), np.uint8), (2, 2), ValueError, "no rows 2 to 2 among 4"),
        (np.zeros((4, 4), np.uint8), (-1, 2), ValueError, "no rows -1 to 2 among 4"),
    ],
)
def test_refuses_what_it_cannot_filter(
    pixels: NDArray[np.uint8], rows: tuple[int, int], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        filter_rows(pixels, *rows)
