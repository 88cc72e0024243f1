"""The costly things, made once: synthetic checkpoints and artefacts, kept in .cache/ by the hash of what makes them."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from layers.model import build
from layers.model.sources import SOURCES

if TYPE_CHECKING:
    from collections.abc import Callable

    from layers.model.sources import Mode

ROOT = Path(__file__).parents[3]
CHECKPOINT_SOURCES = ("synthetic.py", "reference.py")
NETWORK_SOURCES = ("swin.py", "paa.py", "sica.py", "network.py")
ARTEFACT_SOURCES = (*CHECKPOINT_SOURCES, *NETWORK_SOURCES, "export.py", "build.py", "manifest.py")


def _cached(name: str, sources: tuple[str, ...], make: Callable[[Path], object]) -> Path:
    """Give the cached path for `name`; it is made under another name first, so that it is whole or not there."""
    state = hashlib.sha256()
    for source in sources:
        state.update((ROOT / "layers" / "model" / source).read_bytes())
    path = ROOT / ".cache" / "tests" / f"{state.hexdigest()[:16]}-{name}"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(path.name + ".part")
        make(unfinished)
        unfinished.replace(path)
    return path


@pytest.fixture(scope="session")
def checkpoint() -> Callable[[Mode], Path]:
    """Give the synthetic checkpoint of a mode."""

    @functools.cache
    def of(mode: Mode) -> Path:
        from layers.model import synthetic  # noqa: PLC0415  # it imports torch

        return _cached(
            f"{mode}.pth",
            CHECKPOINT_SOURCES,
            lambda path: synthetic.main(["--mode", mode, "--out", str(path)]),
        )

    return of


@pytest.fixture(scope="session")
def artefact(checkpoint: Callable[[Mode], Path]) -> Callable[[Mode], Path]:
    """Give the folder of a mode's ONNX artefact."""

    @functools.cache
    def of(mode: Mode) -> Path:
        source = SOURCES[f"inspyrenet-{mode}"]
        return _cached(f"{mode}", ARTEFACT_SOURCES, lambda out: build.build(source, out, checkpoint(mode)))

    return of
