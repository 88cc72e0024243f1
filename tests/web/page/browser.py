"""A person at the page: Chromium, driven by Playwright, against the application over real HTTP.

Playwright drives Debian's Chromium over its own pipe, without a driver of the same version beside it, and intercepts
requests, which Selenium does not.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import uvicorn
from playwright.sync_api import expect, sync_playwright

from tests.pictures import opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from PIL import Image
    from playwright.sync_api import Browser, ConsoleMessage, FilePayload, Page, Request
    from starlette.types import ASGIApp

NAMES = ("chromium", "google-chrome", "chromium-browser")
PATIENCE_MS = 30_000

# What a test asks of the page later: what was said to a screen reader, which addresses of objects are still held, and
# what the policy has refused.
LISTEN = """
window.heard = []; window.held = new Set(); window.violations = [];
document.addEventListener("securitypolicyviolation", (e) => violations.push(`${e.violatedDirective} ${e.blockedURI}`));
const [create, revoke] = [URL.createObjectURL, URL.revokeObjectURL];
URL.createObjectURL = (blob) => { const url = create.call(URL, blob); held.add(url); return url; };
URL.revokeObjectURL = (url) => { held.delete(url); revoke.call(URL, url); };
new MutationObserver((changes) => {
  for (const { target } of changes) if (["status", "alert"].includes(target.id)) heard.push(target.textContent);
}).observe(document, { subtree: true, childList: true });
"""


def chromium() -> str:
    """Find Chromium; as root, Debian's package is installed where there is none. Skips where that cannot be."""
    if found := _found():
        return found
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        pytest.skip("no Chromium here: install the package chromium, or run as root on Debian")
    with (Path(tempfile.gettempdir()) / "install-chromium.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the tests of other files come here at the same time
        if _found() is None:
            environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            for command in ("update", "install --yes --no-install-recommends chromium"):
                subprocess.run(
                    ["apt-get", "--quiet", *command.split()],  # noqa: S607 - apt-get, from PATH
                    env=environment,
                    check=True,
                    stdout=subprocess.PIPE,
                )
    installed = _found()
    assert installed is not None
    return installed


def _found() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def browser() -> Iterator[Browser]:
    """Start Chromium."""
    executable = chromium()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable)
        try:
            yield started
        finally:
            started.close()


@contextmanager
def served(application: ASGIApp) -> Iterator[str]:
    """Serve an application on this machine; give its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(application, log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join()


@dataclass
class Visit:
    """One tab, and what it did that it should not."""

    page: Page = field(repr=False)
    url: str
    faults: list[str] = field(default_factory=list)
    friends: tuple[str, ...] = ()  # further addresses that may be asked

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", self._see)
        self.page.add_init_script(LISTEN)
        self.page.goto(self.url)

    def _hear(self, message: ConsoleMessage) -> None:
        # A refused request is noted by the browser itself, whatever the page does about it.
        if message.type in {"error", "warning"} and not message.text.startswith("Failed to load resource"):
            self.faults.append(message.text)

    def _see(self, request: Request) -> None:
        if not request.url.startswith((self.url, "data:", "blob:", *self.friends)):
            self.faults.append(f"asked {request.url}")

    def check(self) -> None:
        assert self.faults == []
        assert self.page.evaluate("violations") == []

    def choose(self, *files: str | Path | FilePayload) -> None:
        self.page.set_input_files("#choose", list(files))  # type: ignore[arg-type]  # a list of either

    def wait_for(self, expression: str) -> None:
        """Wait until an expression is true. Playwright's own way is an eval in the page, which its policy forbids."""
        until = time.monotonic() + PATIENCE_MS / 1e3
        while not self.page.evaluate(expression):
            assert time.monotonic() < until, f"never came true: {expression}"
            self.page.wait_for_timeout(30)

    def wait_until_done(self, count: int = 1) -> None:
        """Wait until so many pictures are cut out and the one that is looked at can be taken away."""
        expect(self.page.locator("[data-state=done]")).to_have_count(count, timeout=PATIENCE_MS)
        self.page.wait_for_selector("#download:enabled")

    def cut_out(self, file: str | Path | FilePayload) -> None:
        self.choose(file)
        self.wait_until_done()

    def take(self, button: str = "Download") -> tuple[str, bytes]:
        """Press a button that saves a file; give its name and its bytes."""
        with self.page.expect_download() as waiting:
            self.page.get_by_role("button", name=button, exact=True).click()
        return waiting.value.suggested_filename, waiting.value.path().read_bytes()

    def picture(self) -> Image.Image:
        return opened(self.take()[1])

    def canvas(self, id_: str) -> NDArray[np.uint8]:
        """Give what a canvas shows, (H, W, 4)."""
        width, height, data = self.page.evaluate(
            """(id) => {
              const canvas = document.getElementById(id);
              const { width, height } = canvas;
              const copy = new OffscreenCanvas(width, height).getContext("2d");  // reading the canvas itself slows it
              copy.drawImage(canvas, 0, 0);
              return [width, height, [...copy.getImageData(0, 0, width, height).data]];
            }""",
            id_,
        )
        return np.array(data, np.uint8).reshape(height, width, 4)

    def heard(self) -> list[str]:
        said: list[str] = self.page.evaluate("heard")
        return said

    def words(self, id_: str) -> str:
        return self.page.locator(f"#{id_}").inner_text()

    def radio(self, name: str, group: str | None = None) -> None:
        scope: Any = self.page.get_by_role("group", name=group) if group else self.page
        scope.get_by_role("radio", name=name, exact=True).check()
