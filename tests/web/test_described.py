"""Whatever schemathesis makes of /openapi.json is answered as the document says: nothing more, nothing less.

The application is the real one with the embedded model. The document's own checks are schemathesis's; two of them, what
is accepted and what is refused, are stricter here: the service reads a body in a certain way (`BODY` of openapi.py), so
that what was sent is first written as it is read, and then held to the schema.

`make fuzz EXAMPLES=2000` runs it longer, and not the same way twice.
"""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import settings
from hypothesis import strategies as st
from openapi_schema_validator import OAS31Validator
from schemathesis.checks import CHECKS

from handler import telemetry
from handler.pipeline import Pipeline
from handler.settings import Settings
from handler.web.application import build
from tests.hostile import Answer, hostile
from tests.pictures import FORMATS, sample
from tests.verdict import log_of_the_service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from schemathesis import BaseSchema
    from starlette.applications import Starlette

pytestmark = pytest.mark.slow

LONG = "FUZZ_EXAMPLES" in os.environ
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "40"))

# schemathesis cannot judge schemas of bytes, so it is given names, and the bytes take their place before sending. Most
# are pictures.
PICTURES = {f"picture-{number}": sample(name, 24, 16) for number, name in enumerate(FORMATS)}
FILES = {**PICTURES, "no-picture": b"These are words.", "nothing": b""}
FILE_NAMES = st.sampled_from([*itertools.chain.from_iterable([list(PICTURES)] * 3), *list(FILES)[len(PICTURES) :]])

# What a document cannot say of a request's parts, so that one that fits it may be refused for.
BEYOND_A_SCHEMA = frozenset(
    {
        *("invalid_file_type", "failed_to_read_image", "unknown_foreground", "roi_exceeds_bounds", "roi_region_empty"),
        *("failed_image_download", "failed_bg_download", "not_offered"),
    }
)


@pytest.fixture(scope="module")
def addresses() -> Iterator[dict[str, str]]:
    """Give a web server with a picture on it, and the example addresses of the document by its own."""
    with hostile(Answer(200, PICTURES["picture-0"])) as server:
        examples = ("https://example.com/photo.jpg", "https://example.com/beach.jpg")
        yield dict.fromkeys(examples, f"{server.url}/picture")


def started(model: Path, addresses: dict[str, str], **more: str) -> Starlette:
    host = next(iter(addresses.values())).split("/")[2]
    return build(
        Pipeline(Settings.from_env({"MODEL_DIR": str(model), "URL_FETCH_ALLOW": host, "THREADS": "2", **more}))
    )


@pytest.fixture(scope="module")
def application(u2netp: Path, addresses: dict[str, str]) -> Starlette:
    """Give the application with the embedded model."""
    return started(u2netp, addresses)


@pytest.fixture(scope="module")
def quick_application(brightness: Path, addresses: dict[str, str]) -> Starlette:
    """Give the same with a network of some milliseconds: each value of each parameter makes many requests."""
    return started(brightness, addresses)


@pytest.fixture(scope="module")
def guarded_application(brightness: Path, addresses: dict[str, str]) -> Starlette:
    """Give one that asks for a key."""
    return started(brightness, addresses, API_KEYS="hush")


def described_by(settings: Settings) -> BaseSchema:
    """Read the document of an application with these settings, which need no model for it."""
    schemathesis.openapi.format("binary", FILE_NAMES)
    schemathesis.openapi.media_type("application/octet-stream", FILE_NAMES.map(FILES.__getitem__))
    return schemathesis.openapi.from_asgi("/openapi.json", build(Pipeline(settings)))


API = described_by(Settings())
API.config.phases.coverage.enabled = False
EVERY_VALUE = described_by(Settings())
GUARDED_API = described_by(Settings(api_key_hashes=frozenset({"0" * 64})))


@API.parametrize()
@settings(max_examples=EXAMPLES, derandomize=not LONG, database=None)
def test_any_request_is_answered_as_the_document_says(
    case: Any, application: Starlette, addresses: dict[str, str]
) -> None:
    judge(case, application, addresses)


