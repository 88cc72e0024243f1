"""The scripts in deploy/ against AWS's own models of its operations: what they ask for and make of the answers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from local.emulator import ROOT
from tests.template.stack import stack, template

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

REPOSITORY = "123456789012.dkr.ecr.us-east-1.amazonaws.com/inspyrenet-lambda"
STAGING = "inspyrenet-lambda-staging"
ALIAS = f"arn:aws:lambda:us-east-1:123456789012:function:{STAGING}:live"

# Stand in for programs that would build, push and deploy: they note their arguments.
NOTE = """#!{python}
import json, os, sys
if "--password-stdin" in sys.argv:
    sys.stdin.read()
with open(os.environ["AWS_CLI_CALLS"], "a", encoding="utf-8") as file:
    file.write(json.dumps([os.path.basename(sys.argv[0]), sys.argv[1:]]) + "\\n")
"""
AWS = """#!/bin/sh
PYTHONPATH={root} exec {python} -m tests.deploy.aws_cli "$@"
"""


@dataclass(frozen=True)
class Ran:
    """What a script did."""

    status: int
    output: str
    calls: list[tuple[str, Any]]

    def of(self, name: str) -> list[Any]:
        """Give the parameters of each call of a name."""
        return [parameters for called, parameters in self.calls if called == name]

    @property
    def names(self) -> list[str]:
        """The calls in order."""
        return [name for name, _ in self.calls]


class Desk:
    """A machine with stand-ins for the tools, and AWS's answers."""

    def __init__(self, folder: Path) -> None:
        self._tools = folder / "bin"
        self._calls = folder / "calls"
        self._tools.mkdir()
        for name in ("sam", "docker"):
            self.tool(name, NOTE)
        self.tool("aws", AWS)

    def tool(self, name: str, text: str) -> None:
        """Put a stand-in in its place."""
        path = self._tools / name
        path.write_text(text.format(python=sys.executable, root=ROOT), encoding="utf-8")
        path.chmod(0o755)

    def without(self, tool: str) -> None:
        """Take a tool away."""
        (self._tools / tool).unlink()

    def run(self, script: str, *arguments: str, answers: list[dict[str, Any]], **environment: str) -> Ran:
        """Run a script of deploy/."""
        done = subprocess.run(
            [str(ROOT / "deploy" / script), *arguments],
            env={
                "PATH": f"{self._tools}:{os.environ['PATH']}",
                "AWS_CLI_ANSWERS": json.dumps(answers),
                "AWS_CLI_CALLS": str(self._calls),
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        lines = self._calls.read_text(encoding="utf-8").splitlines() if self._calls.exists() else []
        return Ran(done.returncode, done.stdout + done.stderr, [tuple(json.loads(line)) for line in lines])


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def parameters_of(environment: str) -> dict[str, str]:
    """Read what samconfig.toml overrides."""
    said = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))[environment]["deploy"]["parameters"]
    return dict(pair.split("=", 1) for pair in said["parameter_overrides"].split())


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_the_template_takes_what_samconfig_gives(environment: str) -> None:
    assert stack(**parameters_of(environment)).resources


# Deploy

ACCOUNT: dict[str, Any] = {"call": "sts get-caller-identity", "answer": {"Account": "123456789012"}}
NO_REPOSITORY = {"call": "ecr describe-repositories", "error": "RepositoryNotFoundException"}
NEW_REPOSITORY = {"call": "ecr create-repository", "answer": {"repository": {"repositoryName": "inspyrenet-lambda"}}}
REPOSITORIES = {"call": "ecr describe-repositories", "answer": {"repositories": []}}
NO_IMAGE = {"call": "ecr describe-images", "error": "ImageNotFoundException"}
IMAGE = {"call": "ecr describe-images", "answer": {"imageDetails": []}}


def described(**more: Any) -> dict[str, Any]:
    """Give the answer to describe-stacks."""
    stack = {"StackName": STAGING, "CreationTime": "2026-01-01T00:00:00Z", "StackStatus": "UPDATE_COMPLETE", **more}
    return {"call": "cloudformation describe-stacks", "answer": {"Stacks": [stack]}}


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
    ran = desk.run("deploy.sh", "staging", answers=answers, CI="true")
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
    ran = desk.run("deploy.sh", "staging", answers=[ACCOUNT, REPOSITORIES, NO_IMAGE, ping(200), OUTPUTS])
    (sam,) = ran.of("sam")
    overrides = dict(pair.split("=", 1) for pair in sam[sam.index("--parameter-overrides") + 1 :])
    assert stack(**overrides).of_type("Lambda::Function")["Function"]["Code"] == {"ImageUri": overrides["ImageUri"]}


