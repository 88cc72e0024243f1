"""`make serve` as a server that is left running: a real process, real sockets, more requests than it can hold."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pytest
from starlette.middleware import Middleware

from handler.pipeline import Pipeline
from handler.settings import Settings
from handler.web.admission import Admission
from handler.web.application import build
from local import events
from local.emulator import ROOT
from tests.clients import REMOVEBG
from tests.pictures import opened, sample

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

# It is worked on for most of a second, which is what the others have to wait.
LARGE = sample("JPEG", 4000, 3000)
SMALL = sample("PNG")


@dataclass(frozen=True)
class Said:
    """An answer, read to its end."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Server:
    """`make serve`'s command, running."""

    process: subprocess.Popen[bytes]
    log: IO[str]
    port: int

    def lines(self, message: str) -> list[dict[str, Any]]:
        self.log.seek(0)
        lines = [json.loads(line) for line in self.log if line.startswith("{")]
        return [line for line in lines if line.get("message") == message]

    def opened(self, body: bytes, headers: dict[str, str]) -> http.client.HTTPConnection:
        """Send a request whole, and read nothing yet."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", REMOVEBG, body, headers)
        return connection

    def send(self, picture: bytes) -> Said:
        body, headers = events.form({"format": "png"}, {"image_file": ("a", picture)})
        return said(self.opened(body, headers))

    def peak_bytes(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return int(status.split("VmHWM:")[1].split()[0]) * 1024


def said(connection: http.client.HTTPConnection) -> Said:
    response = connection.getresponse()
    found = Said(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    connection.close()
    return found


@pytest.fixture
def places() -> str:
    return "2"


@pytest.fixture
def server(brightness: Path, places: str) -> Iterator[Server]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = int(held.getsockname()[1])
    environment = {
        "PATH": os.environ["PATH"],
        "MODEL_DIR": str(brightness),
        "MAX_WAITING": places,
        "MAX_INPUT_BYTES": "20000000",
        "THREADS": "1",
        "POWERTOOLS_METRICS_DISABLED": "true",
    }
    with tempfile.TemporaryFile(mode="w+", encoding="utf-8") as log:
        command = [sys.executable, "-m", "handler.serve", "--port", str(port)]
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log) as process:
            running = Server(process, log, port)
            try:
                wait_until(lambda: listens(port))
                assert running.send(SMALL).status == 200  # the model is loaded
                yield running
            finally:
                process.kill()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(is_so: Any) -> None:
    for _ in range(600):
        if is_so():
            return
        time.sleep(0.05)
    raise AssertionError("it never became so")


def test_a_burst_is_answered_as_far_as_there_are_places_and_the_rest_is_told_when_to_come_back(server: Server) -> None:
    with ThreadPoolExecutor(12) as clients:
        answers = list(clients.map(server.send, [LARGE] * 12))
    done = [answer for answer in answers if answer.status == 200]
    refused = [answer for answer in answers if answer.status == 429]
    assert len(done) >= 2
    assert len(refused) >= 4
    assert len(done) + len(refused) == 12
    assert {opened(answer.body).size for answer in done} == {(4000, 3000)}
    for answer in refused:
        (error,) = json.loads(answer.body)["errors"]
        assert error["code"] == "rate_limit_exceeded"
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert answer.headers["x-ratelimit-remaining"] == "0"
    assert server.send(SMALL).status == 200, "there is room again"


def test_bodies_without_a_place_are_not_kept_in_memory(server: Server) -> None:
    """20 clients send 20 MB each, all but the last byte, and wait: of 400 MB the server keeps two clients' at most."""
    before = server.peak_bytes()
    body = bytes(20_000_000)
    head = f"POST {REMOVEBG} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    clients = [socket.create_connection(("127.0.0.1", server.port), timeout=10) for _ in range(20)]
    senders = [threading.Thread(target=client.sendall, args=(head + body[1:],)) for client in clients]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    firsts = []
    for client in clients:
        client.settimeout(0.1)
        try:
            firsts.append(client.recv(12))
        except TimeoutError:
            firsts.append(b"")
    assert firsts.count(b"HTTP/1.1 429") == 18
    assert firsts.count(b"") == 2, "those who have a place are waited for"
    assert server.peak_bytes() - before < 200e6
    for client in clients:
        client.close()
    wait_until(lambda: server.send(SMALL).status == 200)
    assert not server.lines("failed unforeseen")


def test_a_client_that_asks_before_it_sends_need_not_send(server: Server) -> None:
    """curl sends `Expect: 100-continue` with large bodies."""
    waiting = [server.opened(*events.form({}, {"image_file": ("a", LARGE)})) for _ in range(2)]
    wait_until(lambda: server.send(SMALL).status == 429)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(
            f"POST {REMOVEBG} HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\nExpect: 100-continue\r\n\r\n".encode()
        )
        assert client.recv(12) == b"HTTP/1.1 429"
    assert [said(connection).status for connection in waiting] == [200, 200]


@pytest.mark.parametrize("places", ["4"])
def test_a_client_that_goes_away_while_it_waits_is_not_worked_for(server: Server) -> None:
    first = server.opened(*events.form({"format": "png"}, {"image_file": ("a", LARGE)}))
    waiting = [server.opened(*events.form({"format": "png"}, {"image_file": ("a", LARGE)})) for _ in range(3)]
    wait_until(lambda: server.send(SMALL).status == 429)
    for connection in waiting:
        connection.close()
    wait_until(lambda: server.send(SMALL).status == 200)
    first_answer = said(first)
    assert first_answer.status == 200
    worked_on = [line for line in server.lines("picture") if line.get("input_width_px") == 4000]
    assert len(worked_on) <= 2, "the first, and one that may have had its turn already"
    given_up = [line for line in server.lines("picture") if line.get("code") == "time_too_short"]
    assert len(given_up) >= 2
    assert not server.lines("failed unforeseen")


@pytest.mark.parametrize("places", ["1"])
def test_sigterm_lets_it_finish_what_it_has_begun_and_take_nothing_more(server: Server) -> None:
    begun = server.opened(*events.form({"format": "png"}, {"image_file": ("a", LARGE)}))
    wait_until(lambda: server.send(SMALL).status == 429)
    server.process.send_signal(signal.SIGTERM)
    wait_until(lambda: not listens(server.port))
    answer = said(begun)
    assert answer.status == 200
    assert opened(answer.body).size == (4000, 3000)
    assert server.process.wait(timeout=20) == 0


def test_a_body_that_stops_coming_gives_its_place_back(brightness: Path) -> None:
    settings = Settings.from_env({"MODEL_DIR": str(brightness), "MAX_WAITING": "1"})
    application = build(Pipeline(settings), Middleware(Admission, settings=settings, silence_s=0.05))
    sent: list[Any] = []

    async def ask() -> None:
        async def never() -> Any:
            await asyncio.sleep(60)

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": REMOVEBG, "headers": [], "query_string": b""}
        await application(scope, never, send)

    loop = asyncio.new_event_loop()  # asyncio.run would take the thread's own loop away, which Mangum has made
    for _ in range(2):
        loop.run_until_complete(ask())
    loop.close()
    starts = [message["status"] for message in sent if message["type"] == "http.response.start"]
    assert starts == [408, 408], "the second had a place, too"
