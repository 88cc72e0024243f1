"""The reference stack: upstream's own network and weights in torch, for those who want exactly that.

Enters: a (1, 3, h, w) float32 batch. Leaves: transparent-background's saliency as (h, w).
torch is not in the default image.
"""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from handler.manifest import Manifest


class TorchEngine:
    """`transparent_background.Remover`'s model; its resizing, colours and formats are ours."""

    def __init__(self, manifest: Manifest, threads: int) -> None:
        # Remover copies its configuration below this path, and HOME is not ours to write to: INCIDENT "also found".
        os.environ.setdefault("TRANSPARENT_BACKGROUND_FILE_PATH", tempfile.gettempdir())
        os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # or its import asks the internet for a newer version
        import torch  # noqa: PLC0415 - after the variable above, which transparent_background reads
        from transparent_background import Remover  # noqa: PLC0415

        torch.set_num_threads(threads)
        self._torch = torch
        self._network = Remover(mode=manifest.mode or "base", device="cpu", ckpt=os.fspath(manifest.weights)).model

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take (1, 3, h, w), give (h, w)."""
        with self._torch.inference_mode():
            saliency: NDArray[np.float32] = self._network(self._torch.from_numpy(batch)).numpy()  # (1, 1, h, w)
        return saliency.reshape(saliency.shape[-2:])
