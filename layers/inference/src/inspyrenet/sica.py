"""Scale-invariant context attention (InSPyReNet, section 3.2), at each of three sizes.

Enters: features and the coarser saliency. Leaves: refined features and a Laplacian.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from inspyrenet.kernels import POINTS, SHARES, Filter, Matrix, Strip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from inspyrenet.kernels import Floats
    from inspyrenet.memory import Workshop
    from inspyrenet.weights import Weights

# Pixels of the result worked out together, since what a stage needs in between is large; rounded to rows, no fewer
# than 16, since each strip works out up to ten of its neighbours' rows again.
STRIP_PX = 64 * 1024
LEAST_STRIP_ROWS = 16
# Into how many sums the contexts are gathered: a fixed number, so that results do not depend on the threads.
GATHER_JOBS = 16
# How many rows more than its result a strip needs of its input: a row on either side for each 3 x 3 convolution.
REACH = 5


@dataclass(frozen=True)
class _Look:
    """A stage's input at its size, and what the picture's contexts make of the stage's weights."""

    parts: Sequence[Floats]
    size: tuple[int, int]
    key: Floats
    out1: Filter


@dataclass(frozen=True)
class SICA:
    """One stage. `stage_side` comes from the model's base size also when the picture has another."""

    stage_side: int
    depth: int
    thresholds: tuple[float, ...]
    query: tuple[Filter, Filter]
    key: tuple[Floats, ...]  # weight, bias, weight, bias of two pointwise layers
    value: tuple[Floats, ...]
    out1_weight: Floats
    out1_bias: Floats
    out2: Filter
    out3: Filter
    out4: Matrix
    out4_bias: float
    out4_weights: Floats

    @classmethod
    def of(cls, weights: Weights, stage_side: int) -> SICA:
        """Read a stage's tensors."""
        thresholds = [float(weights.tensor("threshold")[0])]
        if weights.has("lthreshold"):
            thresholds.append(float(weights.tensor("lthreshold")[0]))
        depth = weights.tensor("conv_out3.conv.bias").size
        return cls(
            stage_side,
            depth,
            tuple(thresholds),
            (weights.filter("conv_query.0.conv"), weights.filter("conv_query.1.conv")),
            _pointwise(weights.under("conv_key")),
            _pointwise(weights.under("conv_value")),
            np.array(weights.tensor("conv_out1.conv.weight")),
            np.array(weights.tensor("conv_out1.conv.bias")),
            weights.filter("conv_out2.conv"),
            weights.filter("conv_out3.conv"),
            weights.pointwise(["conv_out4.conv"]),
            float(weights.tensor("conv_out4.conv.bias")[0]),
            np.array(weights.tensor("conv_out4.conv.weight").reshape(-1)),
        )

    def run(
        self,
        shop: Workshop,
        parts: Sequence[Floats],
        size: tuple[int, int],
        coarser: Sequence[Floats],
        features: Floats | None,
    ) -> Floats:
        """Refine the parts (h, w, C) side by side, enlarged to `size`; give the Laplacian, of that size.

        `coarser`: the saliency and, but for the coarsest stage, the Laplacian below. `features` (*size, depth) is
        filled with the refined features, if they are wanted.
        """
        with shop.maps.returned():
            contexts = self._contexts(shop, parts, size, self._classes(shop, size, coarser))
        laplacian = np.empty(size, np.float32)
        with shop.maps.returned():
            look = _Look(parts, size, *self._attend(shop, contexts))
            rows = max(STRIP_PX // size[1] // 4 * 4, LEAST_STRIP_ROWS)
            for top in range(0, size[0], rows):
                self._refine(shop, look, (top, min(top + rows, size[0])), features, laplacian)
        return laplacian

    def _classes(self, shop: Workshop, size: tuple[int, int], coarser: Sequence[Floats]) -> Floats:
        """Give the 3 (or, with a Laplacian, 5) soft classes at `size`, resized to the stage: (classes, side, side)."""
        threshold = self.thresholds[0]
        fore = _sigmoid(_enlarge(shop, coarser[0], size)) - threshold
        found = [np.maximum(fore, 0), np.maximum(-fore, 0), threshold - np.abs(fore)]
        if len(coarser) > 1:
            edge = _sigmoid(_enlarge(shop, coarser[1], size)) - self.thresholds[1]
            found += [np.maximum(edge, 0), np.maximum(-edge, 0)]
        return np.stack([_enlarge(shop, one, (self.stage_side, self.stage_side)) for one in found])

    def _contexts(self, shop: Workshop, parts: Sequence[Floats], size: tuple[int, int], classes: Floats) -> Floats:
        """Weigh the features, enlarged to `size` and then to the stage, by each class: (classes, C).

        Upstream reads the memory of a (C, side, side) map as (side * side, C), without a transpose: class weight r
        meets C neighbouring pixels of one row. The weights were trained with that. Where C divides a row, the map need
        not be enlarged for it: both resizes are matrices, and may as well act on the small weights.
        """
        side, width = self.stage_side, sum(part.shape[2] for part in parts)
        if side % width:
            return _contexts_at_stage(shop, parts, size, classes)
        h, w = parts[0].shape[:2]
        count, blocks = len(classes), side // width
        # classes: (count, C, side, blocks): which pixel of which channel's row meets class weight r.
        by_channel = classes.reshape(count, width, side, blocks)
        down, right = _resizes(h, size[0], side), _resizes(w, size[1], side)  # (h, side), (w, side)
        columns = -(-count * blocks // shop.kernels.panel) * shop.kernels.panel
        rows = np.zeros((w, columns))
        first = 0
        for part in parts:
            channels = part.shape[2]
            gathered = shop.maps.take(GATHER_JOBS, w, columns)
            shop.kernels.gather(part, np.ascontiguousarray(by_channel[:, first : first + channels]), down, gathered)
            rows += gathered.sum(axis=0)
            first += channels
        by_block = rows[:, : count * blocks].reshape(w, count, blocks)
        contexts = np.einsum("wcb,wbj->cj", by_block, right.reshape(w, blocks, width), optimize=True)
        return np.asarray(contexts, np.float32)

    def _attend(self, shop: Workshop, contexts: Floats) -> tuple[Floats, Filter]:
        """Give the key (classes, depth) and, by the values, the filter that makes a context of each pixel's shares.

        Each pixel's context is a softmax over few classes times as many value vectors: it has that rank. So the values
        go into conv_out1's kernel, which then reads the 3 or 5 shares instead of 64 channels.
        """
        key = np.ascontiguousarray(_through(self.key, contexts) * np.float32(self.depth**-0.5))
        value = _through(self.value, contexts)  # classes, depth
        kernel = np.tensordot(self.out1_weight, value, axes=(1, 1)).transpose(0, 3, 1, 2)  # depth, classes, 3, 3
        panels = shop.maps.take(POINTS, SHARES * self.depth)
        shop.kernels.pack_filter(kernel, panels)
        return key, Filter(SHARES, self.depth, panels, self.out1_bias)

    def _refine(
        self, shop: Workshop, look: _Look, rows: tuple[int, int], features: Floats | None, laplacian: Floats
    ) -> None:
        """Attend and convolve for some rows of the result."""
        parts, (height, width) = look.parts, look.size

        def around(reach: int) -> tuple[int, int]:
            return max(0, rows[0] - reach), min(height, rows[1] + reach)

        with shop.maps.returned():
            (top, bottom), x = around(REACH), []
            for part in parts:
                if part.shape[:2] == look.size:
                    x.append(part[top:bottom])
                    continue
                x.append(shop.maps.take(bottom - top, width, part.shape[2]))
                shop.kernels.resize(part, look.size, x[-1], rows=(top, bottom))
            firsts = (top,) * len(x)
            context = shop.maps.take(bottom - top, width, self.depth)
            with shop.maps.returned():
                query0, query1 = context, shop.maps.take(bottom - top, width, self.depth)
                strip0, strip1 = around(4), around(3)
                shop.kernels.convolve(x, self.query[0], query0, rectified=True, strip=Strip(height, firsts, *strip0))
                second = Strip(height, (strip0[0],), *strip1)
                shop.kernels.convolve([query0], self.query[1], query1, rectified=True, strip=second)
                count = strip1[1] - strip1[0]
                shares = shop.maps.take(count, width, SHARES)
                shop.kernels.weigh(query1[:count].reshape(-1, self.depth), look.key, shares.reshape(-1, SHARES))
                strip2 = around(2)
                shop.kernels.convolve(
                    [shares], look.out1, context, rectified=True, strip=Strip(height, (strip1[0],), *strip2)
                )
            strip3 = around(1)
            joined = shop.maps.take(bottom - top, width, self.depth)
            inputs = Strip(height, (*firsts, strip2[0]), *strip3)
            shop.kernels.convolve([*x, context], self.out2, joined, rectified=True, strip=inputs)
            last = Strip(height, (strip3[0],), *rows)
            flat = laplacian[rows[0] : rows[1]]
            if features is None:
                shop.kernels.convolve([joined], self.out3, flat, rectified=True, strip=last, weights=self.out4_weights)
                flat += self.out4_bias
                return
            out = features[rows[0] : rows[1]]
            shop.kernels.convolve([joined], self.out3, out, rectified=True, strip=last)
            shop.kernels.linear(out.reshape(-1, self.depth), self.out4, flat.reshape(-1, 1), kind="1x1 convolution")


def _pointwise(weights: Weights) -> tuple[Floats, ...]:
    """Read two pointwise layers: weight (out, in) and bias of each."""
    read = []
    for index in (0, 1):
        weight = weights.tensor(f"{index}.conv.weight")
        read += [np.array(weight.reshape(weight.shape[0], -1)), np.array(weights.tensor(f"{index}.conv.bias"))]
    return tuple(read)


def _through(layers: tuple[Floats, ...], contexts: Floats) -> Floats:
    """Take (classes, C) through two pointwise layers with ReLU: (classes, depth)."""
    w0, b0, w1, b1 = layers
    through: Floats = np.maximum(np.maximum(contexts @ w0.T + b0, 0) @ w1.T + b1, 0)
    return through


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-x)), np.float32)


