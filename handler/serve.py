"""The HTTP application as a plain web server: `uvicorn --factory handler.serve:application`. Same code, no Lambda."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handler.pipeline import Pipeline
from handler.settings import Settings
from handler.web.application import build

if TYPE_CHECKING:
    from starlette.applications import Starlette


def application() -> Starlette:
    """Make the application from the environment. Raises ConfigurationError."""
    return build(Pipeline(Settings.from_env()))
