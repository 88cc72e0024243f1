"""Uploads that cannot be cut out have a report at their place; what may pass comes back, alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from handler.errors import Redelivery
from handler.job import Done, Invocation, S3Object
from handler.triggers.uploads.options import asked_by_setting
from handler.triggers.uploads.run import Worker
from local import events
from tests.clients import Context
from tests.faults import Cut, Fault, behind, faulty
from tests.hostile import Answer, s3_error

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients import Function
    from tests.conftest import Awaken, Buckets, Metrics
    from tests.hostile import Seen

REPORT = "cutouts/a.png.png.error.json"


def only(answer: dict[str, Any]) -> dict[str, Any]:
    (result,) = answer["results"]
    return dict(result)


def test_a_report_says_what_why_and_what_would_help(cutter: Function, buckets: Buckets, metrics: Metrics) -> None:
    buckets.keep_versions()
    put = buckets.put("a.png", b"These are words.")
    metrics()
    result = only(cutter(events.upload(buckets.uploads, "a.png", sequencer="0A")))
    stored = buckets.get(buckets.cutouts, REPORT)
    assert stored["ContentType"] == "application/json"
    assert buckets.document(buckets.cutouts, REPORT) == {
        "error": result["error"],
        "help": "Upload a JPEG, PNG, WebP, HEIC, AVIF, GIF, TIFF or BMP picture under this key.",
        "source": {
            "bucket": buckets.uploads,
            "key": "a.png",
            "version": put["VersionId"],
            "etag": put["ETag"].strip('"'),
            "sequencer": "0A",
        },
        "model": "brightness 1 static 64",
        "options": {"format": "png"},
    }
    assert metrics()["PictureRefused"] == [1]


def test_what_cannot_be_cut_out_counts_as_done(cutter: Function, buckets: Buckets) -> None:
    buckets.put("a.png", b"words")
    answer = cutter(events.sqs(events.upload(buckets.uploads, "a.png")))
    assert answer["batchItemFailures"] == []
    assert only(answer)["error"]["code"] == "invalid_file_type"


def test_the_same_failure_again_writes_nothing(cutter: Function, buckets: Buckets) -> None:
    buckets.keep_versions(buckets.cutouts)
    buckets.put("a.png", b"words")
    for _ in range(3):
        cutter(events.upload(buckets.uploads, "a.png"))
    assert len(buckets.versions(buckets.cutouts)) == 1


def test_a_report_goes_when_a_later_upload_succeeds(cutter: Function, buckets: Buckets, picture: bytes) -> None:
    buckets.put("a.png", b"words")
    cutter(events.upload(buckets.uploads, "a.png"))
    buckets.put("a.png", picture)
    cutter(events.upload(buckets.uploads, "a.png"))
    assert buckets.keys(buckets.cutouts) == ["cutouts/a.png.png"]


def test_a_report_that_was_left_behind_goes_with_the_next_delivery(
    cutter: Function, buckets: Buckets, picture: bytes
) -> None:
    buckets.put("a.png", picture)
    cutter(events.upload(buckets.uploads, "a.png"))
    buckets.put("a.png", b"words")
    cutter(events.upload(buckets.uploads, "a.png"))
    buckets.put("a.png", picture)
    assert only(cutter(events.upload(buckets.uploads, "a.png")))["status"] == "skipped"
    assert buckets.keys(buckets.cutouts) == ["cutouts/a.png.png"]


def test_a_report_about_an_older_upload_never_stays_beside_a_newer_result(
    awaken: Awaken, brightness: Path, cutter: Function, buckets: Buckets, picture: bytes
) -> None:
    buckets.put("a.png", b"words")
    left = [picture]

    def overtake(request: Seen) -> Fault:
        if request.method == "PUT" and left:
            buckets.put("a.png", left.pop())
            assert only(cutter(events.upload(buckets.uploads, "a.png")))["status"] == "success"
        return None

    with faulty(buckets.server.url, overtake) as proxy:
        function = behind(awaken, brightness, buckets, proxy)
        function(events.upload(buckets.uploads, "a.png"))
    assert left == []
    assert buckets.keys(buckets.cutouts) == ["cutouts/a.png.png"]


def test_a_key_whose_result_would_be_too_long_has_its_report_under_a_shorter_one(
    cutter: Function, buckets: Buckets, picture: bytes
) -> None:
    keys = ["é" * 508 + "a.png", "é" * 508 + "b.png"]
    for key in keys:
        buckets.put(key, picture)
        cutter(events.upload(buckets.uploads, key))
    written = buckets.keys(buckets.cutouts)
    assert len(written) == 2
    assert {buckets.document(buckets.cutouts, key)["source"]["key"] for key in written} == set(keys)
    assert all(len(key.encode()) <= 1024 and key.endswith(".error.json") for key in written)


def test_an_object_over_the_byte_limit_is_refused_by_its_head(
    awaken: Awaken, brightness: Path, buckets: Buckets, picture: bytes
) -> None:
    buckets.put("a.png", picture)
    with faulty(buckets.server.url, lambda request: None) as proxy:
        function = behind(awaken, brightness, buckets, proxy, MAX_INPUT_BYTES="100")
        assert only(function(events.upload(buckets.uploads, "a.png")))["error"]["code"] == "file_too_large"
        assert "GET" not in {request.method for request in proxy.requests}
    assert buckets.document(buckets.cutouts, REPORT)["error"]["code"] == "file_too_large"
    raised = awaken(MODEL_DIR=str(brightness), MAX_INPUT_BYTES="100000", **buckets.environment())
    assert only(raised(events.upload(buckets.uploads, "a.png")))["status"] == "success", "a raised limit is tried again"


def test_an_object_that_is_forbidden_alone_is_reported_and_a_bucket_that_is_comes_back(
    awaken: Awaken, brightness: Path, buckets: Buckets, picture: bytes
) -> None:
    buckets.put("a.png", picture)
    refused = {"a.png"}

    def forbid(request: Seen) -> Fault:
        place = request.path.removeprefix(f"/{buckets.uploads}/")
        return Answer(403) if place in refused or ("*" in refused and place != request.path) else None

    with faulty(buckets.server.url, forbid) as proxy:
        function = behind(awaken, brightness, buckets, proxy)
        event = events.sqs(events.upload(buckets.uploads, "a.png"))
        answer = function(event)
        assert answer["batchItemFailures"] == []
        assert only(answer)["error"]["code"] == "object_forbidden"
        assert "owner" in buckets.document(buckets.cutouts, REPORT)["error"]["detail"]
        refused.add("*")
        answer = function(event)
        assert answer["batchItemFailures"] == [{"itemIdentifier": "m0"}]
        assert only(answer)["error"]["code"] == "access_denied"


FAULTS: dict[str, tuple[str, Fault]] = {
    "throttled-look": ("HEAD", Answer(503)),
    "throttled-read": ("GET", s3_error(503, "SlowDown")),
    "throttled-write": ("PUT", s3_error(503, "SlowDown")),
    "broken-look": ("HEAD", Answer(500)),
    "broken-read": ("GET", s3_error(500, "InternalError")),
    "broken-write": ("PUT", s3_error(500, "InternalError")),
    "cut-before-read": ("GET", Cut("before")),
    "cut-within-read": ("GET", Cut("within")),
    "cut-before-write": ("PUT", Cut("before")),
    "refused-write": ("PUT", s3_error(403, "AccessDenied")),
    "expired-credentials": ("GET", s3_error(400, "ExpiredToken")),
    "kms-refuses": ("GET", s3_error(400, "KMS.DisabledException")),
}


@pytest.mark.parametrize(("method", "fault"), FAULTS.values(), ids=FAULTS)
def test_what_may_pass_brings_its_own_message_back_and_succeeds_when_it_has_passed(  # noqa: PLR0917 - fixtures
    awaken: Awaken, brightness: Path, buckets: Buckets, picture: bytes, method: str, fault: Fault, impatient: None
) -> None:
    keys = ["a.png", "bad.png", "c.png"]
    for key in keys:
        buckets.put(key, picture)
    there = [True]

    def strike(request: Seen) -> Fault:
        return fault if there and request.method == method and "bad.png" in request.path else None

    with faulty(buckets.server.url, strike) as proxy:
        function = behind(awaken, brightness, buckets, proxy)
        event = events.sqs(*(events.upload(buckets.uploads, key) for key in keys))
        answer = function(event)
        assert answer["batchItemFailures"] == [{"itemIdentifier": "m1"}]
        assert buckets.keys(buckets.cutouts) == ["cutouts/a.png.png", "cutouts/c.png.png"]
        there.clear()
        answer = function(event)
        assert answer["batchItemFailures"] == []
        assert [result["status"] for result in answer["results"]] == ["skipped", "success", "skipped"]
    assert len(buckets.keys(buckets.cutouts)) == 3


def test_a_report_that_cannot_be_written_brings_the_upload_back(
    awaken: Awaken, brightness: Path, buckets: Buckets, impatient: None
) -> None:
    buckets.put("a.png", b"words")
    with faulty(buckets.server.url, lambda seen: s3_error(503, "SlowDown") if seen.method == "PUT" else None) as proxy:
        function = behind(awaken, brightness, buckets, proxy)
        with pytest.raises(Redelivery, match="SlowDown"):
            function(events.upload(buckets.uploads, "a.png"))


def test_a_batch_that_will_not_finish_hands_the_rest_back_untouched(
    awaken: Awaken, brightness: Path, buckets: Buckets, picture: bytes
) -> None:
    keys = [f"{number}.png" for number in range(6)]
    for key in keys:
        buckets.put(key, picture)
    with faulty(buckets.server.url, lambda request: None) as proxy:
        function = behind(awaken, brightness, buckets, proxy)
        function({"warmup": True})

        class Clock(Context):
            """Two and a half seconds, of which each picture's bytes take one."""

            def get_remaining_time_in_millis(self) -> float:
                return 2_600.0 - 1_000.0 * sum(request.method == "GET" for request in proxy.requests)

        answer = function(events.sqs(*(events.upload(buckets.uploads, key) for key in keys)), Clock())
    handed_back = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
    assert handed_back == ["m2", "m3", "m4", "m5"]
    assert buckets.keys(buckets.cutouts) == ["cutouts/0.png.png", "cutouts/1.png.png"]
    touched = {request.path for request in proxy.requests if request.path.startswith(f"/{buckets.uploads}")}
    assert touched == {f"/{buckets.uploads}/{key}" for key in keys[:2]}


