"""Several renditions of an upload: one look of the network, and each with its own key, effect and failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pytest

from handler.errors import Redelivery
from local import events
from tests import artefacts
from tests.clients import Context
from tests.faults import Fault, faulty
from tests.hostile import s3_error
from tests.pictures import opened, save, scene

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_s3.type_defs import TagTypeDef

    from tests.clients import Function
    from tests.conftest import Awaken, Buckets, Metrics
    from tests.hostile import Hostile, Seen

FOUR = (
    "full: format=png / web: format=webp max_side=32 bg_color=white / matte: channels=alpha format=png / "
    "square: crop=true crop_margin=5px aspect_ratio=1:1 format=png"
)
KEYS = {
    "full": "cutouts/a.png.full.png",
    "matte": "cutouts/a.png.matte.png",
    "square": "cutouts/a.png.square.png",
    "web": "cutouts/a.png.web.webp",
}
TWO = "full: format=png / web: format=webp"
FULL, WEB = KEYS["full"], KEYS["web"]
DECLARATION_REPORT = "cutouts/a.png.outputs.error.json"


class Start(Protocol):
    """Starts the function with a list of outputs, and other variables."""

    def __call__(self, outputs: str = FOUR, **more: str) -> Function: ...


@pytest.fixture
def start(awaken: Awaken, brightness: Path, buckets: Buckets) -> Start:
    def start(outputs: str = FOUR, **more: str) -> Function:
        return awaken(**{"MODEL_DIR": str(brightness), **buckets.environment(), "OUTPUTS": outputs, **more})

    return start


def told(buckets: Buckets, key: str = "a.png") -> dict[str, Any]:
    return events.upload(buckets.uploads, key)


def only(answer: dict[str, Any]) -> dict[str, Any]:
    (result,) = answer["results"]
    return dict(result)


def statuses(answer: dict[str, Any]) -> list[str]:
    return [output["status"] for output in only(answer)["outputs"]]


def image(buckets: Buckets, key: str) -> Any:
    return opened(buckets.get(buckets.cutouts, key)["Body"].read())


def written(proxy: Hostile) -> list[str]:
    """Name the keys that were written, by their last part."""
    return [request.path.partition("?")[0].rpartition("/")[2] for request in proxy.requests if request.method == "PUT"]


def test_four_renditions_come_of_one_look(
    start: Start, tmp_path: Path, buckets: Buckets, picture: bytes, metrics: Metrics
) -> None:
    """The network answers by chance: two results that agree have seen one answer."""
    by_chance = artefacts.write(tmp_path, artefacts.chance())
    buckets.put("a.png", picture)
    answer = start(MODEL_DIR=str(by_chance))(told(buckets))
    assert buckets.keys(buckets.cutouts) == sorted(KEYS.values())
    alpha = np.asarray(image(buckets, KEYS["full"]))[..., 3]
    assert alpha.min() != alpha.max()
    assert np.array_equal(np.asarray(image(buckets, KEYS["matte"])), alpha)
    found = {name: (image(buckets, key).mode, image(buckets, key).size) for name, key in KEYS.items()}
    square = found.pop("square")
    assert found == {"full": ("RGBA", (96, 64)), "web": ("RGB", (32, 21)), "matte": ("L", (96, 64))}
    assert square[1][0] == square[1][1]
    assert statuses(answer) == ["success"] * 4
    assert [output["destination"]["key"] for output in only(answer)["outputs"]] == [
        KEYS[name] for name in ("full", "web", "matte", "square")
    ]
    assert metrics()["PictureCutOut"] == [1]


def test_a_repeated_delivery_finds_each_rendition_done(
    start: Start, buckets: Buckets, picture: bytes, metrics: Metrics
) -> None:
    buckets.keep_versions(buckets.cutouts)
    buckets.put("a.png", picture)
    with faulty(buckets.server.url, lambda request: None) as proxy:
        start(AWS_ENDPOINT_URL_S3=proxy.url)(told(buckets))
        again = start(AWS_ENDPOINT_URL_S3=proxy.url)
        proxy.requests.clear()
        result = only(again(told(buckets)))
        assert {request.method for request in proxy.requests} == {"HEAD"}
    assert result["status"] == "skipped"
    assert not again.model.loaded
    assert len(buckets.versions(buckets.cutouts)) == 4


def test_a_changed_option_computes_that_rendition_alone(start: Start, buckets: Buckets, picture: bytes) -> None:
    buckets.keep_versions(buckets.cutouts)
    buckets.put("a.png", picture)
    start()(told(buckets))
    with faulty(buckets.server.url, lambda request: None) as proxy:
        changed = start(FOUR.replace("max_side=32", "max_side=48"), AWS_ENDPOINT_URL_S3=proxy.url)
        assert statuses(changed(told(buckets))) == ["skipped", "success", "skipped", "skipped"]
        assert written(proxy) == ["a.png.web.webp"]
    assert image(buckets, WEB).size == (48, 32)


def test_a_rendition_that_was_deleted_is_made_again_alone(start: Start, buckets: Buckets, picture: bytes) -> None:
    buckets.put("a.png", picture)
    function = start()
    function(told(buckets))
    buckets.server.client.delete_object(Bucket=buckets.cutouts, Key=KEYS["matte"])
    assert statuses(function(told(buckets))) == ["skipped", "skipped", "success", "skipped"]


def test_the_order_of_the_list_is_none_of_a_renditions_options(start: Start, buckets: Buckets, picture: bytes) -> None:
    buckets.put("a.png", picture)
    start()(told(buckets))
    turned = " / ".join(reversed(FOUR.split(" / ")))
    assert only(start(turned)(told(buckets)))["status"] == "skipped"


def test_without_names_results_have_the_keys_that_they_always_had(
    awaken: Awaken, cutter: Function, brightness: Path, buckets: Buckets, picture: bytes
) -> None:
    """What was cut out before there was OUTPUTS counts as done."""
    buckets.put("a.png", picture)
    cutter(told(buckets))
    assert buckets.keys(buckets.cutouts) == ["cutouts/a.png.png"]
    metadata = buckets.get(buckets.cutouts, "cutouts/a.png.png")["Metadata"]
    assert metadata["cutout-options"] == '{"format":"png"}'
    explicit = awaken(MODEL_DIR=str(brightness), OUTPUTS="format=png", **buckets.environment())
    assert only(explicit(told(buckets)))["status"] == "skipped"


# What can be seen in the file's header, and what only when the subject is known.
IMPOSSIBLE = {
    "before the network": (save(scene(16_400, 20)), "web: format=webp", "invalid_dimensions"),
    "after it": (
        save(scene(96, 64).point(lambda value: value // 3)),
        "web: format=webp semitransparency=false",
        "unknown_foreground",
    ),
}


@pytest.mark.parametrize(("data", "web", "code"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_a_rendition_that_cannot_be_has_its_own_report(  # noqa: PLR0917 - fixtures and a table's columns
    start: Start, buckets: Buckets, picture: bytes, metrics: Metrics, data: bytes, web: str, code: str
) -> None:
    buckets.put("a.png", data)
    function = start(f"{web} / full: format=png")
    answer = function(events.sqs(told(buckets)))
    assert answer["batchItemFailures"] == []
    assert statuses(answer) == ["error", "success"]
    assert (only(answer)["statusCode"], only(answer)["status"]) == (400, "error")
    assert buckets.keys(buckets.cutouts) == [FULL, f"{WEB}.error.json"]
    assert buckets.document(buckets.cutouts, f"{WEB}.error.json")["error"]["code"] == code
    assert metrics()["PictureRefused"] == [1]
    assert statuses(function(told(buckets))) == ["error", "skipped"]
    buckets.put("a.png", picture)
    assert statuses(function(told(buckets))) == ["success", "success"]
    assert buckets.keys(buckets.cutouts) == [FULL, WEB], "its report is no longer true"


def test_what_is_no_picture_has_a_report_for_each_rendition(start: Start, buckets: Buckets, picture: bytes) -> None:
    buckets.put("a.png", b"words")
    function = start()
    assert only(function(told(buckets)))["error"]["code"] == "invalid_file_type"
    assert buckets.keys(buckets.cutouts) == sorted(f"{key}.error.json" for key in KEYS.values())
    buckets.put("a.png", picture)
    function(told(buckets))
    assert buckets.keys(buckets.cutouts) == sorted(KEYS.values())


def test_a_report_is_withdrawn_by_its_own_rendition_alone(start: Start, buckets: Buckets) -> None:
    """A wide picture has a report for WebP; cut out by another list it keeps it, and loses it by its own."""
    buckets.put("a.png", save(scene(16_400, 20)))
    start(TWO)(told(buckets))
    start("full: format=png")(told(buckets))
    assert buckets.keys(buckets.cutouts) == [FULL, f"{WEB}.error.json"]
    start("web: format=webp max_side=512")(told(buckets))
    assert buckets.keys(buckets.cutouts) == [FULL, WEB]


@pytest.mark.parametrize("name", ["full", "web"])
def test_a_write_that_may_succeed_later_brings_the_upload_back_for_it_alone(  # noqa: PLR0917 - fixtures
    start: Start, buckets: Buckets, picture: bytes, metrics: Metrics, impatient: None, name: str
) -> None:
    buckets.keep_versions(buckets.cutouts)
    buckets.put("a.png", picture)
    broken = [True]

    def strike(request: Seen) -> Fault:
        ours = request.method == "PUT" and f".{name}." in request.path
        return s3_error(503, "SlowDown") if broken and ours else None

    with faulty(buckets.server.url, strike) as proxy:
        function = start(TWO, AWS_ENDPOINT_URL_S3=proxy.url)
        event = events.sqs(told(buckets))
        answer = function(event)
        assert answer["batchItemFailures"] == [{"itemIdentifier": "m0"}]
        assert sorted(statuses(answer)) == ["error", "success"]
        assert buckets.keys(buckets.cutouts) == [WEB if name == "full" else FULL]
        assert metrics()["PictureFailed"] == [1]
        with pytest.raises(Redelivery, match="SlowDown"):
            function(told(buckets))
        broken.clear()
        proxy.requests.clear()
        answer = function(event)
        assert answer["batchItemFailures"] == []
        assert sorted(statuses(answer)) == ["skipped", "success"]
        assert written(proxy) == [KEYS[name].rpartition("/")[2]]
    assert len(buckets.versions(buckets.cutouts)) == 2


def test_a_write_that_is_overtaken_is_looked_at_again_and_the_others_stay_made(
    start: Start, buckets: Buckets, picture: bytes
) -> None:
    """Another environment, with another setting, writes the second result while this one makes the first."""
    buckets.put("a.png", picture)
    left = [start("web: format=webp max_side=32")]

    def overtake(request: Seen) -> Fault:
        if request.method == "PUT" and ".full." in request.path and left:
            left.pop()(told(buckets))
        return None

    with faulty(buckets.server.url, overtake) as proxy:
        answer = start(TWO, AWS_ENDPOINT_URL_S3=proxy.url)(told(buckets))
    assert written(proxy).count("a.png.full.png") == 1
    assert [(output["status"], output["width"]) for output in only(answer)["outputs"]] == [("success", 96)] * 2
    assert image(buckets, WEB).size == (96, 64)


def test_a_place_that_is_taken_costs_its_own_rendition_alone(start: Start, buckets: Buckets, picture: bytes) -> None:
    buckets.server.client.put_object(Bucket=buckets.cutouts, Key=WEB, Body=b"retouched by hand")
    buckets.put("a.png", picture)
    assert statuses(start(TWO)(told(buckets))) == ["success", "error"]
    assert buckets.keys(buckets.cutouts) == [FULL, WEB, f"{WEB}.error.json"]
    assert buckets.get(buckets.cutouts, WEB)["Body"].read() == b"retouched by hand"


def test_renditions_for_which_no_time_is_left_come_again_and_the_others_stay(start: Start, buckets: Buckets) -> None:
    """Time is asked for before the work, not only before the write, for which it would suffice."""
    buckets.put("a.png", save(scene(2_000, 1_500)))
    with faulty(buckets.server.url, lambda request: None) as proxy:
        function = start(TWO, AWS_ENDPOINT_URL_S3=proxy.url)
        function({"warmup": True})

        class Clock(Context):
            """The first write takes almost all the time there is."""

            def get_remaining_time_in_millis(self) -> float:
                return 700.0 if written(proxy) else 30_000.0

        answer = function(events.sqs(told(buckets)), Clock())
    assert answer["batchItemFailures"] == [{"itemIdentifier": "m0"}]
    assert statuses(answer) == ["success", "error"]
    assert buckets.keys(buckets.cutouts) == [FULL]


def test_renditions_of_two_regions_are_looked_at_apart(start: Start, buckets: Buckets, picture: bytes) -> None:
    buckets.put("a.png", picture)
    text = "left: roi=0+0+50%+100% / right: roi=50%+0+100%+100% semitransparency=true / all:"
    start(text)(told(buckets))
    alphas = {
        name: np.asarray(image(buckets, f"cutouts/a.png.{name}.png"))[..., 3] for name in ("left", "right", "all")
    }
    assert alphas["left"][:, 48:].max() == alphas["right"][:, :48].max() == 0
    assert min(alpha.max() for alpha in alphas.values()) > 0
    assert not np.array_equal(alphas["all"], alphas["left"])


# What an object itself asks for.


def declared(buckets: Buckets, where: str, data: bytes, text: str | None) -> None:
    buckets.put("a.png", data, **({"Metadata": {"cutout-outputs": text}} if where == "metadata" and text else {}))
    if where == "tags":
        tags: list[TagTypeDef] = [{"Key": "team", "Value": "shop"}]
        if text:
            tags.append({"Key": "cutout-outputs", "Value": text})
        buckets.server.client.put_object_tagging(Bucket=buckets.uploads, Key="a.png", Tagging={"TagSet": tags})


@pytest.mark.parametrize("where", ["metadata", "tags"])
def test_an_object_may_ask_for_its_own_renditions(start: Start, buckets: Buckets, picture: bytes, where: str) -> None:
    function = start(TWO, OUTPUTS_FROM=where)
    declared(buckets, where, picture, "web / matte: channels=alpha format=png crop=true crop_margin=5pct+10px")
    assert statuses(function(told(buckets))) == ["success", "success"]
    assert buckets.keys(buckets.cutouts) == [KEYS["matte"], WEB]
    declared(buckets, where, picture, None)
    assert statuses(function(told(buckets))) == ["success", "skipped"]
    assert buckets.keys(buckets.cutouts) == [FULL, KEYS["matte"], WEB]


@pytest.mark.parametrize(
    ("setting", "where"), [(None, "metadata"), (None, "tags"), ("metadata", "tags"), ("tags", "metadata")]
)
def test_nobody_is_asked_where_the_setting_does_not_say_so(
    start: Start, buckets: Buckets, picture: bytes, setting: str | None, where: str
) -> None:
    declared(buckets, where, picture, "matte: channels=alpha format=png")
    with faulty(buckets.server.url, lambda request: None) as proxy:
        start(TWO, AWS_ENDPOINT_URL_S3=proxy.url, **({"OUTPUTS_FROM": setting} if setting else {}))(told(buckets))
        asked = [request for request in proxy.requests if "tagging" in request.path]
    assert buckets.keys(buckets.cutouts) == [FULL, WEB]
    assert bool(asked) == (setting == "tags")


@pytest.mark.parametrize("where", ["metadata", "tags"])
def test_a_declaration_without_sense_is_that_uploads_fault(
    start: Start, buckets: Buckets, picture: bytes, where: str
) -> None:
    function = start(TWO, OUTPUTS_FROM=where)
    declared(buckets, where, picture, "web: format=gif")
    answer = function(events.sqs(told(buckets)))
    assert answer["batchItemFailures"] == []
    assert only(answer)["error"]["detail"].startswith("web: format='gif' makes no sense: give one of auto, png")
    assert buckets.keys(buckets.cutouts) == [DECLARATION_REPORT]
    report = buckets.document(buckets.cutouts, DECLARATION_REPORT)
    assert report["source"]["key"] == "a.png"
    assert "cutout-outputs" in report["help"]
    assert not function.model.loaded
    declared(buckets, where, picture, "web: format=webp")
    assert only(function(told(buckets)))["status"] == "success"
    assert buckets.keys(buckets.cutouts) == [WEB]


def test_refused_tags_bring_the_upload_back_and_name_the_permission(
    start: Start, buckets: Buckets, picture: bytes
) -> None:
    buckets.put("a.png", picture)

    def forbid(request: Seen) -> Fault:
        return s3_error(403, "AccessDenied") if "tagging" in request.path else None

    with faulty(buckets.server.url, forbid) as proxy:
        answer = start(TWO, OUTPUTS_FROM="tags", AWS_ENDPOINT_URL_S3=proxy.url)(events.sqs(told(buckets)))
    assert answer["batchItemFailures"] == [{"itemIdentifier": "m0"}]
    assert "needs s3:GetObjectTagging" in only(answer)["error"]["detail"]


def test_a_declaration_that_changes_meanwhile_wins(start: Start, buckets: Buckets, picture: bytes) -> None:
    """The bytes are the same, and so is the ETag."""
    declared(buckets, "metadata", picture, "web: format=webp max_side=32")
    left = ["web: format=webp max_side=48"]

    def change(request: Seen) -> Fault:
        if request.method == "PUT" and left:
            declared(buckets, "metadata", picture, left.pop())
        return None

    with faulty(buckets.server.url, change) as proxy:
        start(TWO, OUTPUTS_FROM="metadata", AWS_ENDPOINT_URL_S3=proxy.url)(told(buckets))
    assert image(buckets, WEB).size == (48, 32)


def test_an_object_that_asks_for_its_own_is_found_done(start: Start, buckets: Buckets, picture: bytes) -> None:
    declared(buckets, "metadata", picture, "matte: channels=alpha format=png")
    with faulty(buckets.server.url, lambda request: None) as proxy:
        function = start(TWO, OUTPUTS_FROM="metadata", AWS_ENDPOINT_URL_S3=proxy.url)
        function(told(buckets))
        proxy.requests.clear()
        assert only(function(told(buckets)))["status"] == "skipped"
        assert {request.method for request in proxy.requests} == {"HEAD"}


# A job of S3 Batch Operations, and a setting without sense.


def test_a_jobs_arguments_win_over_the_setting_and_the_object(start: Start, buckets: Buckets, picture: bytes) -> None:
    declared(buckets, "metadata", picture, "full:")
    function = start(TWO, OUTPUTS_FROM="metadata")
    job = events.batch_job(
        buckets.uploads, "a.png", arguments={"outputs": "web / matte: channels=alpha format=png crop_margin=5%"}
    )
    result = only(function(job))
    assert result["resultCode"] == "Succeeded"
    assert buckets.keys(buckets.cutouts) == [KEYS["matte"], WEB]
    assert all(key in result["resultString"] for key in (KEYS["matte"], WEB))
    assert only(function(job))["resultString"].startswith("Nothing to do")
    function(events.batch_job(buckets.uploads, "a.png", arguments={"format": "png", "size": "hd"}))
    assert len(buckets.keys(buckets.cutouts)) == 3
    assert FULL not in buckets.keys(buckets.cutouts)
    function(events.batch_job(buckets.uploads, "a.png"))
    assert FULL in buckets.keys(buckets.cutouts), "without arguments it is as an upload"


def test_a_jobs_report_names_the_renditions_that_failed_first(start: Start, buckets: Buckets) -> None:
    buckets.put("a.png", save(scene(16_400, 20)))
    result = only(start(TWO)(events.batch_job(buckets.uploads, "a.png")))
    assert result["resultCode"] == "PermanentFailure"
    web = f"s3://{buckets.cutouts}/{WEB}"
    assert result["resultString"].startswith(f"1 of 2 results failed: {web}: invalid_dimensions: webp holds sides")
    assert f"{FULL}: 16400x20 px" in result["resultString"]


@pytest.mark.parametrize("arguments", [{"outputs": "web: format=gif"}, {"outputs": "full:", "size": "hd"}], ids=str)
def test_a_jobs_declaration_without_sense_is_a_permanent_failure(
    start: Start, buckets: Buckets, picture: bytes, arguments: dict[str, str]
) -> None:
    buckets.put("a.png", picture)
    result = only(start(TWO)(events.batch_job(buckets.uploads, "a.png", arguments=arguments)))
    assert result["resultCode"] == "PermanentFailure"
    assert buckets.keys(buckets.cutouts) == []


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        (
            {"OUTPUTS": "web: format=gif"},
            "OUTPUTS='web: format=gif' makes no sense: web: format='gif' makes no sense: give",
        ),
        ({"OUTPUTS": "web"}, "OUTPUTS='web' makes no sense"),
        ({"OUTPUTS_FROM": "both"}, "OUTPUTS_FROM='both' makes no sense: give one of setting, metadata, tags"),
    ],
    ids=str,
)
def test_a_setting_without_sense_is_said_and_uploads_wait_for_it(  # noqa: PLR0917 - fixtures and a table's columns
    awaken: Awaken, brightness: Path, buckets: Buckets, picture: bytes, variables: dict[str, str], says: str
) -> None:
    buckets.put("a.png", picture)
    function = awaken(MODEL_DIR=str(brightness), **buckets.environment(), **variables)
    answer = function(events.sqs(told(buckets)))
    assert answer["batchItemFailures"] == [{"itemIdentifier": "m0"}]
    assert only(answer)["error"]["detail"].startswith(says)
    assert function.ask("GET", "/health").status == 200
    assert function.cut_out(picture).error["detail"].startswith(says)
