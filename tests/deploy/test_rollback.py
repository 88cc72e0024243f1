"""rollback.sh: which deployment it takes for the last good one, and what it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.deploy.desk import REPOSITORY, STAGING, Desk, described
from tests.template.stack import stack, template

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    ran = desk.run("deploy/rollback.sh", "staging", answers=[*PLACES, deployments("d-1"), stopped])
    assert ran.status == 0, ran.output
    assert ran.of("deploy stop-deployment") == [{"deploymentId": "d-1", "autoRollbackEnabled": True}]
    assert ran.of("cloudformation update-stack") == []


def test_without_a_canary_the_last_other_image_is_deployed_and_the_rest_stays(desk: Desk) -> None:
    """Version 4 changed a parameter only, 2 was deleted: the image before is version 1's."""
    images = {"4": f"{REPOSITORY}:c", "3": f"{REPOSITORY}:c", "2": None, "1": f"{REPOSITORY}:a"}
    ran = desk.run("deploy/rollback.sh", "staging", answers=[*PLACES, deployments(), *versions("4", images), *UPDATE])
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
    ran = desk.run("deploy/rollback.sh", "staging", answers=[*PLACES, deployments(), *versions("2", images), *UPDATE])
    assert ran.status == 1
    assert "no earlier version with another image" in ran.output
    assert ran.of("cloudformation update-stack") == []
