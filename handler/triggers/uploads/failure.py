"""What is written where the result of an upload would be, when there can be none. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from handler.errors import CallerError

if TYPE_CHECKING:
    from handler.errors import CutoutError
    from handler.job import Provenance

# Where the sentence of an error alone does not say what to do.
HELP = {
    "invalid_file_type": "Upload a JPEG, PNG, WebP, HEIC, AVIF, GIF, TIFF or BMP picture under this key.",
    "failed_to_read_image": "Open the picture in an editor, save it again, and upload it under this key.",
    "unknown_foreground": "Upload a picture with a subject that stands out from its surroundings.",
    "invalid_outputs": "Mend cutout-outputs in the object's metadata or tags; then upload again under this key.",
    "target_taken": "Move what stands there, or give the function another OUTPUT_PREFIX; then upload again.",
}
OTHERWISE = "Mend what the reason says, then upload again under this key."


def is_reported(error: CutoutError) -> bool:
    """Whether an upload that fails so is done with, and somebody has to be told at its place."""
    return isinstance(error, CallerError)


def error_report(error: CutoutError, provenance: Provenance) -> str:
    """Give an error report: the same text for the same failure of the same object."""
    picture = provenance.picture
    document = {
        "error": {"code": error.code, "title": error.title, "detail": str(error)},
        "help": HELP.get(error.code, OTHERWISE),
        "source": {
            "bucket": picture.bucket,
            "key": picture.key,
            "version": picture.version_id,
            "etag": picture.etag,
            "sequencer": picture.sequencer,
        },
        "model": provenance.model,
        "options": json.loads(provenance.options),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
