"""The roles may do exactly this."""

from __future__ import annotations

import json
from typing import Any

import pytest

from handler.storage.exchange import IMPROVE, RESULTS, UPLOADS
from tests.template.stack import SECRET, Stack, stack

INPUT_KEY, OUTPUT_KEY, SECRET_KEY, QUEUE_KEY = (
    f"arn:aws:kms:us-east-1:123456789012:key/{of}" for of in ("input", "output", "secret", "queue")
)


def allowed(deployed: Stack) -> dict[str, dict[str, list[str]]]:
    """Give each role's actions with the resources that they are allowed on."""
    roles: dict[str, dict[str, list[str]]] = {}
    for role, statement in statements(deployed):
        assert statement["Effect"] == "Allow"
        actions = statement["Action"]
        for action in [actions] if isinstance(actions, str) else actions:
            roles.setdefault(role, {}).setdefault(action, []).append(place(statement["Resource"]))
    return roles


def statements(deployed: Stack) -> list[tuple[str, dict[str, Any]]]:
    """Give what every role may do, with its role."""
    documents: list[tuple[str, Any]] = [
        (name, policy["PolicyDocument"])
        for name, role in deployed.of_type("IAM::Role").items()
        for policy in role.get("Policies", [])
    ]
    documents += [
        (policy["RoleName"]["Ref"], policy["PolicyDocument"]) for policy in deployed.of_type("IAM::RolePolicy").values()
    ]
    return [(role, statement) for role, document in documents for statement in document["Statement"]]


def place(resource: Any) -> str:
    """Write a resource in short: an ARN, or what CloudFormation fills in."""
    match resource:
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"${{{name}.{attribute}}}"
        case {"Fn::Sub": text}:
            return str(text)
    return str(resource)


def test_the_actions_are_exactly_these() -> None:
    assert allowed(stack(WarmStrategy="schedule", WarmEnvironments="2")) == {
        "FunctionRole": {
            "logs:CreateLogStream": ["${FunctionLogs.Arn}"],
            "logs:PutLogEvents": ["${FunctionLogs.Arn}"],
            "sqs:SendMessage": ["${DeadLetters.Arn}"],
            "sqs:ReceiveMessage": ["${UploadQueue.Arn}"],
            "sqs:DeleteMessage": ["${UploadQueue.Arn}"],
            "sqs:ChangeMessageVisibility": ["${UploadQueue.Arn}"],
            "sqs:GetQueueAttributes": ["${UploadQueue.Arn}"],
            "s3:GetObject": ["arn:aws:s3:::${OutputBucket}/cutouts/*", "arn:aws:s3:::${InputBucket}/*"],
            "s3:PutObject": ["arn:aws:s3:::${OutputBucket}/cutouts/*"],
            "s3:DeleteObject": ["arn:aws:s3:::${OutputBucket}/cutouts/*"],
            "s3:ListBucket": ["arn:aws:s3:::${OutputBucket}", "arn:aws:s3:::${InputBucket}"],
            "s3:GetObjectVersion": ["arn:aws:s3:::${InputBucket}/*"],
            "lambda:InvokeFunction": ["arn:aws:lambda:us-east-1:123456789012:function:cutout:live"],
        },
        "WarmUpRole": {"lambda:InvokeFunction": ["${FunctionAliaslive}"]},
        "BatchRole": {
            "lambda:InvokeFunction": ["${FunctionAliaslive}"],
            "s3:GetObject": ["arn:aws:s3:::${OutputBucket}/batch-jobs/*"],
            "s3:GetObjectVersion": ["arn:aws:s3:::${OutputBucket}/batch-jobs/*"],
            "s3:PutObject": ["arn:aws:s3:::${OutputBucket}/batch-jobs/*"],
        },
    }


def test_tags_may_be_read_where_uploads_may_ask_in_them() -> None:
    role = allowed(stack(OutputsFrom="tags"))["FunctionRole"]
    assert role["s3:GetObjectTagging"] == ["arn:aws:s3:::${InputBucket}/*"]
    for other in ("setting", "metadata"):
        assert "s3:GetObjectTagging" not in allowed(stack(OutputsFrom=other))["FunctionRole"]


