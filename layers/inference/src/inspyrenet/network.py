"""InSPyReNet (Kim et al., ACCV 2022, arXiv:2209.09475) with a Swin-B encoder, on the kernels of this package.

Enters: a normalised picture. Leaves: its saliency. It must not know files or pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from inspyrenet.memory import Reserve, Workshop
from inspyrenet.paa import Context, Decoder
from inspyrenet.sica import SICA
from inspyrenet.swin import Swin
from inspyrenet.weights import Weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspyrenet.kernels import Floats, Kernels, Norm, Trace

# What the maps take of a reserve at most, over sizes from 32 x 32 to 320 x 5056: 84 per pixel, and the strips.
# Only what is touched takes memory.
_MAP_FLOATS_PER_PX = 96
_MAP_FLOATS = 32 * 1024**2
_PACKED_SHARE = 1.35  # filters take four times their weights


class Network:
    """The whole network, loaded. One picture at a time."""

    def __init__(self, tensors: Mapping[str, Floats], base_px: int, kernels: Kernels) -> None:
        self._kernels = kernels
        floats = sum(tensor.size for tensor in tensors.values())
        self._packed = Reserve(self._kernels.library, int(floats * _PACKED_SHARE) + 2**24)
        weights = Weights(tensors, self._kernels, self._packed)
        self._swin = Swin.of(weights.under("backbone"))
        self._contexts = tuple(Context.of(weights.under(f"context{index + 1}")) for index in range(5))
        self._decoder = Decoder.of(weights.under("decoder"))
        self._attention = tuple(SICA.of(weights.under(f"attention{index}"), base_px >> index) for index in range(3))
        self._depth = self._decoder.conv4.columns
        self._maps: tuple[tuple[int, int], Reserve] | None = None

    def infer(self, picture: Floats, trace: Trace | None = None) -> Floats:
        """(3, H, W), normalised, H and W multiples of 32, to (H, W) in [0, 1]."""
        self._kernels.trace = trace
        h, w = picture.shape[1:]
        reserve = self._reserve((h, w))
        # e^x of a logit beyond 88 is infinite, and its sigmoid zero or one as it should be.
        with reserve.returned(), np.errstate(over="ignore"):
            return self._run(np.ascontiguousarray(picture, np.float32), reserve)

    def _reserve(self, size: tuple[int, int]) -> Reserve:
        if self._maps is None or self._maps[0] != size:
            self._maps = None  # first, so that both are never there together
            self._maps = (size, Reserve(self._kernels.library, size[0] * size[1] * _MAP_FLOATS_PER_PX + _MAP_FLOATS))
        return self._maps[1]

    def _run(self, picture: Floats, reserve: Reserve) -> Floats:
        kernels, depth = self._kernels, self._depth
        shop = Workshop(kernels, reserve)
        h, w = picture.shape[1:]
        quarter, half = (h // 4, w // 4), (h // 2, w // 2)
        contexts: list[Floats] = [reserve.take(h // step, w // step, depth) for step in (4, 4, 8, 16, 32)]
        remaining = iter(zip(self._contexts, contexts, strict=True))

        def use(tokens: Floats, size: tuple[int, int], norm: Norm | None) -> None:
            context, out = next(remaining)
            context.run(shop, tokens, size, norm, out)

        self._swin.run(shop, picture, use)
        x1, x2, x3, x4, x5 = contexts
        f3, d3 = reserve.take(*x3.shape), np.empty(x3.shape[:2], np.float32)
        self._decoder.run(shop, (x3, x4, x5), f3, d3)  # H/8
        f3_enlarged, f2 = reserve.take(*x2.shape), reserve.take(*x2.shape)
        kernels.resize(f3, quarter, f3_enlarged)
        p2 = self._attention[2].run(shop, (x2, f3_enlarged), quarter, (d3,), f2)  # H/4
        d2 = _finer(d3, p2)
        f1 = reserve.take(*half, depth)
        p1 = self._attention[1].run(shop, (x1, f2), half, (d2, p2), f1)  # H/2
        d1 = _finer(d2, p1)
        p0 = self._attention[0].run(shop, (f1,), (h, w), (d1, p1), None)  # H
        d0 = 1 / (1 + np.exp(-_finer(d1, p0)))
        low, high = d0.min(), d0.max()
        saliency: Floats = (d0 - low) / (high - low + np.float32(1e-8))
        return saliency


_BELL = np.exp(-0.5 * (np.arange(7) - 3.0) ** 2)  # sigma 1, as cv2.getGaussianKernel
_BELL = (2 * _BELL / _BELL.sum()).astype(np.float32)  # times 2 each way: three of four pixels are zeros


def _finer(saliency: Floats, laplacian: Floats) -> Floats:
    """Go one level down the image pyramid (paper, 3.3; Burt and Adelson 1983): (h, w) and (2h, 2w) to (2h, 2w)."""
    return _stretched(_stretched(saliency).T).T + laplacian


def _stretched(x: Floats) -> Floats:
    """Put a row of zeros behind each row of x (h, w) and blur along the columns, reflecting at the borders: (2h, w)."""
    h = x.shape[0]
    zeros = np.zeros((2 * h + 6, x.shape[1]), np.float32)
    zeros[3 : 2 * h + 3 : 2] = x
    zeros[:3], zeros[-3:] = zeros[6:3:-1], zeros[-5:-8:-1]
    out = np.zeros((2 * h, x.shape[1]), np.float32)
    for tap, weight in enumerate(_BELL):
        out += weight * zeros[tap : tap + 2 * h]
    return out