def test_the_same_sources_are_not_built_twice(desk: Desk) -> None:
    ran = desk.run("deploy.sh", "staging", answers=[ACCOUNT, REPOSITORIES, IMAGE, ping(200), OUTPUTS])
    assert ran.status == 0, ran.output
    assert ran.of("docker") == []
    assert len(ran.of("sam")) == 1


def test_a_given_image_is_deployed_as_it_is(desk: Desk) -> None:
    image = f"{REPOSITORY}@sha256:{'0' * 64}"
    ran = desk.run("deploy.sh", "staging", answers=[ping(200), OUTPUTS], IMAGE_URI=image)
    assert ran.names == ["sam", "lambda invoke", "cloudformation describe-stacks"]
    (sam,) = ran.of("sam")
    assert sam[-1] == f"ImageUri={image}"
    assert sam[sam.index("--image-repository") + 1] == REPOSITORY
    assert "--role-arn" not in sam


def test_cloudformation_acts_in_the_role_that_it_is_given(desk: Desk) -> None:
    role = "arn:aws:iam::123456789012:role/stack"
    image = f"{REPOSITORY}:1"
    ran = desk.run("deploy.sh", "staging", answers=[ping(200), OUTPUTS], IMAGE_URI=image, STACK_ROLE_ARN=role)
    (sam,) = ran.of("sam")
    assert sam[sam.index("--role-arn") + 1] == role


@pytest.mark.parametrize("status_code", [206, 500])
def test_a_deployment_whose_warm_up_fails_is_no_success(desk: Desk, status_code: int) -> None:
    ran = desk.run("deploy.sh", "staging", answers=[ping(status_code)], IMAGE_URI=f"{REPOSITORY}:1")
    assert ran.status == 1
    assert "as it is" in ran.output
    assert "make rollback ENV=staging" in ran.output


@pytest.mark.parametrize("script", ["deploy.sh", "rollback.sh"])
def test_an_environment_that_is_not_there_is_named(desk: Desk, script: str) -> None:
    ran = desk.run(script, "holiday", answers=[])
    assert ran.status != 0
    assert "samconfig.toml has no [holiday]" in ran.output
    assert ran.calls == []


def test_a_missing_tool_is_named_before_anything_is_done(desk: Desk) -> None:
    desk.without("sam")
    if shutil.which("sam"):
        pytest.skip("this machine has a sam of its own")
    ran = desk.run("deploy.sh", "staging", answers=[])
    assert ran.status == 69
    assert "sam is needed" in ran.output
    assert ran.calls == []


# Sizes

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
    ran = desk.run("image-size.sh", "image", answers=[])
    assert ran.status == 0, ran.output
    assert "7126.0 MB  the image" in ran.output
    assert " 106.4 MB  base" in ran.output


# Roll back

PARAMETERS = {
    "ImageUri": f"{REPOSITORY}:c",
    "Deployment": "Canary10Percent10Minutes",
    "Model": "u2netp",
    "MemoryMb": "3008",
}


def resource(name: str, kind: str, physical: str) -> dict[str, Any]:
    detail = {
        "LogicalResourceId": name,
        "ResourceType": kind,
        "PhysicalResourceId": physical,
        "LastUpdatedTimestamp": "2026-01-01T00:00:00Z",
        "ResourceStatus": "UPDATE_COMPLETE",
    }
    return {
        "call": "cloudformation describe-stack-resource",
        "where": {"StackName": STAGING, "LogicalResourceId": name},
        "answer": {"StackResourceDetail": detail},
    }


def deployments(*running: str) -> dict[str, Any]:
    return {
        "call": "deploy list-deployments",
        "where": {"applicationName": "application-1", "deploymentGroupName": "group-1"},
        "answer": {"deployments": list(running)},
    }


def versions(live: str, images: Mapping[str, str | None]) -> list[dict[str, Any]]:
    """Say which version the alias is at, and what image each has; None: the version was deleted."""
    alias = {"call": "lambda get-alias", "where": {"Name": "live"}, "answer": {"Name": "live", "FunctionVersion": live}}
    return [alias] + [
        {
            "call": "lambda get-function",
            "where": {"FunctionName": STAGING, "Qualifier": version},
            **({"answer": {"Code": {"ImageUri": image}}} if image else {"error": "ResourceNotFoundException"}),
        }
        for version, image in images.items()
    ]