def test_a_batch_whose_s3_takes_long_to_fail_hands_the_rest_back_untouched(
    awaken: Awaken, brightness: Path, buckets: Buckets, picture: bytes, impatient: None
) -> None:
    """Else the timeout would end it in the middle, and bring the whole batch back."""
    keys = [f"{number}.png" for number in range(4)]
    for key in keys:
        buckets.put(key, picture)
    refused = s3_error(503, "SlowDown")
    with faulty(
        buckets.server.url, lambda request: refused if request.path.startswith(f"/{buckets.uploads}") else None
    ) as proxy:
        function = behind(awaken, brightness, buckets, proxy)
        function({"warmup": True})

        class Clock(Context):
            """Five seconds, of which each upload that S3 is asked for takes three."""

            def get_remaining_time_in_millis(self) -> float:
                asked = {seen.path for seen in proxy.requests if seen.path.startswith(f"/{buckets.uploads}")}
                return 5_000.0 - 3_000.0 * len(asked)

        answer = function(events.sqs(*(events.upload(buckets.uploads, key) for key in keys)), Clock())
        touched = {seen.path for seen in proxy.requests if seen.path.startswith(f"/{buckets.uploads}")}
    assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] == ["m0", "m1", "m2", "m3"]
    assert touched == {f"/{buckets.uploads}/{keys[0]}"}


