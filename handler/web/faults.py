"""Failures of a request, as the documents that remove.bg's clients read: `{"errors": [{"title", "code", "detail"}]}`.

Enters: an exception. Leaves: a response that tells the caller what helps and nothing of our insides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from handler.errors import CutoutError, Unforeseen, error_document
from handler.job import Invocation
from handler.telemetry import logger

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send


def cutout_error(request: Request, error: Exception) -> Response:  # noqa: ARG001 - Starlette's signature
    """Answer an error of our tree."""
    assert isinstance(error, CutoutError)  # noqa: S101 - for mypy: registered for this class alone
    return JSONResponse(error_document(error), error.status, error.headers)


def http_error(request: Request, error: Exception) -> Response:
    """Answer what Starlette itself refuses: an unknown path, a wrong method, a form that is none."""
    assert isinstance(error, HTTPException)  # noqa: S101 - for mypy: registered for this class alone
    detail = {
        404: f"There is nothing at {request.url.path}. POST /v1.0/removebg cuts out a picture.",
        405: f"{request.url.path} does not take {request.method}.",
    }.get(error.status_code, error.detail)
    title = {404: "Not found", 405: "Method not allowed"}.get(error.status_code, "Invalid request")
    document = {"errors": [{"title": title, "code": title.lower().replace(" ", "_"), "detail": detail}]}
    return JSONResponse(document, error.status_code, error.headers)


class Faults:
    """The application's outermost layer: what nobody foresaw is logged with its traceback and answered without it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        try:
            await self._app(scope, receive, send)
        except Exception:  # noqa: BLE001 - the catch-all of the HTTP side; app.py's would answer in no HTTP form
            invocation = scope.get("invocation")
            request_id = invocation.request_id if isinstance(invocation, Invocation) else "unknown"
            logger.exception("request failed unforeseen", extra={"request_id": request_id})
            error = Unforeseen(request_id)
            await JSONResponse(error_document(error), error.status)(scope, receive, send)
