"""Routes, keys and the answer of POST /v1.0/removebg."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import numpy as np
import pytest

from local import events
from tests.clients import REMOVEBG, SENDERS, Sender, log_that_fails_on, read
from tests.pictures import opened, save, scene
from tests.triggers.test_http import noise

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients import Function
    from tests.conftest import Awaken, Log


@pytest.fixture
def guarded(awaken: Awaken, brightness: Path) -> Function:
    return awaken(MODEL_DIR=str(brightness), API_KEYS="first-secret, second-secret")


def test_a_cutout_comes_with_the_contracts_headers(function: Function, picture: bytes) -> None:
    asked = function.cut_out(picture)
    assert asked.headers["content-type"] == "image/png"
    assert (asked.headers["x-width"], asked.headers["x-height"]) == ("96", "64")
    assert asked.headers["x-credits-charged"] == "0"
    box = {side: int(asked.headers[f"x-foreground-{side}"]) for side in ("top", "left", "width", "height")}
    alpha = np.asarray(asked.picture.getchannel("A")) >= 13
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    assert box == {
        "top": rows[0],
        "left": columns[0],
        "width": columns[-1] - columns[0] + 1,
        "height": rows[-1] - rows[0] + 1,
    }


def test_accepting_json_gives_the_picture_in_json(function: Function, picture: bytes) -> None:
    asked = function.cut_out(picture, accept="application/json")
    assert asked.headers["content-type"] == "application/json"
    data = asked.json["data"]
    assert set(data) == {
        "result_b64",
        *(f"foreground_{side}" for side in ("top", "left", "width", "height")),
    }
    plain = function.cut_out(picture)
    assert base64.b64decode(data["result_b64"]) == plain.body
    assert opened(plain.body).size == (96, 64)
    assert data["foreground_width"] == int(plain.headers["x-foreground-width"])


@pytest.mark.parametrize(("method", "path"), [("GET", "/nothing"), ("POST", "/v1.0/removebgs"), ("POST", "/v1.0/")])
def test_an_unknown_path_is_404_and_says_where_to_go(function: Function, method: str, path: str) -> None:
    asked = function.ask(method, path)
    assert (asked.status, asked.error["code"]) == (404, "not_found")
    assert path in asked.error["detail"]
    assert "POST /v1.0/removebg" in asked.error["detail"]


def test_a_slash_too_many_is_an_unknown_path_and_no_redirection_out_of_the_stage(function: Function) -> None:
    event = events.request("http-api", "POST", f"/prod{REMOVEBG}/")
    event["requestContext"]["stage"] = "prod"
    assert read(function(event)).status == 404


@pytest.mark.parametrize("path", ["/nothing", f"{REMOVEBG}/"])
@pytest.mark.parametrize("scheme", ["", "x", "é"])
def test_a_scheme_that_is_none_changes_nothing(function: Function, path: str, scheme: str) -> None:
    asked = function.ask("POST", path, headers={"x-forwarded-proto": scheme}, sender="rest")
    assert (asked.status, asked.error["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", REMOVEBG), ("DELETE", REMOVEBG), ("POST", "/health"), ("PUT", "/warmup")]
)
def test_a_wrong_method_is_405_and_names_the_right_ones(function: Function, method: str, path: str) -> None:
    asked = function.ask(method, path)
    assert (asked.status, asked.error["code"]) == (405, "method_not_allowed")
    assert asked.headers["allow"]
    assert method in asked.error["detail"]


def test_the_root_tells_the_routes(function: Function) -> None:
    assert "POST /v1.0/removebg" in function.ask("GET", "/").json["routes"]


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": "first-secret"},
        {"X-Api-Key": "second-secret"},
        {"authorization": "Bearer first-secret"},
        {"Authorization": "bearer second-secret"},
    ],
    ids=str,
)
def test_a_known_key_opens(guarded: Function, picture: bytes, headers: dict[str, str]) -> None:
    assert guarded.ask("POST", body=picture, headers=headers).status == 200


@pytest.mark.parametrize(
    ("headers", "title"),
    [
        ({}, "Missing API Key"),
        ({"x-api-key": ""}, "Missing API Key"),
        ({"authorization": "Basic first-secret"}, "Missing API Key"),
        ({"x-api-key": "first-secre"}, "API Key invalid"),
        ({"x-api-key": "first-secret, second-secret"}, "API Key invalid"),
        ({"x-api-key": "FIRST-SECRET"}, "API Key invalid"),
        ({"x-api-key": "é"}, "API Key invalid"),
        ({"authorization": "Bearer wrong"}, "API Key invalid"),
    ],
    ids=str,
)
def test_no_key_or_a_wrong_one_is_403(guarded: Function, picture: bytes, headers: dict[str, str], title: str) -> None:
    asked = guarded.ask("POST", body=picture, headers=headers)
    assert (asked.status, asked.error["code"], asked.error["title"]) == (403, "auth_failed", title)
    assert b"secret" not in asked.body
    assert not guarded.model.loaded


def test_without_keys_the_gateway_decides(function: Function, picture: bytes) -> None:
    assert function.ask("POST", body=picture, headers={"x-api-key": "anything"}).status == 200


def test_health_needs_no_key_and_warm_up_does(guarded: Function) -> None:
    """Whoever may call /warmup may occupy as many environments as calls at once; the schedule does not come by HTTP."""
    assert guarded.ask("GET", "/health").status == 200
    assert guarded.ask("GET", "/warmup").status == 403
    assert not guarded.model.loaded
    assert guarded.ask("GET", "/warmup", headers={"x-api-key": "first-secret"}).status == 200
    assert guarded({"warmup": True})["statusCode"] == 200


def test_no_key_and_no_body_is_logged(guarded: Function, log: Log) -> None:
    picture = save(scene())
    guarded.ask("POST", body=picture, headers={"x-api-key": "first-secret"})
    guarded.ask("POST", body=picture, headers={"x-api-key": "wrong-guess"})
    guarded.ask("POST", body=b"BODY-OF-WORDS", headers={"authorization": "Bearer second-secret"})
    assert log.lines
    for secret in (
        "first-secret",
        "second-secret",
        "wrong-guess",
        "BODY-OF-WORDS",
        base64.b64encode(picture).decode()[:40],
    ):
        assert secret not in log.text


def test_a_models_failure_is_a_500_with_its_sentence(awaken: Awaken, failing: Path, picture: bytes) -> None:
    asked = awaken(MODEL_DIR=str(failing)).cut_out(picture)
    assert (asked.status, asked.error["code"]) == (500, "model_failed")
    assert "failing failed on 64×64 px" in asked.error["detail"]


# CORS, where no gateway in front answers for it

PAGE = "https://page.example"
PREFLIGHT = {"origin": PAGE, "access-control-request-method": "POST", "access-control-request-headers": "x-api-key"}


@pytest.fixture
def called_by_a_page(awaken: Awaken, brightness: Path) -> Function:
    return awaken(MODEL_DIR=str(brightness), API_KEYS="hush", ALLOWED_ORIGINS=f"{PAGE}, https://other.example")


@pytest.mark.parametrize("sender", SENDERS)
def test_a_pages_preflight_is_answered_without_a_key(called_by_a_page: Function, sender: Sender) -> None:
    """A browser sends no credentials with it."""
    asked = called_by_a_page.ask("OPTIONS", headers=PREFLIGHT, sender=sender)
    assert asked.status == 200
    assert asked.headers["access-control-allow-origin"] == PAGE
    assert "POST" in asked.headers["access-control-allow-methods"]
    assert "x-api-key" in asked.headers["access-control-allow-headers"].lower()
    assert not called_by_a_page.model.loaded


def test_a_page_may_read_its_cutout_and_where_the_subject_is(called_by_a_page: Function, picture: bytes) -> None:
    asked = called_by_a_page.ask("POST", body=picture, headers={"origin": PAGE, "x-api-key": "hush"})
    assert asked.status == 200
    assert asked.headers["access-control-allow-origin"] == PAGE
    exposed = {name.strip().lower() for name in asked.headers["access-control-expose-headers"].split(",")}
    assert {name for name in asked.headers if name.startswith("x-")} <= exposed


@pytest.mark.parametrize(
    ("key", "body", "status"), [("wrong", b"", 403), ("hush", b"words", 400), ("hush", b"", 400)], ids=str
)
def test_a_page_may_read_a_refusal(called_by_a_page: Function, key: str, body: bytes, status: int) -> None:
    asked = called_by_a_page.ask("POST", body=body, headers={"origin": PAGE, "x-api-key": key})
    assert asked.status == status
    assert asked.headers["access-control-allow-origin"] == PAGE


def test_a_page_may_read_what_nobody_foresaw(called_by_a_page: Function, picture: bytes) -> None:
    headers = {"origin": PAGE, "x-api-key": "hush"}
    with log_that_fails_on("picture"):
        asked = called_by_a_page.ask("POST", body=picture, headers=headers)
    assert (asked.status, asked.error["code"]) == (500, "internal_error")
    assert asked.headers["access-control-allow-origin"] == PAGE


def test_a_page_may_read_that_its_result_is_too_large(called_by_a_page: Function) -> None:
    headers = {"origin": PAGE, "x-api-key": "hush", "content-type": "image/png"}
    asked = called_by_a_page.ask("POST", body=noise(700, 700), headers=headers, query="format=png", sender="alb")
    assert asked.error["code"] == "result_too_large"
    assert asked.headers["access-control-allow-origin"] == PAGE


def test_another_page_may_read_nothing(called_by_a_page: Function, picture: bytes) -> None:
    stranger = {**PREFLIGHT, "origin": "https://stranger.example", "x-api-key": "hush"}
    for asked in (
        called_by_a_page.ask("OPTIONS", headers=stranger),
        called_by_a_page.ask("POST", body=picture, headers=stranger),
    ):
        assert "access-control-allow-origin" not in asked.headers


def test_without_allowed_origins_a_preflight_is_a_405_and_nothing_is_allowed(
    function: Function, picture: bytes
) -> None:
    asked = function.ask("OPTIONS", headers=PREFLIGHT)
    assert (asked.status, asked.error["code"]) == (405, "method_not_allowed")
    for answer in (asked, function.ask("POST", body=picture, headers={"origin": PAGE})):
        assert not [name for name in answer.headers if name.startswith("access-control-")]
