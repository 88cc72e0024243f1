"""A bucket's queue on this machine: SQS in moto's server, with a dead-letter queue, told of each upload by S3.

Moto keeps visibility timeouts, counts receives, moves what was received too often to the dead letters, and lets its S3
tell a queue of new objects: all that Lambda's poller builds upon.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import boto3

from local.events import text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import DeleteMessageBatchRequestEntryTypeDef, MessageTypeDef

    from local.s3 import LocalS3


@dataclass(frozen=True)
class LocalQueue:
    """A queue and the one that takes what was received too often; each by its URL."""

    url: str
    dead_letters_url: str
    arn: str
    client: SQSClient = field(repr=False)

    def send(self, body: object) -> None:
        """Send one message."""
        self.client.send_message(QueueUrl=self.url, MessageBody=text_of(body))

    def receive(self, most: int, wait_s: int = 1) -> Sequence[MessageTypeDef]:
        """Receive some messages, which nobody else sees until their visibility timeout is over."""
        return self.client.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=most,
            WaitTimeSeconds=wait_s,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        ).get("Messages", [])

    def delete(self, messages: Sequence[MessageTypeDef]) -> None:
        """Delete messages that were received."""
        entries: list[DeleteMessageBatchRequestEntryTypeDef] = [
            {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]} for number, message in enumerate(messages)
        ]
        if entries:
            self.client.delete_message_batch(QueueUrl=self.url, Entries=entries)

    def count(self) -> int:
        """Count the messages in the queue, those that somebody has received among them."""
        return _count(self.client, self.url)

    def count_dead_letters(self) -> int:
        """Count the messages that were given up on."""
        return _count(self.client, self.dead_letters_url)

    def take_all(self) -> list[str]:
        """Take every message out, once each is visible again, and give their bodies."""
        bodies: list[str] = []
        while self.count():
            messages = self.receive(10)
            self.delete(messages)
            bodies += [message["Body"] for message in messages]
        return bodies

    def take_dead_letters(self) -> list[str]:
        """Take every message out of the dead letters and give their bodies."""
        return replace(self, url=self.dead_letters_url).take_all()


def _count(client: SQSClient, url: str) -> int:
    said = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return int(said["ApproximateNumberOfMessages"]) + int(said["ApproximateNumberOfMessagesNotVisible"])


def bucket_queue(store: LocalS3, bucket: str, *, visibility_s: int, receives: int) -> LocalQueue:
    """Make a queue with dead letters, and have S3 tell it of everything that is put into the bucket."""
    client = boto3.client(
        "sqs",
        endpoint_url=store.url,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 - moto takes any
    )

    def arn_of(url: str) -> str:
        return client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    dead_letters_url = client.create_queue(QueueName=f"{bucket}-dead-letters")["QueueUrl"]
    redrive = {"deadLetterTargetArn": arn_of(dead_letters_url), "maxReceiveCount": receives}
    url = client.create_queue(
        QueueName=bucket,
        Attributes={"VisibilityTimeout": str(visibility_s), "RedrivePolicy": json.dumps(redrive)},
    )["QueueUrl"]
    arn = arn_of(url)
    store.client.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]},
    )
    return LocalQueue(url, dead_letters_url, arn, client)