def _enlarge(shop: Workshop, flat: Floats, size: tuple[int, int]) -> Floats:
    """Resize (h, w) bilinearly."""
    if flat.shape == size:
        return flat
    out = np.empty((*size, 1), np.float32)
    shop.kernels.resize(flat[..., None], size, out)
    return out[..., 0]


@functools.lru_cache(maxsize=6)  # a picture needs six, and the next one the same
def _resizes(source: int, between: int, target: int) -> Floats:
    """Give the matrix (source, target) of a bilinear resize along one axis, by way of `between`."""
    return np.ascontiguousarray(_resize(source, between) @ _resize(between, target), dtype=np.float32)


def _resize(source: int, target: int) -> NDArray[np.float64]:
    where = np.maximum((np.arange(target) + 0.5) * source / target - 0.5, 0)
    first = np.minimum(where.astype(int), source - 1)
    share = where - first
    matrix = np.zeros((source, target))
    np.add.at(matrix, (first, np.arange(target)), 1 - share)
    np.add.at(matrix, (np.minimum(first + 1, source - 1), np.arange(target)), share)
    return matrix


def _contexts_at_stage(shop: Workshop, parts: Sequence[Floats], size: tuple[int, int], classes: Floats) -> Floats:
    side, width = classes.shape[1], sum(part.shape[2] for part in parts)
    planes, first = shop.maps.take(width, side * side), 0
    for part in parts:
        channels = part.shape[2]
        with shop.maps.returned():
            enlarged = part
            if part.shape[:2] != size:
                enlarged = shop.maps.take(*size, channels)
                shop.kernels.resize(part, size, enlarged)
            if size != (side, side):
                staged = shop.maps.take(side, side, channels)
                shop.kernels.resize(enlarged, (side, side), staged)
                enlarged = staged
            shop.kernels.to_planes(enlarged.reshape(-1, channels), planes[first : first + channels])
        first += channels
    contexts: Floats = classes.reshape(len(classes), -1) @ planes.reshape(-1, width)
    return contexts
