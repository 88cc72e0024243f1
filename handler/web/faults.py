"""Failures of a request, as the documents that the clients of its path read.

Enters: an exception. Leaves: a response that tells the caller what helps and nothing of our insides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse

from handler import telemetry
from handler.errors import CallerError, CutoutError, MethodNotAllowed, RouteNotFound, Unforeseen
from handler.job import Invocation
from handler.web.neighbours import contract_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send


def cutout_error(request: Request, error: Exception) -> Response:
    """Answer an error of our tree."""
    assert isinstance(error, CutoutError)  # noqa: S101 - for mypy: registered for this class alone
    return refusal(request.scope, error, error.headers)


def http_error(request: Request, error: Exception) -> Response:
    """Answer what Starlette itself refuses: an unknown path, a wrong method, a form that is none."""
    assert isinstance(error, HTTPException)  # noqa: S101 - for mypy: registered for this class alone
    path, method = request.scope["path"], request.method  # request.url fails on a scheme that is none
    refused: CallerError
    match error.status_code:
        case 404:
            refused = RouteNotFound(f"There is nothing at {path}. POST /v1.0/removebg cuts out a picture.")
        case 405:
            refused = MethodNotAllowed(f"{path} does not take {method}.")
        case _:
            refused = CallerError(error.detail)
    return refusal(request.scope, refused, error.headers or {})


def refusal(scope: Scope, error: CutoutError, headers: Mapping[str, str]) -> Response:
    """Answer an error as the contract of the request's path has it."""
    contract = contract_at(scope["path"])
    return JSONResponse(contract.document(error), contract.status(error), {**contract.headers(scope), **headers})


class Faults:
    """The application's outermost layer: what nobody foresaw is logged with its traceback and answered without it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        try:
            await self._app(scope, receive, send)
        except ClientDisconnect:  # it went before its body had come: there is nobody to answer
            telemetry.gone()
        except Exception:  # noqa: BLE001 - the catch-all of the HTTP side; app.py's would answer in no HTTP form
            invocation = scope.get("invocation")
            request_id = invocation.request_id if isinstance(invocation, Invocation) else "unknown"
            telemetry.unforeseen(request_id)
            await refusal(scope, Unforeseen(request_id), {})(scope, receive, send)
