"""Uploads: what is cut out, what is left alone, what is reported and what is raised for redelivery."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from handler import telemetry
from handler.errors import CutoutError, Redelivery
from local import events
from tests import artefacts
from tests.clients import BrokenContext, Context
from tests.pictures import opened, save, scene

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients import Function
    from tests.conftest import Awaken, Buckets, Log


def many(*single: dict[str, Any]) -> dict[str, Any]:
    """Put single uploads' records into one event."""
    return {"Records": [record for event in single for record in event["Records"]]}


def only(answer: dict[str, Any]) -> dict[str, Any]:
    (result,) = answer["results"]
    return dict(result)


def test_an_upload_is_cut_out_into_the_output_bucket(cutter: Function, buckets: Buckets, picture: bytes) -> None:
    buckets.put("holidays/sea.png", picture)
    answer = cutter(events.upload(buckets.uploads, "holidays/sea.png"))
    assert (answer["statusCode"], answer["status"], answer["event"]) == (200, "success", "s3")
    result = only(answer)
    assert result["status"] == "success"
    assert result["destination"] == {"bucket": buckets.cutouts, "key": "cutouts/holidays/sea.png.png"}
    assert (result["width"], result["height"]) == (96, 64)
    stored = buckets.get(buckets.cutouts, "cutouts/holidays/sea.png.png")
    data = stored["Body"].read()
    assert result["bytes"] == len(data)
    cutout = opened(data)
    assert (cutout.format, cutout.mode, cutout.size) == ("PNG", "RGBA", (96, 64))
    low, high = cutout.getchannel("A").getextrema()
    assert low != high
    assert set(result["times_ms"]) == {"fetch", "decode", "predict", "cut", "paint", "encode", "deliver"}


def test_the_result_says_its_type_its_source_and_its_model(cutter: Function, buckets: Buckets, picture: bytes) -> None:
    put = buckets.put("a.png", picture)
    cutter(events.upload(buckets.uploads, "a.png", sequencer="0A1B"))
    stored = buckets.get(buckets.cutouts, "cutouts/a.png.png")
    assert stored["ContentType"] == "image/png"
    metadata = dict(stored["Metadata"])
    assert re.fullmatch("[0-9a-f]{16}", metadata.pop("cutout-of-object"))
    assert metadata == {
        "cutout-of-etag": put["ETag"].strip('"'),
        "cutout-of-sequencer": "0A1B",
        "cutout-model": "brightness 1 static 64",
        "cutout-options": '{"format":"png"}',
    }


def test_uploads_become_webp_where_asked(awaken: Awaken, brightness: Path, buckets: Buckets, picture: bytes) -> None:
    function = awaken(MODEL_DIR=str(brightness), OUTPUT_FORMAT="webp", **buckets.environment())
    buckets.put("a.png", picture)
    assert only(function(events.upload(buckets.uploads, "a.png")))["destination"]["key"] == "cutouts/a.png.webp"
    stored = buckets.get(buckets.cutouts, "cutouts/a.png.webp")
    assert stored["ContentType"] == "image/webp"
    assert opened(stored["Body"].read()).format == "WEBP"


def test_many_records_are_all_cut_out_in_their_order(cutter: Function, buckets: Buckets, picture: bytes) -> None:
    keys = ["one.png", "two.png", "three.png"]
    for key in keys:
        buckets.put(key, picture)
    answer = cutter(many(*(events.upload(buckets.uploads, key) for key in keys)))
    assert [result["picture"]["key"] for result in answer["results"]] == keys
    assert buckets.keys(buckets.cutouts) == sorted(f"cutouts/{key}.png" for key in keys)


@pytest.mark.parametrize(
    ("sent", "key"),
    [
        ("a/b%20c%2B%C3%A9.png", "a/b c+é.png"),
        ("red+flower", "red flower"),
        ("in/red+flower%2B%C3%A9.jpg", "in/red flower+é.jpg"),
        ("100%25.png", "100%.png"),
        ("%E7%94%BB%E5%83%8F.png", "画像.png"),
    ],
)
def test_encoded_keys_are_decoded_once(cutter: Function, buckets: Buckets, picture: bytes, sent: str, key: str) -> None:
    buckets.put(key, picture)
    event = events.upload(buckets.uploads, "x")
    event["Records"][0]["s3"]["object"]["key"] = sent
    result = only(cutter(event))
    assert result["picture"]["key"] == key
    assert buckets.keys(buckets.cutouts) == [f"cutouts/{key}.png"]


