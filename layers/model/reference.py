"""Upstream's own network and Remover, as published, to calibrate and to compare against.

Enters: a mode and a checkpoint. Leaves: transparent-background's objects, untouched. Must not know: our network.

This is the only module of layers/ that imports transparent_background. Its constructor writes a configuration file
under HOME and its imports ask the network for newer versions of their own packages; both are turned aside here.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import os
import sys
import tempfile
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from layers.model.network import PUBLISHED
from layers.model.swin import WINDOW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL import Image

    from layers.model.checkpoints import Mode
    from layers.model.network import Architecture

Resize = Literal["static", "dynamic"]
# torch copies a float64 convolution's input once per kernel element, 9.7 GB at 1024 px: so many bytes of it at a time.
_UNFOLDED_BYTES = 256_000_000


@contextlib.contextmanager
def _upstream() -> Iterator[None]:
    """Import and construct with HOME in a throw-away folder, upstream's notices silent, and PyMatting hidden.

    handler/model/torch_engine.py hides PyMatting in the same way. It is written twice because layers/ and handler/ do
    not import each other: there it spares Lambda a compile, here the verification.
    """
    with tempfile.TemporaryDirectory() as home, warnings.catch_warnings(), contextlib.redirect_stdout(None):
        warnings.simplefilter("ignore")  # no flet, `torch.meshgrid` indexing, "dynamic with fast": upstream's choices
        changed = {"TRANSPARENT_BACKGROUND_FILE_PATH": home, "HOME": home, "NO_ALBUMENTATIONS_UPDATE": "1"}
        before = {name: os.environ.get(name) for name in changed}
        os.environ.update(changed)
        # Its colour estimation compiles for a minute when first imported, and mattes do without.
        matting = sys.modules.get("pymatting")
        sys.modules["pymatting"] = cast("Any", None)
        try:
            yield
        finally:
            if matting is None:
                del sys.modules["pymatting"]
            else:
                sys.modules["pymatting"] = matting
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def load_remover(mode: Mode, checkpoint: Path, resize: Resize) -> Any:  # noqa: ANN401  # upstream is untyped
    """Construct `transparent_background.Remover` on the CPU from `checkpoint`."""
    with _upstream():
        from transparent_background import Remover  # noqa: PLC0415  # its import has side effects; see _upstream

        return Remover(mode=mode, device="cpu", ckpt=str(checkpoint), resize=resize)


def new_network(base_px: int, architecture: Architecture = PUBLISHED) -> nn.Module:
    """Construct upstream's InSPyReNet with torch's own random weights, in evaluation mode.

    Its classes are put together as its InSPyReNet_SwinB does, which knows the published size alone.
    """
    with _upstream():
        from transparent_background.backbones.SwinTransformer import SwinTransformer  # noqa: PLC0415  # as above
        from transparent_background.InSPyReNet import InSPyReNet  # noqa: PLC0415  # as above

        encoder = architecture.encoder
        network: nn.Module = InSPyReNet(
            SwinTransformer(
                embed_dim=encoder.widths[0], depths=encoder.depths, num_heads=encoder.heads, window_size=WINDOW
            ),
            [encoder.widths[0], *encoder.widths],
            architecture.depth,
            [base_px, base_px],
            threshold=None,
        )
        return network.eval()


class Exact:
    """Upstream's network computed in float64: what the weights mean, free of any machine's float32 rounding."""

    def __init__(self, network: nn.Module) -> None:
        self.network = copy.deepcopy(network).double()
        # Plain attributes, which `double` does not see; and the copy's `forward` still belonged to the original.
        for name in ("image_pyramid", "transition0", "transition1", "transition2"):
            holder = getattr(self.network, name)
            holder.kernel = holder.kernel.double()
        self.network.eval()
        for module in self.network.modules():
            if isinstance(module, nn.Conv2d) and module.stride == (1, 1):
                module.forward = functools.partial(_convolve_in_strips, module)  # type: ignore[method-assign]  # on purpose

    @torch.no_grad()
    def __call__(self, given: torch.Tensor) -> torch.Tensor:
        """(1, 3, H, W) of any float type to (1, 1, H, W) float64."""
        before = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)  # upstream makes its masks and zeros of the default type
        try:
            return cast("torch.Tensor", self.network(given.double()))
        finally:
            torch.set_default_dtype(before)


def _convolve_in_strips(convolution: nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
    """Do what `convolution` does, a few rows at a time: the same sums in bounded memory."""
    vertical, horizontal = cast("tuple[int, int]", convolution.padding)
    reach = convolution.dilation[0] * (convolution.kernel_size[0] - 1)
    row_bytes = x.shape[0] * convolution.weight[0].numel() * x.shape[-1] * x.element_size()
    rows = max(1, _UNFOLDED_BYTES // row_bytes)
    padded = functional.pad(x, (horizontal, horizontal, vertical, vertical))
    height = padded.shape[-2] - reach
    parts = [
        functional.conv2d(
            padded[:, :, top : min(top + rows, height) + reach],
            convolution.weight,
            convolution.bias,
            dilation=convolution.dilation,
        )
        for top in range(0, height, rows)
    ]
    return torch.cat(parts, dim=2)


@dataclass(frozen=True)
class Prediction:
    """What Remover did with a picture: the network's input (1, 3, H, W) and output (1, 1, H, W), the 8-bit matte."""

    given: torch.Tensor
    saliency: torch.Tensor
    matte: NDArray[np.uint8]


def predict(remover: Any, picture: Image.Image) -> Prediction:  # noqa: ANN401  # upstream is untyped
    """Run `Remover.process`, and keep what its network was given and what it gave."""
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    hook = remover.model.register_forward_hook(lambda _module, inputs, output: seen.append((inputs[0], output)))
    try:
        matte = np.asarray(remover.process(picture, type="map"))[:, :, 0]
    finally:
        hook.remove()
    ((given, saliency),) = seen
    return Prediction(given, saliency, matte)
