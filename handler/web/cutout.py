"""A request that holds a picture to a Job, and the Job's Outcome to the answer of the contract that was asked by.

Enters: a request. Leaves: a response, or a CutoutError. Everything that is wrong with its parameters is found at once,
before the model is asked for anything.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from handler.errors import (
    CallerError,
    FailedBackgroundDownload,
    FailedImageDownload,
    MissingSource,
    MultipleBackgrounds,
    MultipleSources,
    Several,
    Unauthorized,
    Unfetchable,
    UnreadableImage,
)
from handler.job import Done, Failed, Inline, Job, Output
from handler.web.body import Body, decode_base64, read_body
from handler.web.contract import KEY_FIELD
from handler.web.parameters.read import Fields, wish_of
from handler.web.parameters.table import BACKGROUNDS, BG_IMAGE_FILE, BG_IMAGE_URL, IMAGE_FILE, IMAGE_FILE_B64, IMAGE_URL
from handler.web.parameters.table import SOURCES as PICTURES
from handler.web.scope import invocation_of, trigger_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from handler.job import Invocation, Outcome, TriggerName
    from handler.pipeline import Pipeline
    from handler.settings import Settings
    from handler.web.contract import Contract
    from handler.web.keys import KeyRing
    from handler.web.parameters.read import Wish

SOURCES = tuple(row.name for row in PICTURES)
BACKDROPS = tuple(row.name for row in BACKGROUNDS)

# A picture that takes longer leaves too little of an HTTP caller's patience for the network.
MAX_FETCH_S = 10.0


class CutOut:
    """One contract's endpoint."""

    def __init__(self, contract: Contract, pipeline: Pipeline, keys: KeyRing) -> None:
        self._contract = contract
        self._names = contract.names
        self._pipeline = pipeline
        self._keys = keys

    async def answer(self, request: Request) -> Response:
        """Cut the request's picture out. Raises a CutoutError of any kind."""
        body = await self._admitted(request)
        fields = {**self._contract.defaults(request), **body.fields}
        settings = self._pipeline.settings
        asked = Asked(body, Fields(fields, self._contract.table), settings.default_size)
        trigger, invocation = trigger_of(request), invocation_of(request)

        def cut_out() -> Outcome:
            return self._pipeline.run(asked.job(trigger, settings, invocation), invocation)

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
        self._url = fields.read(IMAGE_URL, "")
        self._backdrop_url = fields.read(BG_IMAGE_URL, "")
        self.wish: Wish = wish_of(fields, default_size)
        faults = [*_about_the_picture(body), *body.faults, *fields.faults]
        if body.count(BACKDROPS) > 1:
            faults.append(MultipleBackgrounds(f"Give one of {', '.join(BACKDROPS)}, or none."))
        self._data: bytes | None = body.files.get(IMAGE_FILE.name)
        encoded = body.fields.get(IMAGE_FILE_B64.name)
        if encoded is not None and body.count(SOURCES) == 1:
            try:
                self._data = decode_base64(IMAGE_FILE_B64.name, encoded)
            except UnreadableImage as error:
                faults.insert(0, error)
        if faults:
            raise faults[0] if len(faults) == 1 else Several(faults)

    def job(self, trigger: TriggerName, settings: Settings, invocation: Invocation) -> Job:
        """Make the job, for which pictures are fetched that are elsewhere: two at the same time."""
        addresses = {
            row.name: url
            for row, url in ((IMAGE_URL, self._url if self._data is None else ""), (BG_IMAGE_URL, self._backdrop_url))
            if url
        }
        fetched = _fetched(addresses, settings, invocation) if addresses else {}
        data = fetched[IMAGE_URL.name] if self._data is None else self._data
        backdrop = fetched.get(BG_IMAGE_URL.name, self._body.files.get(BG_IMAGE_FILE.name))
        rendering = self.wish.rendering
        if backdrop is not None:
            rendering = dataclasses.replace(rendering, background=Inline(backdrop))
        return Job(trigger, Inline(data), (Output(rendering, max_bytes=invocation.max_file_bytes),), self.wish.region)


def _about_the_picture(body: Body) -> list[CallerError]:
    """Find what is wrong with where the picture is."""
    match body.count(SOURCES):
        case 0:
            return [
                MissingSource(
                    f"Send a picture as {IMAGE_FILE.name} (multipart), as {IMAGE_FILE_B64.name}, or as the body."
                )
            ]
        case 1:
            return []
        case _:
            return [MultipleSources(f"Give one of {', '.join(SOURCES)}, once.")]


def _fetched(addresses: Mapping[str, str], settings: Settings, invocation: Invocation) -> dict[str, bytes]:
    """Get the pictures that parameters name by URLs. Raises FileTooLarge or what the contract has for the rest."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - a request with a file need not pay for these

    from handler.web.fetch import fetch  # noqa: PLC0415 - with ssl 30 ms

    timeout_s = min(MAX_FETCH_S, invocation.remaining_ms() / 1e3)

    def one(name: str, url: str) -> bytes:
        try:
            return fetch(url, max_bytes=settings.max_input_bytes, timeout_s=timeout_s, allow=settings.url_fetch_allow)
        except Unfetchable as error:
            named = FailedImageDownload if name == IMAGE_URL.name else FailedBackgroundDownload
            raise named(f"{name}: {error}") from error

    with ThreadPoolExecutor(len(addresses)) as fetchers:
        return dict(zip(addresses, fetchers.map(one, addresses.keys(), addresses.values()), strict=True))
