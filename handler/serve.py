"""The HTTP application as a plain web server: `python -m handler.serve`. Same code, no Lambda.

It may be left running: what it cannot hold is answered 429, and SIGTERM ends it once it has finished what it has begun.
"""

from __future__ import annotations

import argparse
import signal
import sys
from typing import TYPE_CHECKING

from starlette.middleware import Middleware

from handler.pipeline import Pipeline
from handler.settings import Settings
from handler.web.admission import Admission
from handler.web.application import build

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.applications import Starlette


def application() -> Starlette:
    """Make the application from the environment. Raises ConfigurationError."""
    settings = Settings.from_env()
    return build(Pipeline(settings), Middleware(Admission, settings=settings))


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT."""
    import uvicorn  # noqa: PLC0415 - the image and `make serve` have it; the function does not

    parser = argparse.ArgumentParser(prog="python -m handler.serve")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    given = parser.parse_args(arguments)
    # uvicorn finishes what it has begun and then sends itself the signal again, as if it had been killed by it:
    # https://github.com/encode/uvicorn/blob/master/uvicorn/server.py (capture_signals)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(application, factory=True, host=given.host, port=given.port, server_header=False)


if __name__ == "__main__":
    main()