@EVERY_VALUE.parametrize()
@settings(max_examples=EXAMPLES, derandomize=not LONG, database=None)
def test_every_value_is_answered_as_the_document_says(
    case: Any, quick_application: Starlette, addresses: dict[str, str]
) -> None:
    judge(case, quick_application, addresses)


@GUARDED_API.parametrize()
@settings(max_examples=max(10, EXAMPLES // 4), derandomize=not LONG, database=None)
def test_without_a_key_every_request_is_refused_as_the_document_says(case: Any, guarded_application: Starlette) -> None:
    with log_of_the_service() as log:
        response = case.call_and_validate(excluded_checks=judged_here(), app=guarded_application)
    assert response.status_code in {401, 403, 405} or case.path == "/health", response.status_code
    assert telemetry.UNFORESEEN not in log.getvalue()


def judge(case: Any, application: Starlette, addresses: dict[str, str]) -> None:
    """Send a case and hold its answer to the document, and to what was sent."""
    named, case.body = case.body, as_sent(case.body, addresses)
    with log_of_the_service() as log:
        response = case.call(app=application)
    assert telemetry.UNFORESEEN not in log.getvalue(), log.getvalue()
    case.validate_response(response, excluded_checks=judged_here())
    if isinstance(named, dict) and response.status_code != 405:
        fits = OAS31Validator(schema_of(case)).is_valid(as_read(named, schema_of(case)["properties"], case.media_type))
        said = response.text[:500] if response.status_code >= 400 else ""
        assert not (response.status_code < 300 and not fits), f"accepted, and does not fit the document: {named}"
        if fits and response.status_code >= 400:
            assert codes(response) <= BEYOND_A_SCHEMA, f"fits the document and was refused: {named}: {said}"


def judged_here() -> list[Any]:
    return [CHECKS.get_one(name) for name in ("negative_data_rejection", "positive_data_acceptance")]


def as_sent(body: Any, addresses: dict[str, str]) -> Any:
    """Put bytes and addresses in the place of their names."""
    if not isinstance(body, dict):
        return body
    return {name: replaced(value, {**FILES, **addresses}) for name, value in body.items()}


def replaced(value: Any, by: dict[str, Any]) -> Any:
    return by.get(value, value) if isinstance(value, str) else value


def as_read(body: dict[str, Any], properties: dict[str, Any], media_type: str) -> dict[str, Any]:
    """Write a body as the document says that it is read."""
    if media_type != "application/json":  # a form has texts and files alone
        body = {name: alone(value) for name, value in body.items() if value != []}
    read = {name: written(value, properties.get(name, {})) for name, value in body.items()}
    return {name: value for name, value in read.items() if value is not None and value != ""}


def alone(value: Any) -> Any:
    """Give what a form makes of a list of one, and of null."""
    (one,) = value if isinstance(value, list) and len(value) == 1 else [value]
    return "null" if one is None else one


def written(value: Any, schema: dict[str, Any]) -> Any:
    match value:
        case bool():
            return str(value).lower()
        case float() if value.is_integer():
            return str(int(value))
        case int() | float():
            return str(value)
        case str():
            return text_as_read(value, schema)
        case _:
            return value


def text_as_read(value: str, schema: dict[str, Any]) -> Any:
    if FILES.get(value) == b"":
        return ""
    text = value.strip()
    if schema.get("format") == "uri" and not text.isprintable():
        return {"no pattern says": "which characters Unicode has no picture of"}
    words = {str(word).lower(): word for word in schema.get("enum", []) if isinstance(word, str)}
    return words.get(text.lower(), text.lower() if "pattern" in str(schema) else text)


def schema_of(case: Any) -> Any:
    operation = case.operation.schema.raw_schema["paths"][case.path][case.method.lower()]
    return operation["requestBody"]["content"][case.media_type]["schema"]


def codes(response: Any) -> set[str]:
    """List the codes of a refusal; Clipdrop's has a sentence alone."""
    document = response.json()
    return {document["type"]} if "type" in document else {error["code"] for error in document.get("errors", [])}
