"""Parallel axial attention (Kim, Lee and Kim, CIKM 2021), and the layers that it shares with the rest of the decoder.

Enters: the encoder's maps. Leaves: contexts of 64 channels, and the coarsest saliency. Must not know: the pyramid.

Parameters are named as upstream names them (transparent_background/modules/, MIT). `fold` rewrites them for export.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional


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
