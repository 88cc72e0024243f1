"""Every way an upload arrives: opened, decoded by its own rule, and answered as its sender reads."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.errors import ForeignMessage, MalformedEvent, Redelivery, Skip
from handler.job import S3Object
from handler.triggers.uploads.envelopes import BatchJob, Direct, Envelope, Queue, open_envelope
from handler.triggers.uploads.records import Entry, NoUpload
from local import events
from tests.clients import Context

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.clients import Function
    from tests.conftest import Awaken, Buckets

TEST_EVENT = events.load("s3_testevent")

# Every wrapping, of what S3 says itself and of what it says to EventBridge.
STRAIGHT: dict[str, Callable[[Any], Any]] = {
    "direct": lambda told: told,
    "sqs": events.sqs,
    "sns": events.sns,
    "sns in sqs": lambda told: events.sqs(events.topic_message(told)),
    "sns in sqs, raw": lambda told: events.sqs(json.dumps(told)),
    "sns in sns in sqs": lambda told: events.sqs(events.topic_message(events.topic_message(told))),
}

KEYS = {
    "plain": "a.png",
    "spaces": "red flower .jpg",
    "plus": "a+b.png",
    "percent": "100%.png",
    "encoded-looking": "a%20b%2B.png",
    "unicode": "画像/été 😀.png",
    "slashes": "//a//b/../c.png",
    "1,024 bytes": "é" * 510 + "a.jp",
    "control": "a\tb\x7f.png",
}


def entries_of(envelope: Envelope | None) -> list[Entry]:
    """List what an envelope holds, whichever it is."""
    match envelope:
        case Direct(entries=entries):
            return list(entries)
        case Queue(messages=messages):
            return [entry for message in messages for entry in message.entries]
        case BatchJob(tasks=tasks):
            return [task.candidates[0] for task in tasks]
        case None:
            return []


def only(event: Any) -> Entry:
    (entry,) = entries_of(open_envelope(event))
    return entry


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize("wrap", STRAIGHT.values(), ids=STRAIGHT)
@pytest.mark.parametrize("told", [events.upload, events.eventbridge], ids=["notification", "eventbridge"])
def test_a_key_is_what_it_was_in_the_bucket(
    told: Callable[[str, str], Any], wrap: Callable[[Any], Any], key: str
) -> None:
    entry = only(wrap(told("photos", key)))
    assert isinstance(entry, S3Object)
    assert (entry.bucket, entry.key) == ("photos", key)


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize("schema", ["1.0", "2.0"])
def test_a_tasks_key_is_what_it_was_in_the_bucket(schema: str, key: str) -> None:
    assert only(events.batch_job("photos", key, schema=schema)) == S3Object("photos", key)


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize("wrap", [lambda told: told, events.sns], ids=["s3 or eventbridge", "sns"])
@pytest.mark.parametrize("told", [events.upload, events.eventbridge], ids=["notification", "eventbridge"])
def test_a_dead_letter_of_lambdas_is_read_where_it_is_sent_to_a_queue(
    told: Callable[[str, str], Any], wrap: Callable[[Any], Any], key: str
) -> None:
    entry = only(events.sqs(events.failed_invocation(wrap(told("photos", key)))))
    assert isinstance(entry, S3Object)
    assert (entry.bucket, entry.key) == ("photos", key)


@pytest.mark.parametrize(
    "event", [{"warmup": True}, events.failed_invocation(events.upload("photos", "a.png")), [], None, "x"], ids=str
)
def test_a_dead_letter_of_lambdas_that_tells_of_no_upload_is_handed_back(event: Any) -> None:
    entry = only(events.sqs(events.failed_invocation(event)))
    assert isinstance(entry, NoUpload)
    assert isinstance(entry.why, ForeignMessage)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(lambda key: key[-1] != "/"))
def test_any_key_arrives_by_every_road(key: str) -> None:
    for wrap in STRAIGHT.values():
        for told in (events.upload, events.eventbridge):
            entry = only(wrap(told("photos", key)))
            assert isinstance(entry, S3Object)
            assert entry.key == key
    for schema in ("1.0", "2.0"):
        assert only(events.batch_job("photos", key, schema=schema)) == S3Object("photos", key)


def test_a_task_of_schema_2_may_be_meant_decoded_too() -> None:
    """AWS does not say whether its keys are encoded."""
    envelope = open_envelope(events.batch_job("photos", "a+b%20c.png", "plain.png"))
    assert isinstance(envelope, BatchJob)
    first, second = envelope.tasks
    assert first.candidates == (S3Object("photos", "a+b%20c.png"), S3Object("photos", "a b c.png"))
    assert second.candidates == (S3Object("photos", "plain.png"),)


@pytest.mark.parametrize(
    ("name", "picture"),
    [
        (
            "eventbridge_s3",
            S3Object(
                "in-bucket",
                "in/red flower+é.jpg",
                "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
                "617f08299329d189",
                "b1946ac92492d2347c6235b4d2611184",
            ),
        ),
        (
            "sqs_sns_s3",
            S3Object(
                "in-bucket",
                "in/red flower+é.jpg",
                "096fKKXTRTtl3on89fVO.nfljtsv6qko",
                "0A1B2C3D4E5F678901",
                "0123456789abcdef0123456789abcdef",
            ),
        ),
        (
            "sqs_failed_invocation_s3",
            S3Object(
                "in-bucket",
                "in/red flower+é.jpg",
                "096fKKXTRTtl3on89fVO.nfljtsv6qko",
                "0A1B2C3D4E5F678901",
                "0123456789abcdef0123456789abcdef",
            ),
        ),
        ("s3_batch", S3Object("examplebucket", "test/key", "1")),
        ("s3_batch_v1_encoded", S3Object("examplebucket", "in/red flower+é.jpg", "1")),
        ("s3_batch_v2", S3Object("in-bucket", "in/k.png")),
    ],
)
def test_the_sample_events_are_read_whole(name: str, picture: S3Object) -> None:
    assert only(events.load(name)) == picture


@pytest.mark.parametrize("wrap", STRAIGHT.values(), ids=STRAIGHT)
def test_a_test_event_is_skipped_in_every_wrapping(wrap: Callable[[Any], Any]) -> None:
    entry = only(wrap(TEST_EVENT))
    assert isinstance(entry, NoUpload)
    assert isinstance(entry.why, Skip)
    assert "test event" in str(entry.why)


NOTIFIED = (
    *("ObjectRemoved:Delete", "ObjectRemoved:DeleteMarkerCreated", "LifecycleExpiration:Delete"),
    *(
        "LifecycleExpiration:DeleteMarkerCreated",
        "LifecycleTransition",
        "ObjectRestore:Post",
        "ObjectRestore:Completed",
    ),
    *("ObjectRestore:Delete", "ReducedRedundancyLostObject", "Replication:OperationFailedReplication"),
    *("IntelligentTiering", "ObjectTagging:Put", "ObjectAcl:Put"),
)
TOLD_EVENTBRIDGE = (
    *("Object Deleted", "Object Restore Initiated", "Object Restore Completed", "Object Restore Expired"),
    *("Object Tags Added", "Object Tags Deleted", "Object ACL Updated", "Object Storage Class Changed"),
    "Object Access Tier Changed",
)


@pytest.mark.parametrize("wrap", STRAIGHT.values(), ids=STRAIGHT)
@pytest.mark.parametrize("name", NOTIFIED + TOLD_EVENTBRIDGE)
def test_what_is_no_creation_is_skipped_by_name_in_every_wrapping(wrap: Callable[[Any], Any], name: str) -> None:
    if name in NOTIFIED:
        told = events.upload("photos", "a.png")
        told["Records"][0]["eventName"] = name
    else:
        told = {**events.eventbridge("photos", "a.png"), "detail-type": name}
    entry = only(wrap(told))
    assert isinstance(entry, NoUpload)
    assert isinstance(entry.why, Skip)
    assert f"The event is {name}; only Object" in str(entry.why)


FOREIGN = {
    "text": ("Hello from SQS!", "no JSON"),
    "number": ("7", "no JSON object"),
    "list": ("[]", "no JSON object"),
    "deep": ("[" * 100_000, "no JSON"),
    "other": ('{"hello": 1, "world": 2}', "the keys hello, world"),
    "no-records": ('{"Records": []}', "the keys Records"),
    "other-records": ('{"Records": [{"eventSource": "aws:ses"}]}', "the keys Records"),
    "records-mixed": (
        json.dumps({"Records": [{"eventSource": "aws:s3"}, {"eventSource": "aws:ses"}]}),
        "the keys Records",
    ),
    "half-a-record": ('{"Records": [{"eventSource": "aws:s3", "s3": {}}]}', "s3.object is missing"),
    "eventbridge-of-others": ('{"source": "aws.ec2", "detail-type": "x"}', "the keys detail-type, source"),
    "half-of-eventbridge": ('{"source": "aws.s3", "detail-type": "Object Created"}', "detail.object is missing"),
    "topic-of-others": (json.dumps(events.topic_message("Hello")), "holds an SNS message, which is no JSON"),
    "confirmation": ('{"Type": "SubscriptionConfirmation", "Message": "x"}', "the keys Message, Type"),
    "nested-without-end": (
        json.dumps(events.topic_message(events.topic_message(events.topic_message(TEST_EVENT)))),
        "the keys Message",
    ),
    "null": (None, "no JSON object"),
}


@pytest.mark.parametrize(("body", "says"), FOREIGN.values(), ids=FOREIGN)
def test_what_tells_of_no_upload_is_named_and_handed_back(body: str | None, says: str) -> None:
    event = events.sqs("x")
    event["Records"][0]["body"] = body
    entry = only(event)
    assert isinstance(entry, NoUpload)
    assert type(entry.why) is ForeignMessage
    assert says in str(entry.why)


def test_a_foreign_message_costs_its_neighbours_nothing(cutter: Function, buckets: Buckets, picture: bytes) -> None:
    for key in ("a.png", "b.png"):
        buckets.put(key, picture)
    bodies = [events.upload(buckets.uploads, "a.png"), "Hello from SQS!", events.eventbridge(buckets.uploads, "b.png")]
    answer = cutter(events.sqs(*bodies))
    assert answer["batchItemFailures"] == [{"itemIdentifier": "m1"}]
    assert [result["status"] for result in answer["results"]] == ["success", "error", "success"]
    assert answer["results"][1]["error"]["code"] == "foreign_message"
    assert buckets.keys(buckets.cutouts) == ["cutouts/a.png.png", "cutouts/b.png.png"]


def test_a_foreign_message_of_a_topic_is_raised_for_its_dead_letters(function: Function) -> None:
    with pytest.raises(Redelivery, match="An SNS message is no JSON"):
        function(events.load("sns"))


@pytest.mark.parametrize("wrap", STRAIGHT.values(), ids=STRAIGHT)
@pytest.mark.parametrize("told", [events.upload, events.eventbridge], ids=["notification", "eventbridge"])
@pytest.mark.parametrize("versions", [False, True], ids=["unversioned", "versioned"])
def test_an_upload_is_cut_out_whichever_way_it_comes(
    cutter: Function,
    buckets: Buckets,
    picture: bytes,
    told: Callable[..., Any],
    wrap: Callable[[Any], Any],
    *,
    versions: bool,
) -> None:
    more = {}
    if versions:
        buckets.keep_versions()
    put = buckets.put("in/red flower+é.png", picture)
    if versions:
        more = {"versionId" if told is events.upload else "version-id": put["VersionId"]}
    answer = cutter(wrap(told(buckets.uploads, "in/red flower+é.png", **more)))
    (result,) = answer["results"]
    assert (answer["statusCode"], result["status"]) == (200, "success")
    assert answer.get("batchItemFailures", []) == []
    stored = buckets.get(buckets.cutouts, "cutouts/in/red flower+é.png.png")
    assert stored["Metadata"].get("cutout-of-version") == put.get("VersionId")


@pytest.mark.parametrize("wrap", STRAIGHT.values(), ids=STRAIGHT)
def test_several_records_in_one_message_are_all_cut_out(
    cutter: Function, buckets: Buckets, picture: bytes, wrap: Callable[[Any], Any]
) -> None:
    keys = ["one.png", "two.png", "three.png"]
    for key in keys:
        buckets.put(key, picture)
    told = {"Records": [record for key in keys for record in events.upload(buckets.uploads, key)["Records"]]}
    answer = cutter(wrap(told))
    assert [result["picture"]["key"] for result in answer["results"]] == keys
    assert len(buckets.keys(buckets.cutouts)) == 3


def test_the_longest_key_is_cut_out_where_its_result_fits(
    awaken: Awaken, brightness: Path, buckets: Buckets, picture: bytes
) -> None:
    function = awaken(MODEL_DIR=str(brightness), **{**buckets.environment(), "OUTPUT_PREFIX": ""})
    key = "é" * 508 + ".png"  # 1,020 bytes, and its result's key 1,024
    buckets.put(key, picture)
    assert function(events.sqs(events.upload(buckets.uploads, key)))["statusCode"] == 200
    assert buckets.keys(buckets.cutouts) == [f"{key}.png"]


def test_of_a_queue_the_message_that_may_succeed_later_comes_back_alone(
    cutter: Function, buckets: Buckets, picture: bytes
) -> None:
    """Which one that is the time decides here: it is up after the first."""
    for key in ("a.png", "b.png"):
        buckets.put(key, picture)
    assert cutter({"warmup": True})["statusCode"] == 200

    class OutOfTime(Context):
        def get_remaining_time_in_millis(self) -> float:
            return 0.0 if "cutouts/a.png.png" in buckets.keys(buckets.cutouts) else 300_000.0

    bodies = [events.upload(buckets.uploads, key) for key in ("a.png", "b.png")]
    answer = cutter(events.sqs(*bodies), OutOfTime())
    assert answer["batchItemFailures"] == [{"itemIdentifier": "m1"}]
    assert answer["results"][1]["error"]["code"] == "time_too_short"
    again = cutter(events.sqs(*bodies))
    assert again["batchItemFailures"] == []
    assert [result["status"] for result in again["results"]] == ["skipped", "success"]


def test_a_message_with_one_object_to_try_again_comes_back_whole(cutter: Function) -> None:
    record = events.upload("bucket", "a.png")["Records"][0]
    answer = cutter(
        events.sqs({"Records": [events.load("s3_removed")["Records"][0], record]}), Context(remaining_ms=10)
    )
    assert answer["batchItemFailures"] == [{"itemIdentifier": "m0"}]
    assert [result["status"] for result in answer["results"]] == ["skipped", "error"]


def test_a_failed_message_of_a_fifo_queue_holds_back_its_groups_later_ones(
    cutter: Function, buckets: Buckets, picture: bytes
) -> None:
    for key in ("a1", "b1", "a2", "b2"):
        buckets.put(key, picture)
    bodies = [events.upload(buckets.uploads, "a1"), "Hello", *(events.upload(buckets.uploads, k) for k in ("a2", "b2"))]
    answer = cutter(events.sqs(*bodies, groups=("a", "b", "a", "b")))
    assert answer["batchItemFailures"] == [{"itemIdentifier": "m1"}, {"itemIdentifier": "m3"}]
    assert buckets.keys(buckets.cutouts) == ["cutouts/a1.png", "cutouts/a2.png"]


def test_a_message_without_an_id_brings_the_batch_back(function: Function) -> None:
    event = events.sqs("Hello")
    del event["Records"][0]["messageId"]
    with pytest.raises(Redelivery, match="no messageId"):
        function(event)


def test_an_id_that_no_answer_could_be_encoded_with_brings_the_batch_back(function: Function) -> None:
    event = events.sqs("Hello")
    event["Records"][0]["messageId"] = "\ud800"
    with pytest.raises(Redelivery, match="no messageId"):
        function(event)
    job = events.batch_job("photos", "folder/")
    job["tasks"][0]["taskId"] = job["invocationId"] = "\ud800"
    json.dumps(function(job), ensure_ascii=False).encode()


def test_settings_without_sense_keep_every_message_in_its_queue(awaken: Awaken) -> None:
    function = awaken(MAX_INPUT_BYTES="lots")
    answer = function(events.load("sqs_fifo_s3"))
    assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] == ["m0", "m1"]
    with pytest.raises(Redelivery, match="MAX_INPUT_BYTES='lots'"):
        function(events.load("eventbridge_s3"))


def test_opening_an_event_leaves_it_as_it_was() -> None:
    for path in events.EVENTS.glob("*.json"):
        event = events.load(path.stem)
        before = copy.deepcopy(event)
        open_envelope(event)
        assert event == before


def test_a_direct_record_that_is_no_record_is_answered() -> None:
    entry = only({"Records": [{"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}, "object": {}}}]})
    assert isinstance(entry, NoUpload)
    assert type(entry.why) is MalformedEvent


def test_an_empty_object_and_a_folder_are_skipped_whichever_way_they_come(cutter: Function) -> None:
    for told in (events.upload, events.eventbridge):
        answer = cutter(events.sqs(told("photos", "a.png", size=0), told("photos", "folder/")))
        assert [result["reason"] for result in answer["results"]] == [
            "The object is empty.",
            "The key ends in a slash: it is a folder's marker.",
        ]
