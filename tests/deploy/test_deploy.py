"""deploy.sh: what it asks of AWS, in which order, and which image it hands on."""

from __future__ import annotations

import shutil
import tomllib
from typing import Any

import pytest

from local.emulator import ROOT
from tests.deploy.desk import ALIAS, REPOSITORY, STAGING, Desk, described
from tests.template.stack import stack


def parameters_of(environment: str) -> dict[str, str]:
    """Read what samconfig.toml overrides."""
    said = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))[environment]["deploy"]["parameters"]
    return dict(pair.split("=", 1) for pair in said["parameter_overrides"].split())


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_the_template_takes_what_samconfig_gives(environment: str) -> None:
    assert stack(**parameters_of(environment)).resources


ACCOUNT: dict[str, Any] = {"call": "sts get-caller-identity", "answer": {"Account": "123456789012"}}
NO_REPOSITORY = {"call": "ecr describe-repositories", "error": "RepositoryNotFoundException"}
NEW_REPOSITORY = {"call": "ecr create-repository", "answer": {"repository": {"repositoryName": "inspyrenet-lambda"}}}
REPOSITORIES = {"call": "ecr describe-repositories", "answer": {"repositories": []}}
NO_IMAGE = {"call": "ecr describe-images", "error": "ImageNotFoundException"}
IMAGE = {"call": "ecr describe-images", "answer": {"imageDetails": []}}


OUTPUTS = described(Outputs=[{"OutputKey": "AliasArn", "OutputValue": ALIAS}])


def ping(status_code: int) -> dict[str, Any]:
    return {
        "call": "lambda invoke",
        "where": {"FunctionName": f"{STAGING}:live"},
        "payload": {"statusCode": status_code, "message": "as it is"},
        "answer": {"StatusCode": 200, "ExecutedVersion": "1"},
    }


def test_a_first_deployment_builds_pushes_deploys_and_pings(desk: Desk) -> None:
    answers = [ACCOUNT, NO_REPOSITORY, NEW_REPOSITORY, NO_IMAGE, ping(200), OUTPUTS]
    ran = desk.run("deploy/deploy.sh", "staging", answers=answers, CI="true")
    assert ran.status == 0, ran.output
    assert ran.names == [
        "sts get-caller-identity",
        "ecr describe-repositories",
        "ecr create-repository",
        "ecr describe-images",
        "docker",  # build
        "ecr get-login-password",
        "docker",  # login
        "docker",  # push
        "sam",
        "lambda invoke",
        "cloudformation describe-stacks",
    ]
    build, _, push = ran.of("docker")
    (sam,) = ran.of("sam")
    image = push[-1]
    assert image.startswith(f"{REPOSITORY}:")
    assert image.endswith("-inspyrenet-base-x86-64") or "-dirty-" in image
    assert build[build.index("--tag") + 1] == image
    assert {"--provenance=false", "MODEL=inspyrenet-base", "linux/amd64"} <= set(build)
    assert sam[-1] == f"ImageUri={image}"
    assert sam[sam.index("--image-repository") + 1] == REPOSITORY
    assert ALIAS in ran.output


def test_the_template_takes_the_image_that_a_deployment_pushes(desk: Desk) -> None:
    ran = desk.run("deploy/deploy.sh", "staging", answers=[ACCOUNT, REPOSITORIES, NO_IMAGE, ping(200), OUTPUTS])
    (sam,) = ran.of("sam")
    overrides = dict(pair.split("=", 1) for pair in sam[sam.index("--parameter-overrides") + 1 :])
    assert stack(**overrides).of_type("Lambda::Function")["Function"]["Code"] == {"ImageUri": overrides["ImageUri"]}


def test_the_same_sources_are_not_built_twice(desk: Desk) -> None:
    ran = desk.run("deploy/deploy.sh", "staging", answers=[ACCOUNT, REPOSITORIES, IMAGE, ping(200), OUTPUTS])
    assert ran.status == 0, ran.output
    assert ran.of("docker") == []
    assert len(ran.of("sam")) == 1


def test_a_given_image_is_deployed_as_it_is(desk: Desk) -> None:
    image = f"{REPOSITORY}@sha256:{'0' * 64}"
    ran = desk.run("deploy/deploy.sh", "staging", answers=[ping(200), OUTPUTS], IMAGE_URI=image)
    assert ran.names == ["sam", "lambda invoke", "cloudformation describe-stacks"]
    (sam,) = ran.of("sam")
    assert sam[-1] == f"ImageUri={image}"
    assert sam[sam.index("--image-repository") + 1] == REPOSITORY
    assert "--role-arn" not in sam


def test_cloudformation_acts_in_the_role_that_it_is_given(desk: Desk) -> None:
    role = "arn:aws:iam::123456789012:role/stack"
    image = f"{REPOSITORY}:1"
    ran = desk.run("deploy/deploy.sh", "staging", answers=[ping(200), OUTPUTS], IMAGE_URI=image, STACK_ROLE_ARN=role)
    (sam,) = ran.of("sam")
    assert sam[sam.index("--role-arn") + 1] == role


@pytest.mark.parametrize("status_code", [206, 500])
def test_a_deployment_whose_warm_up_fails_is_no_success(desk: Desk, status_code: int) -> None:
    ran = desk.run("deploy/deploy.sh", "staging", answers=[ping(status_code)], IMAGE_URI=f"{REPOSITORY}:1")
    assert ran.status == 1
    assert "as it is" in ran.output
    assert "make rollback ENV=staging" in ran.output


@pytest.mark.parametrize("script", ["deploy/deploy.sh", "deploy/rollback.sh"])
def test_an_environment_that_is_not_there_is_named(desk: Desk, script: str) -> None:
    ran = desk.run(script, "holiday", answers=[])
    assert ran.status != 0
    assert "samconfig.toml has no [holiday]" in ran.output
    assert ran.calls == []


def test_a_missing_tool_is_named_before_anything_is_done(desk: Desk) -> None:
    desk.without("sam")
    if shutil.which("sam"):
        pytest.skip("this machine has a sam of its own")
    ran = desk.run("deploy/deploy.sh", "staging", answers=[])
    assert ran.status == 69
    assert "sam is needed" in ran.output
    assert ran.calls == []
