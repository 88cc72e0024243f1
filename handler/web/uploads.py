"""POST /v1.0/uploads: a picture that is too large for a request goes to S3 by a form, and is named by its reference.

The contract has nothing of the kind; the reference stands where an image_url would. The form takes one file, whose size
and type S3 checks, at a place that nobody can guess; whoever has its reference and a key may have it cut out.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from handler.web.parameters.kinds import UPLOAD_SCHEME

if TYPE_CHECKING:
    from handler.storage.exchange import Place

PATH = "/v1.0/uploads"
MOMENT = "%Y-%m-%dT%H:%M:%SZ"


def document(place: Place) -> dict[str, Any]:
    """Say where a picture is to be sent, with which fields, and how it is asked for then."""
    return {
        "data": {
            "url": place.form.url,
            "fields": dict(place.form.fields),
            "image_url": f"{UPLOAD_SCHEME}{place.token}",
            "max_bytes": place.max_bytes,
            "expires_at": time.strftime(MOMENT, time.gmtime(place.expires_at)),
        }
    }
