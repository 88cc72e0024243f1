"""POST /v1.0/improve: a picture that was cut out badly is kept, so that whoever runs this can learn from it.

Enters: a request with a picture and what its sender says of it. Leaves: the id that it is kept under, or a CutoutError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from handler import telemetry
from handler.errors import Several
from handler.pixels.header import read_header
from handler.pixels.limits import Limits
from handler.web.account import rate_limit_headers
from handler.web.body import Names, read_body
from handler.web.parameters.read import Fields
from handler.web.parameters.table import IMAGE_FILENAME, IMPROVEMENT, TAG
from handler.web.scope import invocation_of
from handler.web.source import Source, discard

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from handler.job import Invocation
    from handler.pipeline import Pipeline
    from handler.web.keys import KeyRing

PATH = "/v1.0/improve"
NAMES = Names.of(IMPROVEMENT)
MEDIA_TYPES = dict.fromkeys(("ico", "cur"), "image/vnd.microsoft.icon")  # of others it is the format's own name
# All of an object's metadata may have 2 KB, and quoting makes three of each byte.
NOTE_BYTES = 250


class Improve:
    """The endpoint."""

    def __init__(self, pipeline: Pipeline, keys: KeyRing) -> None:
        self._pipeline = pipeline
        self._keys = keys

    async def answer(self, request: Request) -> Response:
        """Keep the request's picture. Raises a CutoutError of any kind."""
        await run_in_threadpool(self._keys.check, request.headers)
        self._pipeline.check()
        self._pipeline.exchange.require_open("No picture is kept here to be learned from")
        body = await read_body(request, self._pipeline.settings.max_input_bytes, NAMES)
        fields = Fields(body.fields, IMPROVEMENT)
        source = Source.of(body, fields)
        notes = {row.name.replace("_", "-"): fields.read(row, "") for row in (IMAGE_FILENAME, TAG)}
        Several.raise_any([*source.faults, *body.faults, *fields.faults])
        token = await run_in_threadpool(self._keep, source, notes, invocation_of(request))
        return JSONResponse({"id": token}, headers=rate_limit_headers(request.scope))

    def _keep(self, source: Source, notes: dict[str, str], invocation: Invocation) -> str:
        """Keep the picture, which is recognised first: what is none is of no use to anybody."""
        got = source.read(self._pipeline, invocation)
        header = read_header(got.data, Limits.of(self._pipeline.settings, None))
        name = header.name.lower()
        facts = {note: quote(text.encode("utf-8", "replace")[:NOTE_BYTES]) for note, text in notes.items() if text}
        token = self._pipeline.exchange.keep(
            got.data, name, MEDIA_TYPES.get(name, f"image/{name}"), {**facts, "cutout-request": invocation.request_id}
        )
        telemetry.improvement(invocation.request_id, len(got.data), header.name)
        if got.upload is not None:
            discard(self._pipeline, got.upload)
        return token
