"""S3 Batch Operations: each task gets a code and a sentence for the completion report; arguments are options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from local import events
from tests.clients import Context
from tests.pictures import opened

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients import Function
    from tests.conftest import Awaken, Buckets


def only(answer: dict[str, Any]) -> dict[str, str]:
    (result,) = answer["results"]
    return dict(result)


@pytest.mark.parametrize("schema", ["1.0", "2.0"])
def test_a_task_is_cut_out_and_answered_in_its_schema(
    cutter: Function, buckets: Buckets, picture: bytes, schema: str
) -> None:
    buckets.put("in/red flower+é.png", picture)
    event = events.batch_job(buckets.uploads, "in/red flower+é.png", schema=schema)
    result = f"s3://{buckets.cutouts}/cutouts/in/red flower+é.png.png"
    stored = cutter(event)
    size = len(buckets.get(buckets.cutouts, "cutouts/in/red flower+é.png.png")["Body"].read())
    assert stored == {
        "invocationSchemaVersion": schema,
        "treatMissingKeysAs": "TemporaryFailure",
        "invocationId": event["invocationId"],
        "results": [
            {"taskId": "t0", "resultCode": "Succeeded", "resultString": f"{result}: 96x64 px, {size} bytes"},
        ],
    }


def test_a_key_of_schema_2_that_is_encoded_is_found_all_the_same(
    cutter: Function, buckets: Buckets, picture: bytes
) -> None:
    buckets.put("red flower.png", picture)
    assert only(cutter(events.batch_job(buckets.uploads, "red+flower.png")))["resultCode"] == "Succeeded"
    assert buckets.keys(buckets.cutouts) == ["cutouts/red flower.png.png"]
    buckets.put("red+flower.png", picture)
    cutter(events.batch_job(buckets.uploads, "red+flower.png"))
    assert "cutouts/red+flower.png.png" in buckets.keys(buckets.cutouts), "what is there as it is written comes first"


def test_uploads_that_are_done_already_count_as_succeeded(cutter: Function, buckets: Buckets, picture: bytes) -> None:
    buckets.put("a.png", picture)
    cutter(events.upload(buckets.uploads, "a.png", sequencer="0A"))
    result = only(cutter(events.batch_job(buckets.uploads, "a.png")))
    assert result["resultCode"] == "Succeeded"
    assert result["resultString"].startswith("Nothing to do: Its cut-out is there already")
    assert buckets.get(buckets.cutouts, "cutouts/a.png.png")["Metadata"]["cutout-of-sequencer"] == "0A"


def test_what_a_job_writes_still_names_the_event_that_it_is_not_older_than(
    cutter: Function, buckets: Buckets, picture: bytes
) -> None:
    """A task knows no sequencer. What it replaces held up to one; what it writes is of the newest object, as always."""
    buckets.put("a.png", picture)
    cutter(events.upload(buckets.uploads, "a.png", sequencer="0A"))
    buckets.put("a.png", picture + b"\0")
    assert "96x64" in only(cutter(events.batch_job(buckets.uploads, "a.png")))["resultString"]
    assert buckets.get(buckets.cutouts, "cutouts/a.png.png")["Metadata"]["cutout-of-sequencer"] == "0A"


def test_arguments_are_options_by_the_contracts_names(cutter: Function, buckets: Buckets, picture: bytes) -> None:
    buckets.put("a.png", picture)
    arguments = {"format": "jpg", "bg_color": "81d4fa", "size": "preview"}
    sentence = only(cutter(events.batch_job(buckets.uploads, "a.png", arguments=arguments)))["resultString"]
    (key,) = buckets.keys(buckets.cutouts)
    assert key.startswith("cutouts/a.png.")
    assert key.endswith(".jpg")
    assert key in sentence
    corner = np.asarray(opened(buckets.get(buckets.cutouts, key)["Body"].read()).convert("RGB"))[0, 0]
    assert np.abs(corner.astype(int) - (0x81, 0xD4, 0xFA)).max() < 40


def test_a_jobs_options_and_uploads_do_not_take_turns_at_one_key(
    cutter: Function, buckets: Buckets, picture: bytes
) -> None:
    buckets.put("a.png", picture)
    for arguments in ({}, {"channels": "alpha"}, {"bg_color": "fff"}, {"bg_color": "ffff"}, {"format": "webp"}):
        assert (
            only(cutter(events.batch_job(buckets.uploads, "a.png", arguments=arguments)))["resultCode"] == "Succeeded"
        )
    keys = buckets.keys(buckets.cutouts)
    assert len(keys) == 4, "fff and ffff are the same colour"
    assert {"cutouts/a.png.png", "cutouts/a.png.webp"} < set(keys)
    answer = only(cutter(events.batch_job(buckets.uploads, "a.png", arguments={"channels": "alpha"})))
    assert answer["resultString"].startswith("Nothing to do")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"colour": "red"}, "'colour' is not known here: give some of size, max_side, format, channels"),
        ({"image_url": "https://x"}, "invalid_outputs: 'image_url' is not known here"),
        ({"bg_image_url": "https://x"}, "'bg_image_url' is not known here"),
        ({"roi": "50%"}, "invalid_roi: roi='50%' makes no sense"),
        ({"crop_margin": "wide"}, "invalid_crop_margin: crop_margin='wide' makes no sense"),
        ({"bg_color": "reddish"}, "invalid_bg_color: bg_color='reddish' makes no sense"),
        ({"size": "huge"}, "invalid_size: size='huge' makes no sense: give one of auto, preview"),
        ({"format": "auto"}, "give png, jpg, webp or zip"),
        ({"format": ""}, "invalid_format"),
        ({"format": 7}, "invalid_format: format='7' makes no sense"),
    ],
    ids=str,
)
def test_arguments_without_sense_are_a_permanent_failure_that_names_them(
    cutter: Function, buckets: Buckets, picture: bytes, arguments: Any, says: str
) -> None:
    buckets.put("a.png", picture)
    result = only(cutter(events.batch_job(buckets.uploads, "a.png", arguments=arguments)))
    assert result["resultCode"] == "PermanentFailure"
    assert says in result["resultString"]
    assert buckets.keys(buckets.cutouts) == []


def test_each_task_has_its_own_code_and_sentence(cutter: Function, buckets: Buckets, picture: bytes) -> None:
    buckets.put("good.png", picture)
    buckets.put("words.txt", b"words")
    answer = cutter(events.batch_job(buckets.uploads, "good.png", "words.txt", "gone.png", "folder/"))
    assert [(result["taskId"], result["resultCode"]) for result in answer["results"]] == [
        ("t0", "Succeeded"),
        ("t1", "PermanentFailure"),
        ("t2", "PermanentFailure"),
        ("t3", "Succeeded"),
    ]
    sentences = [result["resultString"] for result in answer["results"]]
    assert sentences[1].startswith("invalid_file_type: ")
    assert sentences[2].startswith("object_not_found: ")
    assert "folder's marker" in sentences[3]
    assert all("\n" not in sentence and len(sentence) <= 900 for sentence in sentences)
    assert "cutouts/words.txt.png.error.json" in buckets.keys(buckets.cutouts)


def test_what_may_pass_is_a_temporary_failure(cutter: Function, buckets: Buckets, picture: bytes) -> None:
    buckets.put("a.png", picture)
    result = only(cutter(events.batch_job(buckets.uploads, "a.png"), Context(remaining_ms=10)))
    assert result["resultCode"] == "TemporaryFailure"
    assert result["resultString"].startswith("time_too_short: ")


def test_settings_without_sense_are_a_temporary_failure_of_every_task(awaken: Awaken) -> None:
    answer = awaken(MAX_INPUT_BYTES="lots")(events.batch_job("photos", "a", "b"))
    assert [result["resultCode"] for result in answer["results"]] == ["TemporaryFailure"] * 2
    assert "MAX_INPUT_BYTES='lots'" in answer["results"][1]["resultString"]


@pytest.mark.parametrize(
    "damage",
    [{"s3Key": None}, {"s3Key": 7}, {"s3Bucket": None}, {"s3Bucket": ""}, {"s3VersionId": 7}],
    ids=str,
)
def test_a_task_that_is_no_task_is_a_permanent_failure(function: Function, damage: Any) -> None:
    event = events.batch_job("photos", "a.png")
    event["tasks"][0] |= damage
    result = only(function(event))
    assert (result["taskId"], result["resultCode"]) == ("t0", "PermanentFailure")
    assert result["resultString"].startswith("malformed_event: ")


def test_tasks_that_are_no_objects_are_answered(function: Function, brightness: Path) -> None:
    answer = function({"invocationSchemaVersion": "2.0", "invocationId": 7, "tasks": [None, []], "job": []})
    assert [result["resultCode"] for result in answer["results"]] == ["PermanentFailure"] * 2
