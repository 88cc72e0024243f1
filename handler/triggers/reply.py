"""The one shape of every reply that is not HTTP.

{
  "statusCode": 200,            the worst of the results' codes; 200 where there are none
  "status": "success",          "success" below 300 (206 is "error", the warm-up's contract), else "error"
  "event": "s3",                the kind of event that was understood
  "results": [                  one for each item of the event, in its order
    {"statusCode": 200, "status": "success" | "skipped" | "error", …what the trigger adds…,
     "error": {"title", "code", "detail"}}    where it failed; "reason" where it was skipped
  ]
  …fields that a trigger adds for all results together…
}
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from handler.errors import CutoutError, Skip, error_document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class Result:
    """What came of one item of an event."""

    status_code: int
    status: Literal["success", "skipped", "error"]
    details: Mapping[str, object] = field(default_factory=dict)  # what the trigger tells besides

    def document(self) -> dict[str, Any]:
        """Give it as it is sent."""
        return {"statusCode": self.status_code, "status": self.status, **self.details}


def failed(error: CutoutError, **details: object) -> Result:
    """Give the result of an item that failed."""
    return Result(error.status, "error", {**details, "error": error_document(error)["errors"][0]})


def skipped(skip: Skip, **details: object) -> Result:
    """Give the result of an item that there was nothing to do for."""
    return Result(200, "skipped", {**details, "reason": str(skip)})


def reply(event: str, results: Sequence[Result], **more: object) -> dict[str, Any]:
    """Put results together; the code is the worst of theirs."""
    code = max((result.status_code for result in results), default=200)
    status = "success" if code < 300 and code != 206 else "error"
    documents = [result.document() for result in results]
    return {"statusCode": code, "status": status, "event": event, "results": documents, **more}
