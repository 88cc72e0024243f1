"""The HTTP application: one ASGI app for Lambda (under Mangum) and for a laptop (under uvicorn)."""

from handler.web.application import build

__all__ = ["build"]
