"""`make demo`: every way to wake the function, on real photographs; a line each, and a page of the results.

Exits non-zero if any step is not what it should be.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from demo.gallery import Pair, Section, write_gallery, write_strip
from demo.roads import QUEUED, job, queue
from local.emulator import Emulator
from local.exercise import Cutout, Exercise
from local.s3 import local_s3

if TYPE_CHECKING:
    from local.events import Sender

PHOTOGRAPHS = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".avif", ".tif", ".tiff", ".bmp", ".gif")
SENDERS: tuple[Sender, ...] = ("http-api", "function-url", "rest")
INPUT, OUTPUT = "photos", "cutouts"

MOST_ON_ROADS = 3  # photographs that take the queue and the job, too: the page is to be made in a minute

# A request travels as base64 within Lambda's 6 MB.
MAX_REQUEST_BYTES = 4_500_000


@dataclass(frozen=True)
class Album:
    """The folder that cut-outs go to, and which belongs to which photograph."""

    out: Path
    pairs: list[Pair] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)

    def keep(self, cutout: Cutout) -> str:
        """Write a cut-out beside the others and say where."""
        pair = self.keep_for(cutout.photograph, f"{cutout.way}.png", cutout.data)
        self.pairs.append(Pair(pair.original, pair.cutout, f"{cutout.way}, {cutout.elapsed_s:.2f} s"))
        return f"{pair.cutout}, {len(cutout.data):,} bytes"

    def keep_for(self, photograph: Path, name: str, data: bytes) -> Pair:
        """Write a cut-out under a name that begins with the photograph's."""
        path = self.out / f"{photograph.stem}-{name}"
        path.write_bytes(data)
        return Pair(photograph, path, name.partition(".")[0])


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

    album = Album(arguments.out)
    with local_s3(INPUT, QUEUED, OUTPUT) as store:
        environment = {
            "MODEL_DIR": str(arguments.model_dir.resolve()),
            "AWS_ENDPOINT_URL_S3": store.url,
            "OUTPUT_BUCKET": OUTPUT,
        }
        with Emulator(environment) as function:
            exercise = Exercise(function.invoke, album.keep)
            exercise.pings()
            small = [path for path in photographs if path.stat().st_size < MAX_REQUEST_BYTES]
            if small:
                for sender in SENDERS:
                    exercise.form(sender, small[0])
            else:
                sys.stdout.write("No picture is small enough for a request (4.5 MB); uploads only.\n")
            exercise.no_picture()
            for photograph in photographs:
                exercise.upload(store.client, INPUT, photograph)
            album.sections.append(queue(exercise, store, environment, photographs[:MOST_ON_ROADS], album.keep_for))
            album.sections.append(job(exercise, store, photographs[:MOST_ON_ROADS], album.keep_for))
            if exercise.failures:
                sys.stdout.write(f"\nThe function wrote:\n{function.log()[-8000:]}\n")
    page = write_gallery(arguments.out, album.pairs, album.sections)
    write_strip(arguments.out / "strip.jpg", [pair for pair in album.pairs if pair.caption.startswith("upload")])
    verdict = f"{exercise.failures} steps WRONG" if exercise.failures else "all steps as they should be"
    sys.stdout.write(f"{verdict}; see {page}\n")
    return 1 if exercise.failures else 0


if __name__ == "__main__":
    sys.exit(main())
