"""A synthetic checkpoint that behaves like a trained one: `python -m layers.model.synthetic --mode base --out FILE`.

Enters: a mode and a seed. Leaves: a state dict in upstream's format whose mattes vary over the picture. Must not know:
how the artefact is built.

Straight random weights saturate the last sigmoid: the matte is constant and every comparison passes. So each batch norm
is given the statistics of its own input, on several photographs at once (SICA's keys and values see five tokens a
picture: statistics of one photograph would saturate the others).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np
import torch
from PIL import Image
from torch import nn

from layers.model import manifest, reference
from layers.model.sources import SOURCES, Checkpoint, Mode

if TYPE_CHECKING:
    from collections.abc import Sequence

LEAST_MATTE_STD = 0.15
_CALIBRATION_PX = 384
_COARSE_SPREAD = 1.5  # standard deviation of the coarsest saliency, in logits
_LEAST_VARIANCE = 1e-3


def photographs() -> dict[str, Image.Image]:
    """Give the photographs that lie inside scikit-image's wheel: RGB, 300 to 640 px a side."""
    from skimage import data  # noqa: PLC0415  # of the test group; verify with pictures of one's own does without

    names = ("astronaut", "chelsea", "coffee", "rocket")
    return {name: Image.fromarray(getattr(data, name)()) for name in names}


def to_network(picture: Image.Image, size: tuple[int, int]) -> torch.Tensor:
    """Resize and normalise as upstream does. `size` is (height, width); returns (1, 3, H, W) float32."""
    pixels = np.asarray(picture.resize(size[::-1], Image.Resampling.BILINEAR), dtype=np.float32) / 255
    mean, std = (np.array(three, dtype=np.float32) for three in (manifest.IMAGENET_MEAN, manifest.IMAGENET_STD))
    pixels = (pixels - mean) / std
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy()).unsqueeze(0)


def _randomise(network: nn.Module) -> None:
    """Move every parameter off the value that would hide a wrong folding, a lost bias or a swapped table."""
    for name, parameter in network.named_parameters():
        if name.endswith("gamma"):  # zero at upstream's start: the attention would be switched off
            nn.init.constant_(parameter, 0.3)
        elif name.endswith("threshold"):
            nn.init.uniform_(parameter, 0.4, 0.6)
        elif name.endswith("relative_position_bias_table"):
            nn.init.normal_(parameter, std=0.5)
        elif parameter.ndim == 1 and name.endswith("weight"):  # layer and batch norms
            nn.init.uniform_(parameter, 0.8, 1.2)
        elif parameter.ndim == 1:
            nn.init.normal_(parameter, std=0.1)


def _take_statistics(norm: nn.Module, inputs: tuple[torch.Tensor]) -> None:
    """Forward pre-hook: the batch norm's running statistics become those of what it is about to see."""
    (x,) = inputs
    norm.running_mean = x.mean(dim=(0, 2, 3))
    norm.running_var = x.var(dim=(0, 2, 3)).clamp_min(_LEAST_VARIANCE)


@torch.no_grad()
def calibrate(network: nn.Module, batch: torch.Tensor) -> None:
    """Set all batch norms of `network` (upstream's) layer by layer, each behind calibrated ones."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    hooks = [norm.register_forward_pre_hook(_take_statistics) for norm in norms]
    network(batch)
    for hook in hooks:
        hook.remove()


@torch.no_grad()
def make(mode: Mode, seed: int = 0) -> dict[str, torch.Tensor]:
    """Make a calibrated state dict for `mode`.

    Raises AssertionError where a matte of the calibration's photographs is all but constant.
    """
    base_px = next(s.base_px for s in SOURCES.values() if isinstance(s, Checkpoint) and s.mode == mode)
    torch.manual_seed(seed)
    network = reference.new_network(base_px)
    _randomise(network)
    for stage in ("attention0", "attention1", "attention2"):
        # Half the weight: a correction to the coarser saliency, not a map of its own.
        nn.init.constant_(network.get_submodule(f"{stage}.conv_out4.bn").weight, 0.5)  # type: ignore[arg-type]  # it is a Parameter
    batch = torch.cat([to_network(p, (_CALIBRATION_PX, _CALIBRATION_PX)) for p in photographs().values()])
    calibrate(network, batch)
    head = network.get_submodule("decoder.conv5.conv")
    coarse: list[torch.Tensor] = []
    hook = head.register_forward_hook(lambda _module, _inputs, output: coarse.append(output))
    network(batch)
    hook.remove()
    head.weight.mul_(_COARSE_SPREAD / coarse[0].std())  # type: ignore[operator]  # it is a Parameter
    calibrate(network, batch)
    for index in range(len(batch)):
        require_variety(network(batch[index : index + 1]).numpy(), f"photograph {index} of the calibration")
    return dict(network.state_dict())


def require_variety(matte: np.ndarray, label: str) -> None:
    """Raise AssertionError where `matte` is close to constant: a comparison on it would show nothing."""
    spread = float(matte.std())
    if spread <= LEAST_MATTE_STD:
        raise AssertionError(
            f"the matte of {label} has a standard deviation of {spread:.3f}, at least {LEAST_MATTE_STD} is needed for "
            "a comparison to mean anything: calibrate the checkpoint, or take a picture with a clear subject"
        )


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
