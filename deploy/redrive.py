"""Sends the dead letters again: `python -m deploy.redrive ENVIRONMENT [--yes] [--by-invoking] [--queue URL]`.

Two ways, by the stack's road for uploads:

| Uploads | way |
|---|---|
| queue | SQS's own task moves the messages to the stack's queue. It goes on without this command. |
| direct | there is no queue that they came from: each message's event is handed to the alias, and deleted after that |

Either may be interrupted and run again: a message is in the dead letters until it is on its way, and one that is sent
twice is cut out once. `--by-invoking` takes the second way with a queue, too, and `--queue` takes another queue's
messages than the dead letters, such as those that are left in a stack's former queue.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from deploy.stack import RefusedError, Standing, standing
from handler.triggers.uploads.envelopes import Direct, failed_event, open_envelope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import ListMessageMoveTasksResultEntryTypeDef, MessageTypeDef

PAUSE_S = 2.0
# More than nothing: then all of SQS's servers are asked.
WAIT_S = 1
# Longer than ten invocations take; a message that is left shows again after it.
HIDDEN_S = 120
RUNNING = ("RUNNING", "CANCELLING")


class UnfinishedError(Exception):
    """Some messages are still where they were."""


def main(arguments: Sequence[str] | None = None, session: boto3.Session | None = None) -> int:
    """Redrive; 1 where something is left or refused, 75 where a task runs already."""
    parser = argparse.ArgumentParser(prog="python -m deploy.redrive", description="Sends the dead letters again.")
    parser.add_argument("environment", help="staging or production: a section of samconfig.toml")
    parser.add_argument("--yes", action="store_true", help="asks no question")
    parser.add_argument("--by-invoking", action="store_true", help="hands each message to the alias, past the queue")
    parser.add_argument("--queue", help="the URL of another queue than the stack's dead letters; implies --by-invoking")
    options = parser.parse_args(arguments)
    try:
        return _run(options, session or boto3.Session())
    except RefusedError as refused:
        sys.stderr.write(f"Nothing was sent: {refused}\n")
        return 1
    except UnfinishedError as unfinished:
        sys.stderr.write(f"{unfinished}\n")
        return 1
    except (ClientError, BotoCoreError) as error:
        sys.stderr.write(f"AWS refused or was not reached; what was not sent is where it was: {error}\n")
        return 1


def _run(options: argparse.Namespace, session: boto3.Session) -> int:
    stack = standing(options.environment, session)
    sqs = session.client("sqs", region_name=stack.region)
    way = stack.parameters.get("Uploads")
    if way == "off":
        raise RefusedError(f"The stack {stack.name} has Uploads=off: nothing would take the messages.")
    if way == "queue" and not options.by_invoking and not options.queue:
        return _by_moving(sqs, stack, yes=options.yes)
    url, alias = options.queue or stack.output("DeadLettersUrl"), stack.output("AliasArn")
    _confirm(_waiting(sqs, url), alias, yes=options.yes)
    _by_invoking(sqs, session.client("lambda", region_name=stack.region), url, alias)
    return 0


def _by_moving(sqs: SQSClient, stack: Standing, *, yes: bool) -> int:
    """Let SQS move the dead letters to the queue, and show how far it is."""
    source_url, queue_url = stack.output("DeadLettersUrl"), stack.output("UploadQueueUrl")
    source, queue = _arn(sqs, source_url), _arn(sqs, queue_url)
    running = _latest_task(sqs, source)
    if running is not None and running["Status"] in RUNNING:
        sys.stderr.write(f"Nothing was started: a task runs already, {_progress(running)}. Wait until it is done.\n")
        return 75
    _confirm(_waiting(sqs, source_url), queue, yes=yes)
    # The destination is named, since Lambda's records among the messages, of a time with Uploads=direct, came from no
    # queue that SQS could find by itself.
    sqs.start_message_move_task(SourceArn=source, DestinationArn=queue)
    sys.stdout.write("SQS has begun, and goes on if this command is stopped.\n")
    said = ""
    while True:
        task = _latest_task(sqs, source)
        if task is not None and (now := _progress(task)) != said:
            said = now
            sys.stdout.write(f"{said}\n")
        if task is not None and task["Status"] not in RUNNING:
            break
        time.sleep(PAUSE_S)
    if task["Status"] != "COMPLETED":
        raise UnfinishedError(
            f"The task is {task['Status']}: {task.get('FailureReason', 'SQS gives no reason')}. What it has not moved "
            f"lies in the dead letters as before ({_waiting(sqs, source_url)} messages). Run this again, or with "
            "BY=invoking, which does without SQS's task."
        )
    return 0


def _by_invoking(sqs: SQSClient, function: LambdaClient, url: str, alias: str) -> None:
    """Hand each message's event to the alias, and delete it then. Raises UnfinishedError where any is left.

    What arrives after this has begun is left alone: where the cause is not mended, events come back as they are sent.
    """
    began_ms = time.time() * 1e3
    sent, left, seen = 0, 0, set[str]()
    while True:
        answer = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=HIDDEN_S,
            WaitTimeSeconds=WAIT_S,
            MessageSystemAttributeNames=["SentTimestamp"],
        )
        fresh = [message for message in answer.get("Messages", []) if message["MessageId"] not in seen]
        if not fresh:
            break
        seen |= {message["MessageId"] for message in fresh}
        for message in fresh:
            event = _event_of(message)
            if event is None or float(message["Attributes"]["SentTimestamp"]) > began_ms:
                left += 1
                continue
            function.invoke(FunctionName=alias, InvocationType="Event", Payload=event)
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            sent += 1
        sys.stdout.write(f"{sent} messages are on their way\n")
    if left:
        raise UnfinishedError(
            f"{left} messages are left: they hold no event of an upload, or came meanwhile. Read them by aws sqs "
            f"receive-message --queue-url {url}; docs/runbook.md#dead-letters says more."
        )


def _event_of(message: MessageTypeDef) -> bytes | None:
    """Give the event that a message holds: in Lambda's record of a failure, or itself. None: it holds none."""
    try:
        body = json.loads(message["Body"])
    except ValueError:
        return None
    if not isinstance(body, dict):
        return None
    if failed_event(body) is not None:
        return json.dumps(body["requestPayload"]).encode()
    return json.dumps(body).encode() if isinstance(open_envelope(body), Direct) else None


