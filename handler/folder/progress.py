"""How far it is, for people: one line that renews itself on a terminal, a line for each photograph elsewhere."""

from __future__ import annotations

import shutil
import time
from typing import TextIO

from handler.errors import printable

BAR_CHARACTERS = 24


class Progress:
    """Tells of photographs as they are done."""

    def __init__(self, stream: TextIO, total: int, done: int) -> None:
        """Begin with `done` of `total`: they were there already, and say nothing about the time that is left."""
        self._stream = stream
        self._total = total
        self._done = done
        self._failed = 0
        self._taken_s: list[float] = []
        self._is_terminal = stream.isatty()
        self._begun = time.monotonic()

    def ended(self, photograph: str, came: str, *, failed: bool = False) -> None:
        """Tell of a photograph that was worked on."""
        now = time.monotonic()
        self._taken_s.append(now - self._begun)
        self._begun = now
        self._done += 1
        self._failed += failed
        line = f"{self._done}/{self._total} {printable(photograph)}: {printable(came)}"
        if not self._is_terminal:
            self._write(f"{line} ({self._taken_s[-1]:.2f} s{self._left()})\n")
            return
        if failed:
            self._write(f"\r\x1b[K{line}\n")
        filled = BAR_CHARACTERS * self._done // max(1, self._total)
        bar = f"[{'#' * filled}{'-' * (BAR_CHARACTERS - filled)}] {self._done}/{self._total}"
        told = f"{bar}{f', {self._failed} failed' if self._failed else ''}{self._left()}  {printable(photograph)}"
        self._write(f"\r\x1b[K{told[: shutil.get_terminal_size().columns - 1]}")

    def close(self) -> None:
        """Leave the line to whoever writes next."""
        if self._is_terminal:
            self._write("\r\x1b[K")

    def _left(self) -> str:
        """Estimate the time by the latest photographs."""
        latest = self._taken_s[-20:]
        seconds = round((self._total - self._done) * sum(latest) / len(latest))
        if seconds <= 0:
            return ""
        hours, minutes = seconds // 3600, seconds % 3600 // 60
        if hours:
            return f", about {hours} h {minutes} min left"
        return f", about {minutes} min left" if minutes else f", about {seconds} s left"

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
