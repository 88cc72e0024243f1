"""The stack's road from the bucket through the queue to the function: moto's S3 and SQS, by the template's numbers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.sqs.models import sqs_backends

from local import events
from tests.pictures import save, scene
from tests.template.stack import stack

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_sqs import SQSClient

    from tests.clients import Function
    from tests.conftest import Awaken, Buckets

OUTAGE_S = 3600


@dataclass(frozen=True)
class Road:
    """The queue and the dead letters, and Lambda's part in between."""

    sqs: SQSClient
    url: str
    dead_url: str
    batch: int
    visibility_s: int
    receives: int

    def deliver(self, function: Callable[[Any], Any]) -> dict[str, Any] | None:
        """Do what the event source mapping does with one batch; None: there was none."""
        received = self.sqs.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=self.batch, AttributeNames=["All"]
        ).get("Messages", [])
        if not received:
            return None
        (like,) = events.load("sqs_s3")["Records"]
        records = [
            {**like, "messageId": it["MessageId"], "body": it["Body"], "attributes": it["Attributes"]}
            for it in received
        ]
        answer: dict[str, Any] = function({"Records": records})
        kept = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for message in received:
            if message["MessageId"] not in kept:
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return answer

    def pass_the_visibility_timeout(self) -> None:
        """Turn SQS's clock: what is hidden shows again. moto would have it so after as many seconds as SQS."""
        queue = sqs_backends["123456789012"]["us-east-1"].queues[self.url.rpartition("/")[2]]
        for message in queue._messages:
            message.change_visibility(0)

    def work_off(self, function: Callable[[Any], Any]) -> None:
        """Deliver until nothing shows, and wait once for what was handed back."""
        while self.deliver(function) is not None:
            pass
        self.pass_the_visibility_timeout()

    def messages(self, url: str) -> list[str]:
        answer = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [message["Body"] for message in answer.get("Messages", [])]


def road(buckets: Buckets, timeout: str = "900") -> Road:
    """Make the road as the template has it, and connect the bucket to it."""
    deployed = stack(TimeoutSeconds=timeout)
    queue = deployed.of_type("SQS::Queue")["UploadQueue"]
    sqs: SQSClient = boto3.client("sqs", endpoint_url=buckets.server.url, region_name="us-east-1")
    urls = [sqs.create_queue(QueueName=f"{name}-{buckets.uploads}")["QueueUrl"] for name in ("uploads", "dead")]
    arns = [sqs.get_queue_attributes(QueueUrl=it, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"] for it in urls]
    sqs.set_queue_attributes(
        QueueUrl=urls[0],
        Attributes={
            "VisibilityTimeout": str(queue["VisibilityTimeout"]),
            "RedrivePolicy": json.dumps({**queue["RedrivePolicy"], "deadLetterTargetArn": arns[1]}),
        },
    )
    (notification,) = deployed.of_type("S3::Bucket")["InputBucket"]["NotificationConfiguration"]["QueueConfigurations"]
    buckets.server.client.put_bucket_notification_configuration(
        Bucket=buckets.uploads,
        NotificationConfiguration={
            "QueueConfigurations": [{"QueueArn": arns[0], "Events": [notification["Event"]]}],
        },
    )
    mapping = deployed.of_type("Lambda::EventSourceMapping")["UploadQueueMapping"]
    receives = queue["RedrivePolicy"]["maxReceiveCount"]
    return Road(sqs, urls[0], urls[1], mapping["BatchSize"], queue["VisibilityTimeout"], receives)


@pytest.fixture
def photo() -> bytes:
    return save(scene(40, 30), "PNG")


def test_what_is_put_into_the_bucket_is_cut_out_and_poison_holds_up_nobody(
    cutter: Function, buckets: Buckets, photo: bytes
) -> None:
    way = road(buckets)
    for number in range(5):
        buckets.put(f"{number} é+.png", photo)
    buckets.put("words.png", b"no picture")
    way.sqs.send_message(QueueUrl=way.url, MessageBody="Hello")
    for _ in range(way.receives + 1):  # SQS moves a message when it would be received once more
        way.work_off(cutter)
    results = [f"cutouts/{number} é+.png.png" for number in range(5)]
    assert buckets.keys(buckets.cutouts) == [*results, "cutouts/words.png.png.error.json"]
    assert way.messages(way.dead_url) == ["Hello"]


def test_a_batch_that_holds_poison_names_it_and_nothing_else(cutter: Function, buckets: Buckets, photo: bytes) -> None:
    way = road(buckets)
    way.work_off(cutter)  # S3's test event
    buckets.put("a.png", photo)
    way.sqs.send_message(QueueUrl=way.url, MessageBody="Hello")
    buckets.put("b.png", photo)
    answer = way.deliver(cutter)
    assert answer is not None
    assert len(answer["batchItemFailures"]) == 1
    assert [result["status"] for result in answer["results"]] == ["success", "error", "success"]


@pytest.mark.parametrize("timeout", ["30", "120", "900"])
def test_an_outage_of_an_hour_loses_nothing_and_needs_nobody(
    awaken: Awaken, buckets: Buckets, photo: bytes, brightness: Any, timeout: str
) -> None:
    way = road(buckets, timeout)
    environment = {"MODEL_DIR": str(brightness), **buckets.environment()}
    buckets.put("a.png", photo)
    broken = awaken(**environment | {"OUTPUT_BUCKET": "nobody-has-made-it"})
    for _ in range(1 + OUTAGE_S // way.visibility_s):
        way.work_off(broken)
    way.work_off(awaken(**environment))
    assert buckets.keys(buckets.cutouts) == ["cutouts/a.png.png"]
    assert way.messages(way.url) + way.messages(way.dead_url) == []


def test_a_dead_letter_of_an_earlier_direct_road_is_cut_out_from_the_queue(
    cutter: Function, buckets: Buckets, photo: bytes
) -> None:
    buckets.put("a.png", photo)
    way = road(buckets)
    record = events.failed_invocation(events.upload(buckets.uploads, "a.png"))
    way.sqs.send_message(QueueUrl=way.url, MessageBody=json.dumps(record))
    way.work_off(cutter)
    assert buckets.keys(buckets.cutouts) == ["cutouts/a.png.png"]
    assert way.messages(way.url) == []
