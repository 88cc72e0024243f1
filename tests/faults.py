"""A proxy before the local S3 that does to a request what a test says: S3 works, and the way to it does not."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Literal

import urllib3

from tests.hostile import Answer, Hostile, Seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.clients import Function
    from tests.conftest import Awaken, Buckets

# What belongs to one connection, and is said anew on the next.
HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "date", "server", "expect"}


@dataclass(frozen=True)
class Cut:
    """The connection ends: before S3 sees the request, after S3 has done it and unanswered, or within the answer."""

    where: Literal["before", "after", "within"]


Fault = Answer | Cut | None  # an Answer comes from the proxy, and S3 never sees the request


@contextmanager
def faulty(url: str, fault_of: Callable[[Seen], Fault]) -> Iterator[Hostile]:
    """Start a proxy before the S3 at `url` that asks `fault_of` about every request, and stop it again."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _reply(self) -> None:
            self.close_connection = True
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            request = Seen(self.command, self.path, dict(self.headers), body)
            seen.requests.append(request)
            fault = fault_of(request)
            if isinstance(fault, Cut) and fault.where == "before":
                self._hang_up()
                return
            answer = fault if isinstance(fault, Answer) else _forward(url, request)
            if isinstance(fault, Cut) and fault.where == "after":
                self._hang_up()
                return
            self.send_response(answer.status)
            for name, value in {
                "content-length": str(len(answer.body)),
                **answer.headers,
                "connection": "close",
            }.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body[: len(answer.body) // 2] if isinstance(fault, Cut) else answer.body)

        def _hang_up(self) -> None:
            self.connection.shutdown(socket.SHUT_RDWR)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _reply  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    seen = Hostile(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def behind(awaken: Awaken, brightness: Path, buckets: Buckets, proxy: Hostile, **more: str) -> Function:
    """Start the function with S3 behind a proxy."""
    return awaken(**{"MODEL_DIR": str(brightness), **buckets.environment(), "AWS_ENDPOINT_URL_S3": proxy.url, **more})


def _forward(url: str, request: Seen) -> Answer:
    headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP | {"host"}}
    with urllib3.PoolManager() as pool:
        got = pool.request(
            request.method, f"{url}{request.path}", body=request.body, headers=headers, retries=False, redirect=False
        )
    kept = {name: value for name, value in got.headers.items() if name.lower() not in HOP_BY_HOP}
    if request.method == "HEAD":
        kept["content-length"] = got.headers.get("content-length", "0")
    return Answer(got.status, got.data, kept)
