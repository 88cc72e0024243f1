"""What Lambda does between a queue and a function, on this machine: poll, invoke, and delete what is done.

Enters: a queue, and a way to start an execution environment. Leaves: messages that are deleted, or that the queue gives
out again after their visibility timeout. It holds to AWS's words about partial batch responses,
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html:

- a message is deleted only when its batch came back without naming it in `batchItemFailures`;
- a name that is empty, or none of the batch's, makes the whole batch a failure, as an answer of another shape does;
- so do an error that the function raised, a timeout, and an environment that died.

Counting receives and moving messages to the dead letters is the queue's part. Here environments do not grow in number
and the poller does not slow down after errors, which Lambda's does where partial batch responses are off.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Literal, Self

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Collection, Mapping, Sequence
    from types import TracebackType

    from mypy_boto3_sqs.type_defs import MessageTypeDef

    from local.emulator import Emulator, Reply
    from local.sqs import LocalQueue


@dataclass(frozen=True)
class Batch:
    """What was handed to a function, and which of it the queue keeps."""

    bodies: Mapping[str, str]  # by message id
    kept: frozenset[str]
    reply: Reply | None  # None: nobody answered any more


Ending = Literal["whole batch done", "part of a batch done", "whole batch failed", "environment died"]


def batch_event(messages: Sequence[MessageTypeDef], queue_arn: str) -> dict[str, Any]:
    """Make the event that Lambda makes of a batch: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html."""
    return {
        "Records": [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message.get("Attributes", {}),
                "messageAttributes": message.get("MessageAttributes", {}),
                "md5OfBody": message["MD5OfBody"],
                "eventSource": "aws:sqs",
                "eventSourceARN": queue_arn,
                "awsRegion": queue_arn.split(":")[3],
            }
            for message in messages
        ]
    }


def failed_ids(reply: Reply, sent: Collection[str]) -> set[str]:
    """Read from an answer which of the sent messages the queue is to keep."""
    answer, everything = reply.payload, set(sent)
    if reply.http_status != 200:
        return everything
    if answer is None:
        return set()
    if not isinstance(answer, dict) or "errorType" in answer or "errorMessage" in answer:  # no JSON: a timeout
        return everything
    failures = answer.get("batchItemFailures") or []
    named = {str(item.get("itemIdentifier")) if isinstance(item, dict) else "" for item in failures}
    return named if named <= everything else everything


class Poller:
    """Polls for some environments, each with one batch at a time: `with Poller(queue, start, 2) as poller: …`."""

    def __init__(
        self,
        queue: LocalQueue,
        start: Callable[[], Emulator],
        environments: int,
        *,
        batch_size: int = 10,
        watch: Callable[[Batch], None] | None = None,
    ) -> None:
        """`start` gives an environment that has not been entered; one that dies is replaced. `watch` sees batches."""
        self._queue = queue
        self._start = start
        self._batch_size = batch_size
        self._watch = watch
        self._over = threading.Event()
        self._changing = threading.Lock()
        self._running: dict[int, Emulator] = {}
        self._faults: list[BaseException] = []
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(environments)]
        self.endings: Counter[Ending] = Counter()
        self.kills = 0
        self.logs: list[str] = []  # of the environments that have ended

    def __enter__(self) -> Self:
        """Begin to poll."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the batches finish that are under way, and end the environments."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        if error is None:
            self.check()

    def check(self) -> None:
        """Raise what a thread of the poller itself failed with, if one did."""
        if self._faults:
            raise RuntimeError("The poller failed.") from self._faults[0]

    def kill_one(self, chance: random.Random) -> None:
        """Kill one of the environments at once, whatever it does."""
        with self._changing:
            if self._running:
                self._running[chance.choice(sorted(self._running))].kill()
                self.kills += 1

    def resident_bytes(self) -> list[int]:
        """Give the memory of each environment's process."""
        with self._changing:
            return [emulator.resident_bytes() for _, emulator in sorted(self._running.items())]

    def _work(self, number: int) -> None:
        try:
            while not self._over.is_set():
                with self._start() as emulator:
                    with self._changing:
                        self._running[number] = emulator
                    try:
                        self._serve(emulator)
                    finally:
                        with self._changing:
                            del self._running[number]
                            self.logs.append(emulator.log())
        except BaseException as fault:  # noqa: BLE001 - raised again where the poller is left
            self._faults.append(fault)

    def _serve(self, emulator: Emulator) -> None:
        """Give an environment one batch after the other, for as long as it lives."""
        while emulator.alive and not self._over.is_set():
            messages = self._queue.receive(self._batch_size)
            if not messages:
                continue
            bodies = {message["MessageId"]: message["Body"] for message in messages}
            reply: Reply | None = None
            try:
                reply = emulator.invoke(batch_event(messages, self._queue.arn))
            except (OSError, HTTPException):  # nobody answers any more
                kept = set(bodies)
            else:
                kept = failed_ids(reply, bodies)
            self._queue.delete([message for message in messages if message["MessageId"] not in kept])
            batch = Batch(bodies, frozenset(kept), reply)
            with self._changing:
                self.endings[_ending(batch)] += 1
                if self._watch is not None:
                    self._watch(batch)
            if reply is None:
                return


def _ending(batch: Batch) -> Ending:
    if batch.reply is None:
        return "environment died"
    if not batch.kept:
        return "whole batch done"
    return "part of a batch done" if len(batch.kept) < len(batch.bodies) else "whole batch failed"
