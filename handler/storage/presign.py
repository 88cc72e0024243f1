"""Addresses that anybody may use for a while: S3 checks their signature instead of who comes with them.

Enters: a client and a place. Leaves: a URL to read from, or a form to send a file with. Both are made without a
request, and end with the credentials that signed them, whatever their own lifetime says:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_s3 import S3Client

MEDIA_TYPES = "image/"


@dataclass(frozen=True)
class Form:
    """What a form that sends one file to S3 consists of, beside the file and its Content-Type."""

    url: str
    fields: Mapping[str, str] = field(repr=False)


def readable_url(client: S3Client, bucket: str, key: str, seconds: int) -> str:
    """Give a URL by which an object can be read."""
    return client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=seconds)


def form_for(client: S3Client, bucket: str, key: str, max_bytes: int, seconds: int) -> Form:
    """Give a form by which one picture of at most `max_bytes` can be put at a place.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
    """
    # It finds a lack of credentials, for which the next has no error of its own.
    readable_url(client, bucket, key, seconds)
    form = client.generate_presigned_post(
        bucket,
        key,
        Conditions=[["content-length-range", 1, max_bytes], ["starts-with", "$Content-Type", MEDIA_TYPES]],
        ExpiresIn=seconds,
    )
    return Form(form["url"], form["fields"])
