"""Fetching against a real server on localhost that breaks off, resumes, ignores and lies."""

from __future__ import annotations

import hashlib
import io
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from layers.model.checkpoints import Checksum
from layers.model.fetch import ChecksumError, FetchError, Progress, digest, download

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTENT = bytes(range(256)) * 8192  # 2 MiB: two chunks of the reader
SHA256 = Checksum("sha256", hashlib.sha256(CONTENT).hexdigest())


class Server(ThreadingHTTPServer):
    """Serves CONTENT; the path says how badly. `seen` collects the Range headers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[str | None] = []
        self.breaks_left = 2

    def url(self, behaviour: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{behaviour}"


class Handler(BaseHTTPRequestHandler):
    """One request, answered as its path says."""

    server: Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Keep quiet."""

    def do_GET(self) -> None:  # the base class's name
        """Answer."""
        wanted = self.headers.get("Range")
        self.server.seen.append(wanted)
        behaviour = self.path.strip("/")
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and behaviour != "no-range" else 0
        body = CONTENT[start:]
        if behaviour == "missing":
            self.send_error(404)
            return
        if start >= len(CONTENT):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(CONTENT)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if behaviour == "other-content":
            body = b"x" * len(body)
        self.send_response(206 if start else 200)
        if start:
            shown = start - 1 if behaviour == "other-range" and self.server.breaks_left else start
            self.server.breaks_left -= behaviour == "other-range"
            self.send_header("Content-Range", f"bytes {shown}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if behaviour in {"breaks", "no-range"} and self.server.breaks_left:
            self.server.breaks_left -= 1
            body = body[: len(body) // 2]
        if behaviour == "always-breaks":
            body = b""
        self.wfile.write(body)


@pytest.fixture
def server() -> Iterator[Server]:
    """Run a server for one test."""
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_a_whole_file_arrives_under_its_name_only(server: Server, tmp_path: Path) -> None:
    """Nothing but the finished file is left in the folder."""
    target = download(server.url("good"), tmp_path / "folder" / "model.pth", SHA256)
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["model.pth"]


def test_a_file_that_is_there_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    """The second build asks the server nothing."""
    for _ in range(2):
        download(server.url("good"), tmp_path / "model.pth", SHA256)
    assert server.seen == [None]


def test_a_broken_connection_is_taken_up_where_it_stopped(server: Server, tmp_path: Path) -> None:
    """Two breaks, two resumptions, each from the byte after the last."""
    download(server.url("breaks"), tmp_path / "model.pth", SHA256)
    assert server.seen == [None, f"bytes={len(CONTENT) // 2}-", f"bytes={len(CONTENT) * 3 // 4}-"]


def test_a_part_of_an_earlier_run_is_resumed(server: Server, tmp_path: Path) -> None:
    """Only the rest travels."""
    (tmp_path / "model.pth.part").write_bytes(CONTENT[:1000])
    assert download(server.url("good"), tmp_path / "model.pth", SHA256).read_bytes() == CONTENT
    assert server.seen == ["bytes=1000-"]


def test_a_part_that_is_whole_already_is_taken(server: Server, tmp_path: Path) -> None:
    """The server says 416 with the very size of the part."""
    (tmp_path / "model.pth.part").write_bytes(CONTENT)
    assert download(server.url("good"), tmp_path / "model.pth", SHA256).read_bytes() == CONTENT


@pytest.mark.parametrize("left_over", [b"z" * 1000, CONTENT + b"z"], ids=["other bytes", "longer than the file"])
def test_a_part_of_another_file_is_thrown_away(server: Server, tmp_path: Path, left_over: bytes) -> None:
    """A stitched file that is wrong, or a part beyond the file's end, leads to one fetch from the first byte."""
    (tmp_path / "model.pth.part").write_bytes(left_over)
    assert download(server.url("good"), tmp_path / "model.pth", SHA256).read_bytes() == CONTENT
    assert server.seen[-1] is None


def test_a_server_that_ignores_range_starts_over(server: Server, tmp_path: Path) -> None:
    """Its 200 replaces the part instead of being appended to it."""
    (tmp_path / "model.pth.part").write_bytes(CONTENT[:1000])
    assert download(server.url("no-range"), tmp_path / "model.pth", SHA256).read_bytes() == CONTENT


def test_another_range_than_asked_for_is_not_appended(server: Server, tmp_path: Path) -> None:
    """The part is dropped, and the file fetched whole."""
    (tmp_path / "model.pth.part").write_bytes(CONTENT[:1000])
    assert download(server.url("other-range"), tmp_path / "model.pth", SHA256).read_bytes() == CONTENT


def test_other_content_is_an_error_that_names_both_sums(server: Server, tmp_path: Path) -> None:
    """And nothing that looks like a model stays behind."""
    with pytest.raises(ChecksumError, match=rf"sha256 [0-9a-f]{{64}}, published is {SHA256.hexdigest}.*CHECKPOINT="):
        download(server.url("other-content"), tmp_path / "model.pth", SHA256)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_gives_nothing_is_given_up(server: Server, tmp_path: Path) -> None:
    """After as many attempts without progress as allowed."""
    with pytest.raises(FetchError, match=r"broke off 2 times at 0 bytes"):
        download(server.url("always-breaks"), tmp_path / "model.pth", SHA256, attempts=2)
    assert len(server.seen) == 2


def test_an_http_error_is_final(server: Server, tmp_path: Path) -> None:
    """A missing file is not asked for twice."""
    with pytest.raises(FetchError, match="answered 404"):
        download(server.url("missing"), tmp_path / "model.pth", SHA256)
    assert len(server.seen) == 1


def test_no_server_is_a_fetch_error(tmp_path: Path) -> None:
    """A refused connection ends in the same exception as the rest."""
    with pytest.raises(FetchError, match="CHECKPOINT=file"):
        download("http://127.0.0.1:9/x", tmp_path / "model.pth", None, attempts=1)


def test_progress_is_plain_where_there_is_no_terminal() -> None:
    """A log gets at most ten lines and no carriage return."""
    stream = io.StringIO()
    progress = Progress("model.pth", 0, 1000, stream)
    for _ in range(1000):
        progress.add(1)
    progress.close()
    assert stream.getvalue().count("\n") == 10
    assert "\r" not in stream.getvalue()
    assert stream.getvalue().endswith("100%\n")


def test_digest_reads_md5_too(tmp_path: Path) -> None:
    """Upstream publishes MD5."""
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    assert digest(path, "md5") == hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
