"""rollback.sh: which deployment it takes for the last good one, and what it changes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.deploy.desk import REPOSITORY, STAGING, Desk, Ran, described
from tests.template.stack import stack, template

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.slow

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


def image(name: str) -> str:
    return f"{REPOSITORY}@sha256:{name * 64}"


def listed(statuses: list[str], *identifiers: str) -> dict[str, Any]:
    return {
        "call": "deploy list-deployments",
        "where": {
            "applicationName": "application-1",
            "deploymentGroupName": "group-1",
            "includeOnlyStatuses": statuses,
        },
        "answer": {"deployments": list(identifiers)},
    }


def running(*identifiers: str) -> dict[str, Any]:
    return listed(["Created", "Queued", "InProgress", "Ready"], *identifiers)


@dataclass(frozen=True)
class Moved:
    """A deployment that succeeded: from one version to another, made by CodeDeploy itself where it went back."""

    before: str
    after: str
    back: bool = False
    yaml: bool = False

    def described(self, number: int) -> dict[str, Any]:
        name = "cloudformation"
        properties = {
            "Name": STAGING,
            "Alias": "live",
            "CurrentVersion": self.before,
            "TargetVersion": self.after,
        }
        appspec = {
            "version": 0.0,
            "Resources": [{name: {"Type": "AWS::Lambda::Function", "Properties": properties}}],
        }
        text = json.dumps(appspec)
        if self.yaml:
            text = f"""version: 0.0
Resources:
  - {name}:
      Type: AWS::Lambda::Function
      Properties:
        Name: "{STAGING}"
        Alias: "live"
        CurrentVersion: "{self.before}"
        TargetVersion: "{self.after}"
