"""Two more roads of an upload: a queue in front of the function, and a job of S3 Batch Operations over a bucket.

Enters: the exercise that prints the lines, a local S3, photographs. Leaves: a section of the page for each road.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from demo.gallery import Pair, Section
from local import events
from local.emulator import Emulator
from local.poller import Batch, Poller
from local.sqs import bucket_queue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from local.exercise import Exercise
    from local.s3 import LocalS3

    Keep = Callable[[Path, str, bytes], Pair]

QUEUED = "queued-photos"
WORDS, NOTES = "notes.txt", b"These are words."
STRANGER = {"hello": "from somebody else"}
ARGUMENTS = {"format": "webp", "bg_color": "81d4fa", "size": "preview"}
PATIENCE_S = 120
# Of the real queue it is six times the function's timeout; here it is over before anybody tires of watching.
VISIBILITY_S, RECEIVES = 2, 2


def queue(
    exercise: Exercise, store: LocalS3, environment: Mapping[str, str], photographs: Sequence[Path], keep: Keep
) -> Section:
    """Put photographs, words and a message of somebody else into a bucket's queue, and let Lambda's poller work."""
    messages = bucket_queue(store, QUEUED, visibility_s=VISIBILITY_S, receives=RECEIVES)
    for photograph in photographs:
        store.client.put_object(Bucket=QUEUED, Key=photograph.name, Body=photograph.read_bytes())
    store.client.put_object(Bucket=QUEUED, Key=WORDS, Body=NOTES)
    messages.send(STRANGER)
    batches: list[Batch] = []
    with Poller(messages, lambda: Emulator(environment), 1, batch_size=4, watch=batches.append):
        end_s = time.monotonic() + PATIENCE_S
        while messages.count() and time.monotonic() < end_s:
            time.sleep(0.1)
    rows = []
    for number, batch in enumerate(batches, 1):
        handed, kept = _names(batch.bodies.values()), _names(batch.bodies[one] for one in batch.kept)
        answer = "no answer" if batch.reply is None else str(batch.reply.payload.get("batchItemFailures"))
        rows.append((str(number), handed, f"{len(batch.kept)} of {len(batch.bodies)}", kept or "nothing"))
        exercise.line(
            f"queue, batch {number} of {len(batch.bodies)} ({handed})",
            f"batchItemFailures {answer}; the queue keeps {kept or 'nothing'}",
            right=batch.reply is not None and batch.reply.http_status == 200,
            code=str(batch.reply.status_code if batch.reply else "raised"),
            elapsed_s=batch.reply.elapsed_s if batch.reply else 0.0,
        )
    dead_letters = messages.take_dead_letters()
    reported = _read(store, f"{WORDS}.png.error.json")
    made = {photograph: _read(store, f"{photograph.name}.png") for photograph in photographs}
    right = [json.loads(body) for body in dead_letters] == [STRANGER] and reported is not None and all(made.values())
    exercise.line(
        "queue, in the end",
        f"{sum(data is not None for data in made.values())} cut-outs, a report about {WORDS}, "
        f"dead letters: {_names(dead_letters) or 'none'}",
        right=right,
        code="200",
        elapsed_s=0.0,
    )
    return Section(
        "A queue",
        "S3 tells a queue of each upload; Lambda's poller, simulated here, hands over batches of up to four and "
        "deletes what the function has not named in batchItemFailures. Words get an error report and are done. What is "
        f"no notification of S3 comes back until the queue gives it up, here after {RECEIVES} times. Dead letters: "
        f"{_names(dead_letters) or 'none'}.",
        ("batch", "messages", "kept", "which"),
        tuple(rows),
        tuple(keep(photograph, "queue.png", data) for photograph, data in made.items() if data is not None),
    )


def job(exercise: Exercise, store: LocalS3, photographs: Sequence[Path], keep: Keep) -> Section:
    """Invoke the function as a job of S3 Batch Operations does, for each object of a bucket and one that is gone."""
    rows, pairs = [], []
    wanted: list[tuple[str, str, Path | None]] = [(path.name, "Succeeded", path) for path in photographs]
    wanted += [(WORDS, "PermanentFailure", None), ("gone.jpg", "PermanentFailure", None)]
    for key, expected, photograph in wanted:
        reply = exercise.invoke(events.batch_job(QUEUED, key, arguments=ARGUMENTS))
        (result,) = reply.payload.get("results") or [{"resultCode": "none", "resultString": str(reply.payload)[:300]}]
        code, sentence = str(result["resultCode"]), str(result["resultString"])
        exercise.line(f"batch job, {key}", sentence, right=code == expected, code=code[:3], elapsed_s=reply.elapsed_s)
        rows.append((QUEUED, key, code, sentence))
        if photograph is not None and code == "Succeeded":
            place = sentence.removeprefix("s3://cutouts/").partition(": ")[0]
            data = store.client.get_object(Bucket="cutouts", Key=place)["Body"].read()
            pairs.append(keep(photograph, "job.webp", data))
    said = ", ".join(f"{name}={value}" for name, value in ARGUMENTS.items())
    return Section(
        "A job of S3 Batch Operations",
        f"Schema 2.0 with userArguments {said}. The table is what the job's completion report would say.",
        ("bucket", "key", "result", "sentence"),
        tuple(rows),
        tuple(pairs),
    )


def _read(store: LocalS3, name: str) -> bytes | None:
    found = store.client.list_objects_v2(Bucket="cutouts", Prefix=f"cutouts/{name}").get("Contents", [])
    keys = [entry["Key"] for entry in found if entry["Key"] == f"cutouts/{name}"]
    return store.client.get_object(Bucket="cutouts", Key=keys[0])["Body"].read() if keys else None


def _names(bodies: Iterable[str]) -> str:
    return ", ".join(_name(json.loads(body)) for body in bodies)


def _name(message: dict[str, Any]) -> str:
    """Name a message by what it tells of."""
    if "Records" in message:
        return str(message["Records"][0]["s3"]["object"]["key"])
    return str(message.get("Event", json.dumps(message)))
