"""A request's body to its fields and files, whichever of four ways the client chose to send them.

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

from handler.errors import CallerError, FileTooLarge, InvalidParameter, UnreadableImage
from handler.web.parameters.table import IMAGE_FILE, IMAGE_FILE_B64, rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from starlette.types import Message, Receive

    from handler.web.parameters.table import Group

# A body holds a picture and perhaps a background, each of which base64 makes a third larger.
PICTURES_IN_A_BODY = 2


@dataclass(frozen=True)
class Names:
    """What a request may say; what a client sends besides is ignored, as the contract's service does."""

    texts: frozenset[str]
    files: frozenset[str]

    @classmethod
    def of(cls, table: tuple[Group, ...], *more: str) -> Names:
        """Take a table's, and more texts."""
        texts = [row.name for row in rows(table) if not row.is_file]
        return cls(frozenset([*texts, *more]), frozenset(row.name for row in rows(table) if row.is_file))


@dataclass(frozen=True)
class Body:
    """What a request said; empty fields count as not given, since official clients send many as ""."""

    fields: Mapping[str, str]
    files: Mapping[str, bytes] = field(repr=False)
    times: Mapping[str, int] = field(default_factory=dict)  # how often each name was given
    faults: tuple[CallerError, ...] = ()

    def count(self, names: Iterable[str]) -> int:
        """Say how often any of these names was given, readable or not."""
        return sum(self.times.get(name, 0) for name in names)


async def read_body(request: Request, max_bytes: int, names: Names) -> Body:
    """Read and parse a body whose pictures have up to `max_bytes`. Raises FileTooLarge or another CallerError."""
    request = Request(request.scope, _limited(request.receive, max_bytes))
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _read_multipart(request, names)
    data = await request.body()
    if kind == "application/x-www-form-urlencoded":
        try:
            pairs = parse_qsl(data.decode(), max_num_fields=100)
        except ValueError as error:
            raise CallerError("The body is not form-encoded text.") from error
        return _body(pairs, names)
    if kind == "application/json":
        return _body(_json_pairs(data), names)
    return _body(
        [*request.query_params.multi_items(), *([(IMAGE_FILE.name, data)] if data else [])],
        names,
    )


async def _read_multipart(request: Request, names: Names) -> Body:
    pairs: list[tuple[str, object]] = []
    # The body as a whole is limited already; a part's own limit would only hit image_file_b64.
    async with request.form(max_files=10, max_fields=100, max_part_size=sys.maxsize) as form:
        for name, value in form.multi_items():
            if not isinstance(value, UploadFile):
                pairs.append((name, value))
            elif name in names.files or name in names.texts:
                content = await value.read()
                if content or value.filename:  # a browser sends neither for a file that nobody chose
                    pairs.append((name, content))
    return _body(pairs, names)


def _body(pairs: Iterable[tuple[str, object]], names: Names) -> Body:
    """Sort what was sent: texts, files, and what should have been the other."""
    fields: dict[str, str] = {}
    files: dict[str, bytes] = {}
    times: dict[str, int] = {}
    faults: list[CallerError] = []
    for name, value in pairs:
        if name not in names.texts and name not in names.files:
            continue
        text = _text(value)
        if text == "":
            continue
        times[name] = times.get(name, 0) + 1
        if isinstance(value, bytes) and name in names.files:
            files[name] = value
        elif isinstance(value, bytes) and name == IMAGE_FILE_B64.name:
            # How OpenAPI has a base64 text travel in a form, so that clients made from the document may send it so:
            # https://spec.openapis.org/oas/v3.1.1.html#encoding-content-type
            fields[name] = value.decode("ascii", "replace")
        elif isinstance(value, bytes):
            faults.append(InvalidParameter(name, f"{name} came as a file; a text is needed."))
        elif name in names.files:
            faults.append(
                InvalidParameter(
                    name, f"{name} came as a text: send it as a file of a multipart form (curl -F {name}=@photo.jpg)."
                )
            )
        elif text is None:
            kind = type(value).__name__
            faults.append(InvalidParameter(name, f"{name} is a {kind}; a text, number or boolean is needed."))
        else:
            fields[name] = text
    return Body(fields, files, times, tuple(faults))


def _text(value: object) -> str | None:
    """Write a value as a form would have it; "" for what is not given, None for what is no single value."""
    match value:
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case str() | int() | float():
            return str(value)
        case None:
            return ""
        case _:
            return None


def most_body_bytes(max_bytes: int) -> int:
    """Say how many bytes are read of a body whose pictures may have `max_bytes`."""
    return PICTURES_IN_A_BODY * (max_bytes * 4 // 3) + 65_536


def _limited(receive: Receive, max_bytes: int) -> Receive:
    """Stop reading at the limit: base64 makes a picture a third larger, a form adds some lines."""
    limit = most_body_bytes(max_bytes)
    received = 0

    async def limited() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise FileTooLarge(f"The request has more than {limit:,} bytes; a picture may have {max_bytes:,}.")
        return message

    return limited


def _json_pairs(data: bytes) -> list[tuple[str, object]]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CallerError("The body is not JSON, though its content type says so.") from error
    if not isinstance(document, dict):
        raise CallerError(f"The JSON body is a {type(document).__name__}; an object of parameters is needed.")
    return list(document.items())


def decode_base64(name: str, text: str) -> bytes:
    """Decode a picture that came as text. Raises UnreadableImage."""
    if text.startswith("data:"):  # a data URL, as a browser's FileReader gives it
        text = text.partition(",")[2]
    compact = "".join(text.replace(" ", "+").split())  # an unescaped + becomes a space in a form
    try:
        return base64.b64decode(compact, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnreadableImage(f"{name} is not base64 ({error}).") from error
