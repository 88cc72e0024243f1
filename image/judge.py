"""Judges a running image: `python -m image.judge SCENARIO --pid PID`, within the container's network.

Enters: nothing but the addresses on which the emulator, or the web server, listens. Leaves: a line for each event with
its time, the peak memory, and exit code 0 only if every answer was right. `image/check.sh` starts it.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
from PIL import Image

from local import emulator, events
from local.emulator import Reply
from local.exercise import Cutout, Exercise, WrongAnswerError
from local.s3 import local_s3

ADDRESS = "http://127.0.0.1:8080"
S3_PORT = 5000
PHOTO = Path(__file__).resolve().parent.parent / "demo" / "photos" / "chelsea.jpg"


def picture_first(exercise: Exercise) -> None:
    """Let a person's picture be what wakes the function, then uploads."""
    # By a Function URL, whose callers wait: a busy machine then shows in the time, and not as a 503.
    exercise.form("function-url", PHOTO, ", cold")
    exercise.form("function-url", PHOTO, ", warm")
    exercise.no_picture()
    with local_s3("photos", "cutouts", port=S3_PORT) as store:
        exercise.upload(store.client, "photos", PHOTO)


def ping_first(exercise: Exercise) -> None:
    """Let a scheduled ping be what wakes the function."""
    exercise.pings()


def serve(exercise: Exercise) -> None:
    """Use the image as a plain web server."""
    for _ in range(150):
        try:
            urllib.request.urlopen(f"{ADDRESS}/health", timeout=5).close()
            break
        except OSError:
            time.sleep(0.2)

    def health(reply: Reply) -> str:
        status = json.loads(reply.payload)["status"]
        if status != "ok":
            raise WrongAnswerError(f"status is {status!r}")
        return str(status)

    exercise.step("serve: health", lambda: _request("/health"), health)
    body, headers = events.form({"format": "png"}, {"image_file": (PHOTO.name, PHOTO.read_bytes())})
    exercise.step(
        "serve: a picture, cold",
        lambda: _request("/v1.0/removebg", body, headers),
        lambda reply: exercise.cutout(PHOTO, "serve", reply.payload, reply.elapsed_s),
    )


SCENARIOS = {"picture-first": picture_first, "ping-first": ping_first, "serve": serve}


def _request(path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Reply:
    request = urllib.request.Request(f"{ADDRESS}{path}", body, headers or {})
    begun = time.perf_counter()
    try:
        with urllib.request.urlopen(request, timeout=300) as response:
            status, data = response.status, response.read()
    except urllib.error.HTTPError as error:
        status, data = error.code, error.read()
    return Reply(status, data, time.perf_counter() - begun)


def _invoke(event: object) -> Reply:
    for _ in range(100):
        try:
            return emulator.invoke(ADDRESS, event)
        except urllib.error.URLError:  # it does not listen yet
            time.sleep(0.1)
    raise SystemExit("The emulator does not listen.")


def compared(cutout: Cutout) -> str:
    """Compare a cut-out with its photograph, whose subject every model finds."""
    with Image.open(cutout.photograph) as photograph, Image.open(io.BytesIO(cutout.data)) as picture:
        matte = np.asarray(picture.getchannel("A"))
        if picture.size != photograph.size:
            raise WrongAnswerError(f"the cut-out is {picture.size} px and the photograph {photograph.size}")
    if matte.min() == matte.max():
        raise WrongAnswerError(f"the matte is {matte.min()} everywhere")
    return f"{len(cutout.data):,} bytes"


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
    parser = argparse.ArgumentParser(prog="python -m image.judge")
    parser.add_argument("scenario", choices=SCENARIOS)
    parser.add_argument("--pid", type=int, required=True, help="the container's first process")
    options = parser.parse_args()
    os.environ["NO_PROXY"] = "*"
    exercise = Exercise(_invoke, compared)
    SCENARIOS[options.scenario](exercise)
    sys.stdout.write(f"      {peak_resident_bytes(options.pid) / 1e6:5.0f} MB at most, resident\n")
    return min(exercise.failures, 1)


if __name__ == "__main__":
    sys.exit(main())
