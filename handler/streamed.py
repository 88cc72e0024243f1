"""An answer that is sent piece by piece, beyond the 6 MB that one sent whole may have.

Enters: what the application has answered. Leaves: a StreamedAnswer, for handler/streaming.py, which then runs this
process, to send. It must not know how that is done.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from handler import deadline
from handler.errors import ResultTooLarge, TimeTooShort

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from handler.job import Invocation

# 200 MB, of which the first 6 travel at once and the others at 2 MB/s:
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html
MAX_STREAMED_BYTES = 200_000_000
UNCAPPED_BYTES = 6_000_000
CAPPED_BYTES_PER_MS = 2_000
PIECE_BYTES = 65_536
LAST_PIECE_MS = 500.0  # what is left of an invocation when its stream is ended, before Lambda ends the process

# Whether somebody here can send one. handler/streaming.py says so; awslambdaric alone would fail to make JSON of it.
can_be_sent = False


@dataclass(frozen=True)
class StreamedAnswer:
    """One HTTP answer. The pieces of its body are taken while it is sent, and may raise then."""

    status_code: int
    headers: Mapping[str, str]
    cookies: tuple[str, ...]
    body: Iterable[bytes | memoryview] = field(repr=False)


def stream(
    status: int, raw_headers: Iterable[Sequence[bytes]], body: bytes, method: str, invocation: Invocation
) -> StreamedAnswer:
    """Put an application's response to a method into the form that is streamed.

    Raises ResultTooLarge, or TimeTooShort where the function would time out before all of it is taken.
    """
    if len(body) > MAX_STREAMED_BYTES:
        raise ResultTooLarge(
            f"The answer would have {len(body):,} bytes, and a stream carries {MAX_STREAMED_BYTES:,}. Ask for "
            "format=webp or a smaller size, such as size=hd, or upload the picture to the input bucket instead."
        )
    deadline.require(invocation, (len(body) - UNCAPPED_BYTES) / CAPPED_BYTES_PER_MS)
    headers: dict[str, str] = {}
    cookies = []
    for raw_name, raw_value in raw_headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name == "set-cookie":
            cookies.append(value)
        else:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if method == "HEAD":
        body = b""
    elif not body and status not in {204, 304}:
        # A Function URL keeps its caller waiting for the end of a body that is empty:
        # https://github.com/aws/aws-lambda-nodejs-runtime-interface-client/issues/95
        body = b"\n"
        headers["content-length"] = "1"
    return StreamedAnswer(status, headers, tuple(cookies), _pieces(body, invocation))


def _pieces(body: bytes, invocation: Invocation) -> Iterator[memoryview]:
    """Give a body's pieces. Raises TimeTooShort when they are taken so slowly that the function will time out."""
    view = memoryview(body)
    for start in range(0, len(body), PIECE_BYTES):
        if invocation.remaining_ms() < LAST_PIECE_MS:
            raise TimeTooShort(
                f"{start:,} of {len(body):,} bytes were taken when the function was about to time out. Ask for "
                "format=webp or a smaller size, or raise the function's timeout."
            )
        yield view[start : start + PIECE_BYTES]
