"""The calls of uploads: one for each way in which a sender wants to be answered.

Enters: an event. Leaves: a call, or None where the event tells of no upload.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from handler.errors import CutoutError, ObjectNotFound
from handler.job import Failed
from handler.triggers.uploads.envelopes import BatchJob, Direct, Message, Queue, open_envelope
from handler.triggers.uploads.options import asked_by_arguments, asked_by_setting
from handler.triggers.uploads.reply import (
    Ended,
    comes_again,
    refuse,
    refuse_batch_job,
    to_asynchronous,
    to_batch_job,
    to_queue,
)
from handler.triggers.uploads.run import Worker

if TYPE_CHECKING:
    from handler.environment import Environment
    from handler.job import Invocation, Outcome
    from handler.triggers.call import Call
    from handler.triggers.uploads.envelopes import Task


def call_of(event: Any) -> Call | None:  # noqa: ANN401 - anything that JSON holds
    """Give the call of a bucket's notifications, S3's test event, and the envelopes that carry them."""
    match open_envelope(event):
        case Direct() as direct:
            return DirectCall(direct)
        case Queue() as queue:
            return QueueCall(queue)
        case BatchJob() as job:
            return BatchCall(job)
        case None:
            return None


@dataclass(frozen=True)
class DirectCall:
    """Entries that came by an asynchronous invocation: from the bucket itself, EventBridge or SNS."""

    direct: Direct

    def answer(self, invocation: Invocation, environment: Environment) -> dict[str, Any]:
        """Cut out every entry's object. Raises Redelivery where any has to come again."""
        sender, pipeline = self.direct.sender, environment.pipeline
        worker = Worker(sender, asked_by_setting(pipeline.settings), invocation, pipeline)
        return to_asynchronous(sender, [(entry, worker.run(entry)) for entry in self.direct.entries])

    def refuse(self, error: CutoutError, invocation: Invocation) -> dict[str, Any]:  # noqa: ARG002 - Call's signature
        """Raise what may pass, answer what would fail again."""
        return refuse(self.direct.sender, error)


@dataclass(frozen=True)
class QueueCall:
    """A batch of a queue's messages."""

    queue: Queue

    def answer(self, invocation: Invocation, environment: Environment) -> dict[str, Any]:
        """Cut out every message's objects, and name the messages that have to come again.

        In a FIFO queue those behind a failed one of their group wait for it: else they would overtake it.
        """
        worker = Worker("sqs", asked_by_setting(environment.pipeline.settings), invocation, environment.pipeline)
        held_back: set[str] = set()
        messages: list[tuple[Message, list[Ended]]] = []
        for message in self.queue.messages:
            ended: list[Ended] = []
            if message.group not in held_back:
                ended = [(entry, worker.run(entry)) for entry in message.entries]
            messages.append((message, ended))
            if message.group is not None and (not ended or any(comes_again(outcome) for _, outcome in ended)):
                held_back.add(message.group)
        return to_queue(messages)

    def refuse(self, error: CutoutError, invocation: Invocation) -> dict[str, Any]:  # noqa: ARG002 - Call's signature
        """Raise what may pass, answer what would fail again."""
        return refuse("sqs", error)


@dataclass(frozen=True)
class BatchCall:
    """Tasks of a job of S3 Batch Operations."""

    job: BatchJob

    def answer(self, invocation: Invocation, environment: Environment) -> dict[str, Any]:
        """Cut out every task's object as the job's arguments say. Raises InvalidParameter where they make no sense."""
        asked = asked_by_arguments(self.job.arguments, environment.pipeline.settings)
        worker = Worker("s3-batch", asked, invocation, environment.pipeline)
        return to_batch_job(self.job, [_outcome(task, worker) for task in self.job.tasks])

    def refuse(self, error: CutoutError, invocation: Invocation) -> dict[str, Any]:  # noqa: ARG002 - Call's signature
        """Answer for every task: an error that is raised tells the completion report nothing."""
        return refuse_batch_job(self.job, error)


def _outcome(task: Task, worker: Worker) -> Outcome:
    """Work on the first object that there is of those that a task may name."""
    for entry in task.candidates:
        outcome = worker.run(entry)
        if not (isinstance(outcome, Failed) and isinstance(outcome.error, ObjectNotFound)):
            break
    return outcome
