"""What hypothesis sends: JSON of any shape, real events with damage, and requests by every sender, odd in each part."""

from __future__ import annotations

import base64
import copy
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

from hypothesis import strategies as st

from local import events
from tests.clients import REMOVEBG, SENDERS
from tests.pictures import FORMATS, sample
from tests.verdict import EVERY_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENT_FILES = sorted(path.stem for path in events.EVENTS.glob("*.json"))

# Half of a surrogate pair is no Unicode text, and JSON can hold it: the text of a "\\ud800" in an event or a body.
TEXT = st.text(st.characters(exclude_categories=()), max_size=12) | st.sampled_from(["\ud800", "a\udfffb", "\x00", "é"])
NUMBERS = st.integers() | st.floats(allow_nan=False) | st.sampled_from([10**400, -(10**30), 1e308])
EVENT_WORDS = st.sampled_from(
    [
        *("Records", "eventSource", "EventSource", "s3", "bucket", "object", "name", "key", "Event", "size"),
        *("requestContext", "http", "elb", "httpMethod", "version", "headers", "body", "rawPath", "path", "method"),
        *("source", "detail-type", "warmer", "warmup", "concurrency", "target", "isBase64Encoded", "resource"),
        *("multiValueHeaders", "queryStringParameters", "multiValueQueryStringParameters", "rawQueryString"),
        *("timeEpoch", "requestTimeEpoch", "stage", "domainName", "eventName", "sequencer", "versionId", "cf"),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(EVENT_WORDS | TEXT, inner, max_size=5),
    max_leaves=12,
)
ODD_VALUES: list[Any] = [
    *(None, True, 0, -1, 1.5, float("inf"), 10**400, "", "é", "\ud800", "aws:s3", "a" * 3000, [], {}, [{}], {"a": 1}),
]
ODD: st.SearchStrategy[Any] = st.sampled_from(ODD_VALUES) | JSON


def paths(event: Any, so_far: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List the way to every value of an event."""
    inner = event.items() if isinstance(event, dict) else enumerate(event) if isinstance(event, list) else ()
    return [so_far, *(path for key, value in inner for path in paths(value, (*so_far, key)))]


def each_damage(event: Any, share: int = 6) -> Iterator[Any]:
    """Drop each value of an event, and replace each by every odd one, or by one in `share` of them, in turns."""
    for number, (*way, last) in enumerate(path for path in paths(event) if path):
        for odd in [KeyError, *ODD_VALUES[number % share :: share]]:
            changed = copy.deepcopy(event)
            inner = changed
            for step in way:
                inner = inner[step]
            if odd is KeyError:
                del inner[last]
            else:
                inner[last] = odd
            yield changed


def damaged(draw: st.DrawFn, event: Any, times: int) -> Any:
    """Drop some of an event's values, or replace them by odd ones."""
    event = copy.deepcopy(event)
    for _ in range(times):
        *way, last = draw(st.sampled_from([path for path in paths(event) if path]))
        inner = event
        for step in way:
            inner = inner[step]
        if draw(st.booleans()):
            del inner[last]
        else:
            inner[last] = copy.deepcopy(draw(ODD))  # the next damage may be inside of it
        if not any(paths(event)):
            break
    return event


@st.composite
def damaged_events(draw: st.DrawFn) -> Any:
    """Take a real event and damage it."""
    return damaged(draw, events.load(draw(st.sampled_from(EVENT_FILES))), draw(st.integers(1, 3)))


PICTURES = {file_format: sample(file_format, 24, 16) for file_format in FORMATS}


@st.composite
def pictures(draw: st.DrawFn) -> bytes:
    """Give a picture that is whole, cut short, followed by other bytes or with some of its bytes changed; or none."""
    data = bytearray(PICTURES[draw(st.sampled_from(FORMATS))])
    match draw(st.sampled_from(["whole", "cut", "followed", "changed", "none"])):
        case "cut":
            del data[draw(st.integers(0, len(data))) :]
        case "followed":
            data += draw(st.binary(max_size=40))
        case "changed":
            for _ in range(draw(st.integers(1, 4))):
                data[draw(st.integers(0, min(len(data) - 1, 400)))] = draw(st.integers(0, 255))
        case "none":
            return draw(st.binary(max_size=60))
    return bytes(data)


FIELD_NAMES = (
    st.sampled_from(sorted(EVERY_NAME)) | TEXT | st.sampled_from(["image_file[]", "data[image_file]", "__proto__"])
)
FIELD_VALUES = TEXT | st.sampled_from(
    [
        *("auto", "png", "webp", "alpha", "preview", "4k", "fff", "81d4fa80", "green", "true", "false", "0", "100%"),
        *("NaN", "inf", "1e400", "-1", "9" * 5000, "0% 0% 100% 100%", "data:image/png;base64,", "data:,", "%%%"),
        *(f"upload:{'A' * 43}", "upload:../results/a", "upload:", "UPLOAD:" + "-" * 43),
        *("http://169.254.169.254/", "a" * 3000, "\r\nX: y", "１", "ＰＮＧ"),
    ]
)
CONTENT_TYPES = st.sampled_from(
    [
        *("application/json", "application/json; charset=utf-16", "Application/JSON;", "image/png", "text/plain", ""),
        *("application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary=", ";", "é"),
        *("multipart/form-data; boundary=x", 'multipart/form-data; boundary="x', "multipart/form-data; boundary=é"),
    ]
)
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            *("accept", "Accept", "content-length", "Content-Length", "host", "Host", "x-forwarded-port", "cookie"),
            *("x-api-key", "X-Api-Key", "authorization", "Authorization", "origin", "access-control-request-method"),
            *("access-control-request-headers", "x-forwarded-proto", "transfer-encoding", "expect", "content-encoding"),
        ]
    )
    | TEXT,
    TEXT
    | st.sampled_from(
        [
            *("application/json", "*/*", "-1", "99999999999", "a:b:c", "example.com:443", "[::1]", "Bearer hush"),
            *("Bearer ", "hush", "https://page.example", "null", "POST", "chunked", "gzip", "\r\nx: y", "https"),
        ]
    ),
    max_size=4,
)


