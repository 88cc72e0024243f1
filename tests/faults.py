"""A proxy before the local S3 that does to a request what a test says: S3 works, and the way to it does not."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import urllib3

from tests.hostile import HANG_UP, Answer, Hostile, Seen, hostile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.clients import Function
    from tests.conftest import Awaken, Buckets

# What belongs to one connection, and is said anew on the next.
HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "date", "server", "expect"}


@dataclass(frozen=True)
class Cut:
    """The connection ends: before S3 sees the request, after S3 has done it and unanswered, or within the answer."""

    where: Literal["before", "after", "within"]


@dataclass(frozen=True)
class Slow:
    """S3 answers, and takes its time."""

    seconds: float


Fault = Answer | Cut | Slow | None  # an Answer comes from the proxy, and S3 never sees the request


@contextmanager
def faulty(url: str, fault_of: Callable[[Seen], Fault]) -> Iterator[Hostile]:
    """Start a proxy before the S3 at `url` that asks `fault_of` about every request, and stop it again.

    Of conditional writes at once S3 lets one succeed. Moto looks and then writes, so the proxy lets one write through
    at a time.
    """
    writing = threading.Lock()

    def answer(request: Seen) -> Answer:
        fault = fault_of(request)
        if isinstance(fault, Slow):
            time.sleep(fault.seconds)
        if isinstance(fault, Cut) and fault.where == "before":
            return Answer(HANG_UP)
        if isinstance(fault, Answer):
            answer = fault
        else:
            with writing if request.method in {"PUT", "DELETE"} else nullcontext():
                answer = _forward(url, request)
        if not isinstance(fault, Cut):
            return answer
        if fault.where == "after":
            return Answer(HANG_UP)
        whole = {"content-length": str(len(answer.body)), **answer.headers}
        return Answer(answer.status, answer.body[: len(answer.body) // 2], whole)

    with hostile(answer) as proxy:
        yield proxy


def behind(awaken: Awaken, brightness: Path, buckets: Buckets, proxy: Hostile, **more: str) -> Function:
    """Start the function with S3 behind a proxy."""
    return awaken(**{"MODEL_DIR": str(brightness), **buckets.environment(), "AWS_ENDPOINT_URL_S3": proxy.url, **more})


def _forward(url: str, request: Seen) -> Answer:
    headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP | {"host"}}
    with urllib3.PoolManager() as pool:
        got = pool.request(
            request.method, f"{url}{request.path}", body=request.body, headers=headers, retries=False, redirect=False
        )
    kept = {name: value for name, value in got.headers.items() if name.lower() not in HOP_BY_HOP}
    if request.method == "HEAD":
        kept["content-length"] = got.headers.get("content-length", "0")
    return Answer(got.status, got.data, kept)
