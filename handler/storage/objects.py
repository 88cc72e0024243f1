"""Objects in S3: uploads are read, and files are written beside what they were made from.

Enters: an S3Object to read, or bytes and an S3Destination to write. Leaves: bytes with their Provenance, or an error of
our tree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from handler.errors import AccessDenied, FileTooLarge, InvalidKey, ObjectNotFound, Skip
from handler.storage.s3 import errors_of, make_client

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectRequestTypeDef, HeadObjectRequestTypeDef, PutObjectRequestTypeDef

    from handler.job import S3Destination, S3Object

# User metadata of everything this function writes; by the first it knows its own output again.
CUTOUT_OF = "cutout-of-etag"
CUTOUT_OF_VERSION = "cutout-of-version"
SEQUENCER = "cutout-of-sequencer"
MODEL = "cutout-model"

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
MAX_KEY_BYTES = 1_024


@dataclass(frozen=True)
class Provenance:
    """Which upload a file is made from."""

    etag: str
    version_id: str | None = None
    sequencer: str | None = None

    def metadata(self) -> dict[str, str]:
        """Give it as an object's user metadata."""
        named = {CUTOUT_OF: self.etag, CUTOUT_OF_VERSION: self.version_id, SEQUENCER: self.sequencer}
        return {name: value for name, value in named.items() if value is not None}


class Storage:
    """S3 behind a client that is made with the first object and renewed after a snapshot is restored."""

    def __init__(self, *, output_owner: str | None = None) -> None:
        """Expect the output bucket to belong to the account `output_owner`: a known name could be another's by now."""
        self._output_owner = output_owner
        self._client: S3Client | None = None

    def forget_connections(self) -> None:
        """Drop the client: its connections do not survive a snapshot."""
        self._client = None

    def fetch(self, upload: S3Object, max_bytes: int) -> tuple[bytes, Provenance]:
        """Read an object, of the event's version where it names one.

        Raises Skip where this function wrote it, ObjectNotFound, AccessDenied, FileTooLarge (unread), DependencyError.
        """
        wanted: GetObjectRequestTypeDef = {"Bucket": upload.bucket, "Key": upload.key}
        if upload.version_id:
            wanted["VersionId"] = upload.version_id
        with errors_of(str(upload)):
            found = self._s3().get_object(**wanted)
            body = found["Body"]
            try:
                if CUTOUT_OF in found["Metadata"]:
                    raise Skip("It is a cut-out that this function wrote itself.")
                if found["ContentLength"] > max_bytes:
                    raise FileTooLarge(
                        f"{upload} has {found['ContentLength']:,} bytes; the limit is {max_bytes:,}. Upload a smaller "
                        "file, or raise MAX_INPUT_BYTES."
                    )
                data = body.read()
            finally:
                body.close()
        return data, Provenance(found["ETag"].strip('"'), found.get("VersionId"), upload.sequencer)

    def deliver(
        self, destination: S3Destination, data: bytes, media_type: str, provenance: Provenance, model: str
    ) -> None:
        """Write a file, unless one of a later upload to the same key is there already.

        Raises Skip, InvalidKey, AccessDenied, ConfigurationError (no such bucket), DependencyError.
        """
        if len(destination.key.encode()) > MAX_KEY_BYTES:
            raise InvalidKey(
                f"The result's key would have {len(destination.key.encode()):,} bytes and S3 allows {MAX_KEY_BYTES:,}. "
                "Use a shorter key or OUTPUT_PREFIX."
            )
        if provenance.sequencer is not None:
            self._refuse_to_overwrite_newer(destination, provenance.sequencer)
        written: PutObjectRequestTypeDef = {
            "Bucket": destination.bucket,
            "Key": destination.key,
            "Body": data,
            "ContentType": media_type,
            "Metadata": {**provenance.metadata(), MODEL: model},
        }
        if self._output_owner:
            written["ExpectedBucketOwner"] = self._output_owner
        with errors_of(str(destination), writing=True):
            self._s3().put_object(**written)

    def _refuse_to_overwrite_newer(self, destination: S3Destination, sequencer: str) -> None:
        """Notifications arrive out of order; a late one must not replace the cut-out of a newer upload."""
        wanted: HeadObjectRequestTypeDef = {"Bucket": destination.bucket, "Key": destination.key}
        if self._output_owner:
            wanted["ExpectedBucketOwner"] = self._output_owner
        try:
            with errors_of(str(destination)):
                there = self._s3().head_object(**wanted)["Metadata"].get(SEQUENCER)
        except (ObjectNotFound, AccessDenied):  # without s3:ListBucket a missing object looks like a refused one
            return
        if there is not None and is_later(there, sequencer):
            raise Skip("The cut-out of a later upload to the same key is there already.")

    def _s3(self) -> S3Client:
        if self._client is None:
            self._client = make_client()
        return self._client


def is_later(sequencer: str, than: str) -> bool:
    """Compare two sequencers of one key: hexadecimal, the shorter padded with zeros on the right.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
    width = max(len(sequencer), len(than))
    return sequencer.upper().ljust(width, "0") > than.upper().ljust(width, "0")
