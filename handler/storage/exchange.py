"""The bucket through which goes what is too large for a request or an answer: RESULT_BUCKET.

Three folders: `results/` has files that their URL leads to, `uploads/` pictures that a form brought, `improve/` has
pictures that somebody gave to be learned from. Keys are tokens that nobody can guess; no caller's text is part of one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from handler.errors import ChangedMeanwhile, FileTooLarge, NotOffered
from handler.storage.presign import Form, form_for, readable_url
from handler.storage.provenance import ETAG
from handler.storage.s3 import errors_of, make_client, read_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_s3 import S3Client

SETTING = "RESULT_BUCKET"
RESULTS, UPLOADS, IMPROVE = "results/", "uploads/", "improve/"
TOKEN_BYTES = 32  # 43 characters; `parameters.kinds` knows them by that

# An HTTP caller waits, for half a minute at most.
READ_TIMEOUT_S, ATTEMPTS = 8, 3

# In every sentence a place goes by these words: whoever reads a token in a log could use it.
A_RESULT, AN_UPLOAD, A_PICTURE = "the result in RESULT_BUCKET", "the uploaded picture", "the picture in RESULT_BUCKET"


@dataclass(frozen=True)
class Place:
    """Where one picture can be uploaded to, and until when."""

    token: str
    form: Form
    max_bytes: int
    expires_at: float  # seconds since the epoch


@dataclass(frozen=True)
class Upload:
    """A picture that was uploaded, as it was read."""

    token: str
    etag: str
    data: bytes = field(repr=False)


class Exchange:
    """RESULT_BUCKET behind a client that is made with the first need and renewed after a snapshot is restored."""

    def __init__(self, bucket: str | None, url_seconds: int) -> None:
        """Take the bucket's name, or None where there is none; addresses are good for `url_seconds`."""
        self._bucket = bucket
        self._url_seconds = url_seconds
        self._client: S3Client | None = None

    @property
    def open(self) -> bool:
        """Whether there is a bucket."""
        return self._bucket is not None

    def forget_connections(self) -> None:
        """Drop the client: its connections do not survive a snapshot."""
        self._client = None

    def require_open(self, what: str) -> str:
        """Give the bucket's name. Raises NotOffered where there is none; `what` says what is not offered then."""
        if self._bucket is None:
            raise NotOffered(f"{what}: whoever runs this service has to set {SETTING}, which names a bucket for it.")
        return self._bucket

    def hand_over(self, data: bytes, extension: str, media_type: str, request_id: str) -> str:
        """Lay a finished file where its URL leads to, and give that.

        Raises AccessDenied, ConfigurationError (no such bucket), DependencyError.
        """
        bucket, key = self.require_open("No result is handed over by URL"), f"{RESULTS}{_token()}.{extension}"
        with errors_of(A_RESULT, "write", SETTING):
            self._s3().put_object(
                Bucket=bucket,
                Key=key,
                Body=data,
                ContentType=media_type,
                ContentDisposition=f'inline; filename="cutout.{extension}"',
                Metadata=_metadata({"cutout-request": request_id}),
            )
            return readable_url(self._s3(), bucket, key, self._url_seconds)

    def place(self, max_bytes: int) -> Place:
        """Make a place for one picture. Raises NotOffered, DependencyError (no credentials to sign with)."""
        bucket, token = self.require_open("No place for uploads is offered here"), _token()
        expires_at = time.time() + self._url_seconds
        with errors_of(AN_UPLOAD, "write", SETTING):
            form = form_for(self._s3(), bucket, f"{UPLOADS}{token}", max_bytes, self._url_seconds)
        return Place(token, form, max_bytes, expires_at)

    def read(self, token: str, max_bytes: int) -> Upload:
        """Read what was uploaded at a place.

        Raises NotOffered, ObjectNotFound, FileTooLarge (unread), AccessDenied, ConfigurationError, DependencyError.
        """
        bucket = self.require_open("No upload is kept here")
        with errors_of(AN_UPLOAD, "read", SETTING):
            found = self._s3().get_object(Bucket=bucket, Key=f"{UPLOADS}{token}")
            data = read_whole(found, lambda size_bytes: _require_size(size_bytes, max_bytes), max_bytes)
        return Upload(token, found["ETag"].strip('"'), data)

    def discard(self, upload: Upload) -> None:
        """Remove what was read, unless it was replaced since. Raises AccessDenied, DependencyError."""
        bucket = self.require_open("No upload is kept here")
        try:
            with errors_of(AN_UPLOAD, "remove", SETTING):
                self._s3().delete_object(Bucket=bucket, Key=f"{UPLOADS}{upload.token}", IfMatch=f'"{upload.etag}"')
        except ChangedMeanwhile:
            pass  # whoever sent another picture there will ask for it, and the bucket's lifecycle ends it in any case

    def keep(self, data: bytes, extension: str, media_type: str, facts: Mapping[str, str]) -> str:
        """Keep a picture to be learned from, and give its id.

        Raises NotOffered, AccessDenied, ConfigurationError (no such bucket), DependencyError.
        """
        bucket, token = self.require_open("No picture is kept here"), _token()
        with errors_of(A_PICTURE, "write", SETTING):
            self._s3().put_object(
                Bucket=bucket,
                Key=f"{IMPROVE}{token}.{extension}",
                Body=data,
                ContentType=media_type,
                Metadata=_metadata(facts),
            )
        return token

    def _s3(self) -> S3Client:
        if self._client is None:
            self._client = make_client(read_timeout_s=READ_TIMEOUT_S, attempts=ATTEMPTS)
        return self._client


def _require_size(size_bytes: int, max_bytes: int) -> None:
    if size_bytes > max_bytes:
        raise FileTooLarge(f"{AN_UPLOAD.capitalize()} has {size_bytes:,} bytes; the limit is {max_bytes:,}.")


def _token() -> str:
    import secrets  # noqa: PLC0415 - OpenSSL, which only pictures in RESULT_BUCKET need

    return secrets.token_urlsafe(TOKEN_BYTES)


def _metadata(facts: Mapping[str, str]) -> dict[str, str]:
    """Give an object's user metadata, ASCII: its mark as something that this function wrote, and more."""
    marked = {ETAG: "unknown", **facts}
    return {name: value.encode("ascii", "backslashreplace").decode() for name, value in marked.items()}
