"""The encoder: Swin Transformer B (Liu et al., ICCV 2021, arXiv:2103.14030), written for export.

Enters: a normalised picture, (1, 3, H, W) float32, H and W multiples of 32. Leaves: five feature maps. Must not know:
what the decoder does with them.

The parameters are named as upstream names them (transparent_background/backbones/SwinTransformer.py, MIT, after
Microsoft's), so its state dict loads strictly. What is computed is the same, how differs in three ways:

1. Sizes stay symbols. Upstream takes padding and shift mask from Python ints; traced, they would be frozen at the size
   of the export, and the graph would be silently wrong at every other.
2. Padding, cyclic shift and window partition are one gather of tokens, their reversal another.
3. A padded token is zero after the norm, so its query, key and value are the layer's bias. One zero row is appended
   once, and every padded place gathers that row's projection: at 1024 px a fifth of stage 3's windows is padding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

WINDOW = 12
SHIFT = WINDOW // 2
PLACES = WINDOW * WINDOW
# Upstream's value, not minus infinity: exp(-100) is zero beside any token of the same region.
MASKED = -100.0


@dataclass(frozen=True)
class SwinSize:
    """How large a Swin Transformer is: per stage its channels, its attention heads and its blocks."""

    widths: tuple[int, int, int, int]
    heads: tuple[int, int, int, int]
    depths: tuple[int, int, int, int]


SWIN_B = SwinSize(widths=(128, 256, 512, 1024), heads=(4, 8, 16, 32), depths=(2, 2, 18, 2))


@dataclass(frozen=True)
class Windows:
    """Where the tokens of an h x w map stand once it is padded, shifted and cut into windows.

    `gather`: (windows * 144,) token of each place, h * w where the place is padding. `scatter`: (h * w,) place of each
    token. `mask`: (windows, 1, 144, 144) added to the similarities, or None where nothing was shifted.
    """

    gather: Tensor
    scatter: Tensor
    mask: Tensor | None


def cut_windows(h: int, w: int, shift: int) -> Windows:
    """Work out the places of an h x w map. With `shift`, the map moves up and left and wraps around (paper, 3.2)."""
    rows, columns = (h + WINDOW - 1) // WINDOW, (w + WINDOW - 1) // WINDOW
    padded_h, padded_w = rows * WINDOW, columns * WINDOW
    y, x = torch.arange(padded_h), torch.arange(padded_w)
    from_y, from_x = _roll(y, shift, padded_h)[:, None], _roll(x, shift, padded_w)[None, :]
    token = torch.where((from_y < h) & (from_x < w), from_y * w + from_x, h * w)  # padded_h, padded_w
    to_y, to_x = _roll(torch.arange(h), padded_h - shift, padded_h), _roll(torch.arange(w), padded_w - shift, padded_w)
    window = (to_y // WINDOW)[:, None] * columns + (to_x // WINDOW)[None, :]  # h, w
    place = window * PLACES + (to_y % WINDOW)[:, None] * WINDOW + (to_x % WINDOW)[None, :]  # h, w
    mask = None
    if shift:
        # Tokens that met only because the map wrapped around must not see each other: a region per origin.
        band_y = (y >= padded_h - WINDOW).long() + (y >= padded_h - shift).long()
        band_x = (x >= padded_w - WINDOW).long() + (x >= padded_w - shift).long()
        region = _by_window(band_y[:, None] * 3 + band_x[None, :], rows, columns).reshape(-1, PLACES)
        differs = region[:, None, :, None] != region[:, None, None, :]
        mask = torch.where(differs, torch.tensor(MASKED), torch.tensor(0.0))  # windows, 1, 144, 144
    return Windows(_by_window(token, rows, columns).reshape(-1), place.reshape(-1), mask)


def _roll(index: Tensor, by: int, length: int) -> Tensor:
    """Give (index + by) % length, for 0 <= by <= length; the exporter knows no remainder of a symbolic size."""
    index = index + by
    return torch.where(index >= length, index - length, index)


def _by_window(grid: Tensor, rows: int, columns: int) -> Tensor:
    return grid.reshape(rows, WINDOW, columns, WINDOW).permute(0, 2, 1, 3)


class WindowAttention(nn.Module):
    """Self-attention inside each window, with a learnt bias per relative position and head (paper, eq. 4)."""

    relative_position_index: Tensor

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * WINDOW - 1) ** 2, heads))
        self.register_buffer("relative_position_index", torch.zeros(PLACES, PLACES, dtype=torch.long))
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, windows: Windows) -> Tensor:
        """(L, C) to (L, C)."""
        width = x.shape[-1]
        x = torch.cat((x, x.new_zeros(1, width)))  # L + 1, C: the last row stands for every padded token
        # Three products rather than one and a split: each result is gathered into its own contiguous tensor.
        # `index_select`, because subscripts become GatherND, which is slower.
        q, k, v = (
            functional.linear(x, self.qkv.weight[start : start + width], self.qkv.bias[start : start + width])
            .index_select(0, windows.gather)
            .reshape(-1, PLACES, width)  # windows, 144, C each
            for start in (0, width, 2 * width)
        )
        bias = self.relative_position_bias_table.index_select(0, self.relative_position_index.reshape(-1))
        bias = bias.reshape(PLACES, PLACES, self.heads).permute(2, 0, 1).unsqueeze(0)  # 1, heads, 144, 144
        if windows.mask is not None:
            bias = bias + windows.mask  # windows, heads, 144, 144
        x = torch.onnx.ops.attention(q, k, v, bias, q_num_heads=self.heads, kv_num_heads=self.heads)[0]
        return cast("Tensor", self.proj(x.reshape(-1, width).index_select(0, windows.scatter)))  # L, C


class Mlp(nn.Module):
    """Two linear layers around an exact GELU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(L, C) to (L, C)."""
        return cast("Tensor", self.fc2(functional.gelu(self.fc1(x))))


class Block(nn.Module):
    """One Swin block: attention and MLP, each behind a layer norm and beside a shortcut (paper, eq. 3)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn = WindowAttention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Mlp(width)

    def forward(self, x: Tensor, windows: Windows) -> Tensor:
        """(L, C) to (L, C)."""
        x = x + self.attn(self.norm1(x), windows)  # L, C
        return cast("Tensor", x + self.mlp(self.norm2(x)))


