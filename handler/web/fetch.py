"""Fetch a picture from a URL that anybody may have written, without opening the door to what only we can reach.

Enters: a URL. Leaves: its bytes, or Unfetchable. The name is resolved once, every address that it has is judged, and
the connection goes to a judged address, so that a second resolution (DNS rebinding) has no say; each redirect begins
anew.
https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html

The libraries that do this (ssrfguard, drawbridge, httpx-secure) wrap httpx, a second HTTP client beside the urllib3
that botocore brings, and are younger than a year; the judgement itself is the few lines of `is_public`.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as ResolverTimeout
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

from handler.errors import FileTooLarge, Unfetchable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from urllib3.response import BaseHTTPResponse

MAX_REDIRECTS = 3
REDIRECTS = frozenset({301, 302, 303, 307, 308})
DEFAULT_PORTS = {"http": 80, "https": 443}
# Services below 1024 that are no web servers (SMTP, SSH …) are not to be talked to in somebody else's name.
LEAST_OTHER_PORT = 1024
CHUNK_BYTES = 65_536
HEADERS = {"User-Agent": "inspyrenet-lambda", "Accept": "image/*,*/*;q=0.5", "Accept-Encoding": "identity"}

# What IANA set aside and Python's `is_global` lets pass, in some versions or by design: protocol assignments, NAT64,
# Teredo, 6to4 and their like carry an IPv4 address inside, which would have to be judged in its turn.
# https://www.iana.org/assignments/iana-ipv6-special-registry/
IPV4_RESERVED = [ipaddress.IPv4Network(block) for block in ("192.0.0.0/24", "192.88.99.0/24", "240.0.0.0/4")]
IPV6_PUBLIC = ipaddress.IPv6Network("2000::/3")  # the only block that public addresses are given from
IPV6_RESERVED = [ipaddress.IPv6Network(block) for block in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Target:
    """Where a request goes: the name for the server, and the addresses that were judged."""

    scheme: str
    host: str
    port: int
    request_uri: str
    addresses: tuple[str, ...]


def fetch(url: str, *, max_bytes: int, timeout_s: float, allow: frozenset[str] = frozenset()) -> bytes:
    """Get the bytes behind an http or https URL.

    `allow` names `host:port` pairs whose addresses are not judged, for laptops and tests. Raises FileTooLarge, and
    Unfetchable, whose sentence tells nothing of what an address that is not public says.
    """
    deadline = time.monotonic() + timeout_s
    for _ in range(MAX_REDIRECTS + 1):
        target = judge(url, deadline, allow)
        with _response_of(target, deadline) as response:
            if response.status not in REDIRECTS:
                return _read(response, max_bytes, deadline)
            location = response.headers.get("location", "")
        url = _absolute(location, target)
    raise Unfetchable(f"The URL redirects more than {MAX_REDIRECTS} times.")


def judge(url: str, deadline: float, allow: frozenset[str]) -> Target:
    """Parse a URL, resolve its name once and judge every address. Raises Unfetchable."""
    try:
        parsed = parse_url(url)
    except (HTTPError, ValueError) as error:
        raise Unfetchable("The URL makes no sense: give an absolute http:// or https:// one.") from error
    scheme, host = (parsed.scheme or "").lower(), (parsed.host or "").strip("[]")
    if scheme not in DEFAULT_PORTS or not host:
        raise Unfetchable("The URL is neither http:// nor https:// with a host: give one of those.")
    if parsed.auth is not None:
        raise Unfetchable("The URL carries a user name or password: give one that needs none, such as a presigned one.")
    port = parsed.port or DEFAULT_PORTS[scheme]
    addresses = _resolve(host, port, deadline)
    if f"{parsed.host}:{port}" not in allow:
        if port not in DEFAULT_PORTS.values() and port < LEAST_OTHER_PORT:
            raise Unfetchable(f"The URL's port is {port}: 80, 443 and those from {LEAST_OTHER_PORT} are fetched from.")
        if not addresses or not all(is_public(ipaddress.ip_address(address)) for address in addresses):
            # The same sentence for a name that does not exist: which names do inside is nobody's business.
            raise Unfetchable("The URL's host has no address on the public internet.")
    if not addresses:
        raise Unfetchable("The URL's host has no address.")
    return Target(scheme, host, port, parsed.request_uri, addresses)


def is_public(address: Address) -> bool:
    """Whether an address can only belong to a public host, in whatever form it is written."""
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast and not any(address in block for block in IPV4_RESERVED)
    # IPv4-mapped (::ffff:0:0/96), NAT64 (64:ff9b::/96) and compatible forms lie outside 2000::/3.
    return address in IPV6_PUBLIC and address.is_global and not any(address in block for block in IPV6_RESERVED)


def _resolve(host: str, port: int, deadline: float) -> tuple[str, ...]:
    """Give the addresses of a name; none where it has none. The resolver takes no timeout, so it waits in a thread."""
    resolver = ThreadPoolExecutor(max_workers=1, thread_name_prefix="resolver")
    try:
        found = resolver.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM).result(_left_s(deadline))
    except ResolverTimeout as error:
        raise Unfetchable("The URL's host could not be looked up in time.") from error
    except (OSError, UnicodeError):
        return ()
    finally:
        resolver.shutdown(wait=False)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


@contextlib.contextmanager
def _response_of(target: Target, deadline: float) -> Iterator[BaseHTTPResponse]:
    """Send the request to a judged address.

    A watchdog ends what drips: a socket's own timeout begins anew with each byte.
    """
    connection = _connect(target, deadline)
    watchdog = threading.Timer(_left_s(deadline), _hang_up, [connection])
    watchdog.daemon = True
    watchdog.start()
    try:
        connection.request(
            "GET",
            target.request_uri,
            headers={"Host": _host_header(target), **HEADERS},
            preload_content=False,
            decode_content=False,
        )
        with contextlib.closing(connection.getresponse()) as response:  # it holds the socket beside its connection
            yield response
    except (HTTPError, HTTPException, OSError) as error:
        if time.monotonic() >= deadline:
            raise Unfetchable("The URL's server took too long.") from error
        raise Unfetchable("The URL's server broke off, or does not speak HTTP.") from error
    finally:
        watchdog.cancel()
        connection.close()


def _connect(target: Target, deadline: float) -> HTTPConnection:
    reason: Exception | None = None
    for address in target.addresses:
        timeout_s = min(_left_s(deadline), 5.0)
        connection = (
            HTTPSConnection(
                address, target.port, timeout=timeout_s, server_hostname=target.host, cert_reqs=ssl.CERT_REQUIRED
            )
            if target.scheme == "https"
            else HTTPConnection(address, target.port, timeout=timeout_s)
        )
        try:
            connection.connect()
        except (HTTPError, OSError) as error:
            connection.close()
            reason = error
        else:
            return connection
    if isinstance(reason, ssl.SSLError) or "certificate" in str(reason):
        raise Unfetchable("The URL's server has no certificate that is valid for its name.") from reason
    raise Unfetchable("The URL's server could not be reached.") from reason


def _hang_up(connection: HTTPConnection) -> None:
    with contextlib.suppress(OSError):  # it was closed in this moment
        if connection.sock is not None:
            connection.sock.shutdown(socket.SHUT_RDWR)


def _read(response: BaseHTTPResponse, max_bytes: int, deadline: float) -> bytes:
    if response.status != 200:
        raise Unfetchable(f"The URL's server answered {response.status}.")
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:  # unpacking what was not asked for is how small answers become large
        raise Unfetchable(f"The URL's server packed the picture ({encoding[:20]!r}), though it was asked not to.")
    announced = response.headers.get("content-length", "")
    announced_bytes = int(announced) if announced.isascii() and announced.isdigit() and len(announced) < 20 else None
    if announced_bytes is not None and announced_bytes > max_bytes:
        raise FileTooLarge(f"The file at the URL has {announced_bytes:,} bytes; the limit is {max_bytes:,}.")
    data = bytearray()
    while chunk := response.read1(CHUNK_BYTES):
        data += chunk
        if len(data) > max_bytes:
            raise FileTooLarge(f"The file at the URL has more than {max_bytes:,} bytes, which is the limit.")
        _left_s(deadline)
    if time.monotonic() >= deadline or (announced_bytes is not None and len(data) < announced_bytes):
        raise Unfetchable("The URL's server broke off before the end of the file.")
    return bytes(data)


def _absolute(location: str, target: Target) -> str:
    """Give the URL that a redirect leads to: absolute, or on the same server."""
    if not location:
        raise Unfetchable("The URL's server redirects to nowhere.")
    return urljoin(f"{target.scheme}://{_host_header(target)}{target.request_uri}", location)


def _host_header(target: Target) -> str:
    host = f"[{target.host}]" if ":" in target.host else target.host
    return host if target.port == DEFAULT_PORTS[target.scheme] else f"{host}:{target.port}"


def _left_s(deadline: float) -> float:
    left_s = deadline - time.monotonic()
    if left_s <= 0:
        raise Unfetchable("The URL's server took too long.")
    return left_s
