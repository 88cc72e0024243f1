"""S3, and the one place where botocore's and urllib3's errors end.

Enters: an S3Object to read, or bytes and an S3Target to write. Leaves: bytes with what S3 says of them, or an error
of our tree: a missing object is the caller's fault, refused access the operator's, throttling and timeouts the
dependency's.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from handler.errors import (
    AccessDenied,
    CallerError,
    ConfigurationError,
    CutoutError,
    DependencyError,
    FileTooLarge,
    InvalidKey,
    ObjectNotFound,
)
from handler.job import S3Object, S3Target, Skip

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from botocore.exceptions import ClientError
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectRequestTypeDef

# User metadata of everything this function writes; by the first it knows its own output again.
CUTOUT_OF = "cutout-of-etag"
SEQUENCER = "cutout-of-sequencer"

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
MAX_KEY_BYTES = 1_024

NOT_FOUND = frozenset({"NoSuchKey", "NoSuchVersion", "NoSuchBucket", "NotFound", "404", "MethodNotAllowed", "405"})
DENIED = frozenset({"AccessDenied", "Forbidden", "403", "AllAccessDisabled", "KMS.AccessDeniedException"})


@dataclass(frozen=True)
class Fetched:
    """An object's bytes and what identifies them."""

    data: bytes = field(repr=False)
    etag: str
    version_id: str | None


class Storage:
    """S3 behind a client that is made with the first object and renewed after a snapshot is restored."""

    def __init__(self) -> None:
        self._client: S3Client | None = None

    def forget_connections(self) -> None:
        """Drop the client: its connections do not survive a snapshot."""
        self._client = None

    def fetch(self, source: S3Object, max_bytes: int) -> Fetched:
        """Read an object, of the event's version where it names one.

        Raises Skip where this function wrote it, ObjectNotFound, AccessDenied, FileTooLarge (unread), DependencyError.
        """
        wanted: GetObjectRequestTypeDef = {"Bucket": source.bucket, "Key": source.key}
        if source.version_id:
            wanted["VersionId"] = source.version_id
        with _errors_of(f"s3://{source.bucket}/{source.key}"):
            answer = self._s3().get_object(**wanted)
            body = answer["Body"]
            try:
                if CUTOUT_OF in answer["Metadata"]:
                    raise Skip("It is a cut-out that this function wrote itself.")
                if answer["ContentLength"] > max_bytes:
                    raise FileTooLarge(
                        f"s3://{source.bucket}/{source.key} has {answer['ContentLength']:,} bytes; the limit is "
                        f"{max_bytes:,}. Upload a smaller file, or raise MAX_INPUT_BYTES."
                    )
                data = body.read()
            finally:
                body.close()
        return Fetched(data, answer["ETag"].strip('"'), answer.get("VersionId"))

    def deliver(self, target: S3Target, data: bytes, media_type: str, metadata: Mapping[str, str]) -> None:
        """Write a result, unless one of a later upload to the same key is there already.

        Raises Skip, InvalidKey, AccessDenied, ConfigurationError (no such bucket), DependencyError.
        """
        if len(target.key.encode()) > MAX_KEY_BYTES:
            raise InvalidKey(
                f"The result's key would have {len(target.key.encode()):,} bytes and S3 allows {MAX_KEY_BYTES:,}. "
                "Use a shorter key or OUTPUT_PREFIX."
            )
        self._refuse_to_overwrite_newer(target, metadata.get(SEQUENCER))
        with _errors_of(f"s3://{target.bucket}/{target.key}", writing=True):
            self._s3().put_object(
                Bucket=target.bucket, Key=target.key, Body=data, ContentType=media_type, Metadata=dict(metadata)
            )

    def _refuse_to_overwrite_newer(self, target: S3Target, sequencer: str | None) -> None:
        """Notifications arrive out of order; a late one must not replace the cut-out of a newer upload."""
        if sequencer is None:
            return
        try:
            with _errors_of(f"s3://{target.bucket}/{target.key}"):
                there = self._s3().head_object(Bucket=target.bucket, Key=target.key)["Metadata"].get(SEQUENCER)
        except (ObjectNotFound, AccessDenied):  # without s3:ListBucket a missing object looks like a refused one
            return
        if there is not None and is_later(there, sequencer):
            raise Skip("The cut-out of a later upload to the same key is there already.")

    def _s3(self) -> S3Client:
        if self._client is None:
            import boto3  # noqa: PLC0415 - 200 ms that a request without S3 need not pay
            from botocore.config import Config  # noqa: PLC0415

            self._client = boto3.client(
                "s3",
                config=Config(
                    connect_timeout=3, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 4}
                ),
            )
        return self._client


def is_later(sequencer: str, than: str) -> bool:
    """Compare two sequencers of one key: hexadecimal, the shorter padded with zeros on the right.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
    width = max(len(sequencer), len(than))
    return sequencer.upper().ljust(width, "0") > than.upper().ljust(width, "0")


@contextmanager
def _errors_of(place: str, *, writing: bool = False) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError  # noqa: PLC0415 - costs as much as boto3
    from urllib3.exceptions import HTTPError  # noqa: PLC0415 - botocore has it by now

    try:
        yield
    except ClientError as error:
        raise _named(error, place, writing=writing) from error
    except ParamValidationError as error:  # a name that S3 could not have sent: refused before any request
        kind = ConfigurationError if writing else CallerError
        raise kind(f"{place} is no place in S3: {' '.join(str(error).split())}") from error
    except (
        BotoCoreError,
        HTTPError,
    ) as error:  # the latter from a body that breaks off in a way botocore does not wrap
        raise DependencyError(f"{place} could not be reached: {type(error).__name__}: {error}") from error


def _named(error: ClientError, place: str, *, writing: bool) -> CutoutError:
    code = error.response["Error"]["Code"]
    if code in NOT_FOUND:
        if writing:
            return ConfigurationError(f"{place} cannot be written, there is no such bucket: mend OUTPUT_BUCKET.")
        return ObjectNotFound(f"{place} does not exist ({code}); it may have been deleted since the event was sent.")
    if code in DENIED:
        if writing:
            return AccessDenied(f"S3 refuses to write {place} ({code}): the function's role needs s3:PutObject.")
        return AccessDenied(
            f"S3 refuses to read {place} ({code}): the function's role needs s3:GetObject, and s3:ListBucket to tell "
            "a missing object from a refused one."
        )
    if code == "InvalidObjectState":
        return CallerError(f"{place} is archived: restore it from its storage class first.")
    return DependencyError(f"S3 failed on {place}: {code}: {error.response['Error'].get('Message', '')}")
