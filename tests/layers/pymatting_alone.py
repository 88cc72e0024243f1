"""PyMatting's colour estimation, which upstream calls, without the rest of PyMatting.

Importing the package compiles thirty functions of which this needs three; its file stands on numpy and numba alone.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable


def estimate_foreground_ml() -> Callable[..., Any]:
    """Give `pymatting.estimate_foreground_ml`. Needs `.venv-model`."""
    package = importlib.util.find_spec("pymatting")
    assert package is not None
    assert package.origin is not None
    file = Path(package.origin).parent / "foreground" / "estimate_foreground_ml.py"
    spec = importlib.util.spec_from_file_location("pymatting_alone", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return cast("Callable[..., Any]", module.estimate_foreground_ml)
