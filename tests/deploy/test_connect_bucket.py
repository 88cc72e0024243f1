"""connect-bucket.sh: a bucket keeps every notification it has, or the script does nothing and says why."""

from __future__ import annotations

from typing import Any

import pytest

from tests.deploy.desk import ALIAS, STAGING, Desk, Ran

PRODUCTION = "arn:aws:lambda:us-east-1:123456789012:function:inspyrenet-lambda-production:live"
UPLOADS = f"arn:aws:sqs:us-east-1:123456789012:{STAGING}-UploadQueue-1A2B3C4D5E6F"
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


def to_the_queue(queue: str = UPLOADS) -> dict[str, Any]:
    return {"Id": f"background-removal-{STAGING}", "QueueArn": queue, "Events": ["s3:ObjectCreated:*"]}


REMOVED = {"QueueArn": QUEUE_ARN, "Events": ["s3:ObjectRemoved:*"]}
THUMBNAILS = {
    "Id": "thumbnails",
    "LambdaFunctionArn": FUNCTION_ARN,
    "Events": ["s3:ObjectCreated:Put"],
    "Filter": keys(prefix="thumbnails/"),
}
THUMBNAILS_REMOVED = {**THUMBNAILS, "Events": ["s3:ObjectRemoved:*"]}
# As the script named it before the function's name was in it.
OLD = {"Id": "background-removal", "LambdaFunctionArn": ALIAS, "Events": ["s3:ObjectCreated:*"]}


def connected(desk: Desk, before: Any, *prefix: str, target: str = ALIAS) -> Ran:
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
    return desk.run("deploy/connect-bucket.sh", "mine", STAGING, target, *prefix, answers=answers)


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


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, {"QueueConfigurations": [to_the_queue()]}),
        ({"LambdaFunctionConfigurations": [ours()]}, {"QueueConfigurations": [to_the_queue()]}),
        ({"LambdaFunctionConfigurations": [OLD]}, {"QueueConfigurations": [to_the_queue()]}),
        (
            {"LambdaFunctionConfigurations": [ours(), THUMBNAILS_REMOVED], "QueueConfigurations": [REMOVED]},
            {
                "LambdaFunctionConfigurations": [THUMBNAILS_REMOVED],
                "QueueConfigurations": [REMOVED, to_the_queue()],
            },
        ),
        (
            {"QueueConfigurations": [to_the_queue(UPLOADS.replace("1A2B", "9Z8Y"))]},
            {"QueueConfigurations": [to_the_queue()]},
        ),
    ],
    ids=["empty", "after direct", "after direct, by its old name", "beside others", "an earlier queue"],
)
def test_the_queue_takes_the_place_of_what_the_stack_had_in_one_request(desk: Desk, before: Any, after: Any) -> None:
    assert put(connected(desk, before, target=UPLOADS)) == after


def test_the_function_takes_the_place_of_the_queue(desk: Desk) -> None:
    after = put(connected(desk, {"QueueConfigurations": [to_the_queue(), REMOVED]}))
    assert after == {"QueueConfigurations": [REMOVED], "LambdaFunctionConfigurations": [ours()]}


def test_another_stacks_queue_is_no_earlier_one_of_ours(desk: Desk) -> None:
    theirs = to_the_queue(UPLOADS.replace(STAGING, f"{STAGING}-2"))
    ran = connected(desk, {"QueueConfigurations": [{**theirs, "Id": "theirs"}]}, target=UPLOADS)
    assert ran.status == 1
    assert theirs["QueueArn"] in ran.output


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


@pytest.mark.parametrize("target", [ALIAS.removesuffix(":live"), TOPIC_ARN, "live"])
def test_what_is_neither_a_queue_nor_an_alias_is_refused(desk: Desk, target: str) -> None:
    ran = desk.run("deploy/connect-bucket.sh", "mine", STAGING, target, answers=[])
    assert ran.status == 64
    assert "is the ARN of neither a queue nor an alias" in ran.output
    assert ran.calls == []
