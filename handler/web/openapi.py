"""The OpenAPI 3.1 document of every route, made of the table: GET /openapi.json.

Enters: the contracts. Leaves: a document. https://spec.openapis.org/oas/v3.1.1.html
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from handler.web.account import RATE_LIMIT_HEADERS, account
from handler.web.improve import PATH as IMPROVE
from handler.web.neighbours import CLIPDROP, CONTRACTS, PHOTOROOM
from handler.web.parameters.kinds import UPLOAD_PATTERN, Boolean
from handler.web.parameters.table import BACKGROUNDS, IMAGE_FILE, IMPROVEMENT, SOURCES, rows
from handler.web.removebg import EXPOSED_HEADERS, REMOVEBG
from handler.web.uploads import PATH as UPLOADS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from handler.web.contract import Contract
    from handler.web.parameters.table import Group, Parameter

Document = dict[str, Any]

IMAGES = ("image/png", "image/jpeg", "image/webp")
BINARY: Document = {"type": "string", "format": "binary"}

HEADER_MEANINGS = {
    "X-Width": "Width of the result in pixels",
    "X-Height": "Height of the result in pixels",
    "X-Credits-Charged": "Always 0",
    "X-Type": "Always other; absent with type_level=none",
    "X-Foreground-Top": "Where the subject begins in the result, in pixels",
    "X-Foreground-Left": "Where the subject begins in the result, in pixels",
    "X-Foreground-Width": "Width of the subject in the result, in pixels",
    "X-Foreground-Height": "Height of the subject in the result, in pixels",
    "X-RateLimit-Limit": "Requests a minute that the gateway lets through, from all callers together",
    "X-RateLimit-Remaining": "One less: how many others have sent is not known here",
    "X-RateLimit-Reset": "The next full minute, in seconds since the epoch",
}
BODY = (
    "An empty text, null or an empty file counts as not given. Texts are read in any case of letters, a number or a "
    "boolean as the text that it is written as, and what is not described here is ignored."
)
HEALTH: Document = {"status": "ok", "model_loaded": True, "model": "u2netp 1", "warm": True}
WARMTH: Document = {
    "status": "success",
    "message": "…",
    "model_ready": True,
    "total_time": 0.6,
    "endpoint": "/warmup",
    "timestamp": "2026-01-02T03:04:05+00:00",
    "container_ready": True,
    "load_time": None,
    "inference_time": None,
    "cold_start": True,
}
REFUSALS = {
    "400": "Something is wrong with the request: its parameters, its picture, or what the result would be",
    "403": "The API key is missing or not known",
    "408": "The body stopped coming",
    "429": "More requests at once than this service takes; Retry-After says when to come back",
}
FAILURES = {
    "500": "The model or a setting failed",
    "502": "A service that this one depends on failed",
    "503": "There is not enough time or memory left; Retry-After says when to come back",
}


def openapi(*, needs_key: bool) -> Document:
    """Make the document; without `needs_key` the function asks for none, and a gateway in front of it may."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Background removal",
            "version": "1.0.0",
            "description": "Cuts the subject out of pictures, by the contract of remove.bg's API.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "security": [*([] if needs_key else [{}]), {"key": []}, {"bearer": []}],
        "paths": {
            **{contract.path: {"post": _cut_out(contract)} for contract in CONTRACTS},
            "/v1.0/account": {"get": _account()},
            UPLOADS: {"post": _uploads()},
            IMPROVE: {"post": _improve()},
            "/health": {"get": _plain("health", "Whether the model is loaded; never loads it", HEALTH, secured=False)},
            "/warmup": {
                "get": _warmup("warmUp", "Load the model and prove it"),
                "post": _warmup("warmUpByPost", "Load the model and prove it"),
            },
        },
        "components": {
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
            "schemas": {contract.service: _shape(contract.error_example) for contract in CONTRACTS},
            "headers": {
                **{
                    name: {
                        "description": HEADER_MEANINGS[name],
                        "required": name != "X-Type",
                        "schema": {"type": "string" if name == "X-Type" else "integer"},
                    }
                    for name in EXPOSED_HEADERS
                },
                "Retry-After": {"description": "In how many seconds to come back", "schema": {"type": "integer"}},
            },
        },
    }