PLACES = [
    resource("ServerlessDeploymentApplication", "AWS::CodeDeploy::Application", "application-1"),
    resource("FunctionDeploymentGroup", "AWS::CodeDeploy::DeploymentGroup", "group-1"),
]
UPDATE = [
    described(Parameters=[{"ParameterKey": name, "ParameterValue": "as it was"} for name in PARAMETERS]),
    {"call": "cloudformation update-stack", "answer": {"StackId": "stack-1"}},
]


def test_the_stack_has_the_resources_by_which_a_rollback_finds_its_way() -> None:
    resources = stack().resources
    assert resources["ServerlessDeploymentApplication"]["Type"] == "AWS::CodeDeploy::Application"
    assert resources["FunctionDeploymentGroup"]["Type"] == "AWS::CodeDeploy::DeploymentGroup"


def test_a_canary_that_runs_is_stopped_and_nothing_else_is_done(desk: Desk) -> None:
    stopped = {"call": "deploy stop-deployment", "answer": {"status": "Pending"}}
    ran = desk.run("rollback.sh", "staging", answers=[*PLACES, deployments("d-1"), stopped])
    assert ran.status == 0, ran.output
    assert ran.of("deploy stop-deployment") == [{"deploymentId": "d-1", "autoRollbackEnabled": True}]
    assert ran.of("cloudformation update-stack") == []


def test_without_a_canary_the_last_other_image_is_deployed_and_the_rest_stays(desk: Desk) -> None:
    """Version 4 changed a parameter only, 2 was deleted: the image before is version 1's."""
    images = {"4": f"{REPOSITORY}:c", "3": f"{REPOSITORY}:c", "2": None, "1": f"{REPOSITORY}:a"}
    ran = desk.run("rollback.sh", "staging", answers=[*PLACES, deployments(), *versions("4", images), *UPDATE])
    assert ran.status == 0, ran.output
    (update,) = ran.of("cloudformation update-stack")
    given = {each["ParameterKey"]: each.get("ParameterValue") for each in update["Parameters"]}
    assert given == {"ImageUri": f"{REPOSITORY}:a", "Deployment": "AllAtOnce", "Model": None, "MemoryMb": None}
    assert all(each["UsePreviousValue"] for each in update["Parameters"] if "ParameterValue" not in each)
    assert update["UsePreviousTemplate"] is True
    assert set(update["Capabilities"]) == {"CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"}
    assert ran.names[-1] == "cloudformation wait stack-update-complete"
    assert set(given) <= set(template()["Parameters"])


def test_where_there_is_no_earlier_image_nothing_is_touched(desk: Desk) -> None:
    images = {"2": f"{REPOSITORY}:c", "1": f"{REPOSITORY}:c"}
    ran = desk.run("rollback.sh", "staging", answers=[*PLACES, deployments(), *versions("2", images), *UPDATE])
    assert ran.status == 1
    assert "no earlier version with another image" in ran.output
    assert ran.of("cloudformation update-stack") == []


# A bucket that was there before

QUEUE = {"QueueArn": "arn:aws:sqs:us-east-1:123456789012:other", "Events": ["s3:ObjectRemoved:*"]}
OTHER = {
    "Id": "other",
    "LambdaFunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:other",
    "Events": ["s3:ObjectCreated:Put"],
}
OLD = {"Id": "background-removal", "LambdaFunctionArn": f"{ALIAS}-of-old", "Events": ["s3:ObjectCreated:*"]}
OURS = {"Id": "background-removal", "LambdaFunctionArn": ALIAS, "Events": ["s3:ObjectCreated:*"]}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, {"LambdaFunctionConfigurations": [OURS]}),  # S3 answers nothing, and the CLI prints nothing
        (
            {"QueueConfigurations": [QUEUE], "LambdaFunctionConfigurations": [OTHER], "EventBridgeConfiguration": {}},
            {
                "QueueConfigurations": [QUEUE],
                "LambdaFunctionConfigurations": [OTHER, OURS],
                "EventBridgeConfiguration": {},
            },
        ),
        ({"LambdaFunctionConfigurations": [OLD, OTHER]}, {"LambdaFunctionConfigurations": [OTHER, OURS]}),
    ],
    ids=["empty", "beside others", "again"],
)
def test_a_bucket_keeps_the_notifications_it_has(desk: Desk, before: Any, after: Any) -> None:
    answers = [
        {"call": "s3api get-bucket-notification-configuration", "where": {"Bucket": "mine"}, "answer": before},
        {"call": "s3api put-bucket-notification-configuration"},
    ]
    ran = desk.run("connect-bucket.sh", "mine", ALIAS, answers=answers)
    assert ran.status == 0, ran.output
    (put,) = ran.of("s3api put-bucket-notification-configuration")
    assert put == {"Bucket": "mine", "NotificationConfiguration": after}