def test_large_files_add_exactly_these() -> None:
    before, after = (allowed(stack(LargeFiles=large, Uploads="off")) for large in ("off", "on"))
    assert {
        action: places for action, places in after["FunctionRole"].items() if action not in before["FunctionRole"]
    } == {
        "s3:GetObject": ["arn:aws:s3:::${ResultBucket}/results/*", "arn:aws:s3:::${ResultBucket}/uploads/*"],
        "s3:PutObject": [f"arn:aws:s3:::${{ResultBucket}}/{folder}/*" for folder in ("results", "uploads", "improve")],
        "s3:DeleteObject": ["arn:aws:s3:::${ResultBucket}/uploads/*"],
        "s3:ListBucket": ["arn:aws:s3:::${ResultBucket}"],
    }
    assert set(before["FunctionRole"]) <= set(after["FunctionRole"])


def test_the_folders_of_large_files_are_those_that_the_function_uses() -> None:
    bucket = stack(LargeFiles="on").of_type("S3::Bucket")["ResultBucket"]
    rules = bucket["LifecycleConfiguration"]["Rules"]
    days = {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "Prefix" in rule}
    assert days == {RESULTS: 1, UPLOADS: 1, IMPROVE: 365}
    assert [rule for rule in rules if "AbortIncompleteMultipartUpload" in rule]
    granted = json.dumps([statement["Resource"] for _, statement in statements(stack(LargeFiles="on", Uploads="off"))])
    for folder in (RESULTS, UPLOADS, IMPROVE):
        assert f"${{ResultBucket}}/{folder}*" in granted


def test_large_files_are_private_encrypted_and_gone_when_they_are_deleted() -> None:
    deployed = stack(LargeFiles="on")
    bucket = deployed.of_type("S3::Bucket")["ResultBucket"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert "VersioningConfiguration" not in bucket
    assert deployed.resources["ResultBucket"]["DeletionPolicy"] == "Retain"
    (rule,) = bucket["CorsConfiguration"]["CorsRules"]
    assert set(rule["AllowedMethods"]) == {"GET", "HEAD", "POST"}  # a page signs nothing else


def test_a_bucket_under_its_stacks_name_that_another_account_has_taken_is_out_of_reach() -> None:
    for _, statement in statements(stack(LargeFiles="on")):
        if "s3:" in json.dumps(statement["Action"]):
            assert statement["Condition"] == {"StringEquals": {"aws:ResourceAccount": "123456789012"}}


def test_a_bucket_of_ones_own_may_belong_to_another_account() -> None:
    deployed = stack(ExistingInputBucket="photos", ExistingOutputBucket="results")
    assert not [statement for _, statement in statements(deployed) if "Condition" in statement]


def test_the_secret_of_the_keys_may_be_read_and_no_other() -> None:
    role = allowed(stack(ApiKeysSecretArn=SECRET))["FunctionRole"]
    assert role["secretsmanager:GetSecretValue"] == [SECRET]
    assert "kms:Decrypt" not in role
    assert "secretsmanager:GetSecretValue" not in allowed(stack())["FunctionRole"]


def test_customer_keys_are_used_through_their_service_alone() -> None:
    deployed = stack(
        ApiKeysSecretArn=SECRET,
        ApiKeysKmsKeyArn=SECRET_KEY,
        InputKmsKeyArn=INPUT_KEY,
        OutputKmsKeyArn=OUTPUT_KEY,
        QueueKmsKeyArn=QUEUE_KEY,
    )
    used = {
        statement["Resource"]: (statement["Action"], statement["Condition"]["StringEquals"]["kms:ViaService"])
        for _, statement in statements(deployed)
        if "kms:" in json.dumps(statement["Action"])
    }
    assert used == {
        SECRET_KEY: ("kms:Decrypt", "secretsmanager.us-east-1.amazonaws.com"),
        INPUT_KEY: ("kms:Decrypt", "s3.us-east-1.amazonaws.com"),
        QUEUE_KEY: ("kms:Decrypt", "sqs.us-east-1.amazonaws.com"),
        OUTPUT_KEY: (["kms:Decrypt", "kms:GenerateDataKey"], "s3.us-east-1.amazonaws.com"),
    }


def test_new_buckets_are_encrypted_with_their_customer_keys() -> None:
    buckets = stack(InputKmsKeyArn=INPUT_KEY, OutputKmsKeyArn=OUTPUT_KEY).of_type("S3::Bucket")
    keys = {
        name: bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]["ServerSideEncryptionByDefault"]
        for name, bucket in buckets.items()
    }
    assert keys == {
        "InputBucket": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": INPUT_KEY},
        "OutputBucket": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": OUTPUT_KEY},
    }