def test_time_is_asked_for_once_more_before_a_result_is_written(
    awaken: Awaken, brightness: Path, buckets: Buckets, picture: bytes
) -> None:
    buckets.put("a.png", picture)
    function = awaken(MODEL_DIR=str(brightness), **buckets.environment())

    class Slow(Context):
        """The network takes all the time there is."""

        def get_remaining_time_in_millis(self) -> float:
            return 300_000.0 if function.model.last_network_ms is None else 100.0

    with pytest.raises(Redelivery, match="s are left"):
        function(events.upload(buckets.uploads, "a.png"), Slow())
    assert function.model.last_network_ms is not None
    assert buckets.keys(buckets.cutouts) == []


def test_what_is_written_is_not_kept_until_the_whole_queue_is_done(
    cutter: Function, buckets: Buckets, picture: bytes
) -> None:
    buckets.put("a.png", picture)
    pipeline = cutter.module.environment.pipeline
    worker = Worker("sqs", asked_by_setting(pipeline.settings), Invocation("request"), pipeline)
    outcome = worker.run(S3Object(buckets.uploads, "a.png"))
    assert isinstance(outcome, Done)
    assert [(file.data, file.width_px) for file in outcome.files] == [(b"", 96)]


def test_a_report_whose_answer_is_lost_is_not_written_again(
    awaken: Awaken, brightness: Path, buckets: Buckets, impatient: None
) -> None:
    """S3 took it, its answer was lost, and botocore sent it again: once is enough, and the upload is done."""
    buckets.keep_versions(buckets.cutouts)
    buckets.put("a.png", b"words")
    lost = [Cut("after")]

    def lose(request: Seen) -> Fault:
        return lost.pop() if request.method == "PUT" and lost else None

    with faulty(buckets.server.url, lose) as proxy:
        function = behind(awaken, brightness, buckets, proxy)
        assert function(events.sqs(events.upload(buckets.uploads, "a.png")))["batchItemFailures"] == []
    assert lost == []
    assert len(buckets.versions(buckets.cutouts)) == 1


def test_two_deliveries_at_once_write_one_report(
    awaken: Awaken, brightness: Path, cutter: Function, buckets: Buckets
) -> None:
    buckets.keep_versions(buckets.cutouts)
    buckets.put("a.png", b"words")
    event = events.sqs(events.upload(buckets.uploads, "a.png"))
    left = [event]

    def overtake(request: Seen) -> Fault:
        if request.method == "PUT" and left:
            assert cutter(left.pop())["batchItemFailures"] == []
        return None

    with faulty(buckets.server.url, overtake) as proxy:
        function = behind(awaken, brightness, buckets, proxy)
        assert function(event)["batchItemFailures"] == []
    assert left == []
    assert len(buckets.versions(buckets.cutouts)) == 1
