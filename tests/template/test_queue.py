"""The road through the queue: what follows from the function's timeout, reckoned from the stack's numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from deploy.batch.estimate import seconds_of
from tests.template.stack import NOTHING, ROOT, stack, template, walk

TIMEOUTS = [str(value) for value in template()["Parameters"]["TimeoutSeconds"]["AllowedValues"]]
OUTAGE_S = 3600
# Receives that a message may lose beside an outage: to a batch that ran out of time, or to a deployment.
TO_SPARE = 3
FOURTEEN_DAYS_S = 14 * 24 * 3600


@dataclass(frozen=True)
class Road:
    """The numbers of one stack's road."""

    timeout_s: int
    visibility_s: int
    receives: int
    batch: int

    def lost_to_an_outage(self, outage_s: int) -> int:
        """Count the receives that an outage costs a message at most: one at once, then one per visibility timeout."""
        return 1 + outage_s // self.visibility_s


def road(timeout: str) -> Road:
    deployed = stack(TimeoutSeconds=timeout)
    queue = deployed.of_type("SQS::Queue")["UploadQueue"]
    return Road(
        timeout_s=int(deployed.of_type("Lambda::Function")["Function"]["Timeout"]),
        visibility_s=int(queue["VisibilityTimeout"]),
        receives=int(queue["RedrivePolicy"]["maxReceiveCount"]),
        batch=int(deployed.of_type("Lambda::EventSourceMapping")["UploadQueueMapping"]["BatchSize"]),
    )


def test_every_timeout_that_the_function_may_have_has_its_numbers() -> None:
    assert set(template()["Mappings"]["UploadQueue"]) == set(TIMEOUTS)
    assert (TIMEOUTS[0], TIMEOUTS[-1]) == ("30", "900")


@pytest.mark.parametrize("timeout", TIMEOUTS)
def test_a_message_in_work_stays_hidden_for_six_timeouts(timeout: str) -> None:
    found = road(timeout)
    assert found.visibility_s == 6 * found.timeout_s


@pytest.mark.parametrize("timeout", TIMEOUTS)
def test_an_outage_of_an_hour_leaves_a_message_the_receive_that_succeeds(timeout: str) -> None:
    found = road(timeout)
    assert found.receives == found.lost_to_an_outage(OUTAGE_S) + 1 + TO_SPARE


@pytest.mark.parametrize("timeout", TIMEOUTS)
def test_a_message_gets_the_five_receives_that_aws_asks_for(timeout: str) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""
    assert road(timeout).receives >= 5


@pytest.mark.parametrize("model", ["u2netp", "inspyrenet-base", "inspyrenet-fast"])
@pytest.mark.parametrize("timeout", TIMEOUTS)
def test_a_batch_finishes_in_the_functions_time(timeout: str, model: str) -> None:
    """By what pictures of 12 megapixels and a cold start took on the slowest machine that was measured, at 3,008 MB."""
    found, seconds = road(timeout), seconds_of(model, "static", 3008, "x86_64")
    assert found.batch >= 1
    assert found.batch * seconds.large_picture_s + seconds.cold_s < found.timeout_s


@pytest.mark.parametrize("timeout", TIMEOUTS)
def test_a_message_waits_for_its_turn_longer_than_for_its_last_receive(timeout: str) -> None:
    found = road(timeout)
    assert found.receives * found.visibility_s < FOURTEEN_DAYS_S


def test_the_document_shows_the_numbers_of_the_template() -> None:
    text = (ROOT / "docs" / "uploads.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| ([\d,]+) s \| (\d+) \| (\d+) \|$", text, re.MULTILINE)
    shown = [Road(*(int(cell.replace(",", "")) for cell in row)) for row in rows]
    assert shown == [road(timeout) for timeout in TIMEOUTS]


def test_no_upload_is_forgotten_before_fourteen_days() -> None:
    queues = stack().of_type("SQS::Queue")
    assert {name: it["MessageRetentionPeriod"] for name, it in queues.items()} == {
        "UploadQueue": FOURTEEN_DAYS_S,
        "DeadLetters": FOURTEEN_DAYS_S,
    }