def test_without_uploads_there_is_no_right_to_s3() -> None:
    roles = allowed(stack(Uploads="off"))
    assert set(roles) == {"FunctionRole"}
    assert not [action for action in roles["FunctionRole"] if action.startswith("s3:")]


@pytest.mark.parametrize("road", ["direct", "off"])
def test_without_the_queue_nothing_is_received(road: str) -> None:
    rights = allowed(stack(Uploads=road))["FunctionRole"]
    assert [action for action in rights if action.startswith("sqs:")] == ["sqs:SendMessage"]


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
        "BatchRole": "batchoperations.s3.amazonaws.com",
    }


def test_buckets_are_private_encrypted_versioned_and_kept() -> None:
    deployed = stack()
    buckets = deployed.of_type("S3::Bucket")
    assert set(buckets) == {"InputBucket", "OutputBucket"}
    for name, bucket in buckets.items():
        assert bucket["PublicAccessBlockConfiguration"] == {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        }
        assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
        assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert bucket["LifecycleConfiguration"]["Rules"]
        assert deployed.resources[name]["DeletionPolicy"] == "Retain"


def tls_only(action: str, resources: Any) -> dict[str, Any]:
    """Give the statement that refuses everything on these resources without TLS."""
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": resources,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


@pytest.mark.parametrize("name", ["InputBucket", "OutputBucket", "ResultBucket"])
def test_a_bucket_and_its_objects_are_refused_without_tls(name: str) -> None:
    policy = stack(LargeFiles="on").of_type("S3::BucketPolicy")[f"{name}Policy"]
    assert policy["Bucket"] == {"Ref": name}
    objects = {"Fn::Sub": f"${{{name}.Arn}}/*"}
    assert policy["PolicyDocument"]["Statement"] == [tls_only("s3:*", [{"Fn::GetAtt": [name, "Arn"]}, objects])]


def test_the_dead_letters_are_refused_without_tls() -> None:
    policy = stack().of_type("SQS::QueuePolicy")["DeadLettersPolicy"]
    assert policy["Queues"] == [{"Ref": "DeadLetters"}]
    arn = {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    assert policy["PolicyDocument"]["Statement"] == [tls_only("sqs:*", arn)]


@pytest.mark.parametrize(
    ("given", "bucket"), [({}, "cutout-input-123456789012-us-east-1"), ({"ExistingInputBucket": "photos"}, "photos")]
)
def test_only_the_input_bucket_of_this_account_sends_to_the_queue_and_only_over_tls(
    given: dict[str, str], bucket: str
) -> None:
    policy = stack(**given).of_type("SQS::QueuePolicy")["UploadQueuePolicy"]
    assert policy["Queues"] == [{"Ref": "UploadQueue"}]
    arn = {"Fn::GetAtt": ["UploadQueue", "Arn"]}
    refused, accepted = policy["PolicyDocument"]["Statement"]
    assert refused == tls_only("sqs:*", arn)
    assert accepted == {
        "Sid": "NotificationsOfTheInputBucket",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {
            "StringEquals": {"aws:SourceAccount": "123456789012"},
            "ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{bucket}"},
        },
    }
