"""GET / as it is sent: who gets it, with which headers, and what is in it. No browser."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from html import unescape
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest

from handler import web
from handler.web.page import MODULES, document, joined, wants_html
from handler.web.parameters.table import FORMAT, SIZE
from local import events
from tests.clients import SENDERS, Answered, read

if TYPE_CHECKING:
    from tests.clients import Function, Sender

# As Chromium and Firefox send it.
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
PAGE = files(web).joinpath("page")


def page(function: Function, sender: Sender = "http-api", headers: dict[str, str] | None = None) -> Answered:
    return function.ask("GET", "/", headers={"accept": BROWSER, **(headers or {})}, sender=sender)


def source(name: str) -> str:
    return PAGE.joinpath(name).read_text(encoding="utf-8")


@pytest.mark.parametrize("sender", SENDERS)
def test_a_browser_gets_the_page_by_every_sender(function: Function, sender: Sender) -> None:
    answer = page(function, sender)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.body.startswith(b"<!doctype html>")


@pytest.mark.parametrize("accept", ["*/*", "", "application/json", "text/html;q=0, */*", "image/png,*/*;q=0.8"])
def test_a_client_gets_the_index(function: Function, accept: str) -> None:
    answer = function.ask("GET", "/", headers={"accept": accept})
    assert answer.headers["content-type"] == "application/json"
    assert "POST /v1.0/removebg" in answer.json["routes"]
    assert not wants_html(accept)


@pytest.mark.parametrize("accept", [BROWSER, "*/*"])
def test_a_cache_is_told_that_the_two_are_told_apart(function: Function, accept: str) -> None:
    assert "Accept" in function.ask("GET", "/", headers={"accept": accept}).headers["vary"]


@pytest.mark.parametrize("path", ["/prod", "/prod/"])
def test_the_page_is_found_below_a_stage(function: Function, path: str) -> None:
    event = events.request("http-api", "GET", path, headers={"accept": BROWSER})
    event["requestContext"]["stage"] = "prod"
    assert read(function(event)).body.startswith(b"<!doctype html>")


def test_it_comes_compressed_to_whoever_takes_that(function: Function) -> None:
    answer = page(function, headers={"accept-encoding": "gzip, br"})
    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(answer.body) == page(function).body
    assert len(answer.body) < 50_000


def test_it_is_asked_for_again_and_not_sent_again(function: Function) -> None:
    first = page(function)
    assert first.headers["cache-control"] == "no-cache"
    again = page(function, headers={"if-none-match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    assert again.headers["content-security-policy"] == first.headers["content-security-policy"]
    assert page(function, headers={"if-none-match": '"another"'}).status == 200


def test_the_policy_lets_in_its_own_script_and_style_alone(function: Function) -> None:
    answer = page(function)
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    for kind, tag in (("script-src", "script"), ("style-src", "style")):
        (text,) = re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>", answer.body.decode(), re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert policy[kind] == f"'sha256-{digest}'"
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert policy["img-src"] == "blob: data:"
    assert policy["connect-src"] == "'self' https:"
    assert policy["require-trusted-types-for"] == "'script'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_it_may_connect_by_http_only_where_it_came_by_http(function: Function) -> None:
    answer = page(function, headers={"x-forwarded-proto": "http"})
    assert "connect-src 'self' https: http:;" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("sender", "upload_bytes"),
    [("rest", 4_703_592), ("http-api", 4_703_592), ("function-url", 4_703_592), ("alb", 771_432)],
)
def test_it_knows_what_its_sender_carries(function: Function, sender: Sender, upload_bytes: int) -> None:
    (way,) = re.findall(r'data-way="([^"]+)"', page(function, sender).body.decode())
    known = json.loads(unescape(way))
    assert known["max_upload_bytes"] == upload_bytes
    assert known["at_once"] == 2
    assert known["max_result_bytes"] < 4_720_000


def test_its_script_is_every_module_beside_it_after_what_it_imports() -> None:
    assert set(MODULES) == {path.name[:-3] for path in PAGE.iterdir() if path.name.endswith(".js")}
    names: set[str] = set()
    for position, module in enumerate(MODULES):
        text = source(f"{module}.js")
        exports = r"^export (?:async )?(?:function|const|class|let) (\w+)"
        for imported, other in re.findall(r'^import \{([^}]+)\} from "\./([\w-]+)\.js";$', text, re.MULTILINE):
            assert other in MODULES[:position], f"{module} imports {other}"
            exported = set(re.findall(exports, source(f"{other}.js"), re.MULTILINE))
            assert {name.strip() for name in imported.split(",")} <= exported, module
        own = re.findall(r"^(?:export )?(?:async )?(?:function|const|class|let) (\w+)", text, re.MULTILINE)
        assert not names & set(own), module
        names |= set(own)
    assert not re.search(r"^(import|export)\b", joined(MODULES), re.MULTILINE)
    assert "</script" not in joined(MODULES)


def test_no_text_becomes_markup() -> None:
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", joined(MODULES))


def test_it_offers_sizes_and_formats_that_the_table_knows() -> None:
    html, script = source("index.html"), joined(MODULES)
    for name, row in (("size", SIZE), ("format", FORMAT)):
        (options,) = re.findall(rf'<select id="{name}">(.*?)</select>', html, re.DOTALL)
        for value in re.findall(r'value="(\w+)"', options):
            assert value in row.examples
    for name, megapixels in re.findall(r"(\w+): ([\d.]+)", re.findall(r"MEGAPIXELS = \{(.*?)\}", script)[0]):
        assert SIZE.kind.read(name) == float(megapixels)


def test_nothing_of_it_is_read_before_it_is_asked_for(function: Function) -> None:
    document.cache_clear()
    function.ask("GET", "/")
    assert document.cache_info().misses == 0
