"""Scale-invariant context attention (InSPyReNet, section 3.2), at each of three sizes.

Enters: features and the coarser saliency. Leaves: refined features and a Laplacian. Must not know: the encoder.

Parameters are named as upstream names them (transparent_background/modules/attention_module.py, MIT).
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from layers.model.paa import ConvNorm, enlarge

# Rows of its neighbours that a strip carries along, before enlargement: five 3 x 3 convolutions spoil one enlarged row
# each at a cut, the enlargement itself one more.
_HALO = 3


class SICA(nn.Module):
    """Scale-invariant context attention (paper, 3.2).

    Refines features by what the coarser saliency calls fore- and background, and gives the Laplacian that turns this
    saliency into the next finer one.

    `stage_side` comes from the model's base size also when the picture has another: that is the scale invariance.
    """

    def __init__(self, c_in: int, depth: int, stage_side: int, *, with_laplacian: bool) -> None:
        super().__init__()
        self.depth = depth
        self.stage_side = stage_side
        self.conv_query = nn.Sequential(
            ConvNorm(c_in, depth, (3, 3), relu=True), ConvNorm(depth, depth, (3, 3), relu=True)
        )
        self.conv_key = nn.Sequential(
            ConvNorm(c_in, depth, (1, 1), relu=True), ConvNorm(depth, depth, (1, 1), relu=True)
        )
        self.conv_value = nn.Sequential(
            ConvNorm(c_in, depth, (1, 1), relu=True), ConvNorm(depth, depth, (1, 1), relu=True)
        )
        self.conv_out1 = ConvNorm(depth, depth, (3, 3), relu=True)
        self.conv_out2 = ConvNorm(c_in + depth, depth, (3, 3), relu=True)
        self.conv_out3 = ConvNorm(depth, depth, (3, 3), relu=True)
        self.conv_out4 = ConvNorm(depth, 1, (1, 1))
        self.threshold = nn.Parameter(torch.tensor([0.5]))
        if with_laplacian:
            self.lthreshold = nn.Parameter(torch.tensor([0.5]))

    def classes(self, size: tuple[int, int], smap: Tensor, lmap: Tensor | None) -> Tensor:
        """Give the 3 (or, with a Laplacian, 5) soft classes at `size`, resized to the stage: (classes, side * side)."""
        fore = torch.sigmoid(enlarge(smap, size)) - self.threshold
        prob = [fore.clamp(0, 1), (-fore).clamp(0, 1), self.threshold - fore.abs()]
        if lmap is not None:
            edge = torch.sigmoid(enlarge(lmap, size)) - self.lthreshold
            prob += [edge.clamp(0, 1), (-edge).clamp(0, 1)]
        stage = (self.stage_side, self.stage_side)
        return enlarge(torch.cat(prob, dim=1), stage).reshape(len(prob), -1)

    def contexts(self, x: Tensor, size: tuple[int, int], prob: Tensor) -> Tensor:
        """Weigh the features `x`, enlarged to `size` and then to the stage, by each class: (classes, C).

        Upstream reads the memory of a (C, side, side) map as (side * side, C), without a transpose: class weight r
        meets C neighbouring pixels of one row. The weights were trained with that. Where C divides a row, the map need
        not be enlarged for it: both resizes are matrices, R_y x R_x^T, and may as well act on the small weights.
        """
        width, side = x.shape[1], self.stage_side
        if side % width:
            return prob @ enlarge(enlarge(x, size), (side, side)).reshape(-1, width)
        h, w, blocks = x.shape[-2], x.shape[-1], side // width
        weights = prob.reshape(-1, width, side, blocks).permute(0, 3, 1, 2)  # classes, blocks, C, side
        weights = weights @ _resize_matrix(h, size[0], side).transpose(0, 1)  # classes, blocks, C, h
        rows = weights.reshape(-1, width * h) @ x.reshape(width * h, w)  # classes * blocks, w
        rows = rows.reshape(-1, blocks, w).transpose(0, 1)  # blocks, classes, w
        columns = _resize_matrix(w, size[1], side).reshape(w, blocks, width).transpose(0, 1)  # blocks, w, C
        return (rows @ columns).sum(dim=0)  # classes, C

    def refine(self, x: Tensor, key: Tensor, kernel: Tensor) -> Tensor:
        """Attend and convolve: everything that looks at a pixel's neighbourhood only. Returns (1, 64, h, w).

        `key`: (classes, 64), scaled. `kernel`: (64, classes, 3, 3), see `forward`.
        """
        similarity = key @ self.conv_query(x).reshape(self.depth, -1)  # classes, hw
        # By hand: a softmax over the first of two axes would be transposed there and back.
        similarity = (similarity - similarity.amax(dim=0, keepdim=True)).exp()
        similarity = similarity / similarity.sum(dim=0, keepdim=True)
        similarity = similarity.reshape(1, -1, x.shape[-2], x.shape[-1])
        context = functional.relu(functional.conv2d(similarity, kernel, self.conv_out1.conv.bias, padding=1))
        x = self.conv_out2(torch.cat((x, context), dim=1))
        return cast("Tensor", self.conv_out3(x))

    def attend(self, contexts: Tensor) -> tuple[Tensor, Tensor]:
        """Give the key (classes, 64) and the kernel (64, classes, 3, 3) of the picture.

        Each pixel's context is a softmax over few classes times as many value vectors: it has that rank. So the values
        go into conv_out1's kernel, which then reads the 3 or 5 weights instead of 64 channels.
        """
        column = contexts.transpose(0, 1)[None, :, :, None]  # 1, C, classes, 1
        key = self.conv_key(column).reshape(self.depth, -1).transpose(0, 1) * self.depth**-0.5
        value = self.conv_value(column).reshape(self.depth, -1)  # 64, classes
        kernel = self.conv_out1.conv.weight.permute(0, 2, 3, 1) @ value  # 64, 3, 3, classes
        return key, kernel.permute(0, 3, 1, 2)

    def forward(
        self, x: Tensor, size: tuple[int, int], smap: Tensor, lmap: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Refine `x`, enlarged to `size`; returns features (1, 64, *size) and Laplacian (1, 1, *size)."""
        key, kernel = self.attend(self.contexts(x, size, self.classes(size, smap, lmap)))
        x = self.refine(enlarge(x, size), key, kernel)
        return x, self.conv_out4(x)

    def laplacian_in_strips(self, x: Tensor, size: tuple[int, int], smap: Tensor, lmap: Tensor, strips: int) -> Tensor:
        """Give the Laplacian alone, (1, 1, *size), for `size` twice that of `x`, in horizontal strips.

        At full size a map of 64 channels takes 268 MB at 1024 px, and five of them live at once. In strips, each with a
        few rows of its neighbours, only the strips' own do.
        """
        key, kernel = self.attend(self.contexts(x, size, self.classes(size, smap, lmap)))
        h, parts = x.shape[-2], []
        for index in range(strips):
            top, bottom = h * index // strips, h * (index + 1) // strips
            above, below = (_HALO if index else 0), (_HALO if index < strips - 1 else 0)
            strip = x[:, :, top - above : bottom + below]
            strip = enlarge(strip, (2 * (bottom + below - top + above), size[1]))
            strip = self.conv_out4(self.refine(strip, key, kernel))
            parts.append(strip[:, :, 2 * above : 2 * (above + bottom - top)])
        return torch.cat(parts, dim=2)


def _resize_matrix(source: int, between: int, target: int) -> Tensor:
    """Give the matrix (source, target) of a bilinear resize along one axis, by way of `between`."""
    matrix = enlarge(torch.eye(source)[None, None], (source, between))
    return enlarge(matrix, (source, target)).reshape(source, target)
