"""The simulated poller deletes what Lambda's would, and nothing else."""

from __future__ import annotations

import os
import re
import time
import uuid
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from local.emulator import Emulator, Reply
from local.poller import Poller, batch_event, failed_ids
from local.sqs import LocalQueue, bucket_queue
from tests.test_end_to_end import children_of

if TYPE_CHECKING:
    from local.s3 import LocalS3

pytestmark = pytest.mark.slow

OBEDIENT = "tests.local.obedient.answer"


def queue_of(s3: LocalS3, receives: int = 100, visibility_s: int = 1) -> LocalQueue:
    bucket = f"queue-{uuid.uuid4()}"
    s3.client.create_bucket(Bucket=bucket)
    made = bucket_queue(s3, bucket, visibility_s=visibility_s, receives=receives)
    assert "s3:TestEvent" in "".join(made.take_all()), "moto's S3 announces itself as S3 does"
    return made


def poll(queue: LocalQueue, *bodies: str, until: int = 0, batch_size: int = 10) -> tuple[Poller, Counter[str]]:
    """Send messages and poll until so many are left; give how often each was received by the function, too."""
    for body in bodies:
        queue.send(body)
    with Poller(queue, lambda: Emulator({}, timeout_s=2, handler=OBEDIENT), 1, batch_size=batch_size) as poller:
        end = time.monotonic() + 20
        while (queue.count() > until or sum(poller.endings.values()) == 0) and time.monotonic() < end:
            time.sleep(0.05)
    received = re.findall(r"^got (.+) (\d+)$", "".join(poller.logs), re.MULTILINE)
    return poller, Counter({body: max(int(count) for told, count in received if told == body) for body, _ in received})


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (None, ""),
        ({}, ""),
        ({"statusCode": 200}, ""),
        ({"batchItemFailures": None}, ""),
        ({"batchItemFailures": []}, ""),
        ({"batchItemFailures": [{"itemIdentifier": "b"}]}, "b"),
        ({"batchItemFailures": [{"itemIdentifier": "b"}, {"itemIdentifier": "nobody"}]}, "abc"),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, "abc"),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, "abc"),
        ({"batchItemFailures": [{"messageId": "b"}]}, "abc"),
        ({"batchItemFailures": ["b"]}, "abc"),
        ({"errorMessage": "it failed", "errorType": "RuntimeError"}, "abc"),
        ("Task timed out after 2.00 seconds", "abc"),
    ],
)
def test_an_answer_keeps_what_lambda_would_keep(answer: Any, kept: str) -> None:
    assert failed_ids(Reply(200, answer, 0), "abc") == set(kept)


def test_no_answer_keeps_the_whole_batch() -> None:
    assert failed_ids(Reply(502, {"batchItemFailures": []}, 0), "abc") == set("abc")


def test_an_upload_reaches_the_function_as_lambda_hands_it_over(s3: LocalS3) -> None:
    queue = queue_of(s3)
    s3.client.put_object(Bucket=queue.url.rpartition("/")[2], Key="a b+é.png", Body=b"x")
    (message,) = queue.receive(10)
    (record,) = batch_event([message], queue.arn)["Records"]
    assert (record["eventSource"], record["eventSourceARN"]) == ("aws:sqs", queue.arn)
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert '"key": "a+b%2B%C3%A9.png"' in record["body"]


def test_of_a_batch_the_failed_messages_alone_come_again(s3: LocalS3) -> None:
    queue = queue_of(s3)
    poller, received = poll(queue, "do 1", "fail", "do 2", until=1)
    assert queue.take_all() == ["fail"]
    assert (received["do 1"], received["do 2"]) == (1, 1)
    assert poller.endings["part of a batch done"] >= 1


@pytest.mark.parametrize("what", ["raise", "misname", "sleep"])
def test_a_batch_that_fails_as_a_whole_comes_again_whole(s3: LocalS3, what: str) -> None:
    """`sleep` outlasts the function's timeout."""
    queue = queue_of(s3, receives=2)
    poller, received = poll(queue, "do 1", what)
    assert received == {"do 1": 2, what: 2} if what != "raise" else received[what] == 2
    assert sorted(queue.take_dead_letters()) == sorted(["do 1", what]), "after as many receives as the queue allows"
    assert poller.endings == {"whole batch failed": 2}


def test_an_environment_that_dies_is_replaced_and_its_batch_comes_again(s3: LocalS3) -> None:
    queue = queue_of(s3, receives=2)
    poller, received = poll(queue, "die", "do 1", batch_size=1)
    assert queue.take_dead_letters() == ["die"]
    assert received["do 1"] == 1
    assert poller.endings == {"environment died": 2, "whole batch done": 1}
    assert len(poller.logs) == 3


def test_environments_work_side_by_side_and_are_gone_afterwards(s3: LocalS3) -> None:
    queue, before = queue_of(s3, visibility_s=30), children_of(os.getpid())
    for number in range(40):
        queue.send(f"nap {number}")
    with Poller(queue, lambda: Emulator({}, handler=OBEDIENT), 2, batch_size=1) as poller:
        while queue.count():
            time.sleep(0.05)
    assert [len(re.findall("^got", log, re.MULTILINE)) > 0 for log in poller.logs] == [True, True]
    assert not children_of(os.getpid()) - before
