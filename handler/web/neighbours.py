"""Two services whose requests are nearly the same: PhotoRoom's POST /v1/segment, Clipdrop's POST /remove-background/v1.

https://docs.photoroom.com/remove-background-api-basic-plan and https://clipdrop.co/apis/docs/remove-background, whose
statuses are 401 for a missing key and 403 for one that is not known or was revoked. Its 406, for an Accept header that
names no format there is, is a PNG here.
"""

from __future__ import annotations

import base64
import dataclasses
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from handler.errors import CutoutError, MissingSource, Unauthorized
from handler.pixels.encode import MEDIA_TYPES
from handler.web.account import CREDITS
from handler.web.contract import Contract
from handler.web.parameters.kinds import choice
from handler.web.parameters.table import BG_COLOR, CHANNELS, CROP, FORMAT, IMAGE_FILE, SIZE, Group, Parameter
from handler.web.removebg import REMOVEBG, wants_json

if TYPE_CHECKING:
    from starlette.requests import Request

    from handler.job import File, Format
    from handler.web.parameters.read import Wish

SEGMENT_FORMAT: Parameter[Format] = dataclasses.replace(
    FORMAT,
    kind=choice({"png": "png", "jpg": "jpg", "webp": "webp"}, jpeg="jpg"),
    meaning="The result's format.",
    default="png",
)
SEGMENT_SIZE: Parameter[float | None] = dataclasses.replace(
    SIZE,
    kind=choice({"preview": 0.25, "medium": 1.5, "hd": 4.0, "full": 36.0}),
    meaning="The largest result in megapixels: preview 0.25, medium 1.5, hd 4, full 36.",
    default="full",
)
ONE_PICTURE = dataclasses.replace(IMAGE_FILE, meaning="The picture.")


def _segmented(request: Request, file: File, wish: Wish) -> Response:  # noqa: ARG001 - a contract's signature
    if not wants_json(request.headers.get("accept", "")):
        return Response(file.data, media_type=MEDIA_TYPES[file.file_format])
    return JSONResponse({"base64img": base64.b64encode(file.data).decode("ascii")})


PHOTOROOM = Contract(
    service="PhotoRoom",
    path="/v1/segment",
    summary="Cut the subject out, as PhotoRoom's clients ask",
    table=(
        Group("The picture", (ONE_PICTURE,)),
        Group("The result", (SEGMENT_FORMAT, CHANNELS, BG_COLOR, SEGMENT_SIZE, CROP)),
    ),
    defaults=lambda _: {"format": "png", "size": "full"},
    answer=_segmented,
    status=lambda error: error.status,
    document=lambda error: {
        "detail": str(error),
        "status_code": error.status,
        "type": "missing_image" if isinstance(error, MissingSource) else error.code,
    },
    headers=lambda _: {},
    error_example={"detail": "Send a picture as image_file (multipart) …", "status_code": 400, "type": "missing_image"},
)


def _by_accept(request: Request) -> dict[str, str]:
    """Choose the format as its header asks, PNG where it names none that there is."""
    for entry in request.headers.get("accept", "").split(","):
        match entry.partition(";")[0].strip().lower():
            case "image/png" | "*/*" | "image/*":
                break
            case "image/webp":
                return {"format": "webp"}
            case "image/jpeg" | "image/jpg":
                return {"format": "jpg"}
    return {"format": "png"}


def _dropped(request: Request, file: File, wish: Wish) -> Response:  # noqa: ARG001 - a contract's signature
    headers = {"x-remaining-credits": str(CREDITS), "x-credits-consumed": "0"}
    return Response(file.data, media_type=MEDIA_TYPES[file.file_format], headers=headers)


def _dropped_status(error: CutoutError) -> int:
    return 401 if isinstance(error, Unauthorized) and error.is_missing else error.status


CLIPDROP = Contract(
    service="Clipdrop",
    path="/remove-background/v1",
    summary="Cut the subject out, as Clipdrop's clients ask",
    table=(Group("The picture", (ONE_PICTURE,)),),
    defaults=_by_accept,
    answer=_dropped,
    status=_dropped_status,
    document=lambda error: {"error": str(error)},
    headers=lambda _: {},
    error_example={"error": "Send your API key in the header X-Api-Key."},
)

CONTRACTS = (REMOVEBG, PHOTOROOM, CLIPDROP)


def contract_at(path: str) -> Contract:
    """Give the contract of a path; remove.bg's where there is none."""
    return next((contract for contract in CONTRACTS if contract.path == path), REMOVEBG)
