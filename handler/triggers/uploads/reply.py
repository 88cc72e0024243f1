"""Outcomes of uploads to what their sender reads.

| sender | what it reads |
|---|---|
| S3, EventBridge, SNS | nothing but a raised error: the invocation is asynchronous |
| SQS | `batchItemFailures`: the messages that it is to keep |
| S3 Batch Operations | `results`, with a code for each task and a sentence for the completion report |

So one object that failed for a reason that may pass brings an asynchronous event back as a whole, once all of it has
been worked on, and of a queue its own message alone. What is done already is then found done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from handler.errors import CutoutError, ForeignMessage, Redelivery, Skip
from handler.job import Done, Failed, File, Mixed, Outcome, Skipped
from handler.triggers.reply import Result, failed, reply, skipped
from handler.triggers.uploads.records import Entry, NoUpload

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from handler.job import End, S3Destination
    from handler.triggers.uploads.envelopes import BatchJob, Message

Ended = tuple[Entry, Outcome]

# Of a completion report's sentence; what is longer tells nobody more.
LONGEST_RESULT = 900


def to_asynchronous(sender: str, ended: Sequence[Ended]) -> dict[str, Any]:
    """Put the outcomes together. Raises Redelivery where any has to come again."""
    kept = [error for _, outcome in ended if (error := _to_come_again(outcome)) is not None]
    if kept:
        raise Redelivery(f"{len(kept)} of {len(ended)} objects failed and may succeed later: {kept[0]}")
    return reply(sender, [_result(entry, outcome) for entry, outcome in ended])


def to_queue(messages: Sequence[tuple[Message, Sequence[Ended]]]) -> dict[str, Any]:
    """Name the messages that the queue is to keep: those without an end, and those with an object to try again.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html

    Raises Redelivery where one of them cannot be named: then it keeps them all.
    """
    kept = [message for message, ended in messages if not ended or any(comes_again(outcome) for _, outcome in ended)]
    if not all(message.message_id for message in kept):
        raise Redelivery("A message failed that has no messageId: the whole batch has to come again.")
    results = [_result(entry, outcome) for _, ended in messages for entry, outcome in ended]
    return reply("sqs", results, batchItemFailures=[{"itemIdentifier": message.message_id} for message in kept])


def to_batch_job(job: BatchJob, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Give the response of S3 Batch Operations, nothing besides it.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-invoke-lambda.html
    """
    return _batch_response(
        job,
        [
            {"taskId": task.task_id, **_code_and_sentence(outcome)}
            for task, outcome in zip(job.tasks, outcomes, strict=True)
        ],
    )


def refuse_batch_job(job: BatchJob, error: CutoutError) -> dict[str, Any]:
    """Answer for all tasks of a job that failed as a whole."""
    failure = _failure(error)
    return _batch_response(job, [{"taskId": task.task_id, **failure} for task in job.tasks])


def refuse(sender: str, error: CutoutError) -> dict[str, Any]:
    """Raise what may pass, answer what would fail again."""
    if error.retriable:
        raise error
    return reply(sender, [failed(error)])


def comes_again(outcome: Outcome) -> bool:
    """Whether an outcome's sender has to keep what it sent: to try again, or for the dead letters."""
    return _to_come_again(outcome) is not None


def _to_come_again(outcome: Outcome) -> CutoutError | None:
    """Give the first error that keeps what was sent from being done with."""
    for error in _errors(outcome):
        if error.retriable or isinstance(error, ForeignMessage):
            return error
    return None


def _errors(outcome: Outcome) -> tuple[CutoutError, ...]:
    match outcome:
        case Failed(error=error):
            return (error,)
        case Mixed(errors=errors):
            return errors
        case _:
            return ()


def _result(entry: Entry, outcome: Outcome) -> Result:
    place = _place(entry)
    times = {"times_ms": {stage: round(milliseconds, 1) for stage, milliseconds in outcome.report.stages_ms.items()}}
    match outcome:
        case Skipped(skip=skip):
            return skipped(skip, **place)
        case Failed(error=error):
            return failed(error, **place)
        case Done(files=(file,)):
            return Result(200, "success", {**place, **_made(file), **times})
        case Done(files=files):
            results = [Result(200, "success", _made(file)) for file in files]
        case Mixed(ends=ends):
            results = [_end(end) for end in ends]
    code = max(result.status_code for result in results)
    outputs = [result.document() for result in results]
    return Result(code, "success" if code < 300 else "error", {**place, "outputs": outputs, **times})


def _end(end: End) -> Result:
    match end.what:
        case File() as file:
            return Result(200, "success", _made(file))
        case Skip() as skip:
            return skipped(skip, destination=_written(end.destination))
        case CutoutError() as error:
            return failed(error, destination=_written(end.destination))


def _place(entry: Entry) -> Mapping[str, object]:
    picture = entry.picture if isinstance(entry, NoUpload) else entry
    if picture is None:
        return {}
    return {"picture": {"bucket": picture.bucket, "key": picture.key, "version": picture.version_id}}


def _made(file: File) -> Mapping[str, object]:
    return {
        "destination": _written(file.destination),
        "width": file.width_px,
        "height": file.height_px,
        "bytes": file.size_bytes,
    }


def _written(destination: S3Destination | None) -> Mapping[str, str] | None:
    return None if destination is None else {"bucket": destination.bucket, "key": destination.key}


def _batch_response(job: BatchJob, results: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "invocationSchemaVersion": job.schema,
        "treatMissingKeysAs": "TemporaryFailure",  # what got no result was not worked on
        "invocationId": job.invocation_id,
        "results": results,
    }


def _code_and_sentence(outcome: Outcome) -> dict[str, str]:
    match outcome:
        case Failed(error=error):
            return _failure(error)
        case Skipped(skip=skip):
            return _success(f"Nothing to do: {skip}")
        case Done(files=files):
            return _success("; ".join(_sentence(file) for file in files))
        case Mixed(ends=ends, errors=errors):
            # What failed comes first: a sentence that is too long loses its end.
            order = sorted(ends, key=lambda end: not isinstance(end.what, CutoutError))
            sentence = "; ".join(_end_sentence(end) for end in order)
            if not errors:
                return _success(sentence)
            code = "TemporaryFailure" if any(error.retriable for error in errors) else "PermanentFailure"
            counted = f"{len(errors)} of {len(ends)} results failed: {sentence}"
            return {"resultCode": code, "resultString": _one_line(counted)}


def _success(sentence: str) -> dict[str, str]:
    return {"resultCode": "Succeeded", "resultString": _one_line(sentence)}


def _sentence(file: File) -> str:
    return f"{file.destination}: {file.width_px}x{file.height_px} px, {file.size_bytes} bytes"


def _end_sentence(end: End) -> str:
    match end.what:
        case File() as file:
            return _sentence(file)
        case CutoutError() as error:
            return f"{end.destination}: {error.code}: {error}"
        case Skip() as skip:
            return f"{end.destination}: {skip}"


def _failure(error: CutoutError) -> dict[str, str]:
    code = "TemporaryFailure" if error.retriable else "PermanentFailure"
    return {"resultCode": code, "resultString": _one_line(f"{error.code}: {error}")}


def _one_line(text: str) -> str:
    return " ".join(text.split())[:LONGEST_RESULT]
