"""The kernels compiled otherwise than setup.py does, kept in .cache/ by the digest of all that makes them."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.layers.model.shop import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SOURCES = ROOT / "layers" / "inference" / "src" / "inspyrenet"
HERE = Path(__file__).parent
DRIVER = HERE / "driver.c"
# Fused multiply-adds as in setup.py, since they decide the roundings.
LANGUAGE = ("-std=c11", "-ffp-contract=fast", "-fno-math-errno", "-Wall", "-Wextra", "-Wno-psabi")


def compile_once(command: Sequence[str], name: str, *more: Path, environment: Mapping[str, str] | None = None) -> Path:
    """Compile all kernel files, and `more`, unless that was done on this state of them."""
    sources = [*more, *sorted(SOURCES.glob("*.c"))]
    state = hashlib.sha256(" ".join(command).encode())
    for path in (*sources, *sorted(SOURCES.glob("*.h")), *sorted(HERE.glob("*.h"))):
        state.update(path.read_bytes())
    made = ROOT / ".cache" / "inference" / f"{state.hexdigest()[:16]}-{name}"
    if not made.exists():
        made.parent.mkdir(parents=True, exist_ok=True)
        unfinished = made.with_suffix(f".{os.getpid()}")
        subprocess.run(
            [*command, *LANGUAGE, f"-I{SOURCES}", "-o", str(unfinished), *map(str, sources), "-lm", "-lpthread"],
            env=os.environ | (environment or {}),
            check=True,
        )
        unfinished.replace(made)
    return made


__all__ = ["DRIVER", "HERE", "compile_once"]
