"""What is written beside everything this function makes, and read to know the same work again. Pure.

S3 keeps it as the object's user metadata: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from handler.job import Provenance, S3Object

ETAG = "cutout-of-etag"  # everything this function writes has it; by it the function knows its own output again
VERSION = "cutout-of-version"
SEQUENCER = "cutout-of-sequencer"
OBJECT = "cutout-of-object"
MODEL = "cutout-model"
OPTIONS = "cutout-options"
REPORT = "cutout-report"  # of an error report: a digest of its text

# All of a file's metadata may have 2 KB.
LONGEST_OPTIONS = 400


@dataclass(frozen=True)
class Standing:
    """What stands at a place."""

    bucket: str
    key: str
    etag: str
    metadata: Mapping[str, str]

    @property
    def own(self) -> bool:
        """Whether this function wrote it."""
        return ETAG in self.metadata

    @property
    def sequencer(self) -> str | None:
        """The event up to which it is known to hold."""
        return self.metadata.get(SEQUENCER)

    def is_of(self, picture: S3Object) -> bool:
        """Whether it was made from some version of this object; what does not say from which counts, too."""
        return self.own and self.metadata.get(OBJECT, object_id(picture)) == object_id(picture)

    def is_made_as(self, provenance: Provenance) -> bool:
        """Whether it is what `provenance` would lead to: the same bytes, model and options.

        Version and sequencer are none of it: they say when, and the ETag says what.
        """
        wanted = metadata_of(provenance)
        return all(self.metadata.get(name) == wanted.get(name) for name in (ETAG, OBJECT, MODEL, OPTIONS))


def metadata_of(provenance: Provenance) -> dict[str, str]:
    """Give a provenance as an object's user metadata, which S3 takes as ASCII."""
    picture = provenance.picture
    named = {
        ETAG: picture.etag or "unknown",
        VERSION: picture.version_id,
        SEQUENCER: picture.sequencer,
        OBJECT: object_id(picture),
        MODEL: provenance.model,
        OPTIONS: _short(provenance.options),
    }
    return {name: value.encode("ascii", "backslashreplace").decode() for name, value in named.items() if value}


def object_id(picture: S3Object) -> str:
    """Name a bucket and key in few characters: a key alone may have half of what metadata may have."""
    return digest(f"{picture.bucket}/{picture.key}")


def digest(text: str) -> str:
    """Give 16 hexadecimal digits that stand for a text."""
    import hashlib  # noqa: PLC0415 - OpenSSL, which only uploads need

    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _short(options: str) -> str:
    return options if len(options) <= LONGEST_OPTIONS else f"sha256 {digest(options)}"
