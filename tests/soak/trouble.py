"""What the way to S3 does to the requests about some uploads: answers of S3's bad moments, cuts, delays.

Each upload has a folder of its own, so that a request says which upload it is about, that about its result, too.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.faults import Cut, Fault, Slow
from tests.hostile import s3_error

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from tests.hostile import Seen
    from tests.soak.uploads import Kind, Upload

FOLDER = re.compile(r"/(\d{5})/")
DENIED = s3_error(403, "AccessDenied")
PASSING: tuple[Fault, ...] = (
    *(s3_error(503, "SlowDown"), s3_error(500, "InternalError"), DENIED, s3_error(409, "ConditionalRequestConflict")),
    *(Cut("before"), Cut("after"), Cut("within"), Slow(1.5)),
)


@dataclass(frozen=True)
class Window:
    """A fault that some of the requests about an upload meet: from which on, and for how many."""

    fault: Fault
    begins_at: int
    lasts: int
    method: str | None = None  # of the requests that count; None: all


class Trouble:
    """Says of each request what is to be done to it."""

    def __init__(self, uploads: Sequence[Upload], share: float, chance: random.Random) -> None:
        """Give a share of the uploads a fault that passes, and the poison what makes it poison."""
        self._kinds: dict[str, Kind] = {upload.key[:5]: upload.kind for upload in uploads}
        troubled = chance.sample(sorted(self._kinds), round(len(uploads) * share))
        self._windows = {
            folder: _window(PASSING[number % len(PASSING)], chance) for number, folder in enumerate(troubled)
        }
        self._requests: Counter[str] = Counter()
        self._changing = threading.Lock()
        self.dealt: Counter[str] = Counter()
        self.fetched: Counter[str] = Counter()  # reads of each upload, by its folder

    def fault_of(self, request: Seen) -> Fault:
        """Give what this request meets; None: nothing."""
        found = FOLDER.search(request.path)
        if not found:
            return None
        folder = found[1]
        with self._changing:
            if request.method == "GET":
                self.fetched[folder] += 1
            kind, window = self._kinds[folder], self._windows.get(folder)
            if kind == "unreadable" or (kind == "forbidden" and _is_the_upload(request)):
                return DENIED
            if window is None or window.method not in {None, request.method}:
                return None
            number = self._requests[folder]
            self._requests[folder] += 1
            if not window.begins_at <= number < window.begins_at + window.lasts:
                return None
            self.dealt[_name(window.fault)] += 1
            return window.fault


def _window(fault: Fault, chance: random.Random) -> Window:
    """Let a fault begin anywhere; an answer is lost where it matters, which is the first write's."""
    if fault == Cut("after"):
        return Window(fault, 0, 1, "PUT")
    return Window(fault, chance.randint(0, 7), chance.choice((1, 1, 4)))


def _is_the_upload(request: Seen) -> bool:
    return request.method in {"GET", "HEAD"} and request.path.endswith(".jpg") and "cutouts/" not in request.path


def _name(fault: Fault) -> str:
    if isinstance(fault, Cut):
        return f"cut {fault.where}"
    return "slow" if isinstance(fault, Slow) else str(fault.status if fault else None)
