"""What tests of the web side share: a function with a bucket for what is too large."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import urllib3

if TYPE_CHECKING:
    from pathlib import Path

    from local.s3 import LocalS3
    from tests.clients import Function
    from tests.conftest import Awaken


@dataclass(frozen=True)
class Roomy:
    """A function with a bucket for what is too large, and what tests look for in it."""

    function: Function
    bucket: str
    server: LocalS3

    def keys(self) -> list[str]:
        there = self.server.client.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return sorted(entry["Key"] for entry in there)

    def get(self, key: str) -> Any:
        return self.server.client.get_object(Bucket=self.bucket, Key=key)

    def upload(self, picture: bytes, content_type: str = "image/png", **ask: Any) -> str:
        """Send a picture as a browser would, and give its reference."""
        data = self.function.ask("POST", "/v1.0/uploads", **ask).json["data"]
        assert send(data, picture, content_type) == 204
        return str(data["image_url"])


def send(data: dict[str, Any], picture: bytes, content_type: str = "image/png") -> int:
    """Fill in the form that POST /v1.0/uploads gave, and give S3's answer."""
    fields = [*data["fields"].items(), ("Content-Type", content_type), ("file", ("photo", picture, content_type))]
    return int(urllib3.request("POST", data["url"], fields=fields).status)


@pytest.fixture
def roomy(awaken: Awaken, brightness: Path, s3: LocalS3) -> Roomy:
    bucket = f"large-{uuid.uuid4()}"
    s3.client.create_bucket(Bucket=bucket)
    return Roomy(awaken(MODEL_DIR=str(brightness), RESULT_BUCKET=bucket, AWS_ENDPOINT_URL_S3=s3.url), bucket, s3)
