"""The one shape of every answer that is not HTTP.

{
  "statusCode": 200,            the worst of the results' codes; 200 where there are none
  "status": "success",          "success" below 300 (206 is "error", the warm-up's contract), else "error"
  "event": "s3",                the kind of event that was understood
  "results": [                  one an item of the event, in its order
    {"statusCode": 200, "status": "success" | "skipped" | "error", …what the source adds…,
     "error": {"title", "code", "detail"}}    where it failed; "reason" where it was skipped
  ]
  …fields that a source adds for all results together…
}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from handler.errors import CutoutError, error_document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def answer(event: str, results: Sequence[Mapping[str, Any]], **more: object) -> dict[str, Any]:
    """Put results together; the code is the worst of theirs."""
    code = max((int(result["statusCode"]) for result in results), default=200)
    status = "success" if code < 300 and code != 206 else "error"
    return {"statusCode": code, "status": status, "event": event, "results": list(results), **more}


def failed(error: CutoutError, **facts: object) -> dict[str, Any]:
    """Give the result of one item that failed."""
    return {"statusCode": error.status, "status": "error", **facts, "error": error_document(error)["errors"][0]}


def skipped(reason: str, **facts: object) -> dict[str, Any]:
    """Give the result of one item that there was nothing to do for."""
    return {"statusCode": 200, "status": "skipped", **facts, "reason": reason}
