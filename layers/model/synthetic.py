"""A synthetic checkpoint that behaves like a trained one: `python -m layers.model.synthetic --mode base --out FILE`.

Enters: a mode and a seed. Leaves: a state dict in upstream's format, the same on every machine, whose mattes vary over
the picture. Must not know: how the artefact is built.

Straight random weights saturate the last sigmoid: the matte is constant and every comparison passes. So each batch norm
is given the statistics of its own input, on several pictures at once (SICA's keys and values see five tokens a picture:
statistics of one picture would saturate the others).

The same on every machine, because nothing that differs between machines reaches the file:
- weights come from numpy's RandomState, whose stream is frozen (NEP 19), as uniform numbers, which need no logarithm;
- the pictures are computed in integers, so that no JPEG decoder and no resampling has a part in them;
- statistics are taken in float64 and rounded to eight bits. Two machines differ by about 1e-13 there, so they could
  disagree only about a number that close to the middle between two roundings; `_round` refuses numbers a million times
  farther away than that.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

import numpy as np
import torch
from torch import nn

from layers.model import reference
from layers.model.checkpoints import Mode, base_px_of
from layers.model.manifest import IMAGENET_MEAN, IMAGENET_STD
from layers.model.network import PUBLISHED, Architecture
from layers.model.swin import SwinSize

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

# The same code at a twelfth of the published encoder's operations and a quarter of the decoder's.
SMALL = Architecture(SwinSize(widths=(64, 128, 256, 512), heads=(2, 4, 8, 16), depths=(2, 2, 2, 2)), depth=32)

_CALIBRATION_PX = 192
_COARSE_SPREAD = 1.5  # standard deviation of the coarsest saliency, in logits
_LEAST_VARIANCE = 1e-3
_BITS = 8  # of a rounded statistic
_LEAST_DISTANCE = 1e-7  # of a statistic from the middle between two roundings, in steps of the rounding
# Parameters by the end of their names, and between which numbers they are drawn.
_DRAWN = (
    ("gamma", 0.3, 0.3),  # zero at upstream's start: the attention would be switched off
    ("threshold", 0.4, 0.6),
    ("relative_position_bias_table", -0.9, 0.9),
    # These products are not scaled by their length, which runs into hundreds: at 1, each softmax would pick a single
    # token, and a rounding error could make it pick another one.
    ("attn.query_conv.bn.weight", 0.2, 0.3),
    ("attn.key_conv.bn.weight", 0.2, 0.3),
    # SICA's contexts are sums over the whole picture, a million terms in base mode, of which its norms keep the small
    # differences: float32 knows them to three digits. Their part in the result is kept as small.
    ("conv_key.1.bn.weight", 0.1, 0.2),
    ("conv_out1.bn.weight", 0.1, 0.2),
    ("conv_out4.bn.weight", 0.5, 0.5),  # a correction to the coarser saliency, not a map of its own
)


def scenes(side_px: int, count: int = 8) -> NDArray[np.uint8]:
    """Draw pictures (count, side, side, 3) with a subject before a background, both textured as photographs are.

    Integers alone, so that they are the same on every machine.
    """
    y, x = np.mgrid[:side_px, :side_px].astype(np.int64)
    pictures = []
    for index in range(count):
        random = np.random.RandomState(index)
        centre_y, centre_x = random.randint(side_px // 3, 2 * side_px // 3, 2)
        radius_y, radius_x = random.randint(side_px // 6, side_px // 3, 2)
        inside = ((y - centre_y) * radius_x) ** 2 + ((x - centre_x) * radius_y) ** 2 < (radius_x * radius_y) ** 2
        colours = random.randint(40, 216, (2, 3))
        picture = np.where(inside[..., None], colours[0], colours[1])
        picture += ((x * random.randint(-60, 61) + y * random.randint(-60, 61)) // side_px)[..., None]
        for cell_px, height in ((1, 6), (4, 12), (16, 30), (64, 60)):
            cells = -(-side_px // cell_px)
            noise = random.randint(-height, height + 1, (cells, cells, 3))
            picture += noise.repeat(cell_px, 0).repeat(cell_px, 1)[:side_px, :side_px]
        pictures.append(np.clip(picture, 0, 255))
    return np.stack(pictures).astype(np.uint8)


def _draw(network: nn.Module, seed: int) -> None:
    """Set every parameter, off any value that would hide a wrong folding, a lost bias or a swapped table."""
    for name, parameter in network.named_parameters():
        low, high = _bounds(name, parameter)
        # A stream for each name: a parameter more or less in one place changes no other.
        uniform = np.random.RandomState([seed, zlib.crc32(name.encode())]).random_sample(tuple(parameter.shape))
        parameter.copy_(torch.from_numpy(low + (high - low) * uniform))


def _bounds(name: str, parameter: nn.Parameter) -> tuple[float, float]:
    """Say between which numbers a parameter is drawn."""
    for ending, low, high in _DRAWN:
        if name.endswith(ending):
            return low, high
    if parameter.ndim == 1:
        return (0.8, 1.2) if name.endswith("weight") else (-0.17, 0.17)
    # A linear layer or convolution whose outputs have about the variance of its inputs.
    reach = (3 / parameter[0].numel()) ** 0.5
    return -reach, reach


def _round(values: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
    """Round to multiples of `step`, and refuse what another machine might round the other way."""
    steps = values / step
    distance = float((steps - steps.floor() - 0.5).abs().min())
    if distance < _LEAST_DISTANCE:
        raise ArithmeticError(
            f"a statistic lies {distance:.0e} steps from the middle between two roundings, at least {_LEAST_DISTANCE} "
            "are needed for every machine to round it alike: take another seed"
        )
    return steps.round() * step


def _step(values: torch.Tensor) -> torch.Tensor:
    """Give the power of two that is the last of `_BITS` bits of each value."""
    return torch.ldexp(torch.ones_like(values), torch.frexp(values).exponent - _BITS)


def _take_statistics(norm: nn.Module, inputs: tuple[torch.Tensor]) -> None:
    """Forward pre-hook: the batch norm's running statistics become those of what it is about to see."""
    (x,) = inputs
    variance = x.var(dim=(0, 2, 3)).clamp_min(_LEAST_VARIANCE)
    norm.running_var = _round(variance, _step(variance))
    # The mean may be next to zero; how exactly it is known depends on the spread.
    norm.running_mean = _round(x.mean(dim=(0, 2, 3)), _step(norm.running_var.sqrt()))


