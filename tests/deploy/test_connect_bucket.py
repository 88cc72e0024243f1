"""connect-bucket.sh: a bucket keeps every notification it has, or the script does nothing and says why."""

from __future__ import annotations

from typing import Any

import pytest

from tests.deploy.desk import ALIAS, Desk, Ran

PRODUCTION = "arn:aws:lambda:us-east-1:123456789012:function:inspyrenet-lambda-production:live"
QUEUE_ARN = "arn:aws:sqs:us-east-1:123456789012:other"
TOPIC_ARN = "arn:aws:sns:us-east-1:123456789012:other"
FUNCTION_ARN = "arn:aws:lambda:us-east-1:123456789012:function:other"


def keys(prefix: str = "", suffix: str = "") -> dict[str, Any]:
    """Give a filter as S3 writes it, names capitalised."""
    rules = [{"Name": "Prefix", "Value": prefix}, {"Name": "Suffix", "Value": suffix}]
    return {"Key": {"FilterRules": [rule for rule in rules if rule["Value"]]}}


def ours(alias: str = ALIAS, prefix: str = "") -> dict[str, Any]:
    made = {
        "Id": f"background-removal-{alias.split(':')[6]}",
        "LambdaFunctionArn": alias,
        "Events": ["s3:ObjectCreated:*"],
    }
    return {**made, "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}}} if prefix else made


REMOVED = {"QueueArn": QUEUE_ARN, "Events": ["s3:ObjectRemoved:*"]}
THUMBNAILS = {
    "Id": "thumbnails",
    "LambdaFunctionArn": FUNCTION_ARN,
    "Events": ["s3:ObjectCreated:Put"],
    "Filter": keys(prefix="thumbnails/"),
}
# As the script named it before the function's name was in it.
OLD = {"Id": "background-removal", "LambdaFunctionArn": ALIAS, "Events": ["s3:ObjectCreated:*"]}


def connected(desk: Desk, before: Any, *prefix: str) -> Ran:
    """Run the script on a bucket that has these notifications."""
    answers = [
        {
            "call": "s3api get-bucket-notification-configuration",
            "where": {"Bucket": "mine", "ExpectedBucketOwner": "123456789012"},
            "answer": before,
        },
        {
            "call": "s3api put-bucket-notification-configuration",
            "where": {"Bucket": "mine", "ExpectedBucketOwner": "123456789012"},
        },
    ]
    return desk.run("deploy/connect-bucket.sh", "mine", ALIAS, *prefix, answers=answers)


def put(ran: Ran) -> Any:
    assert ran.status == 0, ran.output
    (request,) = ran.of("s3api put-bucket-notification-configuration")
    return request["NotificationConfiguration"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, {"LambdaFunctionConfigurations": [ours()]}),  # S3 answers nothing, and the CLI prints nothing
        (
            {"QueueConfigurations": [REMOVED], "EventBridgeConfiguration": {}},
            {
                "QueueConfigurations": [REMOVED],
                "LambdaFunctionConfigurations": [ours()],
                "EventBridgeConfiguration": {},
            },
        ),
        ({"LambdaFunctionConfigurations": [ours()]}, {"LambdaFunctionConfigurations": [ours()]}),
        ({"LambdaFunctionConfigurations": [OLD]}, {"LambdaFunctionConfigurations": [ours()]}),
    ],
    ids=["empty", "beside others", "again", "by its old name"],
)
def test_a_bucket_keeps_the_notifications_it_has(desk: Desk, before: Any, after: Any) -> None:
    assert put(connected(desk, before)) == after


def test_two_stacks_share_a_bucket_by_prefixes(desk: Desk) -> None:
    """Both called their notification background-removal: the second took the first's place."""
    other = ours(PRODUCTION, "production/")
    before = {"LambdaFunctionConfigurations": [other, THUMBNAILS]}
    after = put(connected(desk, before, "staging/"))
    assert after == {"LambdaFunctionConfigurations": [other, THUMBNAILS, ours(prefix="staging/")]}


@pytest.mark.parametrize(
    ("before", "prefix", "named"),
    [
        ({"LambdaFunctionConfigurations": [ours(PRODUCTION)]}, "", PRODUCTION),
        ({"LambdaFunctionConfigurations": [ours(PRODUCTION)]}, "staging/", PRODUCTION),
        ({"LambdaFunctionConfigurations": [THUMBNAILS]}, "", FUNCTION_ARN),
        ({"LambdaFunctionConfigurations": [THUMBNAILS]}, "thumbnails/small/", FUNCTION_ARN),
        ({"QueueConfigurations": [{"QueueArn": QUEUE_ARN, "Events": ["s3:ObjectCreated:*"]}]}, "", QUEUE_ARN),
        (
            {
                "TopicConfigurations": [
                    {"TopicArn": TOPIC_ARN, "Events": ["s3:ObjectCreated:Copy"], "Filter": keys(suffix=".jpg")}
                ]
            },
            "a/",
            TOPIC_ARN,
        ),
        ({"QueueConfigurations": [{**REMOVED, "Id": ours()["Id"]}]}, "", "would be lost"),
    ],
    ids=["all keys", "some of all keys", "keys among ours", "ours among theirs", "queue", "topic", "same Id"],
)
def test_what_would_be_lost_or_overlap_is_refused(desk: Desk, before: Any, prefix: str, named: str) -> None:
    ran = connected(desk, before, prefix)
    assert ran.status == 1
    assert "Nothing was changed" in ran.output
    assert named in ran.output
    assert ran.of("s3api put-bucket-notification-configuration") == []


def test_what_is_no_alias_is_refused(desk: Desk) -> None:
    ran = desk.run("deploy/connect-bucket.sh", "mine", ALIAS.removesuffix(":live"), answers=[])
    assert ran.status == 64
    assert "is no alias's ARN" in ran.output
    assert ran.calls == []
