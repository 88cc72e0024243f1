"""Where the results of an upload go: keys that follow from the upload and from how its result is to look. Pure."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING

from handler.errors import ConfigurationError, InvalidKey, Skip
from handler.job import DECLARATION_NAME, Rendering, Rendition
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


def place_of(picture: S3Object, rendition: Rendition, settings: Settings) -> Place:
    """Say where a result goes: the upload's whole key with one more extension, so that no two uploads share a result.

    A rendition's name stands before the extension. One without a name that is not what uploads get by default has a
    digest of its options there: it must not take turns with them at one key.

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
    plain = dataclasses.replace(rendition.rendering, format="png") == Rendering(format="png")
    by_options = "" if plain and rendition.region is None else digest(options_of(rendition))[:8]
    name = rendition.name or by_options
    key = f"{settings.output_prefix}{picture.key}{name and f'.{name}'}.{rendition.rendering.format}"
    return Place(settings.output_bucket, key, _fitting(f"{key}.error.json", ".error.json"))


def require_key(place: Place) -> None:
    """Raise InvalidKey where a result's key would be longer than S3 allows."""
    if not place.key_fits:
        raise InvalidKey(
            f"The result's key would have {len(place.key.encode()):,} bytes and S3 allows {MAX_KEY_BYTES:,}. Use a "
            "shorter key or OUTPUT_PREFIX."
        )


def declaration_place(picture: S3Object, settings: Settings) -> Place:
    """Say where the report about an object's own declaration of its renditions goes. Raises as `place_of` does."""
    plain = place_of(picture, Rendition(Rendering(format="png")), settings)
    key = f"{settings.output_prefix}{picture.key}.{DECLARATION_NAME}"
    return dataclasses.replace(plain, key=key, report_key=_fitting(f"{key}.error.json", ".error.json"))


def options_of(rendition: Rendition) -> str:
    """Write down what a rendition asks for, as far as it is not the default: the same text for the same wish."""
    defaults = dataclasses.asdict(Rendering())
    asked = {name: value for name, value in dataclasses.asdict(rendition.rendering).items() if value != defaults[name]}
    if rendition.region is not None:
        asked["region"] = dataclasses.asdict(rendition.region)
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
