"""Context modules and decoder: parallel axial attention (Kim, Lee and Kim, CIKM 2021).

Enters: the encoder's tokens. Leaves: contexts of 64 channels, and the coarsest features and saliency.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from inspyrenet.kernels import ADDED, WRITTEN, Filter, Matrix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspyrenet.kernels import Floats, Norm
    from inspyrenet.memory import Workshop
    from inspyrenet.weights import Weights

FIELDS = (3, 5, 7)


@dataclass(frozen=True)
class AxialAttention:
    """Attention along both axes. `projections`: query, key and value side by side, of "H", then of "W"."""

    projections: tuple[Matrix, Matrix]

    @classmethod
    def of(cls, weights: Weights) -> AxialAttention:
        """Read both axes' tensors."""
        h, w = (
            weights.pointwise([f"{axis}attn.{kind}_conv.conv" for kind in ("query", "key", "value")]) for axis in "HW"
        )
        return cls((h, w))

    def run(self, shop: Workshop, x: Floats, out: Floats) -> None:
        """Fill out: attended along h + attended along w + 2 x, all (h, w, C).

        Upstream's `view` lays the map out anew, channels outermost, so the tokens of "H" are columns of length h in
        that memory, which on a map that is not square are not its columns. The weights were trained with it on
        squares, and with it they are used.
        """
        h, w, width = x.shape
        pixels = h * w
        with shop.maps.returned():
            attended = shop.maps.take(width * pixels)
            for side, projection, how in zip((h, w), self.projections, (WRITTEN, ADDED), strict=True):
                with shop.maps.returned():
                    planes = shop.maps.take(projection.columns, pixels)
                    with shop.maps.returned():
                        projected = shop.maps.take(pixels, projection.columns)
                        shop.kernels.linear(x.reshape(pixels, width), projection, projected, kind="1x1 convolution")
                        shop.kernels.to_planes(projected, planes)
                    query, key, value = np.split(planes, (width // 8, width // 4))
                    shares = _shares(shop, query.reshape(-1, side), key.reshape(-1, side))
                    panels = shop.maps.take(shop.kernels.panel_floats(side, side))
                    shop.kernels.pack(shares.T, panels)
                    rows = attended.reshape(-1, side)
                    weights = Matrix(side, side, panels)
                    shop.kernels.linear(value.reshape(-1, side), weights, rows, how=how, kind="axial attention")
            shop.kernels.from_planes(attended.reshape(width, pixels), x.reshape(pixels, width), out)


def _shares(shop: Workshop, query: Floats, key: Floats) -> Floats:
    """Softmax of queries times keys, (depth, n) each: (n, n)."""
    depth, side = query.shape
    shares = shop.maps.take(side, side)
    with shop.maps.returned():
        panels = shop.maps.take(shop.kernels.panel_floats(depth, side))
        shop.kernels.pack(key, panels)
        turned = shop.maps.take(side, depth)
        turned[...] = query.T
        shop.kernels.linear(turned, Matrix(depth, side, panels), shares, kind="axial attention")
    shop.kernels.soften(shares)
    return shares


@dataclass(frozen=True)
class Field:
    """One receptive field of a context module, behind its first 1 x 1 convolution."""

    size: int
    across: Matrix
    down: Matrix
    attention: AxialAttention
    last: Filter

    @classmethod
    def of(cls, weights: Weights, size: int) -> Field:
        """Read a field's tensors."""
        return cls(
            size,
            weights.sliding("conv1.conv"),
            weights.sliding("conv2.conv"),
            AxialAttention.of(weights),
            weights.filter("conv3.conv"),
        )

    def run(self, shop: Workshop, x: Floats, out: Floats) -> None:
        """(h, w, 64) to (h, w, 64)."""
        with shop.maps.returned():
            a, b = shop.maps.take(*x.shape), shop.maps.take(*x.shape)
            shop.kernels.slide(x, self.across, a, taps=self.size, down=False)
            shop.kernels.slide(a, self.down, b, taps=self.size, down=True)
            self.attention.run(shop, b, a)
            shop.kernels.convolve([a], self.last, out, dilation=self.size)


@dataclass(frozen=True)
class Context:
    """A context module: four receptive fields side by side, down to 64 channels (InSPyReNet's paper, 3.1)."""

    shortcut: Matrix
    first: Matrix  # branch 0, which is nothing else
    starts: tuple[Matrix, ...]  # of the other branches
    fields: tuple[Field, ...]
    joining: Filter

    @classmethod
    def of(cls, weights: Weights) -> Context:
        """Read a module's tensors."""
        return cls(
            weights.pointwise(["conv_res.conv"]),
            weights.pointwise(["branch0.conv"]),
            tuple(weights.pointwise([f"branch{index + 1}.conv0.conv"]) for index in range(len(FIELDS))),
            tuple(Field.of(weights.under(f"branch{index + 1}"), size) for index, size in enumerate(FIELDS)),
            weights.filter("conv_cat.conv"),
        )

    def run(self, shop: Workshop, tokens: Floats, size: tuple[int, int], norm: Norm | None, out: Floats) -> None:
        """(h * w, C), perhaps before its norm, to out (h, w, 64)."""
        width = out.shape[2]

        def point(matrix: Matrix, to: Floats) -> None:
            shop.kernels.linear(tokens, matrix, to.reshape(-1, width), norm, kind="1x1 convolution")

        with shop.maps.returned():
            point(self.shortcut, out)
            branches = [shop.maps.take(*size, width) for _ in range(len(self.fields) + 1)]
            point(self.first, branches[0])
            for start, field, branch in zip(self.starts, self.fields, branches[1:], strict=True):
                with shop.maps.returned():
                    x = shop.maps.take(*size, width)
                    point(start, x)
                    field.run(shop, x, branch)
            shop.kernels.convolve(branches, self.joining, out, added=True, rectified=True)


@dataclass(frozen=True)
class Decoder:
    """Joins the three coarsest contexts into features and the coarsest saliency, both at H/8."""

    conv1: Filter
    attention: AxialAttention
    conv2: Filter
    conv3: Filter
    conv4: Filter
    conv5: Filter
    only_first: Floats  # of conv5's columns: the others are zeros

    @classmethod
    def of(cls, weights: Weights) -> Decoder:
        """Read the decoder's tensors."""
        columns = weights.kernels.panel
        only_first = weights.reserve.take(columns)
        only_first[...] = np.arange(columns) == 0
        return cls(
            weights.filter("conv1.conv"),
            AxialAttention.of(weights),
            weights.filter("conv2.conv"),
            weights.filter("conv3.conv"),
            weights.filter("conv4.conv"),
            weights.filter("conv5.conv", columns=columns),
            only_first,
        )

    def run(self, shop: Workshop, contexts: Sequence[Floats], out: Floats, saliency: Floats) -> None:
        """Take the contexts (h, w, 64) at H/8, H/16, H/32; fill in features (h, w, 64) and saliency (h, w) at H/8."""
        size = out.shape[:2]
        with shop.maps.returned():
            a, b = shop.maps.take(*out.shape), shop.maps.take(*out.shape)
            x5, x4 = shop.maps.take(*out.shape), shop.maps.take(*out.shape)
            shop.kernels.resize(contexts[2], size, x5, corners=True)
            shop.kernels.resize(contexts[1], size, x4, corners=True)
            shop.kernels.convolve([x5, x4, contexts[0]], self.conv1, a)
            self.attention.run(shop, a, b)
            shop.kernels.convolve([b], self.conv2, a)
            shop.kernels.convolve([a], self.conv3, b)
            shop.kernels.convolve([b], self.conv4, out)
            shop.kernels.convolve([out], self.conv5, saliency, weights=self.only_first)
