"""Lambda's Runtime API over HTTP, with what the emulator lacks: streamed answers. A runtime is its process.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

from local.emulator import ROOT, lambda_variables

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

VERSION = "/2018-06-01/runtime"
WAIT_S = 30


@dataclass(frozen=True)
class Posted:
    """What a runtime has posted, as it came over the wire."""

    kind: str  # response, error, or init/error
    request_id: str
    headers: Mapping[str, str]  # names in lower case
    chunks: tuple[bytes, ...] = field(repr=False)  # one where it came whole
    trailers: Mapping[str, str]
    whole: bool  # False: the API hung up

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def streamed(self) -> bool:
        return self.headers.get("lambda-runtime-function-response-mode") == "streaming"

    @property
    def http(self) -> Http:
        """Read it as the front of a Function URL or a REST API does."""
        assert self.kind == "response"
        assert self.headers["content-type"] == "application/vnd.awslambda.http-integration-response"
        prelude, zeros, body = self.body.partition(bytes(8))
        assert zeros == bytes(8)
        assert len(prelude) < 16_000, "API Gateway looks no further for the zeros"
        head = json.loads(prelude)
        assert set(head) == {"statusCode", "headers", "cookies"}
        return Http(head["statusCode"], head["headers"], tuple(head["cookies"]), body)

    @property
    def error(self) -> Any:
        """Read the error of its trailers."""
        return json.loads(base64.b64decode(self.trailers["lambda-runtime-function-error-body"], validate=True))


@dataclass(frozen=True)
class Http:
    """A streamed HTTP answer."""

    status: int
    headers: dict[str, str]
    cookies: tuple[str, ...]
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class _Invocation:
    event: bytes
    request_id: str
    deadline_ms: int
    hangs_up_after: int | None  # bytes of the body
    answer_status: int


class RuntimeApi:
    """The API and a runtime: `with RuntimeApi("-m", "awslambdaric", "module.handler", environment={…}) as function`."""

    def __init__(self, *command: str, environment: Mapping[str, str]) -> None:
        self._waiting: queue.Queue[_Invocation] = queue.Queue()
        self._posted: queue.Queue[Posted | BaseException] = queue.Queue()
        self._under_way: dict[str, _Invocation] = {}
        self._server = _server(self._waiting, self._posted, self._under_way)
        self._log = tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - closed in __exit__
        port = self._server.server_address[1]
        self.process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env={
                **lambda_variables(memory_mb=1_769),  # one thread, for a shared machine's sake
                "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
                **environment,
            },
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that processes that it starts are ended with it
        )

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._server.shutdown()
        self._server.server_close()
        self._log.close()

    def invoke(
        self, event: object, *, time_s: float = 300, hangs_up_after: int | None = None, answer_status: int = 202
    ) -> Posted:
        """Let the runtime have one event, and wait for what it posts."""
        deadline_ms = int((time.time() + time_s) * 1e3)
        request_id = str(uuid.uuid4())
        self._waiting.put(
            _Invocation(json.dumps(event).encode(), request_id, deadline_ms, hangs_up_after, answer_status)
        )
        posted = self.posted()
        assert posted.request_id == request_id
        return posted

    def posted(self) -> Posted:
        """Wait for what the runtime posts next."""
        try:
            posted = self._posted.get(timeout=WAIT_S)
        except queue.Empty:
            raise AssertionError(f"The runtime posted nothing in {WAIT_S} s:\n{self.log()}") from None
        if isinstance(posted, BaseException):
            raise posted
        return posted

    def log(self) -> str:
        """Give what the runtime has written so far."""
        self._log.seek(0)
        return self._log.read()


def _server(
    waiting: queue.Queue[_Invocation], posted: queue.Queue[Posted | BaseException], under_way: dict[str, _Invocation]
) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the parent's name
            pass

        def do_GET(self) -> None:
            assert self.path == f"{VERSION}/invocation/next"
            invocation = waiting.get()
            under_way[invocation.request_id] = invocation
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(invocation.event)))
            self.send_header("Lambda-Runtime-Aws-Request-Id", invocation.request_id)
            self.send_header("Lambda-Runtime-Deadline-Ms", str(invocation.deadline_ms))
            self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:f")
            self.send_header("Lambda-Runtime-Trace-Id", "Root=1-5e1b4151-43a0913a12345678")
            self.end_headers()
            with contextlib.suppress(OSError):  # a runtime that is ended while it waits
                self.wfile.write(invocation.event)

        def do_POST(self) -> None:
            way = self.path.removeprefix(f"{VERSION}/").split("/")
            assert way[0] in {"invocation", "init"}, self.path
            request_id = way[1] if way[0] == "invocation" else ""
            kind = way[2] if way[0] == "invocation" else "init/error"
            invocation = under_way.pop(request_id, None)
            limit = invocation.hangs_up_after if invocation is not None else None
            chunks: list[bytes] = []
            trailers: dict[str, str] = {}
            if "chunked" in self.headers.get("Transfer-Encoding", ""):
                whole = self._read_chunks(chunks, trailers, limit)
            else:
                chunks.append(self.rfile.read(int(self.headers["Content-Length"])))
                whole = True
            headers = {name.lower(): value for name, value in self.headers.items()}
            if whole:
                status = invocation.answer_status if invocation is not None else 202
                told = b'{"status":"OK"}'
                self.send_response(status)
                self.send_header("Content-Length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)
            else:
                self.close_connection = True
            posted.put(Posted(kind, request_id, headers, tuple(chunks), trailers, whole))

        def _read_chunks(self, chunks: list[bytes], trailers: dict[str, str], limit: int | None) -> bool:
            """Read a chunked body by the letter of RFC 9112, 7.1; say whether it was read to its end."""
            while True:
                line = self.rfile.readline()
                assert line.endswith(b"\r\n"), line
                size = int(line, 16)
                if size == 0:
                    break
                if limit is not None and sum(map(len, chunks)) + size > limit:
                    return False
                chunks.append(self.rfile.read(size))
                assert len(chunks[-1]) == size
                end = self.rfile.read(2)
                assert end == b"\r\n", end
            declared = {name.strip().lower() for name in self.headers.get("Trailer", "").split(",")}
            while (line := self.rfile.readline()) != b"\r\n":
                name, _, value = line.decode().partition(":")
                assert name.lower() in declared, line
                trailers[name.lower()] = value.strip()
            return True

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: object, client_address: object) -> None:
            """Hand what the runtime did wrong to the test; that it was ended is no wrong."""
            error = sys.exception()
            if error is not None and not isinstance(error, OSError):
                posted.put(error)

    return Server(("127.0.0.1", 0), Handler)
