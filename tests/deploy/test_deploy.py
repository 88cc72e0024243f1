"""deploy.sh: what it asks of AWS, in which order, and which image it hands on."""

from __future__ import annotations

import shutil
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from local.emulator import ROOT
from tests.deploy.desk import ALIAS, PRODUCTION, PUSHED, REGISTRY, REPOSITORY, STAGING, Desk, Ran, described
from tests.template.stack import stack

if TYPE_CHECKING:
    from pathlib import Path


def parameters_of(environment: str) -> dict[str, str]:
    """Read what samconfig.toml overrides."""
    said = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))[environment]["deploy"]["parameters"]
    return dict(pair.split("=", 1) for pair in said["parameter_overrides"].split())


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_the_template_takes_what_samconfig_gives(environment: str) -> None:
    assert stack(**parameters_of(environment)).resources


ACCOUNT: dict[str, Any] = {"call": "sts get-caller-identity", "answer": {"Account": "123456789012"}}
NO_REPOSITORY = {"call": "ecr describe-repositories", "error": "RepositoryNotFoundException"}
NEW_REPOSITORY = {"call": "ecr create-repository", "answer": {"repository": {"repositoryName": STAGING}}}
REPOSITORIES = {"call": "ecr describe-repositories", "answer": {"repositories": []}}
OUTPUTS = described(Outputs=[{"OutputKey": "AliasArn", "OutputValue": ALIAS}])
PROVEN = f"sha256:{'1' * 64}"


def ping(status_code: int, name: str = STAGING) -> dict[str, Any]:
    return {
        "call": "lambda invoke",
        "where": {"FunctionName": f"{name}:live"},
        "payload": {"statusCode": status_code, "message": "as it is"},
        "answer": {"StatusCode": 200, "ExecutedVersion": "1"},
    }


def holds(repository: str, digest: str, *, error: str | None = None, after: str | None = None) -> dict[str, Any]:
    return {
        "call": "ecr describe-images",
        "where": {"repositoryName": repository, "imageIds": [{"imageDigest": digest}]},
        **({"error": error} if error else {"answer": {"imageDetails": []}}),
        **({"after": after} if after else {}),
    }


def lacks(repository: str, digest: str) -> dict[str, Any]:
    return holds(repository, digest, error="ImageNotFoundException")


def overrides_of(ran: Ran) -> dict[str, str]:
    """Give the parameters that SAM gets."""
    assert ran.status == 0, ran.output
    (sam,) = ran.of("sam")
    return dict(pair.split("=", 1) for pair in sam[sam.index("--parameter-overrides") + 1 :])


def test_a_first_deployment_builds_pushes_deploys_and_pings(desk: Desk) -> None:
    answers = [ACCOUNT, NO_REPOSITORY, NEW_REPOSITORY, ping(200), OUTPUTS]
    ran = desk.run("deploy/deploy.sh", "staging", answers=answers, CI="true")
    assert ran.status == 0, ran.output
    assert ran.names == [
        "sts get-caller-identity",
        "ecr describe-repositories",
        "ecr create-repository",
        "docker",  # build
        "ecr get-login-password",
        "docker",  # login
        "docker",  # push
        "docker",  # ask which digest was pushed
        "sam",
        "lambda invoke",
        "cloudformation describe-stacks",
    ]
    (made,) = ran.of("ecr create-repository")
    assert made["repositoryName"] == STAGING
    assert made["imageTagMutability"] == "IMMUTABLE"
    build, _, push, _ = ran.of("docker")
    image = push[-1]
    assert image.startswith(f"{REPOSITORY}:")
    assert build[build.index("--tag") + 1] == image
    assert {"--provenance=false", "MODEL=inspyrenet-base", "linux/amd64"} <= set(build)
    assert overrides_of(ran)["ImageUri"] == f"{REPOSITORY}@{PUSHED}"
    (sam,) = ran.of("sam")
    assert sam[sam.index("--image-repository") + 1] == REPOSITORY
    assert ALIAS in ran.output


def test_the_template_takes_the_image_that_a_deployment_pushes(desk: Desk) -> None:
    ran = desk.run("deploy/deploy.sh", "staging", answers=[ACCOUNT, REPOSITORIES, ping(200), OUTPUTS])
    image = stack(**overrides_of(ran)).of_type("Lambda::Function")["Function"]["Code"]
    assert image == {"ImageUri": f"{REPOSITORY}@{PUSHED}"}


def test_staging_asks_no_registry_what_it_should_deploy(desk: Desk) -> None:
    """An image under the commit's tag was taken for the commit's, whoever had pushed it; it went on to production."""
    ran = desk.run("deploy/deploy.sh", "staging", answers=[ACCOUNT, REPOSITORIES, ping(200), OUTPUTS])
    assert "ecr describe-images" not in ran.names
    assert "build" in ran.of("docker")[0]


