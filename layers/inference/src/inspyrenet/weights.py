"""Brings a checkpoint's tensors into the form that the kernels read.

Enters: tensors by their names in upstream's state dict, batch norms folded. Leaves: matrices and filters in panels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from inspyrenet.kernels import POINTS, Filter, Matrix, Norm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inspyrenet.kernels import Floats, Kernels
    from inspyrenet.memory import Reserve


@dataclass(frozen=True)
class Weights:
    """Tensors under a prefix, and what packs them. Packed, they lie in `reserve`, which huge pages back."""

    tensors: Mapping[str, Floats]
    kernels: Kernels
    reserve: Reserve
    prefix: str = ""

    def under(self, name: str) -> Weights:
        """Narrow down to a part of the network."""
        return Weights(self.tensors, self.kernels, self.reserve, f"{self.prefix}{name}.")

    def tensor(self, name: str) -> Floats:
        """Give a tensor as it is. KeyError: the artefact has none of this name."""
        return self.tensors[self.prefix + name]

    def has(self, name: str) -> bool:
        """Tell whether there is such a tensor."""
        return self.prefix + name in self.tensors

    def norm(self, name: str) -> Norm:
        """Give a layer norm."""
        return Norm(self._kept(self.tensor(f"{name}.weight")), self._kept(self.tensor(f"{name}.bias")))

    def matrix(self, weight: Floats, bias: Floats | None = None) -> Matrix:
        """Pack weights of a linear layer, (out, in), as torch has them."""
        columns, depth = weight.shape
        panels = self.reserve.take(self.kernels.panel_floats(depth, columns))
        self.kernels.pack(weight.T, panels)
        # Kernels read a bias by whole panels.
        return Matrix(depth, columns, panels, None if bias is None else self._kept(bias, self.kernels.panel))

    def linear(self, name: str, *, bias: bool = True) -> Matrix:
        """Give a linear layer."""
        return self.matrix(self.tensor(f"{name}.weight"), self.tensor(f"{name}.bias") if bias else None)

    def pointwise(self, names: Sequence[str]) -> Matrix:
        """Give several 1 x 1 convolutions of the same input as one matrix."""
        weights = [self.tensor(f"{name}.weight") for name in names]
        biases = [self.tensor(f"{name}.bias") for name in names]
        return self.matrix(np.concatenate([w.reshape(w.shape[0], -1) for w in weights]), np.concatenate(biases))

    def sliding(self, name: str) -> Matrix:
        """Give a convolution of 1 x n or n x 1 pixels as a matrix (n * C, columns)."""
        weight = self.tensor(f"{name}.weight")
        by_tap = weight.reshape(*weight.shape[:2], -1).transpose(0, 2, 1)  # out, n, C
        return self.matrix(by_tap.reshape(weight.shape[0], -1), self.tensor(f"{name}.bias"))

    def filter(self, name: str, *, columns: int | None = None) -> Filter:
        """Give a 3 x 3 convolution; with `columns`, filled up to as many by zeros."""
        weight = self.tensor(f"{name}.weight")
        bias = self.tensor(f"{name}.bias") if self.has(f"{name}.bias") else np.zeros(weight.shape[0], np.float32)
        if columns:
            weight = np.concatenate((weight, np.zeros((columns - weight.shape[0], *weight.shape[1:]), weight.dtype)))
            bias = np.concatenate((bias, np.zeros(columns - bias.shape[0], bias.dtype)))
        panels = self.reserve.take(POINTS, weight.shape[1] * weight.shape[0])
        self.kernels.pack_filter(weight, panels)
        return Filter(weight.shape[1], weight.shape[0], panels, self._kept(bias))

    def _kept(self, tensor: Floats, multiple: int = 1) -> Floats:
        kept = self.reserve.take(-(-tensor.size // multiple) * multiple)
        kept[: tensor.size] = tensor.reshape(-1)
        kept[tensor.size :] = 0
        return kept
