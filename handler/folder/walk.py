"""The files of a folder and all its folders, each once, in order. What cannot be read is named.

Enters: a folder. Leaves: paths within it. It must not know pictures.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class LeftOut:
    """What is not worked on, and why."""

    path: Path
    reason: str


def files_of(root: Path, but: Path) -> tuple[list[Path], list[LeftOut]]:
    """List the files below `root`, `but` a folder that may lie within it; and the folders that cannot be listed.

    Links are followed, except to a folder that they lie in: that would have no end. Names that begin with a dot are
    hidden, and stay so.
    """
    found: list[Path] = []
    left_out: list[LeftOut] = []
    ahead: list[tuple[Path, frozenset[tuple[int, int]]]] = [(root, frozenset())]
    apart = _identity(but) if but.exists() else None
    while ahead:
        folder, within = ahead.pop()
        try:
            identity = _identity(folder)
            if identity == apart or identity in within:
                continue
            names = sorted(os.listdir(folder))  # noqa: PTH208 - names that are no UTF-8 stay as they are
        except OSError as error:
            left_out.append(LeftOut(folder.relative_to(root), f"The folder cannot be listed: {error.strerror}."))
            continue
        for name in names:
            path = folder / name
            if name.startswith("."):
                continue
            if os.path.isdir(path):  # noqa: PTH112 - False where it cannot be told, which pathlib raises
                ahead.append((path, within | {identity}))
            else:
                found.append(path.relative_to(root))
    return sorted(found), sorted(left_out, key=lambda one: one.path)


def is_regular(path: Path) -> bool:
    """Whether it is a file with an end: not a pipe, a socket or a device. Raises OSError."""
    return stat.S_ISREG(path.stat().st_mode)


def _identity(folder: Path) -> tuple[int, int]:
    there = folder.stat()
    return there.st_dev, there.st_ino