def test_production_copies_what_staging_runs_by_its_digest(desk: Desk) -> None:
    answers = [
        ACCOUNT,
        REPOSITORIES,
        {
            "call": "lambda get-function",
            "where": {"FunctionName": STAGING, "Qualifier": "live"},
            "answer": {"Code": {"ImageUri": f"{REPOSITORY}:tag", "ResolvedImageUri": f"{REPOSITORY}@{PROVEN}"}},
        },
        holds(STAGING, PROVEN),
        holds(PRODUCTION, PROVEN, after="docker"),
        lacks(PRODUCTION, PROVEN),
        ping(200, PRODUCTION),
        OUTPUTS,
    ]
    ran = desk.run("deploy/deploy.sh", "production", answers=answers)
    assert overrides_of(ran)["ImageUri"] == f"{REGISTRY}/{PRODUCTION}@{PROVEN}"
    _, copy = ran.of("docker")
    assert copy == [
        *("buildx", "imagetools", "create", "--prefer-index=false"),
        *("--tag", f"{REGISTRY}/{PRODUCTION}:{PROVEN.replace(':', '-')}", f"{REPOSITORY}@{PROVEN}"),
    ]


def test_production_takes_the_digest_that_it_is_given_and_builds_nothing(desk: Desk) -> None:
    answers = [ACCOUNT, REPOSITORIES, holds(STAGING, PROVEN), holds(PRODUCTION, PROVEN), ping(200, PRODUCTION), OUTPUTS]
    ran = desk.run("deploy/deploy.sh", "production", answers=answers, IMAGE_DIGEST=PROVEN)
    assert overrides_of(ran)["ImageUri"] == f"{REGISTRY}/{PRODUCTION}@{PROVEN}"
    assert ran.of("docker") == []
    assert "lambda get-function" not in ran.names


@pytest.mark.parametrize(
    ("answers", "named"),
    [
        ([lacks(STAGING, PROVEN)], f"{STAGING} has no image {PROVEN}"),
        ([holds(STAGING, PROVEN, error="AccessDeniedException")], "AccessDeniedException"),
        (
            [holds(STAGING, PROVEN), lacks(PRODUCTION, PROVEN)],
            f"The copy of {PROVEN} in {PRODUCTION} has another digest",
        ),
    ],
    ids=["unknown to staging", "not allowed", "another digest"],
)
def test_production_deploys_nothing_that_staging_has_not_proven(
    desk: Desk, answers: list[dict[str, Any]], named: str
) -> None:
    ran = desk.run("deploy/deploy.sh", "production", answers=[ACCOUNT, REPOSITORIES, *answers], IMAGE_DIGEST=PROVEN)
    assert ran.status == 1
    assert named in ran.output
    assert ran.of("sam") == []


def test_what_was_proven_is_handed_on_and_nothing_else(desk: Desk, tmp_path: Path) -> None:
    proven = tmp_path / "output"
    failed = desk.run(
        "deploy/deploy.sh", "staging", answers=[ACCOUNT, REPOSITORIES, ping(500)], GITHUB_OUTPUT=str(proven)
    )
    assert failed.status == 1
    assert not proven.exists()
    answers = [ACCOUNT, REPOSITORIES, ping(200), OUTPUTS]
    desk.run("deploy/deploy.sh", "staging", answers=answers, GITHUB_OUTPUT=str(proven))
    assert proven.read_text(encoding="utf-8") == f"digest={PUSHED}\n"


def test_a_given_image_is_deployed_as_it_is(desk: Desk) -> None:
    image = f"{REPOSITORY}@sha256:{'0' * 64}"
    ran = desk.run("deploy/deploy.sh", "staging", answers=[ping(200), OUTPUTS], IMAGE_URI=image)
    assert ran.names == ["sam", "lambda invoke", "cloudformation describe-stacks"]
    (sam,) = ran.of("sam")
    assert sam[-1] == f"ImageUri={image}"
    assert sam[sam.index("--image-repository") + 1] == REPOSITORY
    assert "--role-arn" not in sam


def test_the_stacks_roles_are_bounded_where_a_boundary_is_given(desk: Desk) -> None:
    boundary = "arn:aws:iam::123456789012:policy/boundary"
    answers = [ping(200), OUTPUTS]
    ran = desk.run(
        "deploy/deploy.sh", "staging", answers=answers, IMAGE_URI=f"{REPOSITORY}@{PROVEN}", BOUNDARY_ARN=boundary
    )
    deployed = stack(**overrides_of(ran))
    made = deployed.of_type("IAM::Role")
    assert len(made) >= 2
    assert {name: role.get("PermissionsBoundary") for name, role in made.items()} == dict.fromkeys(made, boundary)


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
