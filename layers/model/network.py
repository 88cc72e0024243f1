"""InSPyReNet (Kim et al., ACCV 2022, arXiv:2209.09475) with a Swin-B encoder, written for export.

Enters: a normalised picture, (1, 3, H, W) float32, H and W multiples of 32. Leaves: its saliency, (1, 1, H, W) float32
in [0, 1], sigmoid and min-max done. Must not know: files, pictures, ONNX Runtime.

The parameters are named as upstream names them (transparent_background/InSPyReNet.py and modules/, MIT), so its state
dict loads strictly; `fold` then rewrites them. The batch is always 1. Each deviation from upstream is exact up to
rounding and carries its reason; the layer's README says what each one is worth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from layers.model.swin import WIDTHS, SwinB

if TYPE_CHECKING:
    from collections.abc import Mapping

DEPTH = 64
# Side, in pixels of the enlarged map, from which a strip of attention0 reaches into its neighbours: five 3 x 3
# convolutions spoil one row each at a cut, the enlargement one more. In rows of the map before enlargement: 3.
_HALO = 3


def enlarge(x: Tensor, size: tuple[int, int], *, align_corners: bool = False) -> Tensor:
    """Resize a map (1, C, h, w) bilinearly to `size`, (height, width)."""
    return functional.interpolate(x, size=size, mode="bilinear", align_corners=align_corners)


class ConvNorm(nn.Module):
    """A convolution that keeps the size, a batch norm that `fold` makes part of it, and perhaps a ReLU."""

    def __init__(  # noqa: PLR0913  # a convolution has that many properties
        self,
        c_in: int,
        c_out: int,
        kernel: tuple[int, int],
        *,
        dilation: int = 1,
        norm: bool = True,
        relu: bool = False,
    ) -> None:
        super().__init__()
        padding = (kernel[0] // 2 * dilation, kernel[1] // 2 * dilation)
        self.conv = nn.Conv2d(c_in, c_out, kernel, padding=padding, dilation=dilation, bias=False)
        self.bn = nn.BatchNorm2d(c_out) if norm else None
        self.rectified = relu

    def forward(self, x: Tensor) -> Tensor:
        """(1, c_in, h, w) to (1, c_out, h, w)."""
        x = self.conv(x)
        if self.bn is not None:
            x = self.bn(x)
        return functional.relu(x) if self.rectified else x

    @torch.no_grad()
    def fold(self, factor: float = 1.0) -> None:
        """Take the batch norm's evaluation-mode scale and shift, times `factor`, into the convolution."""
        if self.bn is None:
            return
        variance, mean = cast("Tensor", self.bn.running_var), cast("Tensor", self.bn.running_mean)
        scale = self.bn.weight * (variance + self.bn.eps).rsqrt()
        self.conv.bias = nn.Parameter((self.bn.bias - mean * scale) * factor)
        self.conv.weight.mul_((scale * factor)[:, None, None, None])
        self.bn = None


class AxisAttention(nn.Module):
    """Attention along one axis of the map (PAA, Kim et al. 2021): all that shares a row index, or a column index.

    Upstream's `view` lays the map out anew, so the tokens of "h" are columns of length H in memory order, which on a
    map that is not square are not its columns. The weights were trained with it on squares, and with it they are used.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query_conv = ConvNorm(width, width // 8, (1, 1))
        self.key_conv = ConvNorm(width, width // 8, (1, 1))
        self.value_conv = ConvNorm(width, width, (1, 1))
        self.gamma = nn.Parameter(torch.zeros(1))

    def fold(self) -> None:
        """Fold the norms, and `gamma` into the value: it scales the value's weighted means, so the value itself."""
        self.query_conv.fold()
        self.key_conv.fold()
        self.value_conv.fold(self.gamma.item())

    def forward(self, x: Tensor, side: int) -> Tensor:
        """Return the attended values without the shortcut; `side` is the axis's length, n."""
        query = self.query_conv(x).reshape(-1, side).transpose(0, 1)  # n, hw/n * 8
        key = self.key_conv(x).reshape(-1, side)  # hw/n * 8, n
        value = self.value_conv(x).reshape(-1, side)  # hw/n * 64, n
        weights = torch.softmax(query @ key, dim=-1)  # n, n
        attended: Tensor = value @ weights.transpose(0, 1)
        return attended.reshape(x.shape)  # 1, 64, h, w


