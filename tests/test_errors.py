"""The drawn tree of failures: what is retried, what is the caller's, and the documents."""

from __future__ import annotations

import ast
import inspect
import re

import pytest

import handler.errors
from handler.errors import CallerError, CutoutError, InvalidParameter, ServiceError, Skip, TimeTooShort, error_document
from handler.triggers.reply import Result, failed, reply, skipped
from local.emulator import ROOT

ERRORS = {name for name, _ in inspect.getmembers(handler.errors, inspect.isclass)}
CLASSES = [
    value
    for _, value in inspect.getmembers(handler.errors, inspect.isclass)
    if issubclass(value, CutoutError) and value.__module__ == "handler.errors"
]


def test_the_drawing_shows_every_class_at_its_place() -> None:
    drawn: dict[str, str | None] = {}
    above: list[tuple[int, str]] = []  # the indents and classes on the way down from the root
    for line in (handler.errors.__doc__ or "").splitlines():
        found = re.match(r"(    [ │]*(?:[├└]── )?)([A-Z]\w+(?:, [A-Z]\w+)*) {2}", line)
        if not found:
            continue
        while above and above[-1][0] >= len(found[1]):
            above.pop()
        names = found[2].split(", ")
        drawn |= dict.fromkeys(names, above[-1][1] if above else None)
        above.append((len(found[1]), names[0]))
    assert drawn.pop("Skip") is None
    assert drawn == {error.__name__: None if error is CutoutError else error.__bases__[0].__name__ for error in CLASSES}


@pytest.mark.parametrize("error", CLASSES)
def test_the_callers_fault_is_4xx_and_never_retried(error: type[CutoutError]) -> None:
    callers = issubclass(error, CallerError)
    assert (400 <= error.status < 500) is callers
    if callers:
        assert not error.retriable
    if issubclass(error, ServiceError):
        assert error.retriable


def test_a_document_has_the_contracts_three_fields() -> None:
    error = InvalidParameter("bg_color", "bg_color='x' makes no sense.")
    assert error_document(error) == {
        "errors": [
            {
                "title": "Invalid bg_color parameter given",
                "code": "invalid_bg_color",
                "detail": "bg_color='x' makes no sense.",
            }
        ]
    }


def test_headers_are_an_errors_own() -> None:
    TimeTooShort("late").headers["X-Other"] = "1"
    assert TimeTooShort("later", retry_after_s=7).headers == {"Retry-After": "7"}
    assert ServiceError("broken").headers == {}


@pytest.mark.parametrize(
    ("codes", "worst", "status"),
    [((), 200, "success"), ((200, 200), 200, "success"), ((200, 206), 206, "error"), ((404, 200, 400), 404, "error")],
)
def test_a_replys_code_is_the_worst_of_its_results(codes: tuple[int, ...], worst: int, status: str) -> None:
    whole = reply("s3", [Result(code, "success") for code in codes], note="kept")
    assert (whole["statusCode"], whole["status"], whole["event"], whole["note"]) == (worst, status, "s3", "kept")
    assert len(whole["results"]) == len(codes)


def test_a_failed_result_carries_its_error_and_a_skipped_one_its_reason() -> None:
    error = CallerError("No good.")
    assert failed(error, picture="a").document() == {
        "statusCode": 400,
        "status": "error",
        "picture": "a",
        "error": error_document(error)["errors"][0],
    }
    assert skipped(Skip("A folder."), picture="a").document() == {
        "statusCode": 200,
        "status": "skipped",
        "picture": "a",
        "reason": "A folder.",
    }


def test_half_a_surrogate_pair_is_written_out() -> None:
    """JSON brings one in a caller's text, and neither awslambdaric nor Starlette could encode an answer with it."""
    assert str(CallerError("path '\ud800'")).encode() == rb"path '\ud800'"
    assert str(Skip("\udfff")).encode() == rb"\udfff"


def test_every_error_of_the_package_is_drawn() -> None:
    """A class of errors in another module would have no place in the tree, and no test would ask whose fault it is."""
    modules = [path for path in (ROOT / "handler").rglob("*.py") if path.name != "errors.py"]
    assert len(modules) > 20
    for path in modules:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            bases = [ast.unparse(base).rpartition(".")[2] for base in getattr(node, "bases", [])]
            assert not [base for base in bases if base.endswith(("Error", "Exception")) or base in ERRORS], path