def _spread(convolution: nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> torch.Tensor:
    """Forward hook: scale the weight so that the output has a standard deviation of `_COARSE_SPREAD`."""
    del inputs
    factor = _COARSE_SPREAD / output.std()
    factor = _round(factor, _step(factor))
    weight = cast("torch.Tensor", convolution.weight)  # there is no bias, so the output scales with it
    weight.copy_((weight * factor).float())
    return output * factor


@torch.no_grad()
def make(mode: Mode, seed: int = 0, architecture: Architecture = PUBLISHED) -> dict[str, torch.Tensor]:
    """Make a calibrated state dict for `mode`; raises ArithmeticError where a seed has an unlucky number."""
    network = reference.new_network(base_px_of(mode), architecture)
    _draw(network, seed)
    exact = reference.Exact(network)
    norms = [module for module in exact.network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.register_forward_pre_hook(_take_statistics)
    exact.network.get_submodule("decoder.conv5.conv").register_forward_hook(_spread)
    pictures = torch.from_numpy(scenes(_CALIBRATION_PX)).double().permute(0, 3, 1, 2) / 255
    mean, std = (torch.tensor(three, dtype=torch.float64).reshape(3, 1, 1) for three in (IMAGENET_MEAN, IMAGENET_STD))
    # One pass: each norm is set before it is applied, so the layers behind it see calibrated values.
    exact((pictures - mean) / std)
    return {
        name: tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in exact.network.state_dict().items()
    }


def fingerprint(state: Mapping[str, torch.Tensor]) -> str:
    """Hash names and values: what two machines have to agree on, unlike the bytes of torch's container."""
    sha256 = hashlib.sha256()
    for name in sorted(state):
        sha256.update(name.encode())
        sha256.update(state[name].numpy().tobytes())
    return sha256.hexdigest()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m layers.model.synthetic", description="Make a test checkpoint.")
    parser.add_argument("--mode", choices=get_args(Mode), default="base")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    torch.save(make(options.mode, options.seed), options.out)
    sys.stderr.write(f"wrote {options.out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