class PatchMerging(nn.Module):
    """Halve the map: four neighbours side by side, then a linear layer from 4C to 2C (paper, 3.1)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.reduction = nn.Linear(4 * width, 2 * width, bias=False)
        self.norm = nn.LayerNorm(4 * width)

    def forward(self, x: Tensor, h: int, w: int) -> Tensor:
        """(h * w, C) to (h * w / 4, 2C)."""
        # Upstream concatenates four strided slices, columns outermost; h and w are even, so one transpose says it.
        x = x.reshape(h // 2, 2, w // 2, 2, -1).permute(0, 2, 3, 1, 4)  # h/2, w/2, column, row, C
        return cast("Tensor", self.reduction(self.norm(x.reshape((h // 2) * (w // 2), -1))))  # hw/4, 2C


class Stage(nn.Module):
    """Blocks at one resolution, every second one on shifted windows, then the way down to the next."""

    def __init__(self, width: int, depth: int, heads: int, *, last: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.downsample = None if last else PatchMerging(width)

    def forward(self, x: Tensor, h: int, w: int) -> Tensor:
        """(h * w, C) to (h * w, C); the way down is for the caller, who needs both."""
        straight, shifted = cut_windows(h, w, 0), cut_windows(h, w, SHIFT)
        for index, block in enumerate(self.blocks):
            x = block(x, shifted if index % 2 else straight)
        return x


class PatchEmbed(nn.Module):
    """Cut the picture into patches of 4 x 4 px, one token each."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, kernel_size=4, stride=4)
        self.norm = nn.LayerNorm(width)

    def forward(self, picture: Tensor) -> Tensor:
        """(1, 3, H, W) to (H * W / 16, 128)."""
        return cast("Tensor", self.norm(self.proj(picture).flatten(2).transpose(1, 2).squeeze(0)))  # HW/16, 128


class Swin(nn.Module):
    """A Swin Transformer at window 12: a map at each of H/4 (twice), H/8, H/16 and H/32."""

    def __init__(self, size: SwinSize) -> None:
        super().__init__()
        self.patch_embed = PatchEmbed(size.widths[0])
        last = len(size.widths) - 1
        self.layers = nn.ModuleList(
            Stage(width, depth, heads, last=index == last)
            for index, (width, depth, heads) in enumerate(zip(size.widths, size.depths, size.heads, strict=True))
        )
        for index, width in enumerate(size.widths):
            self.add_module(f"norm{index}", nn.LayerNorm(width))

    def forward(self, picture: Tensor) -> Sequence[Tensor]:
        """(1, 3, H, W) to (1, C, h, w); in Swin-B, C is 128, 128, 256, 512, 1024."""
        h, w = picture.shape[-2] // 4, picture.shape[-1] // 4
        x = self.patch_embed(picture)  # hw, 128
        maps = [_as_map(x, h, w)]  # upstream hands the embedding itself to context1
        for index, stage in enumerate(self.layers):
            x = stage(x, h, w)
            maps.append(_as_map(self.get_submodule(f"norm{index}")(x), h, w))
            if stage.downsample is not None:
                x = cast("PatchMerging", stage.downsample)(x, h, w)
                h, w = h // 2, w // 2
        return maps


def _as_map(tokens: Tensor, h: int, w: int) -> Tensor:
    return tokens.transpose(0, 1).reshape(1, -1, h, w)  # 1, C, h, w
