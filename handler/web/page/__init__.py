"""The page: GET / in a browser. One document with its style and its script in it, and nothing from elsewhere.

Enters: what the page has to know of the way to it. Leaves: the document and the headers that go with it. One document,
since in Lambda each file that a browser asks for at once may start an execution environment of its own.

The script is written as ES modules beside this file and joined here in MODULES' order: `import` lines and the word
`export` go, so one name is used once in all of them, and what a module imports stands above it.
"""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import json
import re
from dataclasses import asdict, dataclass
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from handler.job import TriggerName

MODULES = (
    *("elements", "refusal", "service", "uploads", "raster", "compose", "brush", "zip", "picture", "queue"),
    *("curl", "key", "options", "stage", "touchup", "strip", "keep", "intake", "main"),
)

# What Lambda takes of a request, its body in base64 and its headers in JSON around it, and what an ALB takes:
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
MAX_REQUEST_BYTES: dict[TriggerName, int] = {
    "rest": 6_291_456,
    "http-api": 6_291_456,
    "function-url": 6_291_456,
    "alb": 1_048_576,
}
AROUND_THE_BODY_BYTES = 20_000


@dataclass(frozen=True)
class Way:
    """What the page knows of the way to the service; a key of the JSON in its `data-way` is a field's name."""

    max_upload_bytes: int  # of a picture within a request
    max_result_bytes: int | None  # of one within an answer; None: any
    at_once: int  # requests that run side by side

    @classmethod
    def of(cls, trigger: TriggerName, max_input_bytes: int, max_result_bytes: int | None) -> Way:
        """Say what a sender carries. In Lambda each request has an environment of its own; a server has one model."""
        carried = MAX_REQUEST_BYTES.get(trigger)
        if carried is None:
            return cls(max_input_bytes, max_result_bytes, 1)
        return cls(min(max_input_bytes, (carried - AROUND_THE_BODY_BYTES) // 4 * 3), max_result_bytes, 2)


@dataclass(frozen=True)
class Document:
    """The page as it is sent."""

    html: bytes
    compressed: bytes  # by gzip
    etag: str
    script_hash: str  # what lets them past the policy: https://www.w3.org/TR/CSP3/#grammardef-hash-source
    style_hash: str

    def headers(self, scheme: str) -> dict[str, str]:
        """Give the headers of an answer; `scheme` is the one that the page came by.

        Large pictures go to an address of S3, so it may connect anywhere by https; by http only where it came by http
        itself, from a laptop.
        """
        connect = "'self' https: http:" if scheme == "http" else "'self' https:"
        return {
            "Content-Security-Policy": f"default-src 'none'; script-src '{self.script_hash}'; "
            f"style-src '{self.style_hash}'; img-src blob: data:; connect-src {connect}; base-uri 'none'; "
            "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-cache",  # asked for again each time, and answered by 304 while it is the same
            "ETag": self.etag,
        }


@functools.cache
def document(way: Way) -> Document:
    """Put the page together."""
    style = _text("style.css").replace("@CAT_MATTE@", _data_url("cat-matte.webp"))
    script = joined(MODULES)
    html = (
        _text("index.html")
        .replace("@WAY@", escape(json.dumps(asdict(way))))
        .replace("@CAT@", _data_url("cat.webp"))
        .replace("@STYLE@", style)
        .replace("@SCRIPT@", script)
        .encode()
    )
    etag = f'W/"{hashlib.sha256(html).hexdigest()[:32]}"'  # weak: compressed or not
    return Document(html, gzip.compress(html, mtime=0), etag, _csp_hash(script), _csp_hash(style))


def joined(modules: tuple[str, ...]) -> str:
    """Make one script of modules."""
    return "\n".join(
        re.sub(r"^export ", "", re.sub(r"^import [^;]*;\n", "", _text(f"{name}.js"), flags=re.M), flags=re.M)
        for name in modules
    )


def wants_html(accept: str) -> bool:
    """Whether an Accept header is a browser's: it names HTML, which no client of an API does."""
    ranges = [entry.replace(" ", "").lower().split(";") for entry in accept.split(",")]
    return any(kind == "text/html" and "q=0" not in parameters for kind, *parameters in ranges)


def _text(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")


def _data_url(name: str) -> str:
    data = files(__name__).joinpath(name).read_bytes()
    return f"data:image/webp;base64,{base64.b64encode(data).decode()}"


def _csp_hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
