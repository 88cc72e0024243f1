"""Routes: which path does what.

Enters: HTTP requests. Leaves: pictures, JSON, and error documents. It must not know Lambda's events: who asked and how
long they wait comes in the scope, put there by `triggers/http.py`, and has defaults for a plain web server.
"""

from __future__ import annotations

import base64
import hmac
import uuid
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from handler.errors import CutoutError, Unauthorized
from handler.job import Box, Cutout, Inline, Invocation, Job
from handler.warmup import warm_up
from handler.web.body import read_body
from handler.web.faults import Faults, cutout_error, http_error
from handler.web.parameters import rendering_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from handler.pipeline import Pipeline

ROUTES = {
    "POST /v1.0/removebg": "cut out a picture: image_file, image_file_b64, or the picture as the body",
    "GET|POST /warmup": "load the model and prove it: 200, 206 or 500",
    "GET /health": "whether the model is loaded; never loads it",
}


def build(pipeline: Pipeline) -> Starlette:
    """Make the application around a pipeline."""

    async def removebg(request: Request) -> Response:
        _authorise(request, pipeline.settings.api_keys)
        body = await read_body(request, pipeline.settings.max_input_bytes)
        rendering = rendering_of(body.fields, pipeline.settings.default_size)
        job = Job(request.scope.get("origin", "http"), Inline(body.image()), rendering)
        result = await run_in_threadpool(pipeline.run, job, _invocation(request))
        return _picture(result.cutout, as_json="application/json" in request.headers.get("accept", ""))

    async def warmup(request: Request) -> Response:
        warmth = await run_in_threadpool(warm_up, pipeline, _invocation(request))
        return JSONResponse(warmth.body, warmth.status_code, warmth.headers)

    async def health(request: Request) -> Response:  # noqa: ARG001 - Starlette's signature
        model = pipeline.model
        return JSONResponse(
            {"status": "ok", "model_loaded": model.loaded, "model": model.name, "warm": pipeline.proven}
        )

    async def index(request: Request) -> Response:  # noqa: ARG001 - Starlette's signature
        return JSONResponse({"service": "background removal", "routes": ROUTES})

    return Starlette(
        routes=[
            Route("/", index, methods=["GET"]),
            Route("/health", health, methods=["GET"]),
            Route("/warmup", warmup, methods=["GET", "POST"]),
            Route("/v1.0/removebg", removebg, methods=["POST"]),
        ],
        exception_handlers={CutoutError: cutout_error, HTTPException: http_error},
        middleware=[Middleware(Faults)],
    )


def _invocation(request: Request) -> Invocation:
    invocation = request.scope.get("invocation")
    return invocation if isinstance(invocation, Invocation) else Invocation(request_id=str(uuid.uuid4()))


def _authorise(request: Request, keys: tuple[str, ...]) -> None:
    """Compare with every key, each in constant time. Without API_KEYS the gateway in front decides."""
    if not keys:
        return
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    given = request.headers.get("x-api-key") or (bearer.strip() if scheme.lower() == "bearer" else "")
    if not given:
        error = Unauthorized("Send your API key in the header X-Api-Key.")
        error.title = "Missing API Key"
        raise error
    if not any([hmac.compare_digest(given.encode(), key.encode()) for key in keys]):  # noqa: C419 - all, for constant time
        raise Unauthorized("The API key is not known here.")


def _picture(cutout: Cutout, *, as_json: bool) -> Response:
    box: Box = cutout.foreground
    headers = {
        "X-Width": str(cutout.width_px),
        "X-Height": str(cutout.height_px),
        "X-Credits-Charged": "0",
        "X-Foreground-Top": str(box.top_px),
        "X-Foreground-Left": str(box.left_px),
        "X-Foreground-Width": str(box.width_px),
        "X-Foreground-Height": str(box.height_px),
    }
    if not as_json:
        return Response(cutout.data, media_type=cutout.media_type, headers=headers)
    document = {
        "result_b64": base64.b64encode(cutout.data).decode("ascii"),
        "foreground_top": box.top_px,
        "foreground_left": box.left_px,
        "foreground_width": box.width_px,
        "foreground_height": box.height_px,
    }
    return JSONResponse({"data": document}, headers=headers)
