"""Where the results of an upload go: keys that follow from the upload and from how its result is to look. Pure."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING

from handler.errors import ConfigurationError, InvalidKey, Skip
from handler.job import Rendering
from handler.storage.objects import MAX_KEY_BYTES
from handler.storage.provenance import digest

if TYPE_CHECKING:
    from handler.job import S3Object
    from handler.settings import Settings


@dataclasses.dataclass(frozen=True)
class Place:
    """The keys of one result."""

    bucket: str
    key: str
    report_key: str  # of the error report where there is no result

    @property
    def key_fits(self) -> bool:
        """Whether S3 allows the result's key."""
        return len(self.key.encode()) <= MAX_KEY_BYTES


def place_of(picture: S3Object, rendering: Rendering, settings: Settings) -> Place:
    """Say where a result goes: the upload's whole key with one more extension, so that no two uploads share a result.

    What a job of S3 Batch Operations asks for beyond what uploads get has a name of its own: it must not take turns
    with them at one key.

    Raises Skip for what lies among the results already, ConfigurationError where results would start the function
    again.
    """
    if settings.output_bucket is None:
        raise ConfigurationError("OUTPUT_BUCKET is not set: name the bucket that cut-outs of uploads go to.")
    if settings.output_bucket == picture.bucket:
        if not settings.output_prefix:
            raise ConfigurationError(
                f"OUTPUT_BUCKET is the uploads' own bucket ({picture.bucket}) and OUTPUT_PREFIX is empty: results "
                "would start the function again. Set a prefix, such as cutouts/."
            )
        if picture.key.startswith(settings.output_prefix):
            raise Skip("The key lies under OUTPUT_PREFIX, among this function's own results.")
    plain = dataclasses.replace(rendering, format="png") == Rendering(format="png")
    name = "" if plain else f".{digest(options_of(rendering))[:8]}"
    key = f"{settings.output_prefix}{picture.key}{name}.{rendering.format}"
    return Place(settings.output_bucket, key, _fitting(f"{key}.error.json", ".error.json"))


def require_key(place: Place) -> None:
    """Raise InvalidKey where a result's key would be longer than S3 allows."""
    if not place.key_fits:
        raise InvalidKey(
            f"The result's key would have {len(place.key.encode()):,} bytes and S3 allows {MAX_KEY_BYTES:,}. Use a "
            "shorter key or OUTPUT_PREFIX."
        )


def options_of(rendering: Rendering) -> str:
    """Write down what a rendering asks for, as far as it is not the default: the same text for the same wish."""
    defaults = dataclasses.asdict(Rendering())
    asked = {name: value for name, value in dataclasses.asdict(rendering).items() if value != defaults[name]}
    return json.dumps(asked, sort_keys=True, separators=(",", ":"), default=_digest_of_bytes)


def _digest_of_bytes(value: object) -> str:
    if not isinstance(value, bytes):
        raise TypeError(f"{type(value).__name__} has no place in a rendering")
    return hashlib.sha256(value).hexdigest()


def _fitting(key: str, ending: str) -> str:
    """Shorten a key that is longer than S3 allows: its beginning, and what keeps it apart from its like."""
    if len(key.encode()) <= MAX_KEY_BYTES:
        return key
    ending = f".{digest(key)}{ending}"
    return key.encode()[: MAX_KEY_BYTES - len(ending.encode())].decode(errors="ignore") + ending
