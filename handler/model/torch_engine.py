"""The reference stack: upstream's own network and weights in torch, for those who want exactly that.

Enters: a (1, 3, h, w) float32 batch. Leaves: transparent-background's saliency as (h, w).
torch is not in the default image.
"""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from handler.model.manifest import Manifest


class TorchEngine:
    """`transparent_background.Remover`'s model; its resizing, colours and formats are ours."""

    def __init__(self, manifest: Manifest, threads: int) -> None:
        # Remover copies its configuration below this path, and HOME is not ours to write to.
        os.environ.setdefault("TRANSPARENT_BACKGROUND_FILE_PATH", tempfile.gettempdir())
        os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # or its import asks the internet for a newer version
        import torch  # noqa: PLC0415 - gigabytes, which nothing but this engine needs

        torch.set_num_threads(threads)
        self._torch = torch
        with _without_pymatting():
            from transparent_background import Remover  # noqa: PLC0415 - after the variables above, which it reads

            self._network = Remover(mode=manifest.mode or "base", device="cpu", ckpt=os.fspath(manifest.weights)).model

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take (1, 3, h, w), give (h, w)."""
        with self._torch.inference_mode():
            saliency: NDArray[np.float32] = self._network(self._torch.from_numpy(batch)).numpy()  # (1, 1, h, w)
        return saliency.reshape(saliency.shape[-2:])


@contextmanager
def _without_pymatting() -> Iterator[None]:
    """Let Remover find no PyMatting, which it allows for: numba would compile it for 50 s at each cold start.

    Only Remover's colours need it, and here pixels/cut.py estimates those. layers/model/reference.py hides it too:
    handler/ and layers/ do not import each other.
    """
    there = sys.modules.get("pymatting")
    sys.modules["pymatting"] = cast("Any", None)  # https://docs.python.org/3/reference/import.html#the-module-cache
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns that PyMatting is missed, and a library for windows
            yield
    finally:
        del sys.modules["pymatting"]
        if there is not None:
            sys.modules["pymatting"] = there
