"""The documents made of the table: /openapi.json, /docs and what they promise."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate
from PIL import Image

from handler.web.parameters.table import TABLE, rows
from handler.web.removebg import EXPOSED_HEADERS
from tests.clients import REMOVEBG
from tests.pictures import save

if TYPE_CHECKING:
    from tests.clients import Function
    from tests.web.conftest import Roomy

ROWS = {row.name: row for row in rows(TABLE)}


@pytest.fixture(scope="module")
def document(function: Function) -> Any:
    answer = function.ask("GET", "/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    return answer.json


@pytest.fixture(scope="module")
def page(function: Function) -> str:
    answer = function.ask("GET", "/docs")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    return answer.body.decode()


def properties(document: Any, kind: str, path: str = REMOVEBG) -> dict[str, Any]:
    schema = document["paths"][path]["post"]["requestBody"]["content"][kind]["schema"]
    return dict(schema["properties"])


def test_the_document_is_openapi_3_1(document: Any) -> None:
    assert document["openapi"].startswith("3.1.")
    validate(document)


def test_every_row_of_the_table_is_described_with_its_words(document: Any) -> None:
    multipart = properties(document, "multipart/form-data")
    assert set(multipart) == set(ROWS)
    for name, row in ROWS.items():
        assert multipart[name]["description"] == row.meaning
        assert {key: multipart[name][key] for key in row.kind.schema} == row.kind.schema
    for kind in ("application/json", "application/x-www-form-urlencoded"):
        assert set(properties(document, kind)) == {name for name, row in ROWS.items() if not row.is_file}


def test_every_example_and_default_fits_its_schema(document: Any) -> None:
    for name, schema in properties(document, "application/json").items():
        validator = OAS31Validator({**schema, "examples": []})
        for value in (*ROWS[name].examples, *([schema["default"]] if "default" in schema else [])):
            assert validator.is_valid(value), (name, value)


def test_every_path_of_the_document_answers(function: Function, document: Any) -> None:
    described = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    assert described >= {"POST /v1.0/removebg", "GET /v1.0/account", "POST /v1.0/improve", "POST /v1/segment"}
    for path, methods in document["paths"].items():
        for method in methods:
            assert function.ask(method.upper(), path).status not in {404, 405}


def test_every_header_of_an_answer_is_described(function: Function, document: Any, picture: bytes) -> None:
    described = document["paths"][REMOVEBG]["post"]["responses"]["200"]["headers"]
    headers = function.cut_out(picture).headers
    answered = {name for name in headers if name.startswith("x-")}
    assert {name.lower() for name in described} == answered == {name.lower() for name in EXPOSED_HEADERS}
    for name in described:
        header = document["components"]["headers"][name]
        assert header["schema"]["type"] == ("integer" if headers[name.lower()].isdigit() else "string")


def test_an_error_looks_as_the_document_says(function: Function, document: Any, picture: bytes) -> None:
    for path in (REMOVEBG, "/v1/segment", "/remove-background/v1"):
        reference = document["paths"][path]["post"]["responses"]["400"]["content"]["application/json"]["schema"]["$ref"]
        schema = document["components"]["schemas"][reference.rpartition("/")[2]]
        answer = function.ask("POST", path, b"no picture")
        assert answer.status == 400
        OAS31Validator(schema).validate(answer.json)


def schema_of(document: Any, path: str, code: str) -> Any:
    return document["paths"][path]["post"]["responses"][code]["content"]["application/json"]["schema"]


def test_answers_about_large_files_look_as_the_document_says(document: Any, roomy: Roomy, picture: bytes) -> None:
    answers = {
        ("/v1.0/uploads", "201"): roomy.function.ask("POST", "/v1.0/uploads"),
        ("/v1.0/improve", "200"): roomy.function.ask("POST", "/v1.0/improve", picture),
    }
    for (path, code), answer in answers.items():
        assert str(answer.status) == code
        validator = OAS31Validator(schema_of(document, path, code))
        validator.validate(answer.json)
        assert not validator.is_valid({})


def test_an_answer_as_json_has_the_picture_or_its_url_and_never_both(document: Any, roomy: Roomy) -> None:
    validator = OAS31Validator(schema_of(document, REMOVEBG, "200"))
    large = save(Image.fromarray(np.random.default_rng(7).integers(0, 255, (520, 520, 3), np.uint8)))
    small = roomy.function.cut_out(large, accept="application/json", format="webp", sender="alb").json
    by_url = roomy.function.cut_out(large, accept="application/json", format="png", sender="alb").json
    for answer in (small, by_url):
        validator.validate(answer)
    assert not validator.is_valid({"data": {**small["data"], **by_url["data"]}})
    assert not validator.is_valid({"data": {name: 0 for name in small["data"] if name != "result_b64"}})


def test_a_redirect_has_the_headers_that_are_described(document: Any, roomy: Roomy) -> None:
    large = save(Image.fromarray(np.random.default_rng(7).integers(0, 255, (520, 520, 3), np.uint8)))
    asked = roomy.function.cut_out(large, format="png", redirect="true", sender="alb")
    described = document["paths"][REMOVEBG]["post"]["responses"][str(asked.status)]["headers"]
    assert {name.lower() for name in described} == set(asked.headers) - {"content-length"}


class Reader(html.parser.HTMLParser):
    """Reads a page as a browser does, and notes what it would load."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.open: list[str] = []
        self.style = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "link"}:
            self.open.append(tag)
        self.loaded += [str(value) for name, value in attrs if name in {"src", "style"} or name.startswith("on")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.style += data


def test_the_page_needs_nothing_from_elsewhere_and_its_style_passes_its_own_policy(
    function: Function, page: str
) -> None:
    reader = Reader()
    reader.feed(page)
    assert (reader.open, reader.loaded) == ([], [])
    assert "<script" not in page
    assert "@import" not in reader.style
    assert "url(" not in reader.style
    policy = function.ask("GET", "/docs").headers["content-security-policy"]
    assert "unsafe-inline" not in policy
    digest = base64.b64encode(hashlib.sha256(reader.style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy


def test_the_page_lists_the_table_and_the_errors(page: str) -> None:
    text = html.unescape(re.sub(r"<[^>]+>", "", page))
    for name, row in ROWS.items():
        assert f"<code>{name}</code>" in page
        assert row.kind.words in text
        assert row.meaning in text
    for code in ("missing_source", "multiple_bg_sources", "roi_exceeds_bounds", "unknown_foreground", "auth_failed"):
        assert code in text
    for name in EXPOSED_HEADERS:
        assert name in text
