"""What a job is about, and what it will cost: the parts that need no AWS."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.figures import read_all
from bench.prices import GB_SECOND
from deploy.batch import estimate, manifest
from deploy.batch.estimate import Seconds, Stack, seconds_of
from deploy.batch.manifest import Listed
from tests.template.stack import ROOT, template

SECONDS = Seconds(picture_s=2.0, large_picture_s=3.0, cold_s=5.0, measured_on="a machine", size="512×512 px")
STACK = Stack(memory_mb=2048, architecture="x86_64", concurrency=10)


def written(*objects: Listed, own_prefix: str | None = None) -> tuple[list[list[str]], manifest.Tally]:
    """Write a manifest, and read it as S3 does: rows of CSV with encoded keys."""
    file = io.StringIO()
    tally = manifest.write(objects, "photos", 1000, own_prefix, file)
    text = file.getvalue()
    assert text.isascii()
    return [[bucket, unquote(key)] for bucket, key in csv.reader(io.StringIO(text))], tally


@pytest.mark.parametrize(
    "key",
    [
        "a.jpg",
        "red flower.jpg",
        "a+b.png",
        "100%.png",
        "a%20b.png",
        'say "cheese", please.jpg',
        "line\nend.jpg",
        "carriage\r\nreturn.jpg",
        "tab\t.png",
        "画像/été 😀.png",
        "//a//../b.webp",
        "=1+1.jpg",
        "é" * 510 + ".jpg",
    ],
)
def test_a_key_survives_the_manifest(key: str) -> None:
    rows, tally = written(Listed("first.jpg", 1), Listed(key, 1), Listed("last.jpg", 1))
    assert rows == [["photos", "first.jpg"], ["photos", key], ["photos", "last.jpg"]]
    assert tally.pictures == 3


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_any_key_survives_the_manifest(name: str) -> None:
    rows, _ = written(Listed(f"{name}.png", 1))
    assert rows == [["photos", f"{name}.png"]]


@pytest.mark.parametrize(
    ("listed", "reason"),
    [
        (Listed("a.JPG", 1), None),
        (Listed("a.HeIc", 1000), None),
        (Listed("a.jpg", 1, "GLACIER_IR"), None),
        (Listed("folder/", 0), "folder markers"),
        (Listed("a.mp4", 1), "no picture, by their names' endings"),
        (Listed("jpg", 1), "no picture, by their names' endings"),
        (Listed("a.jpg", 0), "empty"),
        (Listed("a.jpg", 1001), "larger than 1,000 bytes (MaxInputBytes)"),
        (Listed("a.jpg", 1, "DEEP_ARCHIVE"), "archived: restore them first"),
    ],
)
def test_what_can_be_no_picture_is_left_out_with_its_reason(listed: Listed, reason: str | None) -> None:
    assert manifest.reason_against(listed, 1000, None) == reason


def test_the_functions_own_results_are_left_out_where_they_lie_in_the_same_bucket() -> None:
    result = Listed("cutouts/a.jpg.png", 1)
    assert written(result, own_prefix="cutouts/")[1].left_out == {"the function's own results": 1}
    assert written(result)[1].pictures == 1


def test_what_is_left_out_is_said_with_its_number_and_an_example() -> None:
    _, tally = written(Listed("a.mp4", 1), Listed("b.txt", 1), Listed("c.jpg", 0), Listed("d.jpg", 7))
    assert manifest.described(tally) == (
        "Left out: 2 no picture, by their names' endings, such as 'a.mp4'; 1 empty, such as 'c.jpg'."
    )
    assert (tally.pictures, tally.size_bytes) == (1, 7)


def test_a_job_is_priced_by_its_parts() -> None:
    found = estimate.estimate(1000, SECONDS, STACK)
    assert found.compute_s == (1000 * 2.0 + 10 * 5.0, 1000 * 3.0 + 10 * 5.0)
    requests = 1000 * (0.20 + 5.00 + 5 * 0.40) / 1e6  # of Lambda, a PUT, and a GET with four HEADs
    fixed = 0.25 + 1000 * 1.00 / 1e6 + requests
    dollars = [fixed + compute_s * 2 * GB_SECOND["x86_64"] for compute_s in found.compute_s]
    assert list(found.dollars) == pytest.approx(dollars)
    assert found.hours == pytest.approx((2050 / 10 / 3600, 3050 / 10 / 3600))


def test_no_more_environments_are_paid_for_than_there_are_pictures() -> None:
    found = estimate.estimate(3, SECONDS, replace(STACK, concurrency=1000))
    assert found.compute_s[0] == 3 * 2.0 + 3 * 5.0
    assert found.hours[0] == pytest.approx((2.0 + 5.0) / 3600)


def test_the_sentences_name_the_machine_and_both_ends() -> None:
    said = estimate.described(estimate.estimate(1_000_000, SECONDS, STACK), SECONDS, STACK)
    assert "pictures     1,000,000" in said
    assert "2.00 to 3.00 each" in said
    assert "with 10 environments at once" in said
    assert "Measured on: a machine." in said


@pytest.mark.parametrize(("model", "resize"), estimate.NETWORKS)
def test_a_models_seconds_are_those_of_a_machine_that_is_named(model: str, resize: str) -> None:
    seconds = seconds_of(model, resize, 3008, "x86_64")
    machines = {run.circumstances.machine.name for run in read_all()}
    assert seconds.measured_on in machines
    assert 0 < seconds.picture_s <= seconds.large_picture_s


def test_the_worked_example_is_what_the_command_says() -> None:
    document = (ROOT / "docs" / "batch.md").read_text(encoding="utf-8")
    shown = re.search(r"<!-- figures: batch-example -->\n```\n(.+?)\n```\n<!-- /figures -->", document, re.DOTALL)
    assert shown
    here = Stack(memory_mb=3008, architecture="x86_64", concurrency=100)
    seconds = seconds_of("inspyrenet-base", "static", 3008, "x86_64")
    assert shown[1] == estimate.described(estimate.estimate(100_000, seconds, here), seconds, here)


def test_one_figure_is_not_said_to_be_two() -> None:
    seconds = replace(SECONDS, large_picture_s=SECONDS.picture_s)
    said = estimate.described(estimate.estimate(10, seconds, STACK), seconds, STACK)
    assert "The figures are for pictures of 512×512 px." in said
    assert " to " not in said


def test_a_network_measured_on_large_pictures_has_its_own_seconds_for_them() -> None:
    fast = seconds_of("inspyrenet-fast", "static", 3538, "x86_64")
    run = next(run for run in read_all() if run.table == "threads-inspyrenet-fast-4000x3000")
    assert fast.large_picture_s == pytest.approx(run.value("a later result", "2 cores"))


def test_dynamic_mode_takes_longer_than_static_and_is_named_with_its_pictures() -> None:
    static, dynamic = (seconds_of("inspyrenet-base", resize, 3008, "x86_64") for resize in ("static", "dynamic"))
    assert dynamic.picture_s > static.picture_s
    assert dynamic.size == "1920×1080 px"


def test_half_the_memory_takes_twice_the_time() -> None:
    """As long as both are less than the one vCPU of 1,769 MB."""
    large, small = (seconds_of("u2netp", "static", memory_mb, "x86_64") for memory_mb in (1536, 768))
    assert small.picture_s == pytest.approx(2 * large.picture_s)


def test_every_model_that_a_stack_may_have_is_measured_in_static_mode() -> None:
    models = template()["Parameters"]["Model"]["AllowedValues"]
    assert {model for model, resize in estimate.NETWORKS if resize == "static"} == set(models)


def test_a_model_that_nobody_measured_is_named_with_what_would_do() -> None:
    with pytest.raises(estimate.NotMeasuredError, match="u2netp with Resize=dynamic: give SECONDS="):
        seconds_of("u2netp", "dynamic", 3008, "x86_64")
