"""GELU and e^x are as exact as vector.h says, over all magnitudes."""

from __future__ import annotations

import numpy as np
import pytest

from tests.layers.inference.bounded import U, gelu
from tests.layers.inference.conftest import kernels_of


def magnitudes() -> np.ndarray:
    """Give both signs of zero, of denormals, of 1e-7 to 100, of far values; and a dense row around 0."""
    positive = np.concatenate(
        [
            [0, 1e-45, 1e-40, 2.0**-126, 1e-30],
            np.geomspace(1e-7, 100, 20_000),
            np.linspace(0, 12, 60_000),
            np.nextafter(np.float32(6), [0, 7]),  # beyond 6, GELU takes its asymptote
            [1e3, 1e10, 3e38],
        ]
    ).astype(np.float32)
    return np.concatenate((positive, -positive))


def whole_vectors(x: np.ndarray) -> np.ndarray:
    """Fill up to a multiple of the widest vector."""
    return np.concatenate((x, np.zeros(-len(x) % 16, np.float32)))


def test_gelu_is_within_2e_7(level: str) -> None:
    x = whole_vectors(magnitudes())
    found = x.copy()
    kernels_of(level, 1).library.inspyrenet_apply_gelu(found.ctypes.data, found.size)
    expected = gelu(x.astype(np.float64))
    # Half a step of the result is its own rounding's.
    assert (np.abs(found - expected) <= 2e-7 + U * np.abs(expected)).all()
    far = np.abs(x) > 14
    assert np.array_equal(found[far & (x > 0)], x[far & (x > 0)])
    assert np.abs(found[far & (x < 0)]).max() < 2e-8


def test_exponential_is_within_two_units_in_the_last_place(level: str) -> None:
    x = whole_vectors(magnitudes())
    x = x[np.abs(x) <= 87]
    x = whole_vectors(np.concatenate((x, np.linspace(-87, 88, 100_000, dtype=np.float32))))
    found = x.copy()
    kernels_of(level, 1).library.inspyrenet_apply_exponential(found.ctypes.data, found.size)
    expected = np.exp(x.astype(np.float64))
    assert (np.abs(found - expected) <= 2 * np.spacing(expected.astype(np.float32))).all()


@pytest.mark.parametrize("far", [-88, -100, -1e4, -3e38])
def test_exponential_ends_at_e_to_minus_87(level: str, far: float) -> None:
    """So that nothing becomes a denormal, and a token that is masked weighs next to nothing."""
    found = np.full(16, far, np.float32)
    kernels_of(level, 1).library.inspyrenet_apply_exponential(found.ctypes.data, found.size)
    assert (found == found[0]).all()
    assert found[0] == pytest.approx(np.exp(-87), rel=3e-7)


def test_exponential_of_zero_is_one(level: str) -> None:
    """A softmax's largest: in a window of equal tokens all weigh the same."""
    found = np.zeros(16, np.float32)
    kernels_of(level, 1).library.inspyrenet_apply_exponential(found.ctypes.data, found.size)
    assert (found == 1).all()
