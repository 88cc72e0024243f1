"""`make demo`: every way to wake the function, on real photographs; a line each, and a page of the results.

Exits non-zero if any step is not what it should be.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from demo.gallery import Pair, write_gallery, write_strip
from local import events
from local.emulator import Emulator, Reply
from local.s3 import LocalS3, local_s3

if TYPE_CHECKING:
    from collections.abc import Callable

PHOTOGRAPHS = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".avif", ".tif", ".tiff", ".bmp", ".gif")
INPUT, OUTPUT = "photos", "cutouts"

# A request travels as base64 within Lambda's 6 MB.
MAX_REQUEST_BYTES = 4_500_000


@dataclass
class Demo:
    """The steps, and whether they went as they should."""

    function: Emulator
    store: LocalS3
    out: Path
    failures: int = 0
    pairs: list[Pair] = field(default_factory=list)

    def step(self, what: str, event: object, expected: int, told: Callable[[Reply], str]) -> Reply:
        """Send an event and print its line."""
        reply = self.function.invoke(event)
        right = reply.status_code == expected
        try:
            detail = told(reply)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            right, detail = False, f"unexpected answer ({error!r}): {str(reply.payload)[:300]}"
        self.failures += not right
        code = reply.status_code or "raised"
        self._say(f"{'ok' if right else 'WRONG':5} {code}  {reply.elapsed_s * 1e3:8.1f} ms  {what}: {detail}")
        return reply

    def pings(self) -> None:
        """Wake a sleeping function, and one that is awake."""
        ping = events.load("scheduled")
        self.step("scheduled ping, cold", ping, 200, lambda reply: _warmth(reply, cold=True))
        self.step("scheduled ping, warm", ping, 200, lambda reply: _warmth(reply, cold=False))

    def requests(self, photograph: Path) -> None:
        """Send a photograph the three ways that a web client may come, and something that is none."""
        body, headers = events.form({"format": "png"}, {"image_file": (photograph.name, photograph.read_bytes())})
        for sender, what in (
            ("http-api", "HTTP API request"),
            ("function-url", "Function URL request"),
            ("rest", "REST request"),
        ):
            self.step(
                f"{what}, {photograph.name}", self._post(sender, body, headers), 200, self._saved(photograph, sender)
            )
        body, headers = events.form({}, {"image_file": ("notes.txt", b"These are words.")})
        self.step(
            "a picture that is none",
            self._post("http-api", body, headers),
            400,
            lambda reply: str(json.loads(reply.payload["body"])["errors"][0]["detail"]),
        )

    def upload(self, photograph: Path) -> None:
        """Put a photograph into the input bucket, send S3's event, and read the cut-out back."""
        data = photograph.read_bytes()
        key = f"holidays/{photograph.name}"
        put = self.store.client.put_object(Bucket=INPUT, Key=key, Body=data)
        event = events.upload(INPUT, key, size=len(data), eTag=put["ETag"].strip('"'))

        def told(reply: Reply) -> str:
            target = reply.payload["results"][0]["target"]
            stored = self.store.client.get_object(Bucket=target["bucket"], Key=target["key"])
            path = self.out / f"{photograph.stem}-s3.png"
            path.write_bytes(stored["Body"].read())
            self.pairs.append(Pair(photograph, path, f"upload, {reply.elapsed_s:.2f} s"))
            return f"s3://{target['bucket']}/{target['key']} → {path}"

        self.step(f"upload, {photograph.name}", event, 200, told)

    @staticmethod
    def _post(sender: str, body: bytes, headers: dict[str, str]) -> object:
        known: dict[str, Literal["rest", "http-api", "function-url"]] = {
            "rest": "rest",
            "http-api": "http-api",
            "function-url": "function-url",
        }
        return events.request(known[sender], "POST", "/v1.0/removebg", body, headers)

    def _saved(self, photograph: Path, sender: str) -> Callable[[Reply], str]:
        def told(reply: Reply) -> str:
            path = self.out / f"{photograph.stem}-{sender}.png"
            path.write_bytes(base64.b64decode(reply.payload["body"]))
            self.pairs.append(Pair(photograph, path, f"{sender}, {reply.elapsed_s:.2f} s"))
            return f"{path}, {path.stat().st_size:,} bytes"

        return told

    @staticmethod
    def _say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def main() -> int:
    """Run all steps; 0 if each was what it should be."""
    parser = argparse.ArgumentParser(prog="python -m demo")
    parser.add_argument("--model-dir", type=Path, required=True, help="the artefact, as `make model` builds it")
    parser.add_argument("--photos", type=Path, default=Path(__file__).parent / "photos", help="a folder of pictures")
    parser.add_argument("--out", type=Path, default=Path("out"), help="where cut-outs and index.html go")
    arguments = parser.parse_args()
    if not arguments.photos.is_dir():
        parser.error(f"PHOTOS={arguments.photos} is no folder")
    photographs = sorted(path for path in arguments.photos.iterdir() if path.suffix.lower() in PHOTOGRAPHS)
    if not photographs:
        parser.error(f"{arguments.photos} holds no picture; names end in one of {', '.join(PHOTOGRAPHS)}")
    arguments.out.mkdir(parents=True, exist_ok=True)

    with local_s3(INPUT, OUTPUT) as store:
        environment = {
            "MODEL_DIR": str(arguments.model_dir.resolve()),
            "AWS_ENDPOINT_URL_S3": store.url,
            "OUTPUT_BUCKET": OUTPUT,
        }
        with Emulator(environment) as function:
            demo = Demo(function, store, arguments.out)
            demo.pings()
            small = [path for path in photographs if path.stat().st_size < MAX_REQUEST_BYTES]
            if small:
                demo.requests(small[0])
            else:
                sys.stdout.write("No picture is small enough for a request (4.5 MB); uploads only.\n")
            for photograph in photographs:
                demo.upload(photograph)
            if demo.failures:
                sys.stdout.write(f"\nThe function wrote:\n{function.log()[-8000:]}\n")
    page = write_gallery(arguments.out, demo.pairs)
    write_strip(arguments.out / "strip.jpg", [pair for pair in demo.pairs if pair.caption.startswith("upload")])
    sys.stdout.write(
        f"{'all steps as they should be' if not demo.failures else f'{demo.failures} steps WRONG'}; see {page}\n"
    )
    return 1 if demo.failures else 0


def _warmth(reply: Reply, *, cold: bool) -> str:
    answer = reply.payload
    if answer["cold_start"] is not cold:
        raise ValueError(f"cold_start is {answer['cold_start']}")
    return f"{answer['status']}, model_ready {answer['model_ready']}, {answer['message']}"


if __name__ == "__main__":
    sys.exit(main())
