"""A request that holds a picture to a Job, and the Job's Outcome to the answer of the contract that was asked by.

Enters: a request. Leaves: a response, or a CutoutError. Everything that is wrong with its parameters is found at once,
before the model is asked for anything.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from handler.errors import (
    CallerError,
    FileTooLarge,
    InvalidFileType,
    MultipleBackgrounds,
    ResolutionTooHigh,
    Several,
    Unauthorized,
    UnreadableImage,
)
from handler.job import Done, Failed, Inline, Job, Output
from handler.web.body import Body, read_body
from handler.web.contract import KEY_FIELD
from handler.web.parameters.read import Fields, wish_of
from handler.web.parameters.table import BACKGROUNDS, BG_IMAGE_FILE, BG_IMAGE_URL
from handler.web.scope import invocation_of, trigger_of
from handler.web.source import Source, discard, fetched

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from handler.job import Invocation, Outcome, TriggerName
    from handler.pipeline import Pipeline
    from handler.storage.exchange import Upload
    from handler.web.contract import Contract
    from handler.web.keys import KeyRing
    from handler.web.parameters.read import Wish
    from handler.web.source import Got

BACKDROPS = tuple(row.name for row in BACKGROUNDS)

# What no other request could mend: an upload of which this is said is of no more use.
HOPELESS = (InvalidFileType, UnreadableImage, FileTooLarge, ResolutionTooHigh)


class CutOut:
    """One contract's endpoint."""

    def __init__(self, contract: Contract, pipeline: Pipeline, keys: KeyRing) -> None:
        self._contract = contract
        self._names = contract.names
        self._pipeline = pipeline
        self._keys = keys
        # Not every function has both buckets.
        ways = [
            contract.url_hint if pipeline.exchange.open else "",
            "Or put the picture into the input bucket." if pipeline.settings.output_bucket else "",
        ]
        self._alternatives = dataclasses.replace(contract.alternatives, otherwise=" ".join(way for way in ways if way))

    async def answer(self, request: Request) -> Response:
        """Cut the request's picture out. Raises a CutoutError of any kind."""
        body = await self._admitted(request)
        fields = {**self._contract.defaults(request), **body.fields}
        settings = self._pipeline.settings
        asked = Asked(body, Fields(fields, self._contract.table), settings.default_size)
        trigger, invocation = trigger_of(request), invocation_of(request)
        output = Output(
            asked.wish.rendering,
            max_bytes=invocation.max_file_bytes,
            by_url=self._pipeline.exchange.open and self._contract.gives_url(request, asked.wish),
            alternatives=self._alternatives,
        )

        def cut_out() -> Outcome:
            order = asked.order(output, trigger, self._pipeline, invocation)
            outcome = self._pipeline.run(order.job, invocation)
            for upload in order.done_with(outcome):
                discard(self._pipeline, upload)
            return outcome

        match outcome := await run_in_threadpool(cut_out):
            case Done(files=(file,)):
                response = self._contract.answer(request, file, asked.wish)
                response.headers.update(self._contract.headers(request.scope))
                return response
            case Failed(error=error):
                raise error
            case _:  # only an upload is skipped, and one output gives one file
                raise AssertionError(outcome)

    async def _admitted(self, request: Request) -> Body:
        """Check the key, before a byte of the body is read where it stands in a header, and read the body."""
        max_bytes = self._pipeline.settings.max_input_bytes
        try:
            await run_in_threadpool(self._keys.check, request.headers)
        except Unauthorized as error:
            if not error.is_missing:
                raise
            try:
                body = await read_body(request, max_bytes, self._names)
            except (CallerError, HTTPException):  # whoever has no key is told of nothing else
                raise error from None
            if KEY_FIELD not in body.fields:
                raise
            await run_in_threadpool(self._keys.check, {"x-api-key": body.fields[KEY_FIELD]})
            return body
        return await read_body(request, max_bytes, self._names)


class Asked:
    """What a request asks for, found to make sense."""

    def __init__(self, body: Body, fields: Fields, default_size: str) -> None:
        """Read everything. Raises the CallerError that is wrong with it, or Several."""
        self._body = body
        self._source = Source.of(body, fields)
        self._backdrop_url = fields.read(BG_IMAGE_URL, "")
        self.wish: Wish = wish_of(fields, default_size)
        faults = [*self._source.faults, *body.faults, *fields.faults]
        if body.count(BACKDROPS) > 1:
            faults.append(MultipleBackgrounds(f"Give one of {', '.join(BACKDROPS)}, or none."))
        Several.raise_any(faults)

    def order(self, output: Output, trigger: TriggerName, pipeline: Pipeline, invocation: Invocation) -> Order:
        """Make the job of one output, for which pictures are got that are elsewhere. Raises as `fetched` does."""
        picture, beneath = self._got(pipeline, invocation)
        backdrop = self._body.files.get(BG_IMAGE_FILE.name) if beneath is None else beneath.data
        if backdrop is not None:
            rendering = dataclasses.replace(output.rendering, background=Inline(backdrop))
            output = dataclasses.replace(output, rendering=rendering)
        job = Job(trigger, Inline(picture.data), (output,), self.wish.region)
        return Order(job, picture.upload, None if beneath is None else beneath.upload)

    def _got(self, pipeline: Pipeline, invocation: Invocation) -> tuple[Got, Got | None]:
        """Get the picture, and at the same time the one that a parameter puts behind it, if one does."""
        if not self._backdrop_url:
            return self._source.read(pipeline, invocation), None
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - one request in many needs it

        with ThreadPoolExecutor(1) as beside:
            beneath = beside.submit(fetched, BG_IMAGE_URL.name, self._backdrop_url, pipeline, invocation)
            return self._source.read(pipeline, invocation), beneath.result()


@dataclass(frozen=True)
class Order:
    """A job, and the uploads that its pictures came from."""

    job: Job
    picture: Upload | None = None
    backdrop: Upload | None = None

    def done_with(self, outcome: Outcome) -> tuple[Upload, ...]:
        """Give the uploads that nobody will ask for again: those cut out, and those that no request could use."""
        match outcome:
            case Done():
                return tuple(upload for upload in (self.picture, self.backdrop) if upload is not None)
            case Failed(error=error) if isinstance(error, HOPELESS) and self.picture is not None:
                has_backdrop = isinstance(self.job.outputs[0].rendering.background, Inline)  # it may be the broken one
                return () if has_backdrop else (self.picture,)
            case _:
                return ()