@pytest.mark.parametrize("name", ["s3_put", "s3_put_versioned_realistic"])
def test_the_sample_events_reach_their_object(cutter: Function, buckets: Buckets, picture: bytes, name: str) -> None:
    event = events.load(name)
    record = event["Records"][0]["s3"]
    record["bucket"]["name"] = buckets.uploads
    record["object"].pop("versionId", None)
    buckets.put({"s3_put": "a/b c+é.png"}.get(name, "in/red flower+é.jpg"), picture)
    assert cutter(event)["statusCode"] == 200


def test_the_newest_version_is_cut_out_whichever_the_event_was_about(cutter: Function, buckets: Buckets) -> None:
    """A key has one result. An event that comes late must not lead to the cut-out of what nobody sees any more."""
    buckets.keep_versions()
    first = buckets.put("a.png", save(scene(40, 30)))["VersionId"]
    newest = buckets.put("a.png", save(scene(20, 10)))["VersionId"]
    assert first != newest
    result = only(cutter(events.upload(buckets.uploads, "a.png", versionId=first)))
    assert (result["width"], result["height"]) == (20, 10)
    assert buckets.get(buckets.cutouts, "cutouts/a.png.png")["Metadata"]["cutout-of-version"] == newest


def test_the_test_event_is_answered_and_nothing_is_written(cutter: Function, buckets: Buckets) -> None:
    answer = cutter(events.load("s3_testevent"))
    assert (answer["statusCode"], only(answer)["status"]) == (200, "skipped")
    assert "test event" in only(answer)["reason"]
    assert buckets.keys(buckets.cutouts) == []


@pytest.mark.parametrize(
    ("key", "size", "name", "reason"),
    [
        ("folder/", 0, "ObjectCreated:Put", "folder's marker"),
        ("folder/", 10, "ObjectCreated:Put", "folder's marker"),
        ("empty.png", 0, "ObjectCreated:Put", "The object is empty."),
        ("a.png", 10, "ObjectRemoved:Delete", "ObjectRemoved:Delete; only ObjectCreated"),
        ("a.png", 10, "s3:ObjectRemoved:DeleteMarkerCreated", "only ObjectCreated"),
        ("a.png", 10, "ObjectTagging:Put", "only ObjectCreated"),
    ],
)
def test_what_is_no_upload_of_a_picture_is_skipped_with_its_reason(  # noqa: PLR0917 - a table's columns
    cutter: Function, buckets: Buckets, key: str, size: int, name: str, reason: str
) -> None:
    event = events.upload(buckets.uploads, key, size=size)
    event["Records"][0]["eventName"] = name
    result = only(cutter(event))
    assert (result["statusCode"], result["status"]) == (200, "skipped")
    assert reason in result["reason"]
    assert buckets.keys(buckets.cutouts) == []


@pytest.mark.parametrize(
    "name", ["ObjectCreated:CompleteMultipartUpload", "ObjectCreated:Copy", "s3:ObjectCreated:Put"]
)
def test_every_way_to_create_an_object_counts(cutter: Function, buckets: Buckets, picture: bytes, name: str) -> None:
    buckets.put("a.png", picture)
    event = events.upload(buckets.uploads, "a.png")
    event["Records"][0]["eventName"] = name
    assert only(cutter(event))["status"] == "success"


def test_one_bucket_and_no_prefix_is_refused_as_a_loop(
    awaken: Awaken, brightness: Path, buckets: Buckets, picture: bytes
) -> None:
    function = awaken(MODEL_DIR=str(brightness), OUTPUT_PREFIX="", OUTPUT_BUCKET=buckets.uploads)
    buckets.put("a.png", picture)
    with pytest.raises(Redelivery, match="OUTPUT_PREFIX is empty"):
        function(events.upload(buckets.uploads, "a.png"))
    assert buckets.keys(buckets.uploads) == ["a.png"]


