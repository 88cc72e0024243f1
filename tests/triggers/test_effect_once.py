"""Exactly one effect: what is done is found done, and whatever happens meanwhile, the newest object's result stays."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from handler.job import Rendering, Rendition
from handler.triggers.uploads.place import options_of
from local import events
from tests import artefacts
from tests.faults import Cut, Fault, behind, faulty
from tests.pictures import opened, save, scene

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.clients import Function
    from tests.conftest import Awaken, Buckets, Metrics
    from tests.hostile import Hostile, Seen

RESULT = "cutouts/a.png.png"
REPORT = f"{RESULT}.error.json"


def only(answer: dict[str, Any]) -> dict[str, Any]:
    (result,) = answer["results"]
    return dict(result)


def event(buckets: Buckets, key: str = "a.png", **more: object) -> dict[str, Any]:
    """Make an upload's event without a sequencer, unless a test gives one."""
    made = events.upload(buckets.uploads, key, **more)
    if "sequencer" not in more:
        del made["Records"][0]["s3"]["object"]["sequencer"]
    return made


def size_of(buckets: Buckets, key: str = RESULT) -> tuple[int, int]:
    return opened(buckets.get(buckets.cutouts, key)["Body"].read()).size


def once(method: str, path_end: str, do: Callable[[], Fault]) -> Callable[[Seen], Fault]:
    """Do something when the first request of its kind comes, before S3 sees it."""
    left = [do]

    def fault_of(request: Seen) -> Fault:
        if left and request.method == method and request.path.partition("?")[0].endswith(path_end):
            return left.pop()()
        return None

    return fault_of


def methods(proxy: Hostile) -> list[str]:
    return [request.method for request in proxy.requests]


def replaced(buckets: Buckets) -> Callable[[], Fault]:
    """Replace the upload by a smaller picture, and let the request through."""

    def replace() -> Fault:
        buckets.put("a.png", save(scene(20, 10)))
        return None

    return replace


def test_a_repeated_delivery_finds_the_work_done_before_it_reads_or_computes_anything(
    awaken: Awaken, brightness: Path, buckets: Buckets, picture: bytes, metrics: Metrics
) -> None:
    buckets.keep_versions(buckets.cutouts)
    buckets.put("a.png", picture)
    with faulty(buckets.server.url, lambda request: None) as proxy:
        function = behind(awaken, brightness, buckets, proxy)
        assert only(function(event(buckets)))["status"] == "success"
        assert set(methods(proxy)) == {"HEAD", "GET", "PUT"}
        proxy.requests.clear()
        metrics()
        again = behind(awaken, brightness, buckets, proxy)
        result = only(again(event(buckets)))
        assert methods(proxy) == ["HEAD"] * 4  # result, upload, report; and once in an environment, the bucket
    assert result["status"] == "skipped"
    assert "there already" in result["reason"]
    assert not again.model.loaded
    assert metrics()["PictureSkipped"] == [1]
    assert len(buckets.versions(buckets.cutouts)) == 1


def test_another_model_or_another_way_to_use_it_computes_again(
    awaken: Awaken, tmp_path: Path, brightness: Path, buckets: Buckets, picture: bytes
) -> None:
    buckets.put("a.png", picture)
    other = artefacts.write(tmp_path, artefacts.brightness(), name="other")
    for variables in (
        {"MODEL_DIR": str(brightness)},
        {"MODEL_DIR": str(other)},
        {"INSPIRENET_RESIZE": "dynamic"},
        {"TARGET_SIZE": "96"},
    ):
        function = awaken(**{**buckets.environment(), **variables})
        assert only(function(event(buckets)))["status"] == "success", variables
        assert only(function(event(buckets)))["status"] == "skipped", variables
    model = buckets.get(buckets.cutouts, RESULT)["Metadata"]["cutout-model"]
    assert model == "other 1 dynamic 96"


