"""What one endpoint's contract says, so that all of them share one way through: see `cutout.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from handler.job import Alternatives
from handler.pixels.encode import MEDIA_TYPES
from handler.web.body import Names
from handler.web.parameters.kinds import Choice
from handler.web.parameters.table import FORMAT, SIZE, Group, rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Scope

    from handler.errors import CutoutError
    from handler.job import File, FileFormat
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
    gives_url: Callable[[Request, Wish], bool] = lambda *_: False  # such a request can be answered with a file's URL
    url_hint: str = ""  # a sentence for others: how to ask for that

    @property
    def names(self) -> Names:
        """What its requests may say."""
        return Names.of(self.table, KEY_FIELD)

    @property
    def alternatives(self) -> Alternatives:
        """What its requests can ask for that makes a smaller file."""
        by_name = {row.name: row for row in rows(self.table)}
        smaller: tuple[FileFormat, ...] = ("webp", "jpg")
        if FORMAT.name in by_name:
            formats = tuple((f"{FORMAT.name}={name}", name) for name in smaller)
        else:  # Clipdrop's way
            formats = tuple((f"Accept: {MEDIA_TYPES[name]}", name) for name in smaller)
        if SIZE.name not in by_name:
            return Alternatives(formats)
        kind = by_name[SIZE.name].kind
        assert isinstance(kind, Choice)  # noqa: S101 - for mypy: a row of any kind could have the name
        names: dict[float, str] = {}
        for name, megapixels in kind.values.items():
            if megapixels is not None:
                names.setdefault(megapixels, name)
        sizes = [(f"{SIZE.name}={name}", megapixels) for megapixels, name in sorted(names.items(), reverse=True)]
        return Alternatives(formats, tuple(sizes))
