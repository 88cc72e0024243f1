"""The encoder: Swin Transformer B (Liu et al., ICCV 2021, arXiv:2103.14030).

Enters: a normalised picture (3, H, W). Leaves: its tokens at each scale, behind the norm that the decoder wants.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from inspyrenet.kernels import Floats, Matrix, Norm
    from inspyrenet.memory import Workshop
    from inspyrenet.weights import Weights

    # Tokens (h * w, C), the map's size, and the norm that they still need.
    Use = Callable[[Floats, tuple[int, int], Norm | None], None]

WINDOW = 12
SHIFT = WINDOW // 2
PATCH = 4


@dataclass(frozen=True)
class Block:
    """One Swin block. `positions`: (heads, 144, 144), the bias of two places in a window."""

    norm1: Norm
    qkv: Matrix
    positions: Floats
    projection: Matrix
    norm2: Norm
    wide: Matrix
    narrow: Matrix

    @classmethod
    def of(cls, weights: Weights) -> Block:
        """Read a block's tensors, in their order in the file."""
        table = weights.tensor("attn.relative_position_bias_table")  # 23 * 23, heads
        positions = weights.reserve.take(table.shape[1], WINDOW**2, WINDOW**2)
        positions[...] = table[_relative_positions()].transpose(2, 0, 1)
        return cls(
            norm1=weights.norm("norm1"),
            qkv=weights.linear("attn.qkv"),
            positions=positions,
            projection=weights.linear("attn.proj"),
            norm2=weights.norm("norm2"),
            wide=weights.linear("mlp.fc1"),
            narrow=weights.linear("mlp.fc2"),
        )

    def run(self, shop: Workshop, tokens: Floats, size: tuple[int, int], shift: int) -> None:
        """Change tokens (h * w, C) in place."""
        rows, width = tokens.shape
        with shop.maps.returned():
            qkv, attended = shop.maps.take(rows, 3 * width), shop.maps.take(rows, width)
            shop.kernels.linear(tokens, self.qkv, qkv, self.norm1, kind="query, key, value")
            shop.kernels.attend_windows(qkv, self.qkv, self.positions, attended, size=size, shift=shift)
            shop.kernels.finish_block(tokens, attended, self.projection, self.norm2, (self.wide, self.narrow))


@dataclass(frozen=True)
class Stage:
    """Blocks at one resolution, the norm of what the decoder gets of it, and the way down (None in the last)."""

    blocks: tuple[Block, ...]
    norm: Norm
    merging_norm: Norm | None
    merging: Matrix | None


@dataclass(frozen=True)
class Swin:
    """The whole encoder."""

    embedding: Matrix
    embedding_norm: Norm
    stages: tuple[Stage, ...]

    @classmethod
    def of(cls, weights: Weights) -> Swin:
        """Read the encoder's tensors."""
        patch = weights.tensor("patch_embed.proj.weight")
        embedding = weights.matrix(patch.reshape(patch.shape[0], -1), weights.tensor("patch_embed.proj.bias"))
        embedding_norm = weights.norm("patch_embed.norm")
        stages: list[Stage] = []
        while weights.has(f"norm{len(stages)}.weight"):
            part = weights.under(f"layers.{len(stages)}")
            blocks: list[Block] = []
            while part.has(f"blocks.{len(blocks)}.norm1.weight"):
                blocks.append(Block.of(part.under(f"blocks.{len(blocks)}")))
            down = part.has("downsample.reduction.weight")
            stages.append(
                Stage(
                    tuple(blocks),
                    weights.norm(f"norm{len(stages)}"),
                    part.norm("downsample.norm") if down else None,
                    part.linear("downsample.reduction", bias=False) if down else None,
                )
            )
        return cls(embedding, embedding_norm, tuple(stages))

    def run(self, shop: Workshop, picture: Floats, use: Use) -> None:
        """Give `use` each scale's tokens; they do not outlive the call, since the next stage takes their memory."""
        h, w = picture.shape[1] // PATCH, picture.shape[2] // PATCH
        with shop.maps.returned():
            tokens = self._embed(shop, picture)
            use(tokens, (h, w), None)
            for stage in self.stages:
                for index, block in enumerate(stage.blocks):
                    block.run(shop, tokens, (h, w), SHIFT if index % 2 else 0)
                use(tokens, (h, w), stage.norm)
                if stage.merging is not None:
                    tokens = _merge(shop, tokens, (h, w), stage)
                    h, w = h // 2, w // 2

    def _embed(self, shop: Workshop, picture: Floats) -> Floats:
        """(3, H, W) to (h * w, C): a token for each patch."""
        h, w = picture.shape[1] // PATCH, picture.shape[2] // PATCH
        tokens = shop.maps.take(h * w, self.embedding.columns)
        with shop.maps.returned():
            patches = shop.maps.take(h, w, 3, PATCH, PATCH)
            patches[...] = picture.reshape(3, h, PATCH, w, PATCH).transpose(1, 3, 0, 2, 4)
            embedded = shop.maps.take(h * w, self.embedding.columns)
            shop.kernels.linear(patches.reshape(h * w, -1), self.embedding, embedded, kind="patches")
            shop.kernels.normalise(embedded, self.embedding_norm, tokens)
        return tokens


def _merge(shop: Workshop, tokens: Floats, size: tuple[int, int], stage: Stage) -> Floats:
    """Halve the map: four neighbours, columns outermost, to one token of twice the channels (paper, 3.1)."""
    assert stage.merging is not None  # noqa: S101  # the caller asked
    h, w = size
    width = tokens.shape[1]
    merged = shop.maps.take(h * w // 4, stage.merging.columns)
    with shop.maps.returned():
        neighbours = shop.maps.take(h // 2, w // 2, 2, 2, width)
        neighbours[...] = tokens.reshape(h // 2, 2, w // 2, 2, width).transpose(0, 2, 3, 1, 4)
        shop.kernels.linear(
            neighbours.reshape(h * w // 4, -1), stage.merging, merged, stage.merging_norm, kind="merging"
        )
    return merged


@functools.cache
def _relative_positions() -> NDArray[np.intp]:
    """Give, for two places of a window, the row of the bias table: (144, 144)."""
    y, x = np.divmod(np.arange(WINDOW**2), WINDOW)
    down, right = y[:, None] - y[None, :], x[:, None] - x[None, :]
    positions: NDArray[np.intp] = (down + WINDOW - 1) * (2 * WINDOW - 1) + right + WINDOW - 1
    return positions