def test_another_format_has_another_key(awaken: Awaken, brightness: Path, buckets: Buckets, picture: bytes) -> None:
    buckets.put("a.png", picture)
    for output_format in ("png", "webp"):
        function = awaken(MODEL_DIR=str(brightness), OUTPUT_FORMAT=output_format, **buckets.environment())
        assert only(function(event(buckets)))["status"] == "success"
    assert buckets.keys(buckets.cutouts) == [RESULT, "cutouts/a.png.webp"]


def test_options_are_written_down_the_same_way_whenever_they_are_the_same() -> None:
    assert options_of(Rendition()) == "{}"
    assert (
        options_of(Rendition(Rendering(format="png", background=(1, 2, 3, 4))))
        == '{"background":[1,2,3,4],"format":"png"}'
    )


@pytest.mark.parametrize(("late", "status"), [("0A1B", "skipped"), ("0A1C", "skipped"), ("0A1D", "success")])
def test_a_late_event_does_not_replace_a_newer_result(
    cutter: Function, buckets: Buckets, late: str, status: str
) -> None:
    buckets.put("a.png", save(scene(40, 30)))
    cutter(event(buckets, sequencer="0A1C"))
    if status == "success":
        buckets.put("a.png", save(scene(20, 10)))
    result = only(cutter(event(buckets, sequencer=late)))
    assert result["status"] == status
    assert buckets.get(buckets.cutouts, RESULT)["Metadata"]["cutout-of-sequencer"] == max(late, "0A1C")


def test_events_in_the_wrong_order_end_with_the_newest_version(cutter: Function, buckets: Buckets) -> None:
    buckets.keep_versions()
    versions = [buckets.put("a.png", save(scene(*size)))["VersionId"] for size in ((40, 30), (20, 10), (50, 20))]
    told = [event(buckets, versionId=version, sequencer=f"0A{n}") for n, version in enumerate(versions)]
    statuses = [only(cutter(told[n]))["status"] for n in (1, 2, 0, 1)]
    assert statuses == ["success", "skipped", "skipped", "skipped"]
    assert size_of(buckets) == (50, 20)


def test_the_same_bytes_uploaded_again_are_not_cut_out_again(
    cutter: Function, buckets: Buckets, picture: bytes
) -> None:
    buckets.put("a.png", picture)
    cutter(event(buckets, sequencer="01"))
    buckets.put("a.png", picture)
    assert only(cutter(event(buckets, sequencer="02")))["status"] == "skipped"