def test_what_fails_for_good_goes_to_the_dead_letters_that_have_an_alarm() -> None:
    deployed = stack()
    queue = deployed.of_type("SQS::Queue")["UploadQueue"]
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    alarm = deployed.of_type("CloudWatch::Alarm")["DeadLettersAlarm"]
    (dimension,) = alarm["Dimensions"]
    assert dimension == {"Name": "QueueName", "Value": {"Fn::GetAtt": ["DeadLetters", "QueueName"]}}
    assert (alarm["MetricName"], alarm["Threshold"]) == ("ApproximateNumberOfMessagesVisible", 0)
    assert alarm["ComparisonOperator"] == "GreaterThanThreshold"


def test_a_message_that_failed_comes_back_alone() -> None:
    mapping = stack().of_type("Lambda::EventSourceMapping")["UploadQueueMapping"]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["EventSourceArn"] == {"Fn::GetAtt": ["UploadQueue", "Arn"]}


def test_the_queue_keeps_a_bounded_number_of_environments_busy() -> None:
    mapping = stack(UploadConcurrency="19").of_type("Lambda::EventSourceMapping")["UploadQueueMapping"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": "19"}
    about = template()["Parameters"]["UploadConcurrency"]
    assert (about["MinValue"], about["MaxValue"]) == (2, 1000)  # as Lambda has them


def test_the_oldest_upload_is_watched_before_its_time_is_over() -> None:
    alarm = stack().of_type("CloudWatch::Alarm")["UploadsLateAlarm"]
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["UploadQueue", "QueueName"]}}]
    assert alarm["MetricName"] == "ApproximateAgeOfOldestMessage"
    assert alarm["Threshold"] < FOURTEEN_DAYS_S / 10


@pytest.mark.parametrize(
    ("key", "encryption"),
    [
        ("", {"SqsManagedSseEnabled": True}),
        ("arn:aws:kms:us-east-1:123456789012:key/a", {"KmsMasterKeyId": "arn:aws:kms:us-east-1:123456789012:key/a"}),
    ],
    ids=["SQS's own key", "a customer's key"],
)
def test_the_queue_is_encrypted(key: str, encryption: dict[str, object]) -> None:
    queue = stack(QueueKmsKeyArn=key).of_type("SQS::Queue")["UploadQueue"]
    found = {name: value for name, value in queue.items() if name in {"SqsManagedSseEnabled", "KmsMasterKeyId"}}
    assert found == encryption


def test_the_bucket_sends_to_the_queue_or_to_the_function_never_to_both() -> None:
    sent = {
        way: stack(Uploads=way).of_type("S3::Bucket")["InputBucket"]["NotificationConfiguration"]
        for way in ("queue", "direct", "on")
    }
    created = "s3:ObjectCreated:*"
    to_function = {"LambdaConfigurations": [{"Event": created, "Function": {"Ref": "FunctionAliaslive"}}]}
    assert sent == {
        "queue": {"QueueConfigurations": [{"Event": created, "Queue": {"Fn::GetAtt": ["UploadQueue", "Arn"]}}]},
        "direct": to_function,
        "on": to_function,  # an earlier name: a stack that has it goes on as it was
    }


def test_s3_may_send_before_the_bucket_is_told_to() -> None:
    bucket = template()["Resources"]["InputBucket"]
    assert bucket["DependsOn"] == "InputBucketPermission"
    assert {"Ref": "UploadQueuePolicy"} in [part for _, part in walk(bucket["Properties"]["NotificationConfiguration"])]


def test_uploads_that_wait_outlive_the_road_that_they_came_by() -> None:
    queue = stack().resources["UploadQueue"]
    assert (queue["DeletionPolicy"], queue["UpdateReplacePolicy"]) == ("Retain", "Retain")


@pytest.mark.parametrize("bucket", [{}, {"ExistingInputBucket": "photos"}], ids=str)
def test_a_bucket_that_still_wakes_the_function_itself_may_go_on(bucket: dict[str, str]) -> None:
    """A bucket of one's own does so until it is connected to the queue; without the right its uploads would be lost."""
    assert stack(Uploads="queue", **bucket).of_type("Lambda::Permission")["InputBucketPermission"] != NOTHING
