"""What was made in a folder, of what and how: a line for each result, written before the result is put in its place.

So whatever stands at a result's place and is not in the journal was made by somebody else; and a process that is killed
between the two leaves a line without a result, which is made again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from dataclasses import asdict, dataclass
from typing import IO, TYPE_CHECKING

from handler.errors import CallerError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

# Within the folder of results, hidden.
ROOM = ".cut"


@dataclass(frozen=True)
class Entry:
    """One result."""

    result: str  # its path within the folder
    sha256: str
    size_bytes: int
    photograph_sha256: str
    photograph_bytes: int
    photograph_mtime_ns: int
    model: str
    options: str


class Journal:
    """The journal of a folder, held by one process at a time."""

    def __init__(self, out: Path) -> None:
        """Open or begin it. Raises CallerError where another process holds it, OSError."""
        self._out = out
        self._room = out / ROOM
        self._room.mkdir(parents=True, exist_ok=True)
        self._newest: dict[str, Entry] = {}
        self._made: dict[str, set[str]] = {}
        self._file: IO[bytes] = (self._room / "journal.jsonl").open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise CallerError(f"Another process is working on {out}: wait for it, or give another folder.") from error
        self._file.seek(0)
        lines = self._file.read()
        for line in lines.split(b"\n"):
            self._take(line)
        if lines and not lines.endswith(b"\n"):  # the next entry begins a line of its own
            self._file.write(b"\n")

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of it, and of a result that was not finished."""
        self._part.unlink(missing_ok=True)
        self._file.close()

    def is_made(self, result: str, photograph: Path, model: str, options: str) -> bool:
        """Whether a result stands that was made of these bytes by this model with these options.

        A photograph whose size and time are as they were counts as unchanged; else its bytes are compared.
        """
        entry, target = self._newest.get(result), self._out / result
        if entry is None or (entry.model, entry.options) != (model, options):
            return False
        if not target.is_file() or target.stat().st_size != entry.size_bytes:
            return False
        there = photograph.stat()
        if there.st_size != entry.photograph_bytes:
            return False
        return there.st_mtime_ns == entry.photograph_mtime_ns or _digest(photograph) == entry.photograph_sha256

    def may_write(self, result: str) -> bool:
        """Whether nothing stands at a result's place but what was made here, and is unchanged since."""
        target = self._out / result
        if not os.path.lexists(target):
            return True
        return target.is_file() and not target.is_symlink() and _digest(target) in self._made.get(result, ())

    def put(self, entry: Entry, data: bytes) -> None:
        """Write a result: all of it, or nothing. Raises OSError."""
        target = self._out / entry.result
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        self._file.write(json.dumps(asdict(entry), separators=(",", ":")).encode() + b"\n")
        self._file.flush()
        self._part.replace(target)
        self._remember(entry)

    @property
    def _part(self) -> Path:
        return self._room / "part"

    def _take(self, line: bytes) -> None:
        """Read a line; what is no entry was cut off when its process died."""
        try:
            self._remember(Entry(**json.loads(line)))
        except (ValueError, TypeError):
            return

    def _remember(self, entry: Entry) -> None:
        self._newest[entry.result] = entry
        self._made.setdefault(entry.result, set()).add(entry.sha256)


def digest_of(data: bytes) -> str:
    """Give the SHA-256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
