"""POST /v1.0/removebg: a request of the remove.bg contract to a Job, and its Outcome to the contract's answer."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from handler.job import Done, Failed, File, Inline, Job, Output
from handler.pixels.encode import MEDIA_TYPES
from handler.web.body import read_body
from handler.web.parameters import NAMES, rendering_of
from handler.web.scope import invocation_of, trigger_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from handler.pipeline import Pipeline
    from handler.web.keys import KeyRing

EXPOSED_HEADERS = (
    *("X-Width", "X-Height", "X-Credits-Charged"),
    *("X-Foreground-Top", "X-Foreground-Left", "X-Foreground-Width", "X-Foreground-Height"),
)


class RemoveBg:
    """The endpoint."""

    def __init__(self, pipeline: Pipeline, keys: KeyRing) -> None:
        self._pipeline = pipeline
        self._keys = keys

    async def answer(self, request: Request) -> Response:
        """Cut the request's picture out. Raises a CutoutError of any kind."""
        await run_in_threadpool(self._keys.check, request.headers)  # before a byte of the body is read
        settings = self._pipeline.settings
        body = await read_body(request, settings.max_input_bytes, NAMES)
        rendering = rendering_of(body.fields, settings.default_size, body.files)
        job = Job(trigger_of(request), Inline(body.image()), (Output(rendering),))
        outcome = await run_in_threadpool(self._pipeline.run, job, invocation_of(request))
        match outcome:
            case Done(files=(file,)):
                return _response(file, as_json="application/json" in request.headers.get("accept", ""))
            case Failed(error=error):
                raise error
            case _:  # only an upload is skipped, and one output gives one file
                raise AssertionError(outcome)


def _response(file: File, *, as_json: bool) -> Response:
    box = file.foreground
    values = (file.width_px, file.height_px, 0, box.top_px, box.left_px, box.width_px, box.height_px)
    headers = {name: str(value) for name, value in zip(EXPOSED_HEADERS, values, strict=True)}
    if not as_json:
        return Response(file.data, media_type=MEDIA_TYPES[file.file_format], headers=headers)
    document = {
        "result_b64": base64.b64encode(file.data).decode("ascii"),
        "foreground_top": box.top_px,
        "foreground_left": box.left_px,
        "foreground_width": box.width_px,
        "foreground_height": box.height_px,
    }
    return JSONResponse({"data": document}, headers=headers)
