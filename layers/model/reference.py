"""Upstream's own network and Remover, as published, to calibrate and to compare against.

Enters: a mode and a checkpoint. Leaves: transparent-background's objects, untouched. Must not know: our network.

This is the only module that imports transparent_background. Its constructor writes a configuration file under HOME and
its imports ask the network for newer versions of their own packages; both are turned aside here.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import warnings
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import torch
    from numpy.typing import NDArray
    from PIL import Image

    from layers.model.sources import Mode

Resize = Literal["static", "dynamic"]
DEPTH = 64  # channels of every decoder stage; Remover's own constant


@contextlib.contextmanager
def _upstream() -> Iterator[None]:
    """Import and construct with HOME in a throw-away folder and upstream's notices silent."""
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


def new_network(base_px: int) -> torch.nn.Module:
    """Construct upstream's InSPyReNet-SwinB with torch's own random weights, in evaluation mode."""
    with _upstream():
        from transparent_background.InSPyReNet import InSPyReNet_SwinB  # noqa: PLC0415  # as above

        network: torch.nn.Module = InSPyReNet_SwinB(
            depth=DEPTH, pretrained=False, base_size=[base_px, base_px], threshold=None
        )
        return network.eval()


def predict(remover: Any, picture: Image.Image) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:  # noqa: ANN401  # upstream is untyped
    """Run `Remover.process` and give its network's output (1, 1, H, W) and its 8-bit matte (height, width)."""
    outputs: list[torch.Tensor] = []
    hook = remover.model.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
    try:
        matte = np.asarray(remover.process(picture, type="map"))[:, :, 0]
    finally:
        hook.remove()
    return outputs[0].numpy(), matte