def test_two_inputs_never_share_an_output(cutter: Function, buckets: Buckets, picture: bytes) -> None:
    keys = ["a.png", "a.jpg", "a", "b/a.png", "cutouts/a.png", "a.png.png"]
    for key in keys:
        buckets.put(key, picture)
    answer = cutter(many(*(events.upload(buckets.uploads, key) for key in keys)))
    assert answer["statusCode"] == 200
    assert len({result["destination"]["key"] for result in answer["results"]}) == len(keys)


def test_without_an_output_bucket_uploads_wait(awaken: Awaken, brightness: Path) -> None:
    with pytest.raises(Redelivery, match="OUTPUT_BUCKET is not set"):
        awaken(MODEL_DIR=str(brightness))(events.upload("photos", "a.png"))


def test_a_key_whose_result_would_be_too_long_is_reported(cutter: Function, buckets: Buckets, picture: bytes) -> None:
    key = "é" * 508 + "a.png"  # 1,021 bytes: S3 takes the upload, and not the result
    buckets.put(key, picture)
    answer = cutter(events.upload(buckets.uploads, key))
    assert answer["statusCode"] == 400
    assert only(answer)["error"]["code"] == "invalid_key"
    assert "1,033" in only(answer)["error"]["detail"]
    assert "1,024" in only(answer)["error"]["detail"]
    assert not cutter.model.loaded


def test_a_missing_object_is_404_in_the_results(cutter: Function, buckets: Buckets) -> None:
    answer = cutter(events.upload(buckets.uploads, "gone.png"))
    assert (answer["statusCode"], answer["status"]) == (404, "error")
    assert only(answer)["error"]["code"] == "object_not_found"
    assert f"s3://{buckets.uploads}/gone.png" in only(answer)["error"]["detail"]


def test_a_missing_input_bucket_is_404(cutter: Function) -> None:
    assert cutter(events.upload("no-such-bucket", "a.png"))["statusCode"] == 404


def test_a_missing_output_bucket_is_raised_before_anything_is_computed(
    awaken: Awaken, brightness: Path, buckets: Buckets, picture: bytes
) -> None:
    function = awaken(MODEL_DIR=str(brightness), **{**buckets.environment(), "OUTPUT_BUCKET": "nobodys-bucket"})
    buckets.put("a.png", picture)
    with pytest.raises(Redelivery, match="mend OUTPUT_BUCKET"):
        function(events.upload(buckets.uploads, "a.png"))
    assert not function.model.loaded


def test_what_is_no_picture_is_reported_and_not_raised(cutter: Function, buckets: Buckets) -> None:
    buckets.put("notes.txt", b"These are words.")
    answer = cutter(events.upload(buckets.uploads, "notes.txt"))
    assert answer["statusCode"] == 400
    assert only(answer)["error"]["code"] == "invalid_file_type"
    assert buckets.keys(buckets.cutouts) == ["cutouts/notes.txt.png.error.json"]


def test_an_object_over_the_byte_limit_is_refused_unread(
    awaken: Awaken, brightness: Path, buckets: Buckets, picture: bytes
) -> None:
    function = awaken(MODEL_DIR=str(brightness), MAX_INPUT_BYTES="100", **buckets.environment())
    buckets.put("a.png", picture)
    result = only(function(events.upload(buckets.uploads, "a.png")))
    assert result["error"]["code"] == "file_too_large"
    assert "the limit is 100" in result["error"]["detail"]


def test_one_records_fault_does_not_keep_the_others(cutter: Function, buckets: Buckets, picture: bytes) -> None:
    buckets.put("good.png", picture)
    buckets.put("bad.png", b"words")
    event = many(*(events.upload(buckets.uploads, key) for key in ("bad.png", "gone.png", "good.png")))
    answer = cutter(event)
    assert [result["statusCode"] for result in answer["results"]] == [400, 404, 200]
    assert answer["statusCode"] == 404
    assert buckets.keys(buckets.cutouts) == ["cutouts/bad.png.png.error.json", "cutouts/good.png.png"]


