"""InSPyReNet (Kim et al., ACCV 2022, arXiv:2209.09475) with a Swin-B encoder, written for export.

Enters: a normalised picture, (1, 3, H, W) float32, H and W multiples of 32. Leaves: its saliency, (1, 1, H, W) float32
in [0, 1], sigmoid and min-max done. Must not know: files, pictures, ONNX Runtime.

The parameters are named as upstream names them (transparent_background/InSPyReNet.py and modules/, MIT), so its state
dict loads strictly; `fold` then rewrites them. The batch is always 1. Each deviation from upstream is exact up to
rounding and carries its reason; the layer's README says what each one is worth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from layers.model.paa import AxisAttention, ConvNorm, PAADecoder, PAAEncoder, enlarge
from layers.model.sica import SICA
from layers.model.swin import SWIN_B, Swin, SwinSize

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Architecture:
    """How large the network is: its encoder, and the channels of each decoder stage."""

    encoder: SwinSize
    depth: int


# Every published checkpoint is of this one. Tests take a smaller one as well: the same code in a fraction of the time.
PUBLISHED = Architecture(SWIN_B, depth=64)


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

    def __init__(self, base_px: int, *, strips: int = 1, architecture: Architecture = PUBLISHED) -> None:
        super().__init__()
        self.strips = strips
        encoder, depth = architecture.encoder, architecture.depth
        self.backbone = Swin(encoder)
        for index, c_in in enumerate((encoder.widths[0], *encoder.widths)):
            self.add_module(f"context{index + 1}", PAAEncoder(c_in, depth))
        self.decoder = PAADecoder(3 * depth, depth)
        self.attention0 = SICA(depth, depth, base_px, with_laplacian=True)
        self.attention1 = SICA(2 * depth, depth, base_px // 2, with_laplacian=True)
        self.attention2 = SICA(2 * depth, depth, base_px // 4, with_laplacian=False)
        self.pyramid = Pyramid()

    @classmethod
    def from_state_dict(
        cls, state: Mapping[str, Tensor], base_px: int, *, strips: int = 1, architecture: Architecture = PUBLISHED
    ) -> InSPyReNet:
        """Load upstream's state dict, every name and shape of it, and fold. Raises RuntimeError on any other."""
        network = cls(base_px, strips=strips, architecture=architecture)
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
