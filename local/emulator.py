"""Lambda on this machine: AWS's own Runtime Interface Emulator around awslambdaric and the handler.

Enters: events. Leaves: what the service would answer, and how long it took. It takes one event at a time: the emulator
crashes on a second one during the first. It enforces neither memory nor the 10 s of init.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "emulator"

# The emulator ships inside this wheel, for Linux.
WHEEL = "aws-sam-cli==1.170.0 --hash=sha256:{sha256}"
SHA256 = "24ebaf5ecba38dc1758089968cb89ab61e124b84e92a344fc7a2771a47f4d0bf"
BINARY = {"x86_64": "aws-lambda-rie-x86_64", "aarch64": "aws-lambda-rie-arm64"}

HANDLER = "handler.app.lambda_handler"
INVOKE = "/2015-03-31/functions/function/invocations"


@dataclass(frozen=True)
class Reply:
    """What came back for one event."""

    http_status: int
    payload: Any
    elapsed_s: float

    @property
    def status_code(self) -> int:
        """The answer's own statusCode; 0 where the handler raised."""
        return int(self.payload.get("statusCode", 0)) if isinstance(self.payload, dict) else 0


def emulator_binary() -> Path:
    """Give the emulator's path, taking it out of its wheel the first time."""
    machine = platform.machine()
    if sys.platform != "linux" or machine not in BINARY:
        raise SystemExit(f"The Lambda emulator runs on Linux, x86_64 or aarch64; this is {sys.platform}, {machine}.")
    binary = CACHE / BINARY[machine]
    if not binary.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            wanted = Path(folder) / "requirements.txt"
            wanted.write_text(WHEEL.format(sha256=SHA256), encoding="utf-8")
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
            subprocess.run([*command, "--dest", folder, "--requirement", wanted], check=True)
            (wheel,) = Path(folder).glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                fresh = Path(folder) / binary.name
                fresh.write_bytes(archive.read(f"samcli/local/rapid/{binary.name}"))
            fresh.chmod(0o755)
            fresh.replace(binary)
    return binary


def invoke(address: str, event: object) -> Reply:
    """Send one event to the emulator that listens there, and wait for its answer.

    Raises urllib.error.URLError where nothing listens.
    """
    request = urllib.request.Request(f"{address}{INVOKE}", json.dumps(event).encode())
    begun = time.perf_counter()
    try:
        with urllib.request.urlopen(request, timeout=600) as response:
            status, body = response.status, response.read()
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read()
    elapsed_s = time.perf_counter() - begun
    try:
        payload = json.loads(body)
    except ValueError:
        payload = body.decode(errors="replace")
    return Reply(status, payload, elapsed_s)


def lambda_variables(memory_mb: int) -> dict[str, str]:
    """Give what Lambda puts into a function's environment, and a PATH."""
    return {
        "PATH": os.environ["PATH"],
        "AWS_LAMBDA_FUNCTION_NAME": "function",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb),
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }


class Emulator:
    """A running function: `with Emulator({"MODEL_DIR": …}) as function: function.invoke(event)`."""

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        timeout_s: int = 300,
        memory_mb: int = 3008,
        client: str = "awslambdaric",
        handler: str = HANDLER,
    ) -> None:
        self._log = tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - closed in __exit__
        self._port, api_port = _free_ports(2)
        self._client = client
        command = [
            str(emulator_binary()),
            *("--runtime-interface-emulator-address", f"127.0.0.1:{self._port}"),
            *("--runtime-api-address", f"127.0.0.1:{api_port}"),
            *(sys.executable, "-m", client, handler),
        ]
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={
                **lambda_variables(memory_mb),
                "AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout_s),
                **environment,
            },
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that the runtime, its child, can be ended with it
        )

    def __enter__(self) -> Self:
        """Wait until the emulator listens."""
        for _ in range(200):
            if self._process.poll() is not None:
                break
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return self
            time.sleep(0.05)
        log = self.log()
        self.stop()
        raise RuntimeError(f"The emulator does not listen:\n{log}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave no process behind."""
        self.stop()

    def invoke(self, event: object) -> Reply:
        """Send one event and wait for its answer."""
        return invoke(f"http://127.0.0.1:{self._port}", event)

    def log(self) -> str:
        """Give what the function has written so far."""
        self._log.seek(0)
        return self._log.read()

    def runtime_pid(self) -> int:
        """Give the process that the function runs in."""
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                command = (status.parent / "cmdline").read_bytes()
                parent = status.read_text(encoding="utf-8").split("PPid:")[1].split()[0]
            except OSError:  # a process that ended meanwhile
                continue
            if int(parent) == self._process.pid and self._client.encode() in command:
                return int(status.parent.name)
        raise RuntimeError(f"The function's process is gone:\n{self.log()}")

    def resident_bytes(self) -> int:
        """Give the memory that the runtime's process occupies now."""
        status = Path(f"/proc/{self.runtime_pid()}/status").read_text(encoding="utf-8")
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    @property
    def alive(self) -> bool:
        """Whether the emulator still runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End the emulator and its runtime without a word, as a machine that fails ends them."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def stop(self) -> None:
        """End the emulator and its runtime."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._log.close()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for held in sockets:
        held.bind(("127.0.0.1", 0))
    ports = [int(held.getsockname()[1]) for held in sockets]
    for held in sockets:
        held.close()
    return ports
