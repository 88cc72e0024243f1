"""What one endpoint's contract says, so that all of them share one way through: see `cutout.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from handler.web.body import Names
from handler.web.parameters.table import Group, rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Scope

    from handler.errors import CutoutError
    from handler.job import File
    from handler.web.parameters.read import Wish

# One page sends its key within the form.
KEY_FIELD = "api_key"


@dataclass(frozen=True)
class Contract:
    """An endpoint that cuts a picture out, by one service's rules."""

    service: str  # whose
    path: str
    summary: str
    table: tuple[Group, ...]
    defaults: Callable[[Request], Mapping[str, str]]  # fields that count as given where they are not
    answer: Callable[[Request, File, Wish], Response]
    status: Callable[[CutoutError], int]
    document: Callable[[CutoutError], dict[str, Any]]
    headers: Callable[[Scope], dict[str, str]]  # of every answer
    error_example: dict[str, Any]

    @property
    def names(self) -> Names:
        """What its requests may say."""
        texts = {row.name for row in rows(self.table) if not row.is_file}
        return Names(frozenset(texts | {KEY_FIELD}), frozenset(row.name for row in rows(self.table) if row.is_file))