def test_a_record_that_may_succeed_later_raises_after_the_others_are_done(
    awaken: Awaken, tmp_path: Path, buckets: Buckets
) -> None:
    folder = artefacts.write(tmp_path, artefacts.afraid_of_light())
    function = awaken(MODEL_DIR=str(folder), **buckets.environment())
    buckets.put("bright.png", save(scene().point(lambda value: 255 - value // 8)))
    buckets.put("dark.png", save(scene().point(lambda value: value // 4)))
    event = many(events.upload(buckets.uploads, "bright.png"), events.upload(buckets.uploads, "dark.png"))
    with pytest.raises(Redelivery, match="1 of 2 objects failed and may succeed later"):
        function(event)
    assert buckets.keys(buckets.cutouts) == ["cutouts/dark.png.png"]


def test_too_little_time_raises_before_anything_is_read(cutter: Function, buckets: Buckets, picture: bytes) -> None:
    buckets.put("a.png", picture)
    with pytest.raises(Redelivery, match="s are left"):
        cutter(events.upload(buckets.uploads, "a.png"), Context(remaining_ms=100))
    assert buckets.keys(buckets.cutouts) == []
    assert not cutter.model.loaded


def test_a_model_that_cannot_be_loaded_leaves_the_upload_in_its_queue(
    awaken: Awaken, tmp_path: Path, buckets: Buckets, picture: bytes
) -> None:
    buckets.put("a.png", picture)
    with pytest.raises(Redelivery, match=re.escape("model.json cannot be read")):
        awaken(MODEL_DIR=str(tmp_path), **buckets.environment())(events.upload(buckets.uploads, "a.png"))


def test_settings_without_sense_leave_the_upload_in_its_queue(awaken: Awaken) -> None:
    with pytest.raises(Redelivery, match="TARGET_SIZE='100'"):
        awaken(TARGET_SIZE="100")(events.load("s3_put"))


def test_what_nobody_foresaw_is_raised_with_the_request_and_logged_with_its_traceback(
    cutter: Function, buckets: Buckets, picture: bytes, log: Log
) -> None:
    buckets.put("a.png", picture)
    with pytest.raises(Redelivery, match="quote request request-7") as raised:
        cutter(events.upload(buckets.uploads, "a.png"), BrokenContext())
    assert "secret-of-the-platform" not in str(raised.value)
    (line,) = log.of(telemetry.UNFORESEEN)
    assert "secret-of-the-platform" in line["exception"]


BROKEN_RECORDS: list[Any] = [
    {},
    {"s3": None},
    {"s3": {"bucket": {}, "object": {"key": "a"}}},
    {"s3": {"bucket": {"name": "b"}, "object": {}}},
    {"s3": {"bucket": {"name": "b"}, "object": {"key": 7}}},
    {"s3": {"bucket": {"name": ""}, "object": {"key": "a"}}},
    {"s3": {"bucket": {"name": "b"}, "object": {"key": "a", "versionId": 3}}},
    {"s3": {"bucket": {"name": "b"}, "object": {"key": "a", "sequencer": []}}},
    {"s3": {"bucket": {"name": "b"}, "object": None}},
    # A sequencer becomes metadata of the result, which S3 takes in short ASCII alone.
    {"s3": {"bucket": {"name": "b"}, "object": {"key": "a", "sequencer": "é"}}},
    {"s3": {"bucket": {"name": "b"}, "object": {"key": "a", "sequencer": "0" * 3000}}},
]


@pytest.mark.parametrize("record", BROKEN_RECORDS, ids=lambda record: str(record)[:80])
def test_a_record_that_is_no_record_is_reported(cutter: Function, record: dict[str, Any]) -> None:
    answer = cutter({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", **record}]})
    assert answer["statusCode"] == 400
    assert only(answer)["error"]["code"] == "malformed_event"


def test_a_raised_error_is_one_of_the_tree(cutter: Function) -> None:
    with pytest.raises(CutoutError) as raised:
        cutter(events.upload("no", "a.png"), Context(remaining_ms=0))
    assert raised.value.retriable
