"""Fetching URLs: what is public is fetched, and nothing else is, whatever a URL, a name or a server tries."""

from __future__ import annotations

import contextlib
import gzip
import ipaddress
import socket
import ssl
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.errors import FileTooLarge, Unfetchable
from handler.web.fetch import fetch, is_public
from tests.hostile import NEVER, Answer, Hostile, hostile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LIMIT = 100_000


def get(url: str, *, max_bytes: int = LIMIT, timeout_s: float = 5.0, allow: frozenset[str] = frozenset()) -> bytes:
    return fetch(url, max_bytes=max_bytes, timeout_s=timeout_s, allow=allow)


def host_of(server: Hostile) -> str:
    return server.url.removeprefix("http://")


def get_from(server: Hostile, path: str = "/", **limits: Any) -> bytes:
    return get(f"{server.url}{path}", allow=frozenset({host_of(server)}), **limits)


def test_a_picture_comes_as_it_is_with_the_request_that_was_meant() -> None:
    with hostile(Answer(200, b"the picture")) as server:
        assert get_from(server, "/a/b.jpg?x=1&y=%20#part") == b"the picture"
    (request,) = server.requests
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert (request.method, request.path) == ("GET", "/a/b.jpg?x=1&y=%20")
    assert headers["host"] == host_of(server)
    assert headers["accept-encoding"] == "identity"
    assert not {"cookie", "authorization", "proxy-authorization", "referer"} & set(headers)


NOT_PUBLIC = [
    *("127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254"),  # noqa: S104
    *("169.254.170.2", "100.64.0.1", "100.100.100.200", "192.0.0.192", "198.18.0.1", "224.0.0.1", "239.255.255.255"),
    *("240.0.0.1", "255.255.255.255", "192.0.2.1", "192.88.99.1"),
    *("::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1", "2001:db8::1", "3fff::1", "5f00::1"),
    *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1"),
    *("64:ff9b:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001::1", "2001:0:7f00:1::", "100::1"),
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.215.14", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450::200e"])
def test_a_public_address_is_taken(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@given(st.ip_addresses(v=6))
def test_no_form_of_a_private_ipv4_address_in_ipv6_is_public(address: ipaddress.IPv6Address) -> None:
    inside = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if any(found is not None for found in inside):
        assert not is_public(address)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "0x7f.1", "127.1", "0", "localhost", "LOCALHOST"),
        *("[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[64:ff9b::127.0.0.1]"),
        *("169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "[fe80::1%25lo]"),
    ],
)
def test_no_way_to_write_an_inner_host_leads_there(host: str) -> None:
    with hostile(Answer(200, b"inner secret")) as server:
        port = host_of(server).partition(":")[2]
        with pytest.raises(Unfetchable, match="no address on the public internet") as raised:
            get(f"http://{host}:{port}/")
        assert server.requests == []
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        *("", "picture.jpg", "/etc/passwd", "file:///etc/passwd", "ftp://example.com/a", "gopher://example.com/"),
        *("data:image/png;base64,AAAA", "http://", "http:///a", "https:example.com", "//example.com/a", "jar:http://a"),
        *("http://[::1", "http://exa mple.com:99999/", "http://example.com:port/", "http://\ud800.example/"),
    ],
)
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(Unfetchable):
        get(url)


@pytest.mark.parametrize("url", ["http://me@{}/", "http://me:secret@{}/", "http://127.0.0.1@{}/"])
def test_a_url_with_credentials_is_refused(url: str) -> None:
    with hostile(Answer(200, b"x")) as server:
        with pytest.raises(Unfetchable, match="user name or password") as raised:
            get(url.format(host_of(server)), allow=frozenset({host_of(server)}))
        assert server.requests == []
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("port", [22, 25, 110, 1023])
def test_a_port_that_is_no_web_servers_is_refused(port: int) -> None:
    with pytest.raises(Unfetchable, match=f"port is {port}"):
        get(f"http://8.8.8.8:{port}/")


class Resolver:
    """The network's naming, as a test wants it; it counts how often each name was asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
        self.asked: list[str] = []
        self.connected: list[str] = []
        self._answers = list(answers)
        monkeypatch.setattr(socket, "getaddrinfo", self._getaddrinfo)
        monkeypatch.setattr("urllib3.util.connection.create_connection", self._connect)

    def _getaddrinfo(self, host: str, port: int, **_: Any) -> list[Any]:
        self.asked.append(host)
        addresses = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    def _connect(self, address: tuple[str, int], *_: Any, **__: Any) -> socket.socket:
        self.connected.append(address[0])
        raise ConnectionRefusedError


def test_a_name_is_resolved_once_and_its_judged_address_is_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rebinding: the second answer would lead inside."""
    resolver = Resolver(monkeypatch, ["93.184.215.14"], ["127.0.0.1"])
    with pytest.raises(Unfetchable, match="could not be reached"):
        get("http://rebind.example/")
    assert (resolver.asked, resolver.connected) == (["rebind.example"], ["93.184.215.14"])


def test_one_inner_address_among_public_ones_refuses_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = Resolver(monkeypatch, ["93.184.215.14", "10.0.0.7"])
    with pytest.raises(Unfetchable, match="no address on the public internet"):
        get("http://mixed.example/")
    assert resolver.connected == []


def test_a_name_inside_and_a_name_that_does_not_exist_get_the_same_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    sentences = set()
    for addresses in ([], ["10.0.0.7"]):
        Resolver(monkeypatch, addresses)
        with pytest.raises(Unfetchable) as raised:
            get("http://some.internal/")
        sentences.add(str(raised.value))
    assert len(sentences) == 1


