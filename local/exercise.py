"""Exercises a running function: pings, photographs as forms and as uploads; each answer is judged and gets a line.

Enters: a way to invoke the function, and what is to be done with each cut-out. Leaves: the lines, and the number of
wrong answers. Must not know: where the function runs, be it the emulator here or a container.
"""

from __future__ import annotations

import base64
import io
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from PIL import Image

from local import events

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

    from local.emulator import Reply
    from local.events import Sender

NAMES: dict[Sender, str] = {
    "http-api": "HTTP API request",
    "function-url": "Function URL request",
    "rest": "REST request",
    "alb": "ALB request",
}
NO_PICTURE = b"These are words."


class WrongAnswerError(Exception):
    """An answer that is not what it should be; the sentence says in what."""


@dataclass(frozen=True)
class Cutout:
    """What became of a photograph, by which way (`http-api`, `upload`), and in what time."""

    photograph: Path
    way: str
    data: bytes
    elapsed_s: float


@dataclass
class Exercise:
    """The steps, and how many went wrong. `keep` takes each cut-out and says what it did; it may raise, too."""

    invoke: Callable[[object], Reply]
    keep: Callable[[Cutout], str]
    failures: int = 0

    def step(self, what: str, send: Callable[[], Reply], judge: Callable[[Reply], str], expected: int = 200) -> None:
        """Send one thing, judge its answer and print the line; `judge` gives the line's end, or raises."""
        reply = send()
        code = reply.status_code if isinstance(reply.payload, dict) else reply.http_status
        try:
            right, detail = code == expected, judge(reply)
        except (WrongAnswerError, ClientError, KeyError, TypeError, ValueError, IndexError, OSError) as error:
            right, detail = False, f"{error!r} in the answer {str(reply.payload)[:300]}"
        self.line(what, detail, right=right, code=str(code or "raised"), elapsed_s=reply.elapsed_s)

    def line(self, what: str, detail: str, *, right: bool, code: str, elapsed_s: float) -> None:
        """Print how a step went, and count it where it went wrong."""
        self.failures += not right
        sys.stdout.write(f"{'ok' if right else 'WRONG':5} {code}  {elapsed_s * 1e3:8.1f} ms  {what}: {detail}\n")
        sys.stdout.flush()

    def pings(self) -> None:
        """Wake a sleeping function, and one that is awake."""
        ping = events.load("scheduled")
        self.step("scheduled ping, cold", lambda: self.invoke(ping), lambda reply: _readiness(reply, cold=True))
        self.step("scheduled ping, warm", lambda: self.invoke(ping), lambda reply: _readiness(reply, cold=False))

    def form(self, sender: Sender, photograph: Path, note: str = "") -> None:
        """Send a photograph in a form, as one of the web's triggers hands it over."""
        body, headers = events.form({"format": "png"}, {"image_file": (photograph.name, photograph.read_bytes())})
        event = events.request(sender, "POST", "/v1.0/removebg", body, headers)
        self.step(
            f"{NAMES[sender]}, {photograph.name}{note}",
            lambda: self.invoke(event),
            lambda reply: self.cutout(photograph, sender, base64.b64decode(reply.payload["body"]), reply.elapsed_s),
        )

    def no_picture(self) -> None:
        """Send what is no picture: the caller is told so."""
        body, headers = events.form({}, {"image_file": ("notes.txt", NO_PICTURE)})
        event = events.request("http-api", "POST", "/v1.0/removebg", body, headers)
        self.step(
            "a picture that is none",
            lambda: self.invoke(event),
            lambda reply: str(json.loads(reply.payload["body"])["errors"][0]["detail"]),
            expected=400,
        )

    def upload(self, client: S3Client, bucket: str, photograph: Path) -> None:
        """Put a photograph into the bucket, send S3's event, and read the cut-out back."""
        data, key = photograph.read_bytes(), f"holidays/{photograph.name}"
        put = client.put_object(Bucket=bucket, Key=key, Body=data)
        event = events.upload(bucket, key, size=len(data), eTag=put["ETag"].strip('"'))

        def judge(reply: Reply) -> str:
            target = reply.payload["results"][0]["destination"]
            stored = client.get_object(Bucket=target["bucket"], Key=target["key"])
            kept = self.cutout(photograph, "upload", stored["Body"].read(), reply.elapsed_s)
            return f"s3://{target['bucket']}/{target['key']}{kept and f' → {kept}'}"

        self.step(f"upload, {photograph.name}", lambda: self.invoke(event), judge)

    def cutout(self, photograph: Path, way: str, data: bytes, elapsed_s: float) -> str:
        """Judge a cut-out and hand it over."""
        with Image.open(io.BytesIO(data)) as picture:
            if "A" not in picture.getbands():
                raise WrongAnswerError(f"the cut-out is {picture.mode}, without alpha")
        return self.keep(Cutout(photograph, way, data, elapsed_s))


def _readiness(reply: Reply, *, cold: bool) -> str:
    answer = reply.payload
    if answer["model_ready"] is not True:
        raise WrongAnswerError(f"model_ready is {answer['model_ready']}")
    if answer["cold_start"] is not cold:
        raise WrongAnswerError(f"cold_start is {answer['cold_start']}")
    return f"{answer['status']}, model_ready {answer['model_ready']}, {answer['message']}"
