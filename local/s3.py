"""S3 on this machine: moto's server over real HTTP, and a client for it."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import boto3
from moto.server import ThreadedMotoServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class LocalS3:
    """A running server."""

    url: str
    client: S3Client = field(repr=False)


@contextmanager
def local_s3(*buckets: str) -> Iterator[LocalS3]:
    """Start a server with these buckets, and stop it again."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        client = boto3.client(
            "s3",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - moto takes any
        )
        for bucket in buckets:
            client.create_bucket(Bucket=bucket)
        yield LocalS3(url, client)
    finally:
        server.stop()
