"""`make bench-uploads`: what one environment's process holds after 50 uploads, and after 2,000.

The function runs in Lambda's emulator; uploads come ten to an event, as a queue's, from a local S3. Pictures have
sixteen sizes, all of them among the first fifty: the allocator keeps what the largest needed, and only a leak grows on.
Without `--model-dir` a graph of three operations stands in for the network: it leaves everything around it as it is,
and its process is so small that a leak shows soonest.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

from bench.figures import Row, Run
from bench.machine import versions
from bench.pictures import photograph
from bench.record import Watch, record
from local import events
from local.emulator import Emulator
from local.s3 import local_s3
from tests import artefacts

TABLE = "upload-memory"
MARKS = (50, 100, 200, 500, 1_000, 2_000)
MEMORY_MB = 1_769  # one vCPU
MOST_GROWTH = 0.02
STAND_IN = "with a stand-in for the network"


def main() -> int:
    """Write the file and print the table; 1 if memory grew by more than two percent since the 50th upload."""
    parser = argparse.ArgumentParser(prog="python -m bench.upload_memory")
    parser.add_argument("--model-dir", type=Path, help="an artefact, in place of the stand-in")
    parser.add_argument("--uploads", type=int, default=MARKS[-1])
    arguments = parser.parse_args()
    watch = Watch.start()
    marks = [mark for mark in MARKS if mark <= arguments.uploads]
    with tempfile.TemporaryDirectory() as folder:
        held_mb = measure(arguments.model_dir or artefacts.write(Path(folder), artefacts.brightness()), marks)
    record(
        Run(
            TABLE,
            "one environment's process",
            " ".join(["python -m bench.upload_memory", *sys.argv[1:]]) if sys.argv[1:] else "make bench-uploads",
            watch.circumstances(),
            (arguments.model_dir.name if arguments.model_dir else STAND_IN,),
            tuple(Row(f"after {mark:,} uploads", ("MB",), (round(held_mb[mark], 1),)) for mark in marks),
            versions(sys.executable, ["onnxruntime", "numpy", "pillow", "boto3"]),
        )
    )
    growth = held_mb[marks[-1]] / held_mb[marks[0]] - 1
    sys.stdout.write(f"from the {marks[0]}th to the {marks[-1]:,}th upload: {growth:+.2%}\n")
    return 1 if growth > MOST_GROWTH else 0


def measure(model_dir: Path, marks: list[int]) -> dict[int, float]:
    """Send uploads, ten to an event, and give the megabytes that the process holds at each mark."""
    with local_s3("uploads", "cutouts") as store:
        environment = {
            "MODEL_DIR": str(model_dir.resolve()),
            "AWS_ENDPOINT_URL_S3": store.url,
            "OUTPUT_BUCKET": "cutouts",
        }
        pictures = [_picture(200 + 20 * number, 400 - 10 * number) for number in range(16)]
        held_mb: dict[int, float] = {}
        with Emulator(environment, memory_mb=MEMORY_MB) as function:
            for begin in range(0, marks[-1], 10):
                keys = [f"{number:05}.jpg" for number in range(begin, begin + 10)]
                for number, key in enumerate(keys, begin):
                    store.client.put_object(Bucket="uploads", Key=key, Body=pictures[number % len(pictures)])
                answer = function.invoke(events.sqs(*(events.upload("uploads", key) for key in keys))).payload
                if answer.get("batchItemFailures") != [] or len(answer["results"]) != len(keys):
                    raise RuntimeError(f"The function failed: {answer}")
                if begin + 10 in marks:
                    held_mb[begin + 10] = function.resident_bytes() / 1e6
        return held_mb


def _picture(width_px: int, height_px: int) -> bytes:
    out = io.BytesIO()
    with Image.open(photograph(512, 512)) as image:
        image.resize((width_px, height_px)).save(out, "JPEG", quality=90)
    return out.getvalue()


if __name__ == "__main__":
    sys.exit(main())
