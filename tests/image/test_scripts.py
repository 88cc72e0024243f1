"""The scripts in image/, with docker's answers prepared."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from layers.model.checkpoints import CHECKPOINTS
from local.emulator import ROOT
from tests.deploy.desk import NOTE

if TYPE_CHECKING:
    from tests.deploy.desk import Desk

UNVERIFIED = [name for name, source in CHECKPOINTS.items() if source.checksum is None]

DU = """#!/bin/sh
case "$*" in
  *"image inspect"*) echo 7126003712 ;;
  *"--entrypoint du"*) printf '6600000000\\t/opt/python\\n419500000\\t/opt/model\\n60000\\t/var/task\\n' ;;
  *) printf '4000000000\\t/opt/python/torch\\n' ;;
esac
"""


def test_parts_of_an_image_beyond_2_gb_add_up(desk: Desk) -> None:
    """The torch image: awk printed the sum as 7.0195e+09, which the shell could not read."""
    desk.tool("docker", DU)
    ran = desk.run("image/size.sh", "image", answers=[])
    assert ran.status == 0, ran.output
    assert "7126.0 MB  the image" in ran.output
    assert " 106.4 MB  base" in ran.output


def test_some_model_is_published_without_a_checksum() -> None:
    assert UNVERIFIED


@pytest.mark.parametrize("model", UNVERIFIED)
def test_a_model_without_a_published_checksum_is_refused(desk: Desk, model: str) -> None:
    ran = desk.run("image/build.sh", "image", model, answers=[])
    assert ran.status == 64
    assert f"{model} has no published checksum" in ran.output
    assert ran.calls == []


@pytest.mark.parametrize("model", UNVERIFIED)
def test_it_is_built_where_the_user_says_so(desk: Desk, model: str) -> None:
    ran = desk.run("image/build.sh", "image", model, answers=[], ALLOW_UNVERIFIED="1")
    assert ran.status == 0, ran.output
    (build,) = ran.of("docker")
    assert "ALLOW_UNVERIFIED=1" in build


@pytest.mark.parametrize("model", sorted(set(CHECKPOINTS) - set(UNVERIFIED)))
def test_every_other_model_is_built_verified(desk: Desk, model: str) -> None:
    ran = desk.run("image/build.sh", "image", model, answers=[])
    assert ran.status == 0, ran.output
    (build,) = ran.of("docker")
    assert {f"MODEL={model}", "ALLOW_UNVERIFIED="} <= set(build)


@pytest.mark.parametrize(
    ("variables", "client"),
    [
        ({}, "awslambdaric"),
        ({"STREAM_ANSWERS_TO": ""}, "awslambdaric"),
        ({"STREAM_ANSWERS_TO": "function-url"}, "handler.streaming"),
    ],
    ids=["not set", "empty", "set"],
)
def test_the_entry_point_starts_the_client_that_can_stream_where_it_is_asked_to(
    desk: Desk, variables: dict[str, str], client: str
) -> None:
    desk.tool("python", NOTE)
    ran = desk.run("image/entrypoint.sh", "a.handler", answers=[], AWS_LAMBDA_RUNTIME_API="127.0.0.1:1", **variables)
    assert ran.status == 0, ran.output
    assert ran.of("python") == [["-m", client, "a.handler"]]


@pytest.mark.parametrize(
    ("words", "runs"),
    [
        (["handler.app.lambda_handler"], ["-m", "awslambdaric", "handler.app.lambda_handler"]),
        (
            ["cut", "/in", "/out", "format=webp", "size=hd"],
            ["-m", "handler.folder", "/in", "/out", "format=webp", "size=hd"],
        ),
        (
            ["cut", "/a b", "/out", "full: / web: size=hd"],
            ["-m", "handler.folder", "/a b", "/out", "full: / web: size=hd"],
        ),
    ],
    ids=["Lambda", "cut", "cut with spaces"],
)
def test_the_image_runs_what_its_first_word_says(desk: Desk, words: list[str], runs: list[str]) -> None:
    desk.tool("python", NOTE)
    ran = desk.run("image/entrypoint.sh", *words, answers=[], AWS_LAMBDA_RUNTIME_API="127.0.0.1:9001")
    assert ran.status == 0, ran.output
    assert ran.of("python") == [runs]


def test_cut_needs_no_lambda_and_a_handler_does(desk: Desk) -> None:
    desk.tool("python", NOTE)
    assert desk.run("image/entrypoint.sh", "cut", "/in", "/out", answers=[]).status == 0
    ran = desk.run("image/entrypoint.sh", "handler.app.lambda_handler", answers=[])
    assert ran.status == 64
    assert "To cut out a folder: cut /in /out" in ran.output


def made(*words: str) -> str:
    command = ["make", "--no-print-directory", "--dry-run", "cut", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_make_cut_hands_over_what_it_is_given() -> None:
    shown = made("PHOTOS=my photos", "OUT=my results", 'OPTIONS="full: format=png / web: size=hd"')
    assert '-m handler.folder "my photos" "my results" "full: format=png / web: size=hd"' in shown
    assert made("OPTIONS=format=webp size=hd").rstrip().endswith('"demo/photos" "out/cut" format=webp size=hd')
