"""The roles may do exactly this."""

from __future__ import annotations

import json
from typing import Any

from tests.template.stack import Stack, stack

BUCKET = "arn:aws:s3:::cutout-{}-123456789012-us-east-1"


def allowed(deployed: Stack) -> dict[str, dict[str, str]]:
    """Give each role's actions with the resources that they are allowed on."""
    roles: dict[str, dict[str, str]] = {}
    documents: list[tuple[str, Any]] = [
        (name, policy["PolicyDocument"])
        for name, role in deployed.of_type("IAM::Role").items()
        for policy in role.get("Policies", [])
    ]
    documents += [
        (policy["RoleName"]["Ref"], policy["PolicyDocument"]) for policy in deployed.of_type("IAM::RolePolicy").values()
    ]
    for role, document in documents:
        for statement in document["Statement"]:
            assert statement["Effect"] == "Allow"
            actions = statement["Action"]
            for action in [actions] if isinstance(actions, str) else actions:
                place = json.dumps(statement["Resource"]).strip('"')
                known = roles.setdefault(role, {})
                known[action] = f"{known[action]}, {place}" if action in known else place
    return roles


def test_the_actions_are_exactly_these() -> None:
    uploads, cutouts = BUCKET.format("input"), BUCKET.format("output")
    assert allowed(stack(WarmStrategy="schedule", WarmEnvironments="2")) == {
        "FunctionRole": {
            "logs:CreateLogStream": '{"Fn::GetAtt": ["FunctionLogs", "Arn"]}',
            "logs:PutLogEvents": '{"Fn::GetAtt": ["FunctionLogs", "Arn"]}',
            "sqs:SendMessage": '{"Fn::GetAtt": ["DeadLetters", "Arn"]}',
            "s3:GetObject": f"{uploads}/*, {cutouts}/cutouts/*",
            "s3:GetObjectVersion": f"{uploads}/*",
            "s3:ListBucket": f'["{uploads}", "{cutouts}"]',
            "s3:PutObject": f"{cutouts}/cutouts/*",
            "lambda:InvokeFunction": "arn:aws:lambda:us-east-1:123456789012:function:cutout:live",
        },
        "WarmUpRole": {"lambda:InvokeFunction": '{"Ref": "FunctionAliaslive"}'},
    }


def test_without_uploads_there_is_no_right_to_s3() -> None:
    assert not [action for action in allowed(stack(Uploads="off"))["FunctionRole"] if action.startswith("s3:")]


def test_no_role_has_a_managed_policy_but_the_one_that_moves_the_alias() -> None:
    managed = {
        name: role["ManagedPolicyArns"]
        for name, role in stack().of_type("IAM::Role").items()
        if "ManagedPolicyArns" in role
    }
    assert managed == {
        "CodeDeployServiceRole": ["arn:aws:iam::aws:policy/service-role/AWSCodeDeployRoleForLambda"],
    }


def test_roles_are_for_their_service_alone() -> None:
    principals = {
        name: statement["Principal"]["Service"]
        for name, role in stack(WarmStrategy="schedule").of_type("IAM::Role").items()
        for statement in role["AssumeRolePolicyDocument"]["Statement"]
    }
    assert principals == {
        "FunctionRole": "lambda.amazonaws.com",
        "WarmUpRole": "scheduler.amazonaws.com",
        "CodeDeployServiceRole": ["codedeploy.amazonaws.com"],
    }


def test_buckets_are_private_encrypted_versioned_and_tls_only() -> None:
    deployed = stack()
    buckets = deployed.of_type("S3::Bucket")
    assert set(buckets) == {"InputBucket", "OutputBucket"}
    for name, bucket in buckets.items():
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
        assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert bucket["LifecycleConfiguration"]["Rules"]
        assert deployed.resources[name]["DeletionPolicy"] == "Retain"
        (statement,) = deployed.of_type("S3::BucketPolicy")[f"{name}Policy"]["PolicyDocument"]["Statement"]
        assert statement["Effect"] == "Deny"
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