def test_two_deliveries_at_once_end_with_one_object(
    awaken: Awaken, brightness: Path, buckets: Buckets, picture: bytes
) -> None:
    """Both have seen that nothing is there; S3 takes the first and refuses the second."""
    buckets.keep_versions(buckets.cutouts)
    buckets.put("a.png", picture)
    both_at_the_door = threading.Barrier(2, timeout=20)

    def wait_for_the_other(request: Seen) -> Fault:
        if request.method == "PUT":
            both_at_the_door.wait()
        return None

    answers: list[Any] = []
    with faulty(buckets.server.url, wait_for_the_other) as proxy:
        functions = [behind(awaken, brightness, buckets, proxy) for _ in range(2)]
        threads = [
            threading.Thread(target=lambda function=function: answers.append(function(event(buckets))))
            for function in functions
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert methods(proxy).count("PUT") == 2
    assert [only(answer)["status"] for answer in answers] == ["success", "success"]
    assert len(buckets.versions(buckets.cutouts)) == 1
    assert size_of(buckets) == (96, 64)


def test_a_write_whose_answer_is_lost_is_one_write(
    awaken: Awaken, brightness: Path, buckets: Buckets, picture: bytes, impatient: None
) -> None:
    """Botocore sends it again, and is told that its condition is unmet: by its own first attempt."""
    buckets.keep_versions(buckets.cutouts)
    buckets.put("a.png", picture)
    with faulty(buckets.server.url, once("PUT", RESULT, lambda: Cut("after"))) as proxy:
        assert only(behind(awaken, brightness, buckets, proxy)(event(buckets)))["status"] == "success"
        assert methods(proxy).count("PUT") == 2
    assert len(buckets.versions(buckets.cutouts)) == 1


def test_an_older_result_that_comes_late_does_not_replace_the_newer_one(
    awaken: Awaken, brightness: Path, cutter: Function, buckets: Buckets
) -> None:
    """While the first upload's result is on its way, a second one is uploaded and cut out by another environment."""
    buckets.keep_versions(buckets.cutouts)
    buckets.put("a.png", save(scene(40, 30)))

    def overtake() -> Fault:
        buckets.put("a.png", save(scene(20, 10)))
        assert only(cutter(event(buckets, sequencer="02")))["status"] == "success"
        return None

    with faulty(buckets.server.url, once("PUT", RESULT, overtake)) as proxy:
        late = only(behind(awaken, brightness, buckets, proxy)(event(buckets, sequencer="01")))
    assert late["status"] == "skipped"
    assert size_of(buckets) == (20, 10)
    assert len(buckets.versions(buckets.cutouts)) == 1, "the older one was never there"


def test_a_source_replaced_while_it_is_cut_out_is_cut_out_again(
    awaken: Awaken, brightness: Path, buckets: Buckets
) -> None:
    """Its event may have come and gone: whoever writes looks once more."""
    buckets.put("a.png", save(scene(40, 30)))

    with faulty(buckets.server.url, once("PUT", RESULT, replaced(buckets))) as proxy:
        function = behind(awaken, brightness, buckets, proxy)
        result = only(function(event(buckets)))
    assert (result["status"], result["width"], result["height"]) == ("success", 20, 10)
    assert size_of(buckets) == (20, 10)


def test_bytes_that_come_back_while_others_are_cut_out_win(
    awaken: Awaken, brightness: Path, cutter: Function, buckets: Buckets
) -> None:
    """A → B → A: the second A finds A's result and does nothing, and B's writer still sees A's ETag where it looked.

    ETags follow from the bytes, so that S3's condition cannot tell; looking once more after writing can.
    """
    first, second = save(scene(40, 30)), save(scene(20, 10))
    buckets.put("a.png", first)
    cutter(event(buckets, sequencer="01"))
    buckets.put("a.png", second)

    def come_back() -> Fault:
        buckets.put("a.png", first)
        assert only(cutter(event(buckets, sequencer="03")))["status"] == "skipped"
        return None

    with faulty(buckets.server.url, once("PUT", RESULT, come_back)) as proxy:
        behind(awaken, brightness, buckets, proxy)(event(buckets, sequencer="02"))
    assert size_of(buckets) == (40, 30)


def test_a_source_replaced_between_its_head_and_its_bytes_is_read_whole(
    awaken: Awaken, brightness: Path, buckets: Buckets
) -> None:
    buckets.put("a.png", save(scene(40, 30)))

    with faulty(buckets.server.url, once("GET", "/a.png", replaced(buckets))) as proxy:
        result = only(behind(awaken, brightness, buckets, proxy)(event(buckets)))
    newest = buckets.server.client.head_object(Bucket=buckets.uploads, Key="a.png")["ETag"].strip('"')
    assert (result["width"], result["height"]) == (20, 10)
    assert buckets.get(buckets.cutouts, RESULT)["Metadata"]["cutout-of-etag"] == newest


def test_a_source_deleted_between_its_head_and_its_bytes_is_said_to_be_gone(
    awaken: Awaken, brightness: Path, buckets: Buckets, picture: bytes
) -> None:
    buckets.put("a.png", picture)

    def delete() -> Fault:
        buckets.server.client.delete_object(Bucket=buckets.uploads, Key="a.png")
        return None

    with faulty(buckets.server.url, once("GET", "/a.png", delete)) as proxy:
        result = only(behind(awaken, brightness, buckets, proxy)(event(buckets)))
    assert result["error"]["code"] == "object_not_found"
    assert "deleted since" in result["error"]["detail"]
    assert buckets.keys(buckets.cutouts) == []


def test_a_source_deleted_while_it_is_cut_out_keeps_its_result(
    awaken: Awaken, brightness: Path, buckets: Buckets, picture: bytes
) -> None:
    buckets.put("a.png", picture)

    def delete() -> Fault:
        buckets.server.client.delete_object(Bucket=buckets.uploads, Key="a.png")
        return None

    with faulty(buckets.server.url, once("PUT", RESULT, delete)) as proxy:
        assert only(behind(awaken, brightness, buckets, proxy)(event(buckets)))["status"] == "success"
    assert buckets.keys(buckets.cutouts) == [RESULT]


def test_a_source_that_never_holds_still_comes_again(awaken: Awaken, brightness: Path, buckets: Buckets) -> None:
    sizes = iter(range(10, 90))
    buckets.put("a.png", save(scene(9, 9)))

    def replace(request: Seen) -> Fault:
        if request.method == "PUT":
            buckets.put("a.png", save(scene(next(sizes), 9)))
        return None

    with faulty(buckets.server.url, replace) as proxy:
        function = behind(awaken, brightness, buckets, proxy)
        answer = function(events.sqs(event(buckets)))
    assert answer["batchItemFailures"] == [{"itemIdentifier": "m0"}]
    assert only(answer)["error"]["code"] == "changed_meanwhile"


def test_what_this_function_did_not_write_is_never_replaced(cutter: Function, buckets: Buckets, picture: bytes) -> None:
    buckets.server.client.put_object(Bucket=buckets.cutouts, Key=RESULT, Body=b"retouched by hand")
    buckets.put("a.png", picture)
    assert only(cutter(event(buckets)))["error"]["code"] == "target_taken"
    assert buckets.get(buckets.cutouts, RESULT)["Body"].read() == b"retouched by hand"
    assert "Move what stands there" in buckets.document(buckets.cutouts, REPORT)["help"]
    assert not cutter.model.loaded


def test_uploads_of_two_buckets_do_not_take_turns_at_one_key(
    cutter: Function, buckets: Buckets, picture: bytes
) -> None:
    other = f"{buckets.uploads[:50]}-other"
    buckets.server.client.create_bucket(Bucket=other)
    buckets.put("a.png", picture)
    buckets.server.client.put_object(Bucket=other, Key="a.png", Body=save(scene(20, 10)))
    assert only(cutter(event(buckets)))["status"] == "success"
    second = only(cutter(events.upload(other, "a.png")))
    assert second["error"]["code"] == "target_taken"
    assert size_of(buckets) == (96, 64)
    assert only(cutter(event(buckets)))["status"] == "skipped"
    assert buckets.document(buckets.cutouts, REPORT)["source"]["bucket"] == other, "only its own upload withdraws it"


@pytest.mark.parametrize(
    ("prefix", "reason"), [("cutouts/", "OUTPUT_PREFIX"), ("results/", "wrote itself")], ids=["prefix", "metadata"]
)
def test_the_functions_own_output_events_stop_at_once(  # noqa: PLR0917 - fixtures and a table's columns
    awaken: Awaken, brightness: Path, buckets: Buckets, picture: bytes, prefix: str, reason: str
) -> None:
    """By bucket and prefix; where the prefix has changed since, or a result was copied, by its metadata."""
    one = {"OUTPUT_BUCKET": buckets.uploads}
    buckets.put("a.png", picture)
    buckets.put("words.txt", b"words")
    with faulty(buckets.server.url, lambda request: None) as proxy:
        function = behind(awaken, brightness, buckets, proxy, **one)
        for key in ("a.png", "words.txt"):
            function(event(buckets, key))
        written = [key for key in buckets.keys(buckets.uploads) if key.startswith("cutouts/")]
        assert written == [RESULT, "cutouts/words.txt.png.error.json"]
        before = buckets.keys(buckets.uploads)
        function = behind(awaken, brightness, buckets, proxy, **one, OUTPUT_PREFIX=prefix)
        proxy.requests.clear()
        for key in written:
            for told in (events.upload(buckets.uploads, key), events.eventbridge(buckets.uploads, key)):
                result = only(function(told))
                assert (result["status"], reason in result["reason"]) == ("skipped", True)
        assert set(methods(proxy)) <= {"HEAD"}
    assert buckets.keys(buckets.uploads) == before