def _latest_task(sqs: SQSClient, source: str) -> ListMessageMoveTasksResultEntryTypeDef | None:
    tasks = sqs.list_message_move_tasks(SourceArn=source, MaxResults=1).get("Results", [])
    return tasks[0] if tasks else None


def _progress(task: ListMessageMoveTasksResultEntryTypeDef) -> str:
    total = task.get("ApproximateNumberOfMessagesToMove")
    of = "" if total is None else f" of about {total}"
    return f"{task.get('ApproximateNumberOfMessagesMoved', 0)}{of} messages are on their way"


def _arn(sqs: SQSClient, url: str) -> str:
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def _waiting(sqs: SQSClient, url: str) -> int:
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def _confirm(waiting: int, target: str, *, yes: bool) -> None:
    """Ask. Raises RefusedError where there is nothing to send, or nobody says yes."""
    if waiting == 0:
        raise RefusedError("there are no messages. Messages that were read a moment ago show again in two minutes.")
    sys.stdout.write(f"About {waiting} messages go to {target}.\n")
    if yes:
        return
    if not sys.stdin.isatty():
        raise RefusedError("nobody is there to ask; YES=1 asks nothing.")
    sys.stdout.write("Is the cause mended? Send them? [y/N] ")
    sys.stdout.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise RefusedError("it was not wanted.")


if __name__ == "__main__":
    sys.exit(main())
