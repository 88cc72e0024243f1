"""Context modules and decoder: parallel axial attention (Kim, Lee and Kim, CIKM 2021).

Enters: the encoder's tokens. Leaves: contexts of 64 channels, and the coarsest features and saliency.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from inspyrenet.kernels import ADDED, Filter, Matrix, Norm

if TYPE_CHECKING:
    from inspyrenet.kernels import Floats, Kernels
    from inspyrenet.memory import Reserve
    from inspyrenet.weights import Weights

FIELDS = (3, 5, 7)


@dataclass(frozen=True)
class AxialAttention:
    """Attention along both axes. `projections`: query, key and value of "H", then those of "W", side by side."""

    projections: Matrix
    width: int

    @classmethod
    def of(cls, weights: Weights) -> AxialAttention:
        """Read both axes' tensors."""
        names = [f"{axis}attn.{kind}_conv.conv" for axis in "HW" for kind in ("query", "key", "value")]
        return cls(weights.pointwise(names), weights.tensor("Hattn.value_conv.conv.bias").size)

    def run(self, kernels: Kernels, reserve: Reserve, x: Floats, out: Floats) -> None:
        """out = attended along h + attended along w + 2 x, all (h, w, C).

        Upstream's `view` lays the map out anew, channels outermost, so the tokens of "H" are columns of length h in
        that memory, which on a map that is not square are not its columns. The weights were trained with it on
        squares, and with it they are used.
        """
        h, w, width = x.shape
        pixels = h * w
        with reserve.returned():
            projected = reserve.take(pixels, self.projections.columns)
            kernels.linear(x.reshape(pixels, width), self.projections, projected, kind="1x1 convolution")
            planes = reserve.take(self.projections.columns, pixels)
            kernels.to_planes(projected, planes)
            attended = reserve.take(width * pixels)
            each = self.projections.columns // 2
            for axis, side in enumerate((h, w)):
                query, key, value = np.split(planes[axis * each : (axis + 1) * each], (width // 8, width // 4))
                with reserve.returned():
                    shares = _shares(kernels, reserve, query.reshape(-1, side), key.reshape(-1, side))
                    panels = reserve.take(kernels.panel_floats(side, side))
                    kernels.pack(shares.T, panels)
                    rows = attended.reshape(-1, side)
                    how = {"how": ADDED} if axis else {}
                    kernels.linear(value.reshape(-1, side), Matrix(side, side, panels), rows, **how, kind="axial attention")
            kernels.from_planes(attended.reshape(width, pixels), x.reshape(pixels, width), out)


def _shares(kernels: Kernels, reserve: Reserve, query: Floats, key: Floats) -> Floats:
    """Softmax of queries times keys, (depth, n) each: (n, n)."""
    depth, side = query.shape
    shares = reserve.take(side, side)
    with reserve.returned():
        panels = reserve.take(kernels.panel_floats(depth, side))
        kernels.pack(key, panels)
        turned = reserve.take(side, depth)
        turned[...] = query.T
        kernels.linear(turned, Matrix(depth, side, panels), shares, kind="axial attention")
    kernels.soften(shares)
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

    def run(self, kernels: Kernels, reserve: Reserve, x: Floats, out: Floats) -> None:
        """(h, w, 64) to (h, w, 64)."""
        with reserve.returned():
            a, b = reserve.take(*x.shape), reserve.take(*x.shape)
            kernels.slide(x, self.across, a, taps=self.size, down=False)
            kernels.slide(a, self.down, b, taps=self.size, down=True)
            self.attention.run(kernels, reserve, b, a)
            kernels.convolve([a], self.last, out, dilation=self.size)


@dataclass(frozen=True)
class Context:
    """A context module: four receptive fields side by side, down to 64 channels (InSPyReNet's paper, 3.1)."""

    first: Matrix  # all that is 1 x 1 on the input: branch 0, the starts of the others, the shortcut
    fields: tuple[Field, ...]
    joining: Filter

    @classmethod
    def of(cls, weights: Weights) -> Context:
        """Read a module's tensors."""
        starts = [f"branch{index + 1}.conv0.conv" for index in range(len(FIELDS))]
        return cls(
            weights.pointwise(["branch0.conv", *starts, "conv_res.conv"]),
            tuple(Field.of(weights.under(f"branch{index + 1}"), size) for index, size in enumerate(FIELDS)),
            weights.filter("conv_cat.conv"),
        )

    def run(
        self, kernels: Kernels, reserve: Reserve, tokens: Floats, size: tuple[int, int], norm: Norm | None, out: Floats
    ) -> None:
        """(h * w, C), perhaps before its norm, to out (h, w, 64)."""
        width = out.shape[2]
        with reserve.returned():
            branches = [reserve.take(*size, width) for _ in range(len(self.fields) + 1)]
            with reserve.returned():
                started = reserve.take(*size, self.first.columns)
                kernels.linear(tokens, self.first, started.reshape(-1, self.first.columns), norm, kind="1x1 convolution")
                branches[0][...] = started[..., :width]
                out[...] = started[..., -width:]
                x = reserve.take(*size, width)
                for index, field in enumerate(self.fields):
                    x[...] = started[..., (index + 1) * width : (index + 2) * width]
                    field.run(kernels, reserve, x, branches[index + 1])
            kernels.convolve(branches, self.joining, out, added=True, rectified=True)


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
            *(weights.filter(f"conv{index}.conv") for index in (2, 3, 4)),
            weights.filter("conv5.conv", columns=columns),
            only_first,
        )

    def run(self, kernels: Kernels, reserve: Reserve, contexts: tuple[Floats, Floats, Floats], out: Floats, saliency: Floats) -> None:
        """Take the contexts (h, w, 64) at H/8, H/16 and H/32; give features (h, w, 64) and saliency (h, w) at H/8."""
        size = out.shape[:2]
        with reserve.returned():
            a, b = reserve.take(*out.shape), reserve.take(*out.shape)
            x5, x4 = reserve.take(*out.shape), reserve.take(*out.shape)
            kernels.resize(contexts[2], size, x5, corners=True)
            kernels.resize(contexts[1], size, x4, corners=True)
            kernels.convolve([x5, x4, contexts[0]], self.conv1, a)
            self.attention.run(kernels, reserve, a, b)
            kernels.convolve([b], self.conv2, a)
            kernels.convolve([a], self.conv3, b)
            kernels.convolve([b], self.conv4, out)
            kernels.convolve([out], self.conv5, saliency, weights=self.only_first)
