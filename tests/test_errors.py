"""The drawn tree of failures: what is retried, what is the caller's, and the documents."""

from __future__ import annotations

import inspect
import re

import pytest

import handler.errors
from handler.errors import CallerError, CutoutError, InvalidParameter, ServiceError, TimeTooShort, error_document
from handler.triggers.reply import answer, failed, skipped

CLASSES = [
    value
    for _, value in inspect.getmembers(handler.errors, inspect.isclass)
    if issubclass(value, CutoutError) and value.__module__ == "handler.errors"
]


def test_the_drawing_shows_every_class_at_its_place() -> None:
    drawing = handler.errors.__doc__ or ""
    for error in CLASSES:
        assert re.search(rf"\b{error.__name__}\b", drawing), error


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
def test_an_answers_code_is_the_worst_of_its_results(codes: tuple[int, ...], worst: int, status: str) -> None:
    whole = answer("s3", [{"statusCode": code} for code in codes], note="kept")
    assert (whole["statusCode"], whole["status"], whole["event"], whole["note"]) == (worst, status, "s3", "kept")
    assert len(whole["results"]) == len(codes)


def test_a_failed_result_carries_its_error_and_a_skipped_one_its_reason() -> None:
    error = CallerError("No good.")
    assert failed(error, source="a") == {
        "statusCode": 400,
        "status": "error",
        "source": "a",
        "error": error_document(error)["errors"][0],
    }
    assert skipped("A folder.", source="a") == {
        "statusCode": 200,
        "status": "skipped",
        "source": "a",
        "reason": "A folder.",
    }
