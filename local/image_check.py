"""Judges a running image: `python -m local.image_check SCENARIO --pid PID`, within the container's network.

Enters: nothing but the addresses on which the emulator, or the web server, listens. Leaves: a line for each event with
its time, the peak memory, and exit code 0 only if every answer was right. `deploy/image-check.sh` starts it.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from local import events
from local.emulator import INVOKE
from local.s3 import local_s3

if TYPE_CHECKING:
    from collections.abc import Callable

ADDRESS = "http://127.0.0.1:8080"
S3_PORT = 5000
PHOTO = Path(__file__).resolve().parent.parent / "demo" / "photos" / "chelsea.jpg"
NO_PICTURE = b"These are words."


class Check:
    """The steps, and whether they went as they should."""

    def __init__(self) -> None:
        self.failures = 0

    def step(self, what: str, send: Callable[[], Any], fault: Callable[[Any], str | None]) -> Any:  # noqa: ANN401 - JSON
        """Send one thing, judge its answer and print the line."""
        begun = time.perf_counter()
        answer = send()
        elapsed_s = time.perf_counter() - begun
        try:
            wrong = fault(answer)
        except (KeyError, TypeError, ValueError, OSError) as error:
            wrong = f"unexpected answer ({error!r}): {str(answer)[:300]}"
        self.failures += wrong is not None
        sys.stdout.write(
            f"{'ok   ' if wrong is None else 'WRONG'} {elapsed_s:7.2f} s  {what}{f': {wrong}' if wrong else ''}\n"
        )
        return answer


def picture_first(check: Check) -> None:
    """Let a person's picture be what wakes the function, then uploads."""
    body, headers = events.form({"format": "png"}, {"image_file": (PHOTO.name, PHOTO.read_bytes())})
    # By a Function URL, whose callers wait: a busy machine then shows in the time, and not as a 503.
    request = events.request("function-url", "POST", "/v1.0/removebg", body, headers)
    check.step("a picture over HTTP, cold", lambda: _invoke(request), _fault_of_http_picture)
    check.step("a picture over HTTP, warm", lambda: _invoke(request), _fault_of_http_picture)
    body, headers = events.form({}, {"image_file": ("notes.txt", NO_PICTURE)})
    check.step(
        "a picture that is none",
        lambda: _invoke(events.request("http-api", "POST", "/v1.0/removebg", body, headers)),
        lambda answer: _differs("statusCode", answer["statusCode"], 400),
    )
    with local_s3("photos", "cutouts", port=S3_PORT) as store:
        store.client.put_object(Bucket="photos", Key="a cat.jpg", Body=PHOTO.read_bytes())
        check.step(
            "an upload",
            lambda: _invoke(events.upload("photos", "a cat.jpg")),
            lambda answer: _fault_of_upload(answer, store.client),
        )


def ping_first(check: Check) -> None:
    """Let a scheduled ping be what wakes the function."""
    ping = events.load("scheduled")
    check.step("a ping, cold", lambda: _invoke(ping), lambda answer: _fault_of_ping(answer, cold=True))
    check.step("a ping, warm", lambda: _invoke(ping), lambda answer: _fault_of_ping(answer, cold=False))


def serve(check: Check) -> None:
    """Use the image as a plain web server."""
    for _ in range(150):
        try:
            urllib.request.urlopen(f"{ADDRESS}/health", timeout=5).close()
            break
        except OSError:
            time.sleep(0.2)
    check.step(
        "serve: health",
        lambda: json.loads(_request("/health")),
        lambda answer: _differs("status", answer["status"], "ok"),
    )
    body, headers = events.form({"format": "png"}, {"image_file": (PHOTO.name, PHOTO.read_bytes())})
    check.step("serve: a picture, cold", lambda: _request("/v1.0/removebg", body, headers), _fault_of_picture)


SCENARIOS = {"picture-first": picture_first, "ping-first": ping_first, "serve": serve}


def _request(path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> bytes:
    request = urllib.request.Request(f"{ADDRESS}{path}", body, headers or {})
    try:
        with urllib.request.urlopen(request, timeout=300) as response:
            return bytes(response.read())
    except urllib.error.HTTPError as error:
        return error.read()


def _invoke(event: object) -> Any:  # noqa: ANN401 - JSON
    for _ in range(100):
        try:
            return json.loads(_request(INVOKE, json.dumps(event).encode()))
        except urllib.error.URLError:  # the emulator does not listen yet
            time.sleep(0.1)
    raise SystemExit("The emulator does not listen.")


def _differs(name: str, value: object, expected: object) -> str | None:
    return None if value == expected else f"{name} is {value!r} and should be {expected!r}"


def _fault_of_ping(answer: Any, *, cold: bool) -> str | None:  # noqa: ANN401 - JSON
    return (
        _differs("statusCode", answer["statusCode"], 200)
        or _differs("model_ready", answer["model_ready"], expected=True)
        or _differs("cold_start", answer["cold_start"], cold)
    )


def _fault_of_http_picture(answer: Any) -> str | None:  # noqa: ANN401 - JSON
    return _differs("statusCode", answer["statusCode"], 200) or _fault_of_picture(base64.b64decode(answer["body"]))


def _fault_of_picture(data: bytes) -> str | None:
    with Image.open(PHOTO) as photo, Image.open(io.BytesIO(data)) as cutout:
        matte = np.asarray(cutout.getchannel("A"))
        wrong = _differs("size", cutout.size, photo.size)
    return wrong or (None if matte.min() < matte.max() else f"the matte is {matte.min()} everywhere")


def _fault_of_upload(answer: Any, client: Any) -> str | None:  # noqa: ANN401 - JSON, and boto3's client
    wrong = _differs("statusCode", answer["statusCode"], 200)
    if wrong is not None:
        return f"{wrong}: {answer}"
    target = answer["results"][0]["target"]
    return _fault_of_picture(client.get_object(Bucket=target["bucket"], Key=target["key"])["Body"].read())


def peak_resident_bytes(pid: int) -> int:
    """Add up the peaks of a process and what it has started, from outside the container."""
    parents, peaks = {}, {}
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines())
        except OSError:  # a process that ended meanwhile
            continue
        if "VmHWM" in fields:
            number = int(status.parent.name)
            parents[number] = int(fields["PPid"])
            peaks[number] = int(fields["VmHWM"].split()[0]) * 1024
    family = {pid}
    while grown := {child for child, parent in parents.items() if parent in family} - family:
        family |= grown
    return sum(peaks.get(number, 0) for number in family)


def main() -> int:
    """Run one scenario."""
    parser = argparse.ArgumentParser(prog="python -m local.image_check")
    parser.add_argument("scenario", choices=SCENARIOS)
    parser.add_argument("--pid", type=int, required=True, help="the container's first process")
    options = parser.parse_args()
    os.environ["NO_PROXY"] = "*"
    check = Check()
    SCENARIOS[options.scenario](check)
    sys.stdout.write(f"      {peak_resident_bytes(options.pid) / 1e6:5.0f} MB at most, resident\n")
    return min(check.failures, 1)


if __name__ == "__main__":
    sys.exit(main())