def _cut_out(contract: Contract) -> Document:
    content = _contents(contract.table, with_texts=contract is REMOVEBG)
    redirect: Document = {}
    answers: Document = {"content": {kind: {"schema": BINARY} for kind in IMAGES}}
    if contract is REMOVEBG:
        answers["content"] |= {"application/zip": {"schema": BINARY}, "application/json": {"schema": _json_answer()}}
        answers["headers"] = _headers(EXPOSED_HEADERS)
        location = {"Location": {"description": "Its URL", "schema": {"type": "string", "format": "uri"}}}
        words = "With redirect=true: the subject, cut out, is too large for the answer and lies elsewhere for a while"
        redirect["303"] = {"description": words, "headers": {**answers["headers"], **location}}
    if contract is PHOTOROOM:
        answers["content"]["application/json"] = {"schema": _shape({"base64img": ""})}
    refusals = {**REFUSALS, **({"401": "The API key is missing"} if contract is CLIPDROP else {}), **FAILURES}
    return {
        "operationId": contract.path.strip("/").replace("/", "-").replace(".", "-"),
        "summary": contract.summary,
        "requestBody": {"description": BODY, "required": True, "content": content},
        "responses": {
            "200": {"description": "The subject, cut out", **answers},
            **redirect,
            **{code: _refusal(contract, code, words) for code, words in sorted(refusals.items())},
        },
    }


def _contents(table: tuple[Group, ...], *, with_texts: bool = True) -> Document:
    """Describe the bodies that a table's parameters come in; `with_texts`: also in those that carry no file."""
    content: Document = {"multipart/form-data": {"schema": _object(table, with_files=True)}}
    if with_texts:
        texts = _object(table, with_files=False)
        content |= {"application/json": {"schema": texts}, "application/x-www-form-urlencoded": {"schema": texts}}
    return {**content, "application/octet-stream": {"schema": BINARY}}


def _headers(names: Iterable[str]) -> Document:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _object(table: tuple[Group, ...], *, with_files: bool) -> Document:
    """Describe a body of parameters."""
    given = [row for row in rows(table) if with_files or not row.is_file]
    described: Document = {"type": "object", "properties": {row.name: _property(row) for row in given}}
    sources = [row.name for row in given if row in SOURCES]
    backgrounds = [row.name for row in given if row in BACKGROUNDS]
    if len(sources) > 1:
        described["oneOf"] = [{"required": [name]} for name in sources]
    else:
        described["required"] = [row.name for row in given if row.name == IMAGE_FILE.name]
    if len(backgrounds) > 1:
        pairs = [{"required": list(pair)} for pair in itertools.combinations(backgrounds, 2)]
        described["not"] = {"anyOf": pairs}
    return described


def _property(row: Parameter[Any]) -> Document:
    schema = {**row.kind.schema, "description": row.meaning}
    if row.default:
        schema["default"] = row.kind.read(row.default) if isinstance(row.kind, Boolean) else row.default
    if row.samples:
        schema["examples"] = list(row.samples)
    return schema


def _json_answer() -> Document:
    """Describe the answer as JSON: with the picture in it or, where that would be too large, with its URL."""
    sides = {f"foreground_{side}": {"type": "integer"} for side in ("top", "left", "width", "height")}
    results: Document = {
        "result_b64": {"type": "string", "contentEncoding": "base64"},
        "result_url": {
            "type": "string",
            "format": "uri",
            "description": "Of a result that is too large for the answer",
        },
    }
    data = {
        "type": "object",
        "properties": {**results, **sides},
        "required": list(sides),
        "oneOf": [{"required": [name]} for name in results],
    }
    return {"type": "object", "properties": {"data": data}, "required": ["data"]}


def _refusal(contract: Contract, code: str, words: str) -> Document:
    schema = {"$ref": f"#/components/schemas/{contract.service}"}
    limits = RATE_LIMIT_HEADERS if contract is REMOVEBG else ()
    headers = (*limits, "Retry-After") if code in {"429", "503"} else limits
    return {
        "description": words,
        "headers": _headers(headers),
        "content": {"application/json": {"schema": schema}},
    }


