"""`make bench-uploads`: how many uploads a second one machine cuts out with one, two and four environments.

The whole road: S3 tells a queue of each upload, Lambda's poller hands over batches of ten, each environment works on
one at a time. S3, SQS and the poller run in one process of Python on the same machine and take their share of it. The
quickest of some rounds counts: whatever else the machine does can only slow one down.
"""

from __future__ import annotations

import argparse
import sys
import time
import uuid
from collections import Counter
from pathlib import Path

from bench.figures import ROOT, Row, Run
from bench.machine import versions
from bench.pictures import photograph
from bench.record import Watch, record
from local.emulator import Emulator
from local.poller import Poller
from local.s3 import local_s3
from local.sqs import bucket_queue

TABLE = "upload-rate"
ENVIRONMENTS = (1, 2, 4)
ONE_VCPU_MB = 1_769
WARMING = 5  # uploads for each environment before the clock starts
VISIBILITY_S = 600


def main() -> int:
    """Write the file and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.upload_rate")
    parser.add_argument("--model-dir", type=Path, default=ROOT / "build" / "model" / "u2netp")
    parser.add_argument("--uploads", type=int, default=100, help="for each number of environments and round")
    parser.add_argument("--rounds", type=int, default=3, help="of which the quickest counts")
    arguments = parser.parse_args()
    watch = Watch.start()
    rates = dict.fromkeys(ENVIRONMENTS, 0.0)
    for _ in range(arguments.rounds):  # in turns, so that no number of environments has the machine's worst minutes
        for count in ENVIRONMENTS:
            rates[count] = max(rates[count], rate(arguments.model_dir, count, arguments.uploads))
    record(
        Run(
            TABLE,
            f"{arguments.model_dir.name}, 512×512 JPEG → PNG, one vCPU's thread each",
            " ".join(["python -m bench.upload_rate", *sys.argv[1:]]) if sys.argv[1:] else "make bench-uploads",
            watch.circumstances(),
            tuple(f"{count} environment{'s' if count > 1 else ''}" for count in ENVIRONMENTS),
            (Row("uploads a second", ("/s",) * len(rates), tuple(round(one, 2) for one in rates.values())),),
            versions(sys.executable, ["onnxruntime", "numpy", "pillow", "boto3"]),
        )
    )
    return 0


def rate(model_dir: Path, environments: int, uploads: int) -> float:
    """Give the uploads a second between the first that counts and the last."""
    data = photograph(512, 512).read_bytes()
    # Of its own: moto keeps everything for as long as its process lives, and what is done is not cut out again.
    inbox, outbox = f"uploads-{uuid.uuid4()}", f"cutouts-{uuid.uuid4()}"
    with local_s3(inbox, outbox) as store:
        queue = bucket_queue(store, inbox, visibility_s=VISIBILITY_S, receives=5)
        for number in range(uploads + WARMING * environments):
            store.client.put_object(Bucket=inbox, Key=f"{number:05}.jpg", Body=data)
        environment = {
            "MODEL_DIR": str(model_dir.resolve()),
            "AWS_ENDPOINT_URL_S3": store.url,
            "OUTPUT_BUCKET": outbox,
        }
        with Poller(queue, lambda: Emulator(environment, memory_mb=ONE_VCPU_MB), environments) as poller:
            begun_s = 0.0
            while left := queue.count():
                poller.check()
                if not begun_s and left <= uploads:
                    begun_s, counted = time.monotonic(), left
                time.sleep(0.05)
            ended_s = time.monotonic()
        if poller.endings != Counter({"whole batch done": poller.endings["whole batch done"]}):
            raise RuntimeError(f"The function failed: {poller.endings}")
        made = store.client.list_objects_v2(Bucket=outbox)["KeyCount"]
        if made != min(1_000, uploads + WARMING * environments):
            raise RuntimeError(f"{made} results of {uploads + WARMING * environments} uploads")
    return counted / (ended_s - begun_s)


if __name__ == "__main__":
    sys.exit(main())