"""
        content = {"content": text}
        return {
            "deploymentId": f"d-{number}",
            "status": "Succeeded",
            "createTime": f"2026-01-{number:02}T00:00:00Z",
            "revision": {"revisionType": "AppSpecContent", "appSpecContent": content}
            if number % 2
            else {"revisionType": "String", "string": content},
            **({"rollbackInfo": {"rollbackTriggeringDeploymentId": "d-0"}} if self.back else {}),
        }


def history(*moves: Moved) -> list[dict[str, Any]]:
    """Say what CodeDeploy has done, oldest first; it is listed newest first, and described in no order."""
    described = [move.described(number) for number, move in enumerate(moves, 1)]
    names = [str(each["deploymentId"]) for each in reversed(described)]
    return [
        running(),
        listed(["Succeeded"], *names),
        {"call": "deploy batch-get-deployments", "answer": {"deploymentsInfo": described[1::2] + described[::2]}},
    ]


def versions(live: str, images: Mapping[str, str | None]) -> list[dict[str, Any]]:
    """Say which version the alias is at, and what image each has; None: the version was deleted."""
    alias = {"call": "lambda get-alias", "where": {"Name": "live"}, "answer": {"Name": "live", "FunctionVersion": live}}
    return [alias] + [
        {
            "call": "lambda get-function",
            "where": {"FunctionName": STAGING, "Qualifier": version},
            **(
                {"answer": {"Code": {"ImageUri": f"{REPOSITORY}:tag", "ResolvedImageUri": image(name)}}}
                if name
                else {"error": "ResourceNotFoundException"}
            ),
        }
        for version, name in images.items()
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
    ran = desk.run("deploy/rollback.sh", "staging", answers=[*PLACES, running("d-1"), stopped])
    assert ran.status == 0, ran.output
    assert ran.of("deploy stop-deployment") == [{"deploymentId": "d-1", "autoRollbackEnabled": True}]
    assert ran.of("cloudformation update-stack") == []


def went_back_to(ran: Ran) -> str:
    """Give the image that the stack is updated with."""
    assert ran.status == 0, ran.output
    (update,) = ran.of("cloudformation update-stack")
    given = {each["ParameterKey"]: each.get("ParameterValue") for each in update["Parameters"]}
    return str(given["ImageUri"])


def test_the_image_before_is_deployed_and_the_rest_stays(desk: Desk) -> None:
    answers = [*PLACES, *history(Moved("1", "2")), *versions("2", {"1": "a", "2": "b"}), *UPDATE]
    ran = desk.run("deploy/rollback.sh", "staging", answers=answers)
    assert went_back_to(ran) == image("a")
    (update,) = ran.of("cloudformation update-stack")
    given = {each["ParameterKey"]: each.get("ParameterValue") for each in update["Parameters"]}
    assert given == {"ImageUri": image("a"), "Deployment": "AllAtOnce", "Model": None, "MemoryMb": None}
    assert all(each["UsePreviousValue"] for each in update["Parameters"] if "ParameterValue" not in each)
    assert update["UsePreviousTemplate"] is True
    assert set(update["Capabilities"]) == {"CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"}
    assert ran.names[-1] == "cloudformation wait stack-update-complete"
    assert set(given) <= set(template()["Parameters"])


@pytest.mark.parametrize(
    ("moves", "images", "expected"),
    [
        # Version 2 was rolled back by CodeDeploy: its deployment did not succeed.
        ([Moved("1", "3")], {"3": "c", "2": "b", "1": "a"}, "a"),
        # The way back is a deployment of its own, and its version before is the one that failed.
        ([Moved("2", "1", back=True), Moved("1", "3")], {"3": "c", "2": "b", "1": "a"}, "a"),
        # Versions 3 and 4 differ in a parameter only.
        ([Moved("1", "2"), Moved("2", "3"), Moved("3", "4")], {"4": "c", "3": "c", "2": "c", "1": "a"}, "a"),
        # Version 2 was deleted.
        ([Moved("1", "2"), Moved("2", "3")], {"3": "c", "2": None, "1": "a"}, "a"),
        # b was bad, and somebody went back from it by hand.
        ([Moved("1", "2"), Moved("2", "3"), Moved("3", "4")], {"4": "c", "3": "a", "2": "b", "1": "a"}, "a"),
        # The second time in a row: c was left already.
        ([Moved("1", "2"), Moved("2", "3"), Moved("3", "4")], {"4": "b", "3": "c", "2": "b", "1": "a"}, "a"),
        ([Moved("1", "2", yaml=True), Moved("2", "3", yaml=True)], {"3": "c", "2": "b", "1": "a"}, "b"),
    ],
    ids=["failed", "moved back", "parameter", "deleted", "by hand", "twice", "YAML"],
)
def test_the_last_image_that_was_good_is_taken(
    desk: Desk, moves: list[Moved], images: dict[str, str | None], expected: str
) -> None:
    live = next(iter(images))
    ran = desk.run(
        "deploy/rollback.sh", "staging", answers=[*PLACES, *history(*moves), *versions(live, images), *UPDATE]
    )
    assert went_back_to(ran) == image(expected)


def test_a_long_history_is_asked_for_in_pieces(desk: Desk) -> None:
    moves = [Moved(str(number), str(number + 1)) for number in range(1, 31)]
    images = {str(number): "b" if number > 1 else "a" for number in range(1, 32)}
    ran = desk.run(
        "deploy/rollback.sh", "staging", answers=[*PLACES, *history(*moves), *versions("31", images), *UPDATE]
    )
    assert went_back_to(ran) == image("a")
    assert [len(asked["deploymentIds"]) for asked in ran.of("deploy batch-get-deployments")] == [25, 5]


@pytest.mark.parametrize(
    ("moves", "images"),
    [
        ([], {"2": "c", "1": "c"}),
        ([Moved("1", "2")], {"2": "c", "1": "c"}),
        # The second version of all failed, and CodeDeploy went back to the first.
        ([Moved("2", "1", back=True)], {"1": "c", "2": "b"}),
    ],
    ids=["no deployment", "a parameter", "moved back"],
)
def test_where_there_is_no_earlier_image_nothing_is_touched(
    desk: Desk, moves: list[Moved], images: dict[str, str | None]
) -> None:
    answers = [*PLACES, *history(*moves), *versions(next(iter(images)), images), *UPDATE]
    ran = desk.run("deploy/rollback.sh", "staging", answers=answers)
    assert ran.status == 1
    assert f"never in service with another image than this, {image('c')}" in ran.output
    assert ran.of("cloudformation update-stack") == []


def test_a_version_that_may_not_be_read_is_no_deleted_one(desk: Desk) -> None:
    """The script took every error for a deleted version and went on to an older image."""
    refused = {"call": "lambda get-function", "where": {"Qualifier": "2"}, "error": "AccessDeniedException"}
    answers = [*PLACES, *history(Moved("1", "2"), Moved("2", "3")), refused, *versions("3", {"3": "c", "1": "a"})]
    ran = desk.run("deploy/rollback.sh", "staging", answers=answers)
    assert ran.status == 1
    assert "AccessDeniedException" in ran.output
    assert ran.of("cloudformation update-stack") == []
