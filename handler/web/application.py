"""Routes: which path does what.

Enters: HTTP requests. Leaves: pictures, JSON, and error documents. It must not know Lambda's events: who asked and how
long they wait comes in the scope, put there by `triggers/http.py`, and has defaults for a plain web server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from handler.errors import CutoutError
from handler.warmup import warm_up
from handler.web.account import account, rate_limit_headers
from handler.web.cutout import CutOut
from handler.web.faults import Faults, cutout_error, http_error
from handler.web.improve import PATH as IMPROVE
from handler.web.improve import Improve
from handler.web.keys import key_ring
from handler.web.neighbours import CONTRACTS
from handler.web.removebg import EXPOSED_HEADERS
from handler.web.scope import invocation_of, trigger_of
from handler.web.uploads import PATH as UPLOADS
from handler.web.uploads import document as form_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from handler.pipeline import Pipeline

ROUTES = {
    **{f"POST {contract.path}": contract.summary for contract in CONTRACTS},
    f"POST {UPLOADS}": "where to send a picture that is too large for a request",
    f"POST {IMPROVE}": "keep a picture to be learned from",
    "GET /v1.0/account": "credits, of which there are always enough",
    "GET /": "in a browser: the page, to cut pictures out by hand",
    "GET /docs": "what can be asked for, for people",
    "GET /openapi.json": "the same for programs",
    "GET|POST /warmup": "load the model and prove it: 200, 206 or 500",
    "GET /health": "whether the model is loaded; never loads it",
}


def build(pipeline: Pipeline, *around: Middleware) -> Starlette:
    """Make the application around a pipeline; `around` sees each request before any of its body is read."""
    keys = key_ring(pipeline.settings)

    async def warmup(request: Request) -> Response:
        await run_in_threadpool(keys.check, request.headers)  # it occupies an environment, at the owner's expense
        warmth = await run_in_threadpool(warm_up, pipeline, invocation_of(request))
        return JSONResponse(warmth.body, warmth.status_code, warmth.headers)

    async def health(request: Request) -> Response:  # noqa: ARG001 - Starlette's signature
        model = pipeline.model
        return JSONResponse(
            {"status": "ok", "model_loaded": model.loaded, "model": model.name, "warm": pipeline.proven}
        )

    async def index(request: Request) -> Response:
        from handler.web.page import Way, document, wants_html  # noqa: PLC0415 - one request in many asks for it

        vary = {"Vary": "Accept, Accept-Encoding"}
        if not wants_html(request.headers.get("accept", "")):
            return JSONResponse({"service": "background removal", "routes": ROUTES}, headers=vary)
        # With a bucket a result of any size arrives, by its address.
        max_result_bytes = None if pipeline.exchange.open else invocation_of(request).max_file_bytes
        way = Way.of(trigger_of(request), pipeline.settings.max_input_bytes, max_result_bytes)
        page = document(way)
        headers = {**page.headers(request.scope["scheme"]), **vary}
        if page.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return HTMLResponse(page.compressed, headers={**headers, "Content-Encoding": "gzip"})
        return HTMLResponse(page.html, headers=headers)

    async def credits_left(request: Request) -> Response:
        await run_in_threadpool(keys.check, request.headers)
        return JSONResponse(account(), headers=rate_limit_headers(request.scope))

    async def uploads(request: Request) -> Response:
        await run_in_threadpool(keys.check, request.headers)
        pipeline.check()
        place = await run_in_threadpool(pipeline.exchange.place, pipeline.settings.max_input_bytes)
        return JSONResponse(form_of(place), 201, rate_limit_headers(request.scope))

    async def description(request: Request) -> Response:  # noqa: ARG001 - Starlette's signature
        from handler.web.openapi import openapi  # noqa: PLC0415 - one request in many asks for it

        return JSONResponse(openapi(needs_key=pipeline.settings.needs_key))

    async def documentation(request: Request) -> Response:  # noqa: ARG001 - Starlette's signature
        from handler.web.documentation import HEADERS, page  # noqa: PLC0415 - one request in many asks for it

        return HTMLResponse(page(), headers=HEADERS)

    middleware = [Middleware(Faults), *around]
    if pipeline.settings.allowed_origins:
        # HTTP API and Function URL answer for CORS themselves where they are told to; this is for what does not.
        cors = Middleware(
            CORSMiddleware,
            allow_origins=pipeline.settings.allowed_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=EXPOSED_HEADERS,
        )
        middleware.insert(0, cors)  # outermost, so that refusals can be read by the page, too
    application = Starlette(
        routes=[
            Route("/", index, methods=["GET"]),
            Route("/health", health, methods=["GET"]),
            Route("/warmup", warmup, methods=["GET", "POST"]),
            *(Route(one.path, CutOut(one, pipeline, keys).answer, methods=["POST"]) for one in CONTRACTS),
            Route("/v1.0/account", credits_left, methods=["GET"]),
            Route(UPLOADS, uploads, methods=["POST"]),
            Route(IMPROVE, Improve(pipeline, keys).answer, methods=["POST"]),
            Route("/docs", documentation, methods=["GET"]),
            Route("/openapi.json", description, methods=["GET"]),
        ],
        exception_handlers={CutoutError: cutout_error, HTTPException: http_error},
        middleware=middleware,
    )
    application.state.throttle_rate = pipeline.settings.throttle_rate
    # A path with one more slash is an unknown one: Starlette's redirection knows nothing of a stage's prefix.
    application.router.redirect_slashes = False
    return application
