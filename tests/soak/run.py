"""One soak: uploads arrive, environments work on them and are killed, and at the end everything is counted."""

from __future__ import annotations

import random
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from handler.pipeline import Pipeline
from handler.settings import Settings
from local import events
from local.emulator import Emulator
from local.poller import Poller
from local.s3 import local_s3
from local.sqs import bucket_queue
from tests.faults import faulty
from tests.soak.trouble import Trouble
from tests.soak.uploads import MAX_INPUT_BYTES, uploads
from tests.soak.verdict import Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

    from local.sqs import LocalQueue
    from tests.soak.uploads import Upload

ONE_VCPU_MB = 1_769
SAY_EVERY_S = 15


@dataclass(frozen=True)
class Plan:
    """How much of everything."""

    model_dir: Path
    pictures: int = 2_000
    emulators: int = 2
    poison: float = 0.05  # a share of the uploads, as are the next two
    faults: float = 0.05
    duplicates: float = 0.1
    kill_every_s: float = 5.0
    most_kills: int = 1_000_000
    batch_size: int = 5
    timeout_s: int = 20
    visibility_s: int = 30  # Lambda's would be six times the timeout; here what a kill returns comes back sooner
    receives: int = 20
    at_most_s: float = 7_200
    seed: int = 11


@dataclass(frozen=True)
class Outcome:
    """What a soak came to."""

    verdict: Verdict
    took_s: float
    messages: int  # that were sent, duplicates among them
    kills: int
    endings: Counter[str]  # of batches
    dealt: Counter[str]  # faults
    fetched_again: int  # reads of an upload beyond its first: after kills and faults, and for duplicates in time
    logs: list[str] = field(repr=False)


def soak(plan: Plan, say: Callable[[str], None]) -> Outcome:
    """Carry a plan out."""
    chance = random.Random(plan.seed)  # noqa: S311 - the same uploads and faults again
    pipeline = Pipeline(Settings.from_env({"MODEL_DIR": str(plan.model_dir), "THREADS": "1"}))
    say(f"making {plan.pictures:,} uploads, and cut-outs to compare with")
    made = uploads(plan.pictures, plan.poison, pipeline, chance)
    trouble = Trouble(made, plan.faults, chance)
    # Of its own: moto keeps everything for as long as its process lives.
    inbox, outbox = f"uploads-{uuid.uuid4()}", f"cutouts-{uuid.uuid4()}"
    with local_s3(inbox, outbox) as store, faulty(store.url, trouble.fault_of) as proxy:
        store.client.put_bucket_versioning(Bucket=outbox, VersioningConfiguration={"Status": "Enabled"})
        queue = bucket_queue(store, inbox, visibility_s=plan.visibility_s, receives=plan.receives)
        environment = {
            "MODEL_DIR": str(plan.model_dir.resolve()),
            "AWS_ENDPOINT_URL_S3": proxy.url,
            "OUTPUT_BUCKET": outbox,
            "MAX_INPUT_BYTES": str(MAX_INPUT_BYTES),
        }

        def start() -> Emulator:
            return Emulator(environment, timeout_s=plan.timeout_s, memory_mb=ONE_VCPU_MB)

        begun_s = time.monotonic()
        with Poller(queue, start, plan.emulators, batch_size=plan.batch_size) as poller:
            attend = _attendant(plan, queue, poller, chance, say)
            messages = left_in_the_end = 0
            for upload in made:
                sent = _send(upload, inbox, store.client, queue, again=chance.random() < plan.duplicates)
                messages += sent
                left_in_the_end += sent if upload.end == "message" else 0
                attend()
            while queue.count() + queue.count_dead_letters() > left_in_the_end:
                if time.monotonic() - begun_s > plan.at_most_s:
                    say(f"not finished after {plan.at_most_s:,.0f} s; what is in the queue stays there")
                    break
                time.sleep(0.1)
                attend()
        took_s = time.monotonic() - begun_s
        say("reading what was written")
        verdict = judge(made, store, outbox, [*queue.take_all(), *queue.take_dead_letters()])
    again = sum(count - 1 for count in trouble.fetched.values())
    return Outcome(verdict, took_s, messages, poller.kills, Counter(poller.endings), trouble.dealt, again, poller.logs)


def _send(upload: Upload, inbox: str, client: S3Client, queue: LocalQueue, *, again: bool) -> int:
    """Put an upload, of which S3 tells the queue, and now and then tells it twice; give how many messages that made."""
    if upload.kind == "foreign message":
        queue.send({"order": upload.key})
        return 1
    earlier = [] if upload.earlier is None else [upload.earlier]
    for data in (*earlier, upload.data):
        put = client.put_object(Bucket=inbox, Key=upload.key, Body=data)
    if again:
        event = events.upload(inbox, upload.key, size=len(upload.data), eTag=put["ETag"].strip('"'))
        del event["Records"][0]["s3"]["object"]["sequencer"]  # moto gives none
        queue.send(event)
    return len(earlier) + 1 + again


def _attendant(
    plan: Plan, queue: LocalQueue, poller: Poller, chance: random.Random, say: Callable[[str], None]
) -> Callable[[], None]:
    """Make what is to be called often: it kills an environment when it is time to, and says how things stand."""
    due_s = {"kill": time.monotonic() + plan.kill_every_s, "say": time.monotonic() + SAY_EVERY_S}

    def attend() -> None:
        poller.check()
        now_s = time.monotonic()
        if now_s >= due_s["kill"] and poller.kills < plan.most_kills:
            poller.kill_one(chance)
            due_s["kill"] = now_s + plan.kill_every_s
        if now_s >= due_s["say"]:
            say(f"{queue.count():,} messages left, {poller.kills} environments killed")
            due_s["say"] = now_s + SAY_EVERY_S

    return attend