def _multipart(draw: st.DrawFn, fields: dict[str, str], files: dict[str, bytes]) -> tuple[bytes, str]:
    """Write a form by hand: a library would refuse to write what clients must not be able to break anything with."""
    parts = [
        _escaped(f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n')
        for name, value in fields.items()
    ]
    for name, data in files.items():
        filename = draw(
            st.sampled_from(['; filename="a.png"', '; filename=""', "; filename", ";filename*=utf-8''%ff", ""])
        )
        kind = draw(st.sampled_from(["image/png", "text/plain; charset=nothing", "é", "multipart/mixed; boundary=y"]))
        head = f'--x\r\nContent-Disposition: form-data; name="{name}"{filename}\r\nContent-Type: {kind}\r\n\r\n'
        parts.append(_escaped(head) + data + b"\r\n")
    charset = draw(st.sampled_from(["", "; charset=utf-8", "; charset=nothing", "; charset=utf-16"]))
    return b"".join(parts) + draw(st.sampled_from([b"--x--\r\n", b"--x--", b"--x", b""])), (
        f"multipart/form-data; boundary=x{charset}"
    )


def _escaped(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@st.composite
def bodies(draw: st.DrawFn) -> tuple[bytes, str | None]:
    """Give a body and its content type."""
    fields = draw(st.dictionaries(FIELD_NAMES, FIELD_VALUES, max_size=4))
    picture = draw(pictures())
    if draw(st.booleans()):
        fields["image_file_b64"] = base64.b64encode(picture).decode()
    match draw(st.sampled_from(["multipart", "form", "json", "any json", "raw", "garbage"])):
        case "multipart":
            names = st.sampled_from(["image_file", "bg_image_file", "roi", "size", "image_file_b64"]) | TEXT
            others = draw(st.dictionaries(names, st.binary(max_size=20), max_size=2))
            return _multipart(draw, fields, {**others, "image_file": picture})
        case "form":
            pairs = [
                f"{quote_plus(name, errors='surrogatepass')}={quote_plus(value, errors='surrogatepass')}"
                for name, value in fields.items()
            ]
            return "&".join(pairs).encode(), "application/x-www-form-urlencoded"
        case "json":
            odd = draw(st.dictionaries(FIELD_NAMES, ODD | st.just(float("nan")), max_size=3))
            return json.dumps({**fields, **odd}).encode(), "application/json"
        case "any json":
            return json.dumps(draw(JSON)).encode(), "application/json"
        case "raw":
            return picture, draw(st.sampled_from([None, "image/png", "application/octet-stream"]))
        case _:
            return draw(st.binary(max_size=80)), draw(CONTENT_TYPES)


ROUTES = st.sampled_from([*(REMOVEBG,) * 4, "/v1.0/uploads", "/v1.0/improve", "/health", "/warmup", "/"])
PATHS = ROUTES | st.sampled_from(["/v1.0/removebg/", "//", "/%2e%2e/health", "/v1.0/removebg%00", ""]) | TEXT
METHODS = st.sampled_from(["POST", "POST", "POST", "GET", "OPTIONS", "HEAD", "PUT", "DELETE", "post", ""]) | TEXT


@st.composite
def requests(draw: st.DrawFn) -> Any:
    """Make a request by one of the senders, odd in some parts and sometimes damaged besides."""
    body, content_type = draw(bodies())
    headers = draw(HEADERS)
    if content_type is not None:
        headers = {**headers, draw(st.sampled_from(["content-type", "Content-Type"])): content_type}
    query = draw(st.dictionaries(FIELD_NAMES, FIELD_VALUES, max_size=3))
    encoded = "&".join(
        f"{quote(name, errors='surrogatepass')}={quote(value, errors='surrogatepass')}" for name, value in query.items()
    )
    method, path = draw(METHODS | st.just("POST")), draw(PATHS | st.just(REMOVEBG))
    event = events.request(draw(st.sampled_from(SENDERS)), method, path, body, headers, encoded)
    if "multiValueHeaders" in event and draw(st.booleans()):  # a header that comes twice
        event["multiValueHeaders"] = {name: values * 2 for name, values in event["multiValueHeaders"].items()}
    elif "multiValueHeaders" in event and draw(st.booleans()):  # a REST API or an ALB without them
        single = {name: values[0] for name, values in event["multiValueHeaders"].items()}
        event |= {"headers": single, "queryStringParameters": query}
        del event["multiValueHeaders"], event["multiValueQueryStringParameters"]
    match draw(st.sampled_from(["base64", "base64", "base64", "wrong base64", "text"])):
        case "wrong base64":
            event["body"] = draw(TEXT | st.just("A" * 9))
        case "text":
            event |= {"body": body.decode("utf-8", "surrogateescape"), "isBase64Encoded": False}
    return damaged(draw, event, draw(st.sampled_from([0, 0, 0, 1, 2])))


def finite(event: Any) -> bool:
    """Say whether an event can be written as JSON that every reader takes."""
    return all(not isinstance(value, float) or abs(value) != float("inf") for value in _values(event))


def _values(event: Any) -> Iterator[Any]:
    inner = event.values() if isinstance(event, dict) else event if isinstance(event, list) else ()
    yield event
    for value in inner:
        yield from _values(value)
