"""A server on this machine that answers every request as a test says: AWS on its bad days, and on others."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

NEVER = -1  # a status: the server takes the request and says nothing
HANG_UP = -2  # a status: it ends the connection instead of answering


@dataclass(frozen=True)
class Answer:
    """What a request gets. A `content-length` among the headers may lie."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """A request that came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Hostile:
    """The running server; `requests` fills up."""

    url: str
    requests: list[Seen] = field(default_factory=list)


def s3_error(status: int, code: str, message: str = "so it is") -> Answer:
    """Give an error as S3 writes it."""
    document = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Answer(status, document.encode(), {"content-type": "application/xml"})


@contextmanager
def hostile(answers: Answer | Callable[[Seen], Answer]) -> Iterator[Hostile]:
    """Start a server that gives one answer to everything, or what a function says to each; and stop it again."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # so that a client which asks whether to send its body is told to

        def _reply(self) -> None:
            self.close_connection = True
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            request = Seen(self.command, self.path, dict(self.headers), body)
            seen.requests.append(request)
            answer = answers if isinstance(answers, Answer) else answers(request)
            if answer.status == NEVER:
                over.wait(30)
                return
            if answer.status == HANG_UP:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(answer.status)
            for name, value in {
                "content-length": str(len(answer.body)),
                "connection": "close",
                **answer.headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

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
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()
