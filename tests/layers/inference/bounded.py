"""The kernels' definitions in float64, each value with the most that float32 may be off by.

The rule (Higham, Accuracy and Stability of Numerical Algorithms, 2nd edition, 3.1 and 3.4): a sum of n products, added
up in any order, with or without fused multiply-adds, is off by at most n u / (1 - n u) times the sum of their
magnitudes, where u = 2^-24 is half of float32's spacing at 1. What goes in with an error takes it along. So a bound
follows from the numbers and from how many are summed up, and holds on every processor; functions have the errors that
vector.h states.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Exact = NDArray[np.float64]
Floats = NDArray[np.float32]

U = 2.0**-24
SMALLEST = 2.0**-126  # what is below it becomes zero
EXPONENTIAL_RELATIVE = 4 * U  # two units in the last place
GELU_ABSOLUTE = 2e-7
STEEPEST_GELU = 1.13
_erf = np.vectorize(math.erf, otypes=[np.float64])


def gamma(count: int) -> float:
    """Say how far a sum of `count` rounded terms may be off, as a share of their magnitudes."""
    return count * U / (1 - count * U)


@dataclass(frozen=True)
class Bounded:
    """Values in float64, and the largest error of each."""

    value: Exact
    error: Exact

    @classmethod
    def of(cls, given: Floats | Exact | Bounded) -> Bounded:
        if isinstance(given, Bounded):
            return given
        return cls(given.astype(np.float64), np.zeros(given.shape))

    @property
    def most(self) -> Exact:
        return np.abs(self.value) + self.error

    def rows(self, first: int, last: int) -> Bounded:
        return Bounded(self.value[first:last], self.error[first:last])

    def rounded(self, roundings: int = 1) -> Bounded:
        return Bounded(self.value, self.error + gamma(roundings) * self.most + SMALLEST)

    def plus(self, other: Floats | Exact | Bounded) -> Bounded:
        other = Bounded.of(other)
        both = Bounded(self.value + other.value, self.error + other.error)
        return Bounded(both.value, both.error + U * (self.most + other.most) + SMALLEST)

    def rectified(self) -> Bounded:
        return Bounded(np.maximum(self.value, 0), self.error)

    def activated(self) -> Bounded:
        value = gelu(self.value)
        return Bounded(value, STEEPEST_GELU * self.error + GELU_ABSOLUTE + U * np.abs(value))

    def zeros_around(self, *widths: tuple[int, int]) -> Bounded:
        return Bounded(np.pad(self.value, widths), np.pad(self.error, widths))


def gelu(x: Exact) -> Exact:
    return np.asarray(x / 2 * (1 + _erf(x / math.sqrt(2))))


def product(left: Floats | Exact | Bounded, right: Floats | Exact | Bounded, bias: Floats | None = None) -> Bounded:
    """Multiply matrices; the bias is one more term of each sum."""
    left, right = Bounded.of(left), Bounded.of(right)
    value, most = left.value @ right.value, left.most @ right.most
    carried = left.error @ np.abs(right.value) + left.most @ right.error
    if bias is not None:
        value, most = value + bias, most + np.abs(bias)
    terms = left.value.shape[-1] + 1
    return Bounded(np.asarray(value), np.asarray(carried + gamma(terms) * most + terms * SMALLEST))


def normalised(given: Floats | Bounded, weight: Floats, bias: Floats) -> Bounded:
    """Take the layer norm of each row."""
    x = Bounded.of(given)
    width = x.value.shape[-1]
    mean = x.value.mean(-1, keepdims=True)
    # The mean is a sum of `width` terms; what it is off by, every centred value is off by.
    centred = x.value - mean
    off = (
        x.error
        + x.error.mean(-1, keepdims=True)
        + gamma(width + 1) * x.most.mean(-1, keepdims=True)
        + U * np.abs(centred)
    )
    deviation = np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    z = centred / deviation
    # d z = d centred / deviation - z mean(z d centred) / deviation, and the roundings of squares, root and quotient.
    wrong = off / deviation
    wrong = wrong + np.abs(z) * ((np.abs(z) * wrong).mean(-1, keepdims=True) + gamma(width + 6))
    return Bounded(z * weight + bias, np.abs(weight) * wrong + 3 * U * (np.abs(z * weight) + np.abs(bias)))


def softmax(scores: Bounded) -> Bounded:
    """Take the softmax of each row."""
    peak = scores.value.max(-1, keepdims=True)
    weights = np.exp(scores.value - peak)
    total = weights.sum(-1, keepdims=True)
    # Each exponent is off by its own error and the peak's, and by the roundings of their difference.
    exponent = scores.error + scores.error.max(-1, keepdims=True) + U * (np.abs(scores.value - peak) + 1)
    relative = np.expm1(exponent) + EXPONENTIAL_RELATIVE
    share = weights / total
    whole = (share * relative).sum(-1, keepdims=True) + gamma(scores.value.shape[-1] + 2)
    return Bounded(share, share * (relative + whole) + 2e-38)


__all__ = ["Bounded", "Exact", "Floats", "gamma", "gelu", "normalised", "product", "softmax"]
