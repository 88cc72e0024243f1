"""The documentation as one page, made of the table: GET /docs. It needs no script, and nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from typing import TYPE_CHECKING, Any

from handler import errors
from handler.web.neighbours import CLIPDROP, PHOTOROOM
from handler.web.openapi import HEADER_MEANINGS
from handler.web.parameters.table import IMPROVEMENT, TABLE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from handler.web.contract import Contract
    from handler.web.parameters.table import Group, Parameter

STYLE = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
code, pre { font-family: ui-monospace, monospace; font-size: .9em; }
pre { padding: .8rem 1rem; border: 1px solid #8888; border-radius: .4rem; overflow-x: auto; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; font-weight: bold; padding: 1rem 0 .3rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem .8rem .35rem 0; border-top: 1px solid #8884; }
"""

# The style's own hash is what lets it in: https://www.w3.org/TR/CSP3/#grammardef-hash-source
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

CURL = """curl -F image_file=@photo.jpg -F format=png $URL/v1.0/removebg -o cutout.png
curl -F image_file=@photo.jpg -F crop=true -F crop_margin=5% -F bg_color=81d4fa $URL/v1.0/removebg -o card.jpg
curl -H 'Content-Type: application/json' -H 'Accept: application/json' \\
  -d '{"image_file_b64": "…", "add_shadow": true}' $URL/v1.0/removebg"""

CALLERS_ERRORS: tuple[type[errors.CallerError], ...] = (
    errors.MissingSource,
    errors.MultipleSources,
    errors.MultipleBackgrounds,
    errors.FailedImageDownload,
    errors.FailedBackgroundDownload,
    errors.InvalidFileType,
    errors.UnreadableImage,
    errors.FileTooLarge,
    errors.ResolutionTooHigh,
    errors.InvalidDimensions,
    errors.UnknownForeground,
    errors.RoiExceedsBounds,
    errors.RoiRegionEmpty,
    errors.ResultTooLarge,
    errors.Unauthorized,
    errors.TooManyRequests,
    errors.NotOffered,
)


def page() -> str:
    """Make the page."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Background removal: the API</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<h1>Background removal</h1>
<p>Send a picture, get its subject on transparent ground. Requests are those of remove.bg's API: a client of it works
here with another base URL. The same in a form that programs read: <a href="openapi.json">openapi.json</a>.</p>
<pre>{escape(CURL)}</pre>
<h2><code>POST /v1.0/removebg</code></h2>
<p>Parameters come as a multipart form, as a urlencoded form, as JSON, or in the query beside the picture as the body.
An empty one counts as not given, an unknown one is ignored. They take effect in this order: roi, semitransparency,
crop, scale and position, size, shadow, background, format. A key, where one is needed, comes in
<code>X-Api-Key</code> or as a Bearer token.</p>
{_tables(TABLE)}
<h3>The answer</h3>
<p>The picture's bytes; with <code>Accept: application/json</code> a document
<code>{{"data": {{"result_b64", "foreground_top", "foreground_left", "foreground_width", "foreground_height"}}}}</code>.
A picture that is too large for the answer has a <code>result_url</code> in place of <code>result_b64</code>, good for
an hour or as long as this service says. Bytes are answered with 303 where <code>redirect=true</code> asks for it, else
refused with a sentence that says which formats and sizes would fit. A service without a bucket for them refuses all.
Beside it:</p>
{_table("", ("header", "meaning"), ((name, escape(words)) for name, words in HEADER_MEANINGS.items()))}
<h3>Errors</h3>
<p>A document <code>{{"errors": [{{"title", "code", "detail"}}]}}</code> that lists everything that is wrong at once.
<code>invalid_<i>name</i></code> is a parameter whose value makes no sense; status 5xx may succeed later.</p>
{_table("", ("code", "status", "title"), (_error(kind) for kind in CALLERS_ERRORS))}
<h2><code>GET /v1.0/account</code></h2>
<p>Credits, of which there are always enough: nobody counts them here.</p>
<h2><code>POST /v1.0/uploads</code></h2>
<p>For a picture that is too large for a request: 201 with
<code>{{"data": {{"url", "fields", "image_url", "max_bytes", "expires_at"}}}}</code>. Send a multipart form to
<code>url</code> with every one of <code>fields</code>, a <code>Content-Type</code> that begins with <code>image/</code>
and, last, the picture as <code>file</code>. Then give <code>image_url</code> as a parameter of that name, or as
<code>bg_image_url</code>. The picture is removed once it was cut out, and after a day in any case.</p>
<h2><code>POST /v1.0/improve</code></h2>
<p>Keeps a picture that was cut out badly, for whoever runs this to learn from, and answers <code>{{"id"}}</code>.</p>
{_tables(IMPROVEMENT)}
<h2>Two neighbours</h2>
{_neighbour(PHOTOROOM)}
{_neighbour(CLIPDROP)}
</main>
</body>
</html>
"""


def _tables(table: tuple[Group, ...]) -> str:
    columns = ("parameter", "give", "default", "meaning")
    return "\n".join(_table(group.title, columns, map(_cells, group.parameters)) for group in table)


def _cells(row: Parameter[Any]) -> tuple[str, ...]:
    default = f"<code>{escape(row.default)}</code>" if row.default else "–"
    return row.name, escape(row.kind.words), default, escape(row.meaning)


def _error(kind: type[errors.CallerError]) -> tuple[str, ...]:
    return kind.code, str(kind.status), escape(kind.title)


def _neighbour(contract: Contract) -> str:
    return f"""<h3><code>POST {contract.path}</code></h3>
<p>{escape(contract.summary)}. Errors look like <code>{escape(str(contract.error_example))}</code>.</p>
{_tables(contract.table)}"""


def _table(caption: str, columns: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> str:
    """Make a table; a line's first cell is a word of the API, the others are HTML."""
    head = "".join(f'<th scope="col">{column}</th>' for column in columns)
    body = "\n".join(f"<tr>{_row(*line)}</tr>" for line in lines)
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f'<div class="wide"><table>{title}<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>'


def _row(name: str, *cells: str) -> str:
    return f'<th scope="row"><code>{escape(name)}</code></th>' + "".join(f"<td>{cell}</td>" for cell in cells)
