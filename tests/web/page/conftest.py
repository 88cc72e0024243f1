"""A browser for each file's tests, a server whose model sees brightness, and a visit that ends clean."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol

import pytest

from handler.pipeline import Pipeline
from handler.settings import Settings
from handler.web.application import build
from tests.web.page.browser import Visit, browser, served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser
    from starlette.types import ASGIApp


class Visiting(Protocol):
    """Serves an application and opens the page in a tab of its own."""

    def __call__(
        self, application: ASGIApp, *, at: str = "", friends: tuple[str, ...] = (), **context: object
    ) -> Visit: ...


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Give a browser to one file's tests: Playwright keeps the thread's event loop, which other files may want."""
    with browser() as started:
        yield started


@pytest.fixture
def application(brightness: Path) -> Callable[..., ASGIApp]:
    """Make the application, its model not yet loaded, with these variables."""

    def make(**environment: str) -> ASGIApp:
        return build(Pipeline(Settings.from_env({"MODEL_DIR": str(brightness), "THREADS": "1", **environment})))

    return make


@pytest.fixture(scope="module")
def warm_url(brightness: Path) -> Iterator[str]:
    """Serve the application to a whole file's tests."""
    with served(build(Pipeline(Settings.from_env({"MODEL_DIR": str(brightness), "THREADS": "1"})))) as url:
        yield url


@pytest.fixture
def visiting(chromium: Browser) -> Iterator[Visiting]:
    """Visit an application; in the end nothing may have gone wrong in any tab."""
    visits: list[Visit] = []
    with ExitStack() as stack:

        def go(application: ASGIApp, *, at: str = "", friends: tuple[str, ...] = (), **context: object) -> Visit:
            url = stack.enter_context(served(application))
            visits.append(_opened(chromium, url + at, friends, **context))
            return visits[-1]

        yield go
        for visit in visits:
            visit.check()
            visit.page.context.close()


@pytest.fixture
def visit(chromium: Browser, warm_url: str) -> Iterator[Visit]:
    """Visit the file's own server."""
    visited = _opened(chromium, warm_url, ())
    yield visited
    visited.check()
    visited.page.context.close()


def _opened(chromium: Browser, url: str, friends: tuple[str, ...], **context: object) -> Visit:
    # Without motion unless a test asks for it: nothing has to be waited for.
    context = {"viewport": {"width": 1440, "height": 900}, "reduced_motion": "reduce", **context}
    fresh = chromium.new_context(**context)  # type: ignore[arg-type]  # its own words
    return Visit(fresh.new_page(), url, friends=friends)
