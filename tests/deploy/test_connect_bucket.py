"""connect-bucket.sh: a bucket keeps every notification it has, or the script does nothing and says why."""

from __future__ import annotations

from typing import Any

import pytest

from tests.deploy.desk import ALIAS, Desk

QUEUE = {"QueueArn": "arn:aws:sqs:us-east-1:123456789012:other", "Events": ["s3:ObjectRemoved:*"]}
OTHER = {
    "Id": "other",
    "LambdaFunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:other",
    "Events": ["s3:ObjectCreated:Put"],
}
OLD = {"Id": "background-removal", "LambdaFunctionArn": f"{ALIAS}-of-old", "Events": ["s3:ObjectCreated:*"]}
OURS = {"Id": "background-removal", "LambdaFunctionArn": ALIAS, "Events": ["s3:ObjectCreated:*"]}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, {"LambdaFunctionConfigurations": [OURS]}),  # S3 answers nothing, and the CLI prints nothing
        (
            {"QueueConfigurations": [QUEUE], "LambdaFunctionConfigurations": [OTHER], "EventBridgeConfiguration": {}},
            {
                "QueueConfigurations": [QUEUE],
                "LambdaFunctionConfigurations": [OTHER, OURS],
                "EventBridgeConfiguration": {},
            },
        ),
        ({"LambdaFunctionConfigurations": [OLD, OTHER]}, {"LambdaFunctionConfigurations": [OTHER, OURS]}),
    ],
    ids=["empty", "beside others", "again"],
)
def test_a_bucket_keeps_the_notifications_it_has(desk: Desk, before: Any, after: Any) -> None:
    answers = [
        {"call": "s3api get-bucket-notification-configuration", "where": {"Bucket": "mine"}, "answer": before},
        {"call": "s3api put-bucket-notification-configuration"},
    ]
    ran = desk.run("deploy/connect-bucket.sh", "mine", ALIAS, answers=answers)
    assert ran.status == 0, ran.output
    (put,) = ran.of("s3api put-bucket-notification-configuration")
    assert put == {"Bucket": "mine", "NotificationConfiguration": after}
