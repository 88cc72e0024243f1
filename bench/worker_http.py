"""One execution environment that answers requests: what its first one imports, and what HTTP adds to each later one."""

from __future__ import annotations

import base64
import json
import logging
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local import events

if TYPE_CHECKING:
    from collections.abc import Callable

REMOVEBG = "/v1.0/removebg"


class Stages(logging.Handler):
    """Adds up what the log says of a picture's stages: everything that is not HTTP's."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        self._names = names
        self.ms = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        """Take the times out of a picture's line."""
        if record.getMessage() == "picture":
            self.ms = sum(getattr(record, f"{name}_ms", 0.0) for name in self._names)


def main() -> None:
    """Print one JSON line: milliseconds by what they were spent on, those of requests as lists."""
    begun = time.perf_counter()
    from handler.app import lambda_handler  # noqa: PLC0415 - its import is measured

    imported = time.perf_counter()
    health = events.request("http-api", "GET", "/health")
    lambda_handler(health, None)
    first = time.perf_counter()
    lambda_handler(health, None)
    second = time.perf_counter()
    report: dict[str, Any] = {
        "import_ms": (imported - begun) * 1e3,
        "first_request_ms": ((first - imported) - (second - first)) * 1e3,
    }
    repeats = int(sys.argv[2])
    if repeats:
        report |= {name: _added_ms(lambda_handler, event, repeats) for name, event in _requests(sys.argv[1]).items()}
    sys.stdout.write(json.dumps(report) + "\n")


def _requests(path: str) -> dict[str, Any]:
    photograph = Path(path).read_bytes()
    form, headers = events.form({"format": "png"}, {"image_file": ("a.jpg", photograph)})
    document = json.dumps({"image_file_b64": base64.b64encode(photograph).decode(), "format": "png"}).encode()
    both = {"content-type": "application/json", "accept": "application/json"}
    return {
        "multipart → PNG": events.request("http-api", "POST", REMOVEBG, form, headers),
        "multipart → PNG, REST API": events.request("rest", "POST", REMOVEBG, form, headers),
        "JSON → JSON": events.request("http-api", "POST", REMOVEBG, document, both),
    }


def _added_ms(answer: Callable[[Any, Any], object], event: Any, repeats: int) -> list[float]:  # noqa: ANN401 - JSON
    from handler.telemetry import STAGES_MS, logger  # noqa: PLC0415 - see above

    stages = Stages(tuple(STAGES_MS))
    logging.getLogger(logger.service).addHandler(stages)
    added = []
    for _ in range(repeats):
        begun = time.perf_counter()
        answered = answer(event, None)
        took_ms = (time.perf_counter() - begun) * 1e3
        # A bench that measured failures would be a lie.
        assert isinstance(answered, dict) and answered["statusCode"] == 200, answered  # noqa: PT018, S101
        added.append(took_ms - stages.ms)
    return added


if __name__ == "__main__":
    main()
