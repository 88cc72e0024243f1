"""The contract of remove.bg: POST /v1.0/removebg, its headers, its answer as JSON, its error document."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from handler.errors import error_document
from handler.pixels.encode import MEDIA_TYPES
from handler.web.account import RATE_LIMIT_HEADERS, rate_limit_headers
from handler.web.contract import Contract
from handler.web.parameters.table import TABLE

if TYPE_CHECKING:
    from starlette.requests import Request

    from handler.job import File
    from handler.web.parameters.read import Wish

BOX_HEADERS = ("X-Foreground-Top", "X-Foreground-Left", "X-Foreground-Width", "X-Foreground-Height")
EXPOSED_HEADERS = (
    *("X-Width", "X-Height", "X-Credits-Charged", "X-Type", *BOX_HEADERS),
    *RATE_LIMIT_HEADERS,
)
# Nothing is classified here.
FOREGROUND_TYPE = "other"


def wants_json(accept: str) -> bool:
    """Whether an Accept header asks for the picture within JSON.

    HTTP libraries that name JSON by themselves name `*/*`, too, and their callers want a picture: axios sends
    "application/json, text/plain, */*" for whatever is asked.
    """
    kinds = [entry.partition(";")[0].strip().lower() for entry in accept.split(",")]
    if "application/json" not in kinds or "*/*" in kinds:
        return False
    return not any(kind.startswith("image/") for kind in kinds[: kinds.index("application/json")])


def answer(request: Request, file: File, wish: Wish) -> Response:
    """Give the picture's bytes, or a document that holds them; where they are too many, their URL in its place."""
    box = file.foreground
    sides = (box.top_px, box.left_px, box.width_px, box.height_px)
    headers = {
        "X-Width": str(file.width_px),
        "X-Height": str(file.height_px),
        "X-Credits-Charged": "0",
        **({"X-Type": FOREGROUND_TYPE} if wish.names_type else {}),
        **{name: str(side) for name, side in zip(BOX_HEADERS, sides, strict=True)},
    }
    if not wants_json(request.headers.get("accept", "")):
        if file.url is not None:
            return Response(status_code=303, headers={**headers, "Location": file.url})
        return Response(file.data, media_type=MEDIA_TYPES[file.file_format], headers=headers)
    result = {"result_url": file.url} if file.url else {"result_b64": base64.b64encode(file.data).decode("ascii")}
    document = {
        **result,
        "foreground_top": box.top_px,
        "foreground_left": box.left_px,
        "foreground_width": box.width_px,
        "foreground_height": box.height_px,
    }
    return JSONResponse({"data": document}, headers=headers)


def gives_url(request: Request, wish: Wish) -> bool:
    """Whether the answer may be the picture's URL: existing clients follow no redirect unless they ask for it."""
    return wish.redirects or wants_json(request.headers.get("accept", ""))


REMOVEBG = Contract(
    service="remove.bg",
    path="/v1.0/removebg",
    summary="Cut the subject out of a picture",
    table=TABLE,
    defaults=lambda _: {},
    answer=answer,
    status=lambda error: error.status,
    document=lambda error: dict(error_document(error)),
    headers=rate_limit_headers,
    error_example={
        "errors": [
            {
                "title": "Invalid bg_color parameter given",
                "code": "invalid_bg_color",
                "detail": "bg_color='notacolour' makes no sense: give 3, 4, 6 or 8 hexadecimal digits, …",
            }
        ]
    },
    gives_url=gives_url,
    url_hint="Or send Accept: application/json and get its result_url, or redirect=true and get a redirect to it.",
)