def attend_axes(x: Tensor, along_h: AxisAttention, along_w: AxisAttention) -> Tensor:
    """Both axes and their shortcuts: (gamma a + x) + (gamma b + x)."""
    attended: Tensor = along_h(x, x.shape[-2]) + along_w(x, x.shape[-1])
    return attended + 2 * x


class PAAKernel(nn.Module):
    """One receptive field of a context module."""

    def __init__(self, c_in: int, width: int, field: int) -> None:
        super().__init__()
        self.conv0 = ConvNorm(c_in, width, (1, 1))
        self.conv1 = ConvNorm(width, width, (1, field))
        self.conv2 = ConvNorm(width, width, (field, 1))
        self.conv3 = ConvNorm(width, width, (3, 3), dilation=field)
        self.Hattn = AxisAttention(width)
        self.Wattn = AxisAttention(width)

    def forward(self, x: Tensor) -> Tensor:
        """(1, c_in, h, w) to (1, 64, h, w)."""
        x = self.conv2(self.conv1(self.conv0(x)))  # 1, 64, h, w
        return cast("Tensor", self.conv3(attend_axes(x, self.Hattn, self.Wattn)))


class PAAEncoder(nn.Module):
    """A context module: four receptive fields side by side, down to 64 channels (paper, 3.1)."""

    def __init__(self, c_in: int, width: int) -> None:
        super().__init__()
        self.branch0 = ConvNorm(c_in, width, (1, 1))
        self.branch1 = PAAKernel(c_in, width, 3)
        self.branch2 = PAAKernel(c_in, width, 5)
        self.branch3 = PAAKernel(c_in, width, 7)
        self.conv_cat = ConvNorm(4 * width, width, (3, 3))
        self.conv_res = ConvNorm(c_in, width, (1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(1, c_in, h, w) to (1, 64, h, w)."""
        fields = torch.cat((self.branch0(x), self.branch1(x), self.branch2(x), self.branch3(x)), dim=1)  # 1, 256, h, w
        return functional.relu(self.conv_cat(fields) + self.conv_res(x))  # 1, 64, h, w


class PAADecoder(nn.Module):
    """Join the three coarsest contexts into features and the coarsest saliency d3, both at H/8."""

    def __init__(self, c_in: int, width: int) -> None:
        super().__init__()
        self.conv1 = ConvNorm(c_in, width, (3, 3))
        self.conv2 = ConvNorm(width, width, (3, 3))
        self.conv3 = ConvNorm(width, width, (3, 3))
        self.conv4 = ConvNorm(width, width, (3, 3))
        self.conv5 = ConvNorm(width, 1, (3, 3), norm=False)
        self.Hattn = AxisAttention(width)
        self.Wattn = AxisAttention(width)

    def forward(self, x3: Tensor, x4: Tensor, x5: Tensor) -> tuple[Tensor, Tensor]:
        """Take the contexts at H/8, H/16 and H/32; give features and saliency at H/8."""
        size = (x3.shape[-2], x3.shape[-1])
        x4, x5 = enlarge(x4, size, align_corners=True), enlarge(x5, size, align_corners=True)
        x = self.conv1(torch.cat((x5, x4, x3), dim=1))  # 1, 64, H/8, W/8
        x = self.conv4(self.conv3(self.conv2(attend_axes(x, self.Hattn, self.Wattn))))
        return x, self.conv5(x)  # 1, 64, H/8, W/8 and 1, 1, H/8, W/8


class SICA(nn.Module):
    """Scale-invariant context attention (paper, 3.2).

    Refines features by what the coarser saliency calls fore- and background, and gives the Laplacian that turns this
    saliency into the next finer one.

    `stage_side` comes from the model's base size also when the picture has another: that is the scale invariance.
    """

    def __init__(self, c_in: int, stage_side: int, *, with_laplacian: bool) -> None:
        super().__init__()
        self.stage_side = stage_side
        self.conv_query = nn.Sequential(
            ConvNorm(c_in, DEPTH, (3, 3), relu=True), ConvNorm(DEPTH, DEPTH, (3, 3), relu=True)
        )
        self.conv_key = nn.Sequential(
            ConvNorm(c_in, DEPTH, (1, 1), relu=True), ConvNorm(DEPTH, DEPTH, (1, 1), relu=True)
        )
        self.conv_value = nn.Sequential(
            ConvNorm(c_in, DEPTH, (1, 1), relu=True), ConvNorm(DEPTH, DEPTH, (1, 1), relu=True)
        )
        self.conv_out1 = ConvNorm(DEPTH, DEPTH, (3, 3), relu=True)
        self.conv_out2 = ConvNorm(c_in + DEPTH, DEPTH, (3, 3), relu=True)
        self.conv_out3 = ConvNorm(DEPTH, DEPTH, (3, 3), relu=True)
        self.conv_out4 = ConvNorm(DEPTH, 1, (1, 1))
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
        similarity = key @ self.conv_query(x).reshape(DEPTH, -1)  # classes, hw
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
        key = self.conv_key(column).reshape(DEPTH, -1).transpose(0, 1) * DEPTH**-0.5
        value = self.conv_value(column).reshape(DEPTH, -1)  # 64, classes
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


class Pyramid(nn.Module):
    """A level of the image pyramid (paper, 3.3; Burt and Adelson 1983): twice the size, plus the Laplacian."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        bell = torch.exp(-0.5 * (torch.arange(7, dtype=torch.float64) - 3) ** 2)  # sigma 1, as cv2.getGaussianKernel
        bell = bell / bell.sum()
        # Times 4: three of four pixels are zeros. Not in upstream's state dict, hence not persistent here.
        self.register_buffer("kernel", (4 * torch.outer(bell, bell)).float()[None, None], persistent=False)

    def forward(self, saliency: Tensor, laplacian: Tensor) -> Tensor:
        """(1, 1, h, w) and (1, 1, 2h, 2w) to (1, 1, 2h, 2w)."""
        zeros = torch.zeros_like(saliency)
        x = functional.pixel_shuffle(torch.cat((saliency, zeros, zeros, zeros), dim=1), 2)  # 1, 1, 2h, 2w
        x = functional.conv2d(functional.pad(x, (3, 3, 3, 3), mode="reflect"), self.kernel)
        return x + laplacian


class InSPyReNet(nn.Module):
    """The whole network. `strips`: into how many parts the full-size stage is cut, 1 for none."""

    def __init__(self, base_px: int, *, strips: int = 1) -> None:
        super().__init__()
        self.strips = strips
        self.backbone = SwinB()
        for index, c_in in enumerate((WIDTHS[0], *WIDTHS)):
            self.add_module(f"context{index + 1}", PAAEncoder(c_in, DEPTH))
        self.decoder = PAADecoder(3 * DEPTH, DEPTH)
        self.attention0 = SICA(DEPTH, base_px, with_laplacian=True)
        self.attention1 = SICA(2 * DEPTH, base_px // 2, with_laplacian=True)
        self.attention2 = SICA(2 * DEPTH, base_px // 4, with_laplacian=False)
        self.pyramid = Pyramid()

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Tensor], base_px: int, *, strips: int = 1) -> InSPyReNet:
        """Load upstream's state dict, every name and shape of it, and fold. Raises RuntimeError on any other."""
        network = cls(base_px, strips=strips)
        network.load_state_dict(dict(state), strict=True)
        network.eval()
        for module in network.modules():
            if isinstance(module, AxisAttention):
                module.fold()
        for module in network.modules():
            if isinstance(module, ConvNorm):
                module.fold()
        return network.requires_grad_(requires_grad=False)

    def forward(self, picture: Tensor) -> Tensor:
        """(1, 3, H, W) to (1, 1, H, W)."""
        h, w = picture.shape[-2], picture.shape[-1]
        x1, x2, x3, x4, x5 = (
            self.get_submodule(f"context{index + 1}")(x) for index, x in enumerate(self.backbone(picture))
        )  # 64 channels each, at H/4, H/4, H/8, H/16, H/32
        quarter, half = (h // 4, w // 4), (h // 2, w // 2)
        f3, d3 = self.decoder(x3, x4, x5)  # H/8
        f2, p2 = self.attention2(torch.cat((x2, enlarge(f3, quarter)), dim=1), quarter, d3)  # H/4
        d2 = self.pyramid(d3, p2)  # H/4
        # The stages enlarge by themselves: what looks at all of their input at once can do so at the smaller size.
        f1, p1 = self.attention1(torch.cat((x1, f2), dim=1), half, d2, p2)  # H/2
        d1 = self.pyramid(d2, p1)  # H/2
        p0 = self.attention0.laplacian_in_strips(f1, (h, w), d1, p1, self.strips)  # H
        d0 = torch.sigmoid(self.pyramid(d1, p0))  # 1, 1, H, W
        low, high = d0.min(), d0.max()
        return (d0 - low) / (high - low + 1e-8)
