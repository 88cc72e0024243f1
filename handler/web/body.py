"""A request's body to its fields and its picture, whichever of four ways the client chose to send them.

Enters: multipart/form-data, application/x-www-form-urlencoded, application/json, or the picture's bytes themselves
with the parameters in the query. Leaves: a Body. It must not know what the parameters mean.
"""

from __future__ import annotations

import base64
import binascii
import json
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.datastructures import UploadFile
from starlette.requests import Request

from handler.errors import CallerError, FileTooLarge, InvalidParameter, MissingSource, MultipleSources, UnreadableImage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Message, Receive

PICTURE, PICTURE_B64, PICTURE_URL = "image_file", "image_file_b64", "image_url"


@dataclass(frozen=True)
class Body:
    """What a request said; empty fields count as not given, since official clients send many as ""."""

    fields: Mapping[str, str]
    files: Mapping[str, bytes] = field(repr=False)

    def image(self) -> bytes:
        """Give the one picture. Raises MissingSource, MultipleSources, UnreadableImage or InvalidParameter."""
        encoded = self.fields.get(PICTURE_B64)
        raw = self.files.get(PICTURE)
        if PICTURE_URL in self.fields:
            raise InvalidParameter(PICTURE_URL, "Pictures are not fetched from URLs here: send image_file instead.")
        if encoded is not None and raw is not None:
            raise MultipleSources(f"{PICTURE} and {PICTURE_B64} are both given: send one of them.")
        if raw is not None:
            return raw
        if encoded is None:
            raise MissingSource(f"Send a picture as {PICTURE} (multipart), as {PICTURE_B64}, or as the request's body.")
        return _decode_base64(encoded)


async def read_body(request: Request, max_bytes: int, names: frozenset[str]) -> Body:
    """Read and parse a body of up to `max_bytes` of picture; fields of other names than `names` are ignored.

    Raises FileTooLarge or another CallerError.
    """
    request = Request(request.scope, _limited(request.receive, max_bytes))
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        body = await _read_multipart(request)
        fields = {name: value for name, value in body.fields.items() if name in names}
        return Body(fields, {name: data for name, data in body.files.items() if name in names})
    data = await request.body()
    if kind == "application/x-www-form-urlencoded":
        try:
            pairs = dict(parse_qsl(data.decode(), max_num_fields=100))
        except ValueError as error:
            raise CallerError("The body is not form-encoded text.") from error
        fields = {name: value for name, value in pairs.items() if name in names}
        return Body(fields, {})  # parse_qsl has dropped what is empty
    if kind == "application/json":
        return Body(_json_fields(data, names), {})
    query = {name: value for name, value in request.query_params.items() if value and name in names}
    return Body(query, {PICTURE: data} if data else {})


async def _read_multipart(request: Request) -> Body:
    fields: dict[str, str] = {}
    files: dict[str, bytes] = {}
    # The body as a whole is limited already; a part's own limit would only hit image_file_b64.
    async with request.form(max_files=10, max_fields=100, max_part_size=sys.maxsize) as form:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                content = await value.read()
                if content or value.filename:
                    files[name] = content
            elif value and name == PICTURE:  # sent as a plain field by clients that forget the file name
                raise CallerError(f"{PICTURE} came as a text field: send it as a file (curl -F {PICTURE}=@photo.jpg).")
            elif value:
                fields[name] = value
    return Body(fields, files)


def _limited(receive: Receive, max_bytes: int) -> Receive:
    """Stop reading at the limit: base64 makes a picture a third larger, a form adds some lines."""
    limit = max_bytes * 4 // 3 + 65_536
    received = 0

    async def limited() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise FileTooLarge(f"The request has more than {limit:,} bytes; a picture may have {max_bytes:,}.")
        return message

    return limited


def _json_fields(data: bytes, names: frozenset[str]) -> dict[str, str]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CallerError("The body is not JSON, though its content type says so.") from error
    if not isinstance(document, dict):
        raise CallerError(f"The JSON body is a {type(document).__name__}; an object of parameters is needed.")
    fields = {}
    for name in names & document.keys():
        value = document[name]
        if isinstance(value, bool):
            fields[name] = "true" if value else "false"
        elif isinstance(value, str | int | float):
            fields[name] = str(value)
        elif value is not None:
            raise InvalidParameter(name, f"{name} is a {type(value).__name__}; a text, number or boolean is needed.")
    return {name: value for name, value in fields.items() if value}


def _decode_base64(text: str) -> bytes:
    if text.startswith("data:"):  # a data URL, as a browser's FileReader gives it
        text = text.partition(",")[2]
    compact = "".join(text.replace(" ", "+").split())  # an unescaped + becomes a space in a form
    try:
        return base64.b64decode(compact, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnreadableImage(f"{PICTURE_B64} is not base64 ({error}).") from error
