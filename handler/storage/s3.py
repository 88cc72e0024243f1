"""The S3 client, and the one place where botocore's and urllib3's errors end.

Leaves: a client, and errors of our tree: a missing object is the caller's fault, refused access the operator's,
throttling and timeouts the dependency's, and an unmet condition says that somebody else was there first.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from handler.errors import (
    AccessDenied,
    CallerError,
    ChangedMeanwhile,
    ConfigurationError,
    CutoutError,
    DependencyError,
    ObjectNotFound,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from botocore.exceptions import ClientError
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

NOT_FOUND = frozenset({"NoSuchKey", "NoSuchVersion", "NoSuchBucket", "NotFound", "404", "MethodNotAllowed", "405"})
DENIED = frozenset({"AccessDenied", "Forbidden", "403", "AllAccessDisabled"})
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
UNMET = frozenset({"PreconditionFailed", "412", "ConditionalRequestConflict", "OperationAborted", "409"})

Doing = Literal["read", "read the tags of", "write", "remove"]
NEEDS: dict[Doing, str] = {
    "read": "s3:GetObject",
    "read the tags of": "s3:GetObjectTagging",
    "write": "s3:PutObject",
    "remove": "s3:DeleteObject",
}
READING = frozenset({"read", "read the tags of"})


def make_client(*, read_timeout_s: float = 5, attempts: int = 4) -> S3Client:
    """Make a client that gives up on an attempt after seconds, tries again, and signs addresses that work.

    A call that hangs ends before the shortest timeout that the function may have, pauses of up to 1, 2 and 4 s between
    attempts included: a timeout would end the environment, and hand back more than the one upload.

    Left to itself, botocore signs a browser's address for us-east-1 in the way that S3 has given up, and for every
    other region one of the global endpoint, which redirects a form that is sent to a new bucket:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingRouting.html
    """
    import boto3  # noqa: PLC0415 - 200 ms that a request without S3 need not pay
    from botocore.config import Config  # noqa: PLC0415

    return boto3.client(
        "s3",
        config=Config(
            connect_timeout=3,
            read_timeout=read_timeout_s,
            retries={"mode": "standard", "total_max_attempts": attempts},
            signature_version="s3v4",
            s3={"us_east_1_regional_endpoint": "regional", "addressing_style": "virtual"},
        ),
    )


def read_whole(found: GetObjectOutputTypeDef, require: Callable[[int], None], max_bytes: int) -> bytes:
    """Read an object that S3 has begun to send; `require` raises where it has more bytes than `max_bytes`."""
    body = found["Body"]
    try:
        require(found["ContentLength"])
        data = body.read(max_bytes + 1)
        require(len(data))
        body.read()  # nothing is left; botocore notices a body that broke off when it reads its end
    finally:
        body.close()
    return data


@contextmanager
def errors_of(place: str, doing: Doing = "read", setting: str | None = None) -> Iterator[None]:
    """Turn what botocore raises about `place` into errors of our tree.

    `setting` is the variable that names the bucket, where that is neither an event nor OUTPUT_BUCKET; no sentence then
    quotes a URL, since the keys in that bucket are secrets.
    """
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError  # noqa: PLC0415 - costs as much as boto3
    from urllib3.exceptions import HTTPError  # noqa: PLC0415 - botocore has it by now

    try:
        yield
    except ClientError as error:
        raise _named(error, place, doing, setting) from error
    except ParamValidationError as error:  # a name that S3 could not have sent: refused before any request
        kind = CallerError if doing in READING and setting is None else ConfigurationError
        raise kind(f"{place} is no place in S3: {' '.join(str(error).split())}") from error
    # The latter comes from a body that breaks off in a way that botocore does not wrap.
    except (BotoCoreError, HTTPError) as error:
        detail = f": {error}" if setting is None else ""
        raise DependencyError(f"{place} could not be reached: {type(error).__name__}{detail}") from error


def no_such_bucket(place: str, setting: str | None = None) -> ConfigurationError:
    """Say that a bucket of ours is not there: the output bucket, or another that a setting names."""
    if setting is not None:
        return ConfigurationError(f"{setting} names a bucket that does not exist: mend it.")
    return ConfigurationError(f"{place} cannot be written, there is no such bucket: mend OUTPUT_BUCKET.")


def _named(  # noqa: PLR0911 - a return for each kind
    error: ClientError, place: str, doing: Doing, setting: str | None
) -> CutoutError:
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    if code in UNMET:
        return ChangedMeanwhile(f"{place} was replaced between two looks at it ({code}).")
    if code in NOT_FOUND:
        if code == "NoSuchBucket" and (doing not in READING or setting is not None):
            return no_such_bucket(place, setting)
        if doing not in READING:  # S3 says so where the object of If-Match is gone
            return ChangedMeanwhile(f"{place} was removed between two looks at it ({code}).")
        return ObjectNotFound(f"{place} does not exist ({code}); it may have been deleted since the event was sent.")
    # Under a customer's key S3 passes KMS's refusal on, with a code of KMS's own or as AccessDenied with a message
    # about kms: https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html
    if code.startswith("KMS.") or (code in DENIED and "kms:" in message.lower()):
        kms_needs = "kms:Decrypt" if doing in READING else "kms:GenerateDataKey and kms:Decrypt"
        return AccessDenied(
            f"S3 refuses to {doing} {place} because of its KMS key ({code}: {message}): the function's role needs "
            f"{kms_needs} on that key, and the key has to be enabled and its policy to allow the role."
        )
    if code in DENIED:
        listing = ", and s3:ListBucket to tell a missing object from a refused one" if doing in READING else ""
        return AccessDenied(
            f"S3 refuses to {doing} {place} ({code}): the function's role needs {NEEDS[doing]}{listing}, and the "
            "bucket has to belong to the expected account."
        )
    if code == "InvalidObjectState":
        return CallerError(f"{place} is archived: restore it from its storage class first.")
    return DependencyError(f"S3 failed on {place}: {code}: {message}")