def _account() -> Document:
    return {
        "operationId": "account",
        "summary": "Credits, of which there are always enough",
        "responses": {
            "200": {
                "description": "Numbers that let every client go on",
                "headers": _headers(RATE_LIMIT_HEADERS),
                "content": {"application/json": {"schema": _shape(account())}},
            },
            "403": _refusal(REMOVEBG, "403", REFUSALS["403"]),
        },
    }


def _uploads() -> Document:
    data = {
        "type": "object",
        "properties": {
            "url": {"type": "string", "format": "uri", "description": "Where the form is sent to"},
            "fields": {
                "type": "object",
                "additionalProperties": {"type": "string"},
                "description": "The form's fields; a field Content-Type that begins with image/ and, last, one named "
                "file go with them",
            },
            "image_url": {
                "type": "string",
                "pattern": f"^{UPLOAD_PATTERN}$",
                "description": "What the picture is called in a request, as image_url or bg_image_url",
            },
            "max_bytes": {"type": "integer", "description": "The largest file that is taken"},
            "expires_at": {"type": "string", "format": "date-time", "description": "Until when the form is taken"},
        },
        "required": ["url", "fields", "image_url", "max_bytes", "expires_at"],
    }
    schema = {"type": "object", "properties": {"data": data}, "required": ["data"]}
    return {
        "operationId": "uploads",
        "summary": "Say where to send a picture that is too large for a request",
        "responses": {
            "201": {"description": "A form for one picture", "content": {"application/json": {"schema": schema}}},
            "400": _refusal(REMOVEBG, "400", "There is no bucket for uploads here: code not_offered"),
            "403": _refusal(REMOVEBG, "403", REFUSALS["403"]),
            **{code: _refusal(REMOVEBG, code, words) for code, words in FAILURES.items()},
        },
    }


def _improve() -> Document:
    kept = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
    refusals = {**REFUSALS, "400": f"{REFUSALS['400']}; or no picture is kept here: code not_offered", **FAILURES}
    return {
        "operationId": "improve",
        "summary": "Keep a picture to be learned from",
        "requestBody": {"required": True, "content": _contents(IMPROVEMENT)},
        "responses": {
            "200": {"description": "It is kept", "content": {"application/json": {"schema": kept}}},
            **{code: _refusal(REMOVEBG, code, words) for code, words in sorted(refusals.items())},
        },
    }


def _plain(operation: str, summary: str, example: Document, *, secured: bool) -> Document:
    found: Document = {
        "operationId": operation,
        "summary": summary,
        "responses": {
            "200": {"description": "Yes", "content": {"application/json": {"schema": _shape(example)}}},
        },
    }
    if not secured:
        found["security"] = []
    return found


def _warmup(operation: str, summary: str) -> Document:
    described = _plain(operation, summary, WARMTH, secured=True)
    described["responses"]["200"]["headers"] = {
        name: {"description": words, "required": True, "schema": {"type": kind}}
        for name, kind, words in (
            ("X-Warmup-Status", "string", "success or error"),
            ("X-Model-Ready", "boolean", "Whether the model is loaded"),
            ("X-Warmup-Time", "number", "What it took, in seconds"),
        )
    }
    for code, words in (("206", "The model is loaded and the test picture failed"), ("500", "The model is not ready")):
        described["responses"][code] = {**described["responses"]["200"], "description": words}
    described["responses"]["403"] = _refusal(REMOVEBG, "403", REFUSALS["403"])
    return described


def _shape(example: object) -> Document:
    """Describe documents that look like this one."""
    match example:
        case dict():
            properties = {name: _shape(value) for name, value in example.items()}
            return {"type": "object", "properties": properties, "required": list(example)}
        case list():
            return {"type": "array", "items": _shape(example[0]), "minItems": 1}
        case bool():
            return {"type": "boolean"}
        case None:
            return {"type": ["number", "null"]}
        case int() | float():
            return {"type": "number", "examples": [example]}
        case _:
            return {"type": "string", "examples": [example]}
