"""How far it is: a line that renews itself on a terminal, lines elsewhere, and an estimate of the time left."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING

from handler.folder.progress import Progress

if TYPE_CHECKING:
    import pytest


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def told(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, *, total: int, done: int, each_s: float) -> str:
    """Tell of three photographs, the second of which fails."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    progress = Progress(stream, total, done)
    for name, came, failed in (("a", "a.png", False), ("b", "It is broken.", True), ("c", "c.png", False)):
        now[0] += each_s
        progress.ended(name, came, failed=failed)
    progress.close()
    return stream.getvalue()


def test_elsewhere_each_photograph_has_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(io.StringIO(), monkeypatch, total=10, done=5, each_s=2).splitlines() == [
        "6/10 a: a.png (2.00 s, about 8 s left)",
        "7/10 b: It is broken. (2.00 s, about 6 s left)",
        "8/10 c: c.png (2.00 s, about 4 s left)",
    ]


def test_on_a_terminal_one_line_renews_itself_and_failures_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    shown = told(Terminal(), monkeypatch, total=8, done=1, each_s=90).split("\r\x1b[K")
    assert shown == [
        "",
        "[######------------------] 2/8, about 9 min left  a",
        "3/8 b: It is broken.\n",
        "[#########---------------] 3/8, 1 failed, about 7 min left  b",
        "[############------------] 4/8, 1 failed, about 6 min left  c",
        "",
    ]


def test_a_line_never_wraps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    shown = told(Terminal(), monkeypatch, total=9_000, done=0, each_s=60).split("\r\x1b[K")
    assert max(len(line) for line in shown if not line.endswith("\n")) == 29


def test_what_was_done_before_says_nothing_about_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "about 2 h 46 min left" in told(io.StringIO(), monkeypatch, total=20_000, done=19_000, each_s=10)
