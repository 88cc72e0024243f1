"""Objects in S3: uploads are looked at and read; files are looked for, written and removed.

Enters: an S3Object to read, or bytes and an S3Destination to write. Leaves: bytes, what stands at a place, or an error
of our tree. What is written never replaces anything but what its writer has seen there.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from handler.errors import (
    AccessDenied,
    ChangedMeanwhile,
    CutoutError,
    FileTooLarge,
    ObjectForbidden,
    ObjectNotFound,
    TargetTaken,
)
from handler.storage.provenance import ETAG, REPORT, Standing, digest, metadata_of
from handler.storage.s3 import errors_of, make_client, no_such_bucket, read_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import (
        DeleteObjectRequestTypeDef,
        GetObjectRequestTypeDef,
        HeadBucketRequestTypeDef,
        HeadObjectRequestTypeDef,
        PutObjectRequestTypeDef,
    )

    from handler.job import S3Destination, S3Object

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
MAX_KEY_BYTES = 1_024

# How often a write is tried where S3 calls it in conflict and nothing has changed.
CONFLICTS = 3


@dataclass(frozen=True)
class Found:
    """The newest object of a key."""

    picture: S3Object  # with its ETag, and its version where the bucket keeps versions
    size_bytes: int
    own: bool  # this function wrote it
    metadata: Mapping[str, str]


class Storage:
    """S3 behind a client that is made with the first object and renewed after a snapshot is restored."""

    def __init__(self, *, output_owner: str | None = None) -> None:
        """Expect the output bucket to belong to the account `output_owner`: a known name could be another's by now."""
        self._output_owner = output_owner
        self._client: S3Client | None = None
        self._buckets_seen: set[str] = set()

    def forget_connections(self) -> None:
        """Drop the client: its connections do not survive a snapshot."""
        self._client = None

    def newest(self, upload: S3Object) -> Found:
        """Look at the newest object of an upload's key, whichever version the upload's event was about.

        Raises ObjectNotFound, ObjectForbidden, AccessDenied, DependencyError.
        """
        try:
            with errors_of(str(upload)):
                there = self._s3().head_object(Bucket=upload.bucket, Key=upload.key)
        except AccessDenied as denied:
            if not self._gives_others(upload):
                raise
            raise ObjectForbidden(
                f"S3 refuses to read {upload} and gives other objects of its bucket: let the function's role read it, "
                "or upload it again as the bucket's owner."
            ) from denied
        version_id = there.get("VersionId")
        picture = replace(
            upload,
            etag=there["ETag"].strip('"'),
            version_id=None if version_id == "null" else version_id,  # from before versions were kept, or since
        )
        return Found(picture, there["ContentLength"], ETAG in there["Metadata"], there["Metadata"])

    def tags(self, upload: S3Object) -> dict[str, str]:
        """Read the tags of the newest object of an upload's key.

        Raises ObjectNotFound, AccessDenied, DependencyError.
        """
        with errors_of(str(upload), "read the tags of"):
            there = self._s3().get_object_tagging(Bucket=upload.bucket, Key=upload.key)
        return {tag["Key"]: tag["Value"] for tag in there["TagSet"]}

    def fetch(self, picture: S3Object, max_bytes: int) -> bytes:
        """Read an object; where it names an ETag, as long as the newest object of its key has that.

        Raises ObjectNotFound, ChangedMeanwhile, AccessDenied, FileTooLarge (unread), DependencyError.
        """
        wanted: GetObjectRequestTypeDef = {"Bucket": picture.bucket, "Key": picture.key}
        if picture.etag:
            wanted["IfMatch"] = f'"{picture.etag}"'
        with errors_of(str(picture)):
            found = self._s3().get_object(**wanted)
            return read_whole(found, lambda size_bytes: require_size(picture, size_bytes, max_bytes), max_bytes)

    def standing(self, bucket: str, key: str) -> Standing | None:
        """Look at what stands at a place in the output bucket; None: nothing.

        Raises AccessDenied, ConfigurationError (no such bucket), DependencyError.
        """
        wanted: HeadObjectRequestTypeDef = {"Bucket": bucket, "Key": key}
        if self._output_owner:
            wanted["ExpectedBucketOwner"] = self._output_owner
        place = f"s3://{bucket}/{key}"
        try:
            with errors_of(place):
                there = self._s3().head_object(**wanted)
        except ObjectNotFound:
            self._require_bucket(bucket, place)
            return None
        return Standing(bucket, key, there["ETag"].strip('"'), there["Metadata"])

    def deliver(self, destination: S3Destination, data: bytes, media_type: str) -> None:
        """Write a file where nothing stands but what it may replace, or where the same file stands by now.

        That may be this very write: S3 took it, its answer was lost, and botocore has sent it again.

        Raises ChangedMeanwhile, AccessDenied, ConfigurationError (no such bucket), DependencyError.
        """
        for attempt in range(CONFLICTS):
            try:
                self._write(destination, data, media_type, metadata_of(destination.provenance))
            except ChangedMeanwhile:
                there = self.standing(destination.bucket, destination.key)
                if there is not None and there.is_made_as(destination.provenance):
                    return
                unchanged = (there.etag if there else None) == destination.replaces
                if not unchanged or attempt == CONFLICTS - 1:
                    raise
            else:
                return

    def report(self, place: S3Destination, document: str) -> None:
        """Write an error report, unless the same one stands there. It replaces whatever this function wrote there.

        Raises TargetTaken, ChangedMeanwhile, AccessDenied, ConfigurationError (no such bucket), DependencyError.
        """
        there = self.standing(place.bucket, place.key)
        if there is not None and not there.is_of(place.provenance.picture):
            raise TargetTaken(f"{place} is no error report about this object: move it, so that one can be written.")
        if there is not None and there.metadata.get(REPORT) == digest(document):
            return
        seen = replace(place, replaces=None if there is None else there.etag)
        metadata = {**metadata_of(place.provenance), REPORT: digest(document)}
        try:
            self._write(seen, document.encode(), "application/json", metadata)
        except ChangedMeanwhile:  # by another delivery, or by this very write, whose answer was lost
            now = self.standing(place.bucket, place.key)
            if now is None or now.metadata.get(REPORT) != digest(document):
                raise

    def _write(self, place: S3Destination, data: bytes, media_type: str, metadata: dict[str, str]) -> None:
        """Put an object where nothing stands but what the place says that it may replace."""
        written: PutObjectRequestTypeDef = {
            "Bucket": place.bucket,
            "Key": place.key,
            "Body": data,
            "ContentType": media_type,
            "Metadata": metadata,
        }
        if self._output_owner:
            written["ExpectedBucketOwner"] = self._output_owner
        if place.replaces is None:
            written["IfNoneMatch"] = "*"
        else:
            written["IfMatch"] = f'"{place.replaces}"'
        with errors_of(str(place), "write"):
            self._s3().put_object(**written)

    def withdraw(self, bucket: str, key: str, picture: S3Object) -> bool:
        """Remove an error report about this object, where there is one; say whether there was.

        Only the one that was seen: a newer one may have come since.

        Raises AccessDenied, DependencyError.
        """
        there = self.standing(bucket, key)
        if there is None or REPORT not in there.metadata or not there.is_of(picture):
            return False
        unwanted: DeleteObjectRequestTypeDef = {"Bucket": bucket, "Key": key, "IfMatch": f'"{there.etag}"'}
        if self._output_owner:
            unwanted["ExpectedBucketOwner"] = self._output_owner
        try:
            with errors_of(f"s3://{bucket}/{key}", "remove"):
                self._s3().delete_object(**unwanted)
        except ChangedMeanwhile:
            pass  # whoever replaced or removed it had a reason, and the caller looks again
        return True

    def _gives_others(self, upload: S3Object) -> bool:
        """Whether S3 refuses this object alone: about one that is not there it says so, where reading is allowed."""
        folder, slash, _ = upload.key.rpartition("/")
        nobodys = f"{folder}{slash}{uuid.uuid4().hex}"
        key = nobodys if len(nobodys.encode()) <= MAX_KEY_BYTES else uuid.uuid4().hex
        try:
            with errors_of(f"s3://{upload.bucket}/{key}"):
                self._s3().head_object(Bucket=upload.bucket, Key=key)
        except ObjectNotFound:
            return True
        except CutoutError:
            return False
        return False

    def _require_bucket(self, bucket: str, place: str) -> None:
        """Tell a missing bucket from a missing object, once for each bucket: a HEAD's 404 has no words."""
        if bucket in self._buckets_seen:
            return
        wanted: HeadBucketRequestTypeDef = {"Bucket": bucket}
        if self._output_owner:
            wanted["ExpectedBucketOwner"] = self._output_owner
        try:
            with errors_of(f"s3://{bucket}"):
                self._s3().head_bucket(**wanted)
        except ObjectNotFound as missing:
            raise no_such_bucket(place) from missing
        self._buckets_seen.add(bucket)

    def _s3(self) -> S3Client:
        if self._client is None:
            self._client = make_client()
        return self._client


def require_size(picture: S3Object, size_bytes: int, max_bytes: int) -> None:
    """Raise FileTooLarge where an object has more bytes than the limit."""
    if size_bytes > max_bytes:
        raise FileTooLarge(
            f"{picture} has {size_bytes:,} bytes; the limit is {max_bytes:,}. Upload a smaller file, or raise "
            "MAX_INPUT_BYTES."
        )


def is_later(sequencer: str, than: str) -> bool:
    """Compare two sequencers of one key: hexadecimal, the shorter padded with zeros on the right.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
    width = max(len(sequencer), len(than))
    return sequencer.upper().ljust(width, "0") > than.upper().ljust(width, "0")