@pytest.mark.parametrize(
    "location",
    [
        *("http://169.254.169.254/latest/meta-data/", "http://127.0.0.1:1/", "//127.0.0.1/", "http://[::1]/"),
        *("file:///etc/passwd", "ftp://example.com/", "http://me@8.8.8.8/", "http://2130706433/"),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_each_redirect_is_judged_anew(location: str, status: int) -> None:
    with hostile(Answer(status, headers={"location": location})) as server:
        with pytest.raises(Unfetchable):
            get_from(server)
        assert len(server.requests) == 1


def test_a_redirect_on_the_same_server_is_followed_three_times_at_most() -> None:
    with hostile(Answer(302, headers={"location": "/again"})) as server:
        with pytest.raises(Unfetchable, match="more than 3 times"):
            get_from(server)
        assert [request.path for request in server.requests] == ["/", "/again", "/again", "/again"]


def test_a_redirect_to_nowhere_is_refused() -> None:
    with hostile(Answer(302)) as server, pytest.raises(Unfetchable, match="redirects to nowhere"):
        get_from(server)


@pytest.mark.parametrize("status", [201, 204, 206, 304, 400, 401, 403, 404, 500, 503])
def test_any_other_status_is_named_without_what_it_said(status: int) -> None:
    with hostile(Answer(status, b"private words")) as server, pytest.raises(Unfetchable) as raised:
        get_from(server)
    assert str(raised.value) == f"The URL's server answered {status}."


def test_an_announced_size_beyond_the_limit_is_refused_unread() -> None:
    announced = Answer(200, b"x", {"content-length": "100001"})
    with hostile(announced) as server, pytest.raises(FileTooLarge, match="100,001 bytes; the limit is 100,000"):
        get_from(server)


def test_the_limit_itself_passes() -> None:
    with hostile(Answer(200, b"x" * LIMIT)) as server:
        assert len(get_from(server)) == LIMIT


@pytest.mark.parametrize("announced", ["50", "9" * 30, "-1", "many", ""])
def test_an_announced_size_that_lies_or_makes_no_sense_gives_no_half_picture(announced: str) -> None:
    with hostile(Answer(200, b"x" * 20, {"content-length": announced})) as server:
        try:
            assert get_from(server) == b"x" * 20
        except (Unfetchable, FileTooLarge):
            assert announced in {"50", "9" * 30}


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip"])
def test_what_is_packed_though_it_was_not_asked_for_is_refused(encoding: str) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    assert len(bomb) < LIMIT
    packed = Answer(200, bomb, {"content-encoding": encoding})
    with hostile(packed) as server, pytest.raises(Unfetchable, match="packed"):
        get_from(server)


@contextlib.contextmanager
def talking(talk: Callable[[socket.socket], None], context: ssl.SSLContext | None = None) -> Iterator[str]:
    """Start a server that does with each connection what a test says; give its host:port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with contextlib.suppress(OSError), connection:
                    if context is None:
                        talk(connection)
                        continue
                    # The handshake comes second, so that the socket of a failed one is closed.
                    with context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as wrapped:
                        wrapped.do_handshake()
                        talk(wrapped)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def endless_body(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65_536)


def endless_chunks(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")


def dripping_body(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n")
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


def dripping_header(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


def endless_headers(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-More: yes\r\n" * 100)


def silence(connection: socket.socket) -> None:
    connection.recv(4096)
    time.sleep(1)


def words(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"220 mail.example ESMTP\r\n")


def early_end(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel")


@pytest.mark.parametrize(
    "talk",
    [endless_body, endless_chunks, dripping_body, dripping_header, endless_headers, silence, words, early_end],
    ids=lambda talk: talk.__name__,
)
def test_a_server_that_never_comes_to_an_end_is_left(talk: Callable[[socket.socket], None]) -> None:
    with talking(talk) as host:
        begun = time.monotonic()
        with pytest.raises((Unfetchable, FileTooLarge)):
            get(f"http://{host}/", timeout_s=0.5, allow=frozenset({host}))
        assert time.monotonic() - begun < 2.5, "its own limit is half a second"


def test_a_silent_server_is_left_when_the_time_is_over() -> None:
    with hostile(Answer(NEVER)) as server, pytest.raises(Unfetchable, match="took too long"):
        get_from(server, timeout_s=0.3)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate for pictures.example, which signs itself, and its key, in one file."""
    folder = tmp_path_factory.mktemp("certificate")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "2", "-subj", "/CN=pictures.example", "-addext", "subjectAltName=DNS:pictures.example"),
            *("-keyout", "key.pem", "-out", "cert.pem"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    (folder / "both.pem").write_bytes((folder / "key.pem").read_bytes() + (folder / "cert.pem").read_bytes())
    return folder


def greeting(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")


@pytest.mark.parametrize(
    ("name", "trusted", "fetched"),
    [("pictures.example", True, True), ("another.example", True, False), ("pictures.example", False, False)],
)
def test_a_certificate_has_to_be_valid_for_the_name_not_the_address(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, name: str, *, trusted: bool, fetched: bool
) -> None:
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "both.pem")
    real = socket.getaddrinfo
    with talking(greeting, context) as host:
        port = int(host.partition(":")[2])
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda host, port, *rest, **more: real("127.0.0.1", port, *rest, **more)
        )
        allow = frozenset({f"{name}:{port}"})
        if fetched:
            assert get(f"https://{name}:{port}/", allow=allow) == b"hi"
        else:
            with pytest.raises(Unfetchable, match="no certificate that is valid for its name"):
                get(f"https://{name}:{port}/", allow=allow)


def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with hostile(Answer(200, b"from the proxy")) as proxy, hostile(Answer(200, b"direct")) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert get_from(server) == b"direct"
        assert proxy.requests == []
