"""The costly things, made once: synthetic checkpoints and artefacts, kept in .cache/ by the hash of what makes them."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import importlib.metadata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from layers.model.checkpoints import Mode
    from layers.model.network import Architecture

ROOT = Path(__file__).parents[3]
MODEL = ROOT / "layers" / "model"
MAKERS = ("numpy", "onnx", "onnxruntime", "onnxscript", "torch", "transparent-background")


@functools.cache
def _state() -> str:
    """Hash everything that an artefact comes from: the code of layers/model and the packages it calls."""
    state = hashlib.sha256()
    for path in sorted(MODEL.glob("*.py")):
        if path.name not in {"__init__.py", "fetch.py", "verify.py"}:
            state.update(path.read_bytes())
    for package in MAKERS:
        state.update(f"{package} {importlib.metadata.version(package)}".encode())
    return state.hexdigest()[:16]


def _cached(name: str, make: Callable[[Path], object]) -> Path:
    """Give the cached path for `name`; it is made under another name first, so that it is whole or not there.

    Two processes may ask for it: one makes it, and the other waits.
    """
    path = ROOT / ".cache" / "tests" / f"{_state()}-{name}"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            unfinished = path.with_name(path.name + ".part")
            make(unfinished)
            unfinished.replace(path)
    return path


@dataclass(frozen=True)
class Network:
    """A mode's network: as published, or (`small`) of the same code with fewer blocks and channels."""

    mode: Mode
    small: bool = False

    def __str__(self) -> str:
        return f"{'small-' if self.small else ''}{self.mode}"


# Base mode has four strips and stages that every width divides. Its true size is verified in the image's build, and
# wherever somebody exports a checkpoint; fast mode has the true size here.
SMALL_BASE = Network("base", small=True)
FAST = Network("fast")


@dataclass(frozen=True)
class Shop:
    """Makes checkpoints and artefacts, each once for all runs on this state of the code."""

    @staticmethod
    def architecture(network: Network) -> Architecture:
        from layers.model import synthetic  # noqa: PLC0415  # it imports torch
        from layers.model.network import PUBLISHED  # noqa: PLC0415  # likewise

        return synthetic.SMALL if network.small else PUBLISHED

    def checkpoint(self, network: Network) -> Path:
        import torch  # noqa: PLC0415  # the tests that need no torch share this file

        from layers.model import synthetic  # noqa: PLC0415  # likewise

        return _cached(
            f"{network}.pth",
            lambda path: torch.save(synthetic.make(network.mode, architecture=self.architecture(network)), path),
        )

    def artefact(self, network: Network) -> Path:
        from layers.model import build  # noqa: PLC0415  # likewise
        from layers.model.checkpoints import CHECKPOINTS  # noqa: PLC0415  # likewise

        checkpoint = CHECKPOINTS[f"inspyrenet-{network.mode}"]
        recipe = build.Recipe(architecture=self.architecture(network))
        return _cached(str(network), lambda out: build.build(checkpoint, out, self.checkpoint(network), recipe))
