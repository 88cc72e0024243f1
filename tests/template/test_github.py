"""The roles of deploy/github.yaml: who may take them, and that they reach what a deployment needs, nothing beside."""

from __future__ import annotations

import functools
import importlib.resources
import json
import re
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import pytest

from tests.template.stack import PSEUDO, ROOT, SECRET, Scope, parameters, stack, template

if TYPE_CHECKING:
    from collections.abc import Iterable

STACK = PSEUDO["AWS::StackName"]
ACCOUNT = "us-east-1:123456789012"
GITHUB = template("deploy/github.yaml")
OF_CFN_LINT = importlib.resources.files("cfnlint") / "data"
PROVIDER = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"

# What resource schemas ask for on account of properties that template.yaml does not use.
UNUSED = {
    "apigateway:TagResource": "no action of IAM's: a tag is a PUT on /tags",
    "apigateway:UntagResource": "the same, a DELETE",
    "ec2:*": "no VPC",
    "elasticfilesystem:*": "no file system",
    "s3files:*": "no file system",
    "firehose:*": "no delivery stream",
    "iam:DeleteRolePermissionsBoundary": "a bounded role stays bounded",
    "kms:*": "no key of one's own",
    "logs:DeleteIndexPolicy": "no index policies",
    "logs:PutIndexPolicy": "no index policies",
    "logs:DeleteResourcePolicy": "no resource policy in the stack; API Gateway's is shared",
    "s3:*Object": "an object is code or a definition there; the code is an image, and buckets are emptied by hand",
    "s3:*ObjectAcl": "the same",
    "s3:GetObjectVersion": "the same",
    "s3:REST.PUT.OBJECT": "the same",
    "s3tables:*": "no tables",
}
# What schemas do not name, with where it is said.
BESIDE_SCHEMAS = {
    "ecr:*": "https://docs.aws.amazon.com/lambda/latest/dg/images-create.html",
    "logs:*LogDelivery": "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html",
    "logs:ListLogDeliveries": "the same page",
    "secretsmanager:GetSecretValue": "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-secretsmanager.html",
}
# `sam deploy` of an image that is in its registry: samcli/lib/deploy/deployer.py, utils/managed_cloudformation_stack.py
OF_SAM = {
    "cloudformation:CreateChangeSet",
    "cloudformation:DescribeChangeSet",
    "cloudformation:DescribeStackEvents",
    "cloudformation:DescribeStacks",
    "cloudformation:ExecuteChangeSet",
    "cloudformation:GetTemplateSummary",
    "cloudformation:TagResource",
    "iam:PassRole",
    "s3:GetObject",
    "s3:PutObject",
}
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html
OF_DOCKER = {
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:CompleteLayerUpload",
    "ecr:GetDownloadUrlForLayer",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
}
# Of what carries a name: the property (CloudFormation makes one up where it is missing), the ARN, and what makes it.
NAMED = {
    "CloudWatch::Alarm": ("AlarmName", f"arn:aws:cloudwatch:{ACCOUNT}:alarm:{{}}", "cloudwatch:PutMetricAlarm"),
    "CloudWatch::Dashboard": (
        "DashboardName",
        "arn:aws:cloudwatch::123456789012:dashboard/{}",
        "cloudwatch:PutDashboard",
    ),
    "CodeDeploy::Application": (
        "ApplicationName",
        f"arn:aws:codedeploy:{ACCOUNT}:application:{{}}",
        "codedeploy:CreateApplication",
    ),
    "IAM::Role": ("RoleName", "arn:aws:iam::123456789012:role/{}", "iam:CreateRole"),
    "Lambda::Function": ("FunctionName", f"arn:aws:lambda:{ACCOUNT}:function:{{}}", "lambda:CreateFunction"),
    "Logs::LogGroup": ("LogGroupName", f"arn:aws:logs:{ACCOUNT}:log-group:{{}}", "logs:CreateLogGroup"),
    "S3::Bucket": ("BucketName", "arn:aws:s3:::{}", "s3:CreateBucket"),
    "SNS::Topic": ("TopicName", f"arn:aws:sns:{ACCOUNT}:{{}}", "sns:CreateTopic"),
    "SQS::Queue": ("QueueName", f"arn:aws:sqs:{ACCOUNT}:{{}}", "sqs:CreateQueue"),
    "Scheduler::Schedule": (
        "Name",
        f"arn:aws:scheduler:{ACCOUNT}:schedule/default/{{}}",
        "scheduler:CreateSchedule",
    ),
}


@dataclass(frozen=True)
class Right:
    """One action, which may be a pattern, on one resource, which may be one too."""

    action: str
    resource: str
    condition: Any = None


def roles(**given: str) -> dict[str, dict[str, Any]]:
    """Give the resources that a deployment with these parameters would make."""
    return Scope(parameters(GITHUB["Parameters"], given), {}, GITHUB["Conditions"]).present(GITHUB["Resources"])


def rights(role: str) -> list[Right]:
    given = roles(Repository="owner/name", Stack=STACK, ApiKeysSecretArn=SECRET)[role]["Properties"]
    return [
        Right(action, resource if isinstance(resource, str) else json.dumps(resource), statement.get("Condition"))
        for policy in given["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        for action in _list(statement["Action"])
        for resource in _list(statement["Resource"])
    ]


def _list(thing: Any) -> list[Any]:
    return thing if isinstance(thing, list) else [thing]


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Say whether one of the patterns covers a name; IAM's actions have no case."""
    return any(fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)


@functools.cache
def asked_for() -> set[str]:
    """Name what CloudFormation needs to make, read, change and delete the stack's resources, all parameters' kinds."""
    everything = [
        stack(
            WarmStrategy="schedule",
            HttpApi="iam",
            FunctionUrl="iam",
            AlarmEmail="a@example.com",
            ReservedConcurrency="5",
        ),
        stack(WarmStrategy="provisioned", ProvisionedConcurrency="1"),
    ]
    kinds = {resource["Type"] for deployed in everything for resource in deployed.resources.values()}
    schemas = OF_CFN_LINT / "schemas"
    known = json.loads((schemas / "providers" / "us-east-1.json").read_text(encoding="utf-8"))
    actions = set()
    for kind in kinds:
        handlers = json.loads((schemas / "resources" / f"{known[kind]}.json").read_text(encoding="utf-8"))["handlers"]
        actions |= {
            action for name, handler in handlers.items() if name != "list" for action in handler.get("permissions", [])
        }
    return {action for action in actions if not matches(action, UNUSED)}


def test_cloudformation_may_do_all_that_the_stack_asks_for() -> None:
    assert len(asked_for()) > 100
    allowed = [right.action for right in rights("StackRole")]
    assert sorted(action for action in asked_for() if not matches(action, allowed)) == []


def test_cloudformation_may_do_nothing_beside() -> None:
    beside = [
        right.action
        for right in rights("StackRole")
        if not any(matches(action, [right.action]) for action in asked_for())
        and not matches(right.action, BESIDE_SCHEMAS)
    ]
    assert beside == []


@pytest.mark.parametrize("kind", NAMED)
def test_its_rights_reach_what_the_stack_names(kind: str) -> None:
    name_of, form, action = NAMED[kind]
    made = stack(WarmStrategy="schedule").of_type(kind)
    assert made
    for name, properties in made.items():
        arn = form.format(properties.get(name_of, f"{STACK}-{name}-1A2B3C4D5E6F"))
        other = arn.replace(STACK, "another")
        reach = [right.resource for right in rights("StackRole") if matches(action, [right.action])]
        assert matches(arn, reach), arn
        assert not matches(other, reach), other


def test_a_pattern_of_actions_is_for_what_is_named_after_the_stack() -> None:
    loose = [right for right in rights("StackRole") if "*" in right.action and STACK not in right.resource]
    assert loose == []


@functools.cache
def service_reference() -> dict[str, Any]:
    """Give AWS's service authorization reference, as cfn-lint carries it."""
    text = (OF_CFN_LINT / "AdditionalSpecs" / "Policies.json").read_text(encoding="utf-8")
    reference: dict[str, Any] = json.loads(text)
    return reference


def knows_no_resource(action: str) -> bool:
    """Say whether the reference names no resource for an action; what it does not know, as schemas do, is not meant."""
    service, name = action.split(":")
    known = service_reference()[service]["Actions"].get(name.lower())
    return known is not None and not known.get("Resources")


@pytest.mark.parametrize("role", ["StackRole", "DeployRole"])
def test_all_resources_are_for_actions_that_know_no_other(role: str) -> None:
    on_all = {right.action for right in rights(role) if right.resource == "*"}
    assert on_all
    assert {action for action in on_all if not knows_no_resource(action)} == set()
    if role == "StackRole":
        assert {action for action in asked_for() if knows_no_resource(action)} - on_all == set()


@pytest.mark.parametrize("action", ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject"])
def test_pictures_are_out_of_their_reach(action: str) -> None:
    reach = [right.resource for right in rights("StackRole") + rights("DeployRole") if matches(action, [right.action])]
    for bucket in stack(LargeFiles="on").of_type("S3::Bucket").values():
        assert not matches(f"arn:aws:s3:::{bucket['BucketName']}/photo.jpg", reach), reach


@pytest.mark.parametrize("action", ["Create", "Update", "Delete"])
def test_a_queue_is_connected_to_this_stacks_function_alone(action: str) -> None:
    rights_of_it = [it for it in rights("StackRole") if it.action == f"lambda:{action}EventSourceMapping"]
    (right,) = rights_of_it
    function = f"arn:aws:lambda:{ACCOUNT}:function:{STACK}"
    assert right.condition == {"ArnLike": {"lambda:FunctionArn": [function, f"{function}:*"]}}


def test_roles_are_made_and_lent_under_a_condition() -> None:
    conditions = {right.action: right.condition for right in rights("StackRole") if right.action.startswith("iam:")}
    assert conditions["iam:PassRole"]["StringEquals"]["iam:PassedToService"] == [
        "codedeploy.amazonaws.com",
        "lambda.amazonaws.com",
        "scheduler.amazonaws.com",
    ]
    (managed,) = stack().of_type("IAM::Role")["CodeDeployServiceRole"]["ManagedPolicyArns"]
    assert conditions["iam:AttachRolePolicy"]["ArnEquals"] == {"iam:PolicyARN": managed}


@pytest.mark.parametrize(
    "action", ["iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary", "iam:AttachRolePolicy"]
)
def test_no_role_is_made_or_given_rights_without_the_boundary(action: str) -> None:
    allowed = [right for right in rights("StackRole") if matches(action, [right.action])]
    assert allowed
    for right in allowed:
        assert right.condition["StringEquals"]["iam:PermissionsBoundary"] == {"Ref": "Boundary"}


@pytest.mark.parametrize(
    "action",
    ["iam:DeleteRolePermissionsBoundary", "iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion", "iam:CreateUser"],
)
def test_the_boundary_can_be_neither_lifted_nor_widened(action: str) -> None:
    assert not [right for right in rights("StackRole") + rights("DeployRole") if matches(action, [right.action])]


@pytest.mark.parametrize("buckets", [{}, {"ExistingInputBucket": "photos", "ExistingOutputBucket": "cutouts"}], ids=str)
def test_the_boundary_leaves_the_stacks_roles_what_they_are_given(buckets: dict[str, str]) -> None:
    """What a role's own policies allow and the boundary does not, is lost."""
    document = roles(Repository="owner/name", Stack=STACK, ApiKeysSecretArn=SECRET, **buckets)["Boundary"]["Properties"]
    bound = [
        (action, resource)
        for statement in document["PolicyDocument"]["Statement"]
        for action in _list(statement["Action"])
        for resource in _list(statement["Resource"])
    ]
    more = {"HttpApi": "key", "ApiKeysSecretArn": SECRET, "LargeFiles": "on", **buckets}
    deployed = stack(WarmStrategy="schedule", WarmEnvironments="2", **more)
    documents = [
        policy["PolicyDocument"]
        for role in deployed.of_type("IAM::Role").values()
        for policy in role.get("Policies", [])
    ] + [policy["PolicyDocument"] for policy in deployed.of_type("IAM::RolePolicy").values()]
    given = {
        (action, arn_of(resource))
        for document in documents
        for statement in document["Statement"]
        for action in _list(statement["Action"])
        for resource in _list(statement["Resource"])
    }
    assert len(given) > 5
    lost = {
        (action, resource)
        for action, resource in given
        if not any(matches(action, [allowed]) and matches(resource, [reach]) for allowed, reach in bound)
    }
    assert lost == set()


def arn_of(resource: Any) -> str:
    """Give the ARN behind a reference to one of the stack's resources, whose names begin with the stack's."""
    logs = f"arn:aws:logs:{ACCOUNT}:log-group:/aws/lambda/{STACK}:*"
    match resource:
        case {"Fn::GetAtt": ["DeadLetters" | "UploadQueue" as name, "Arn"]}:
            return f"arn:aws:sqs:{ACCOUNT}:{STACK}-{name}-1A2B3C4D5E6F"
        case {"Fn::GetAtt": ["FunctionLogs", "Arn"]}:
            return logs
        case {"Fn::Sub": str(text)}:
            return re.sub(
                r"\$\{(Input|Output|Result)Bucket\}", f"{STACK}-bucket", text.replace("${FunctionLogs.Arn}", logs)
            )
        case {"Ref": str(name)} if "Alias" in name:
            return f"arn:aws:lambda:{ACCOUNT}:function:{STACK}:live"
        case _:
            return str(resource)


def test_the_boundary_bounds_pictures_to_the_stacks_buckets() -> None:
    made = roles(Repository="owner/name", Stack=STACK)["Boundary"]["Properties"]["PolicyDocument"]["Statement"]
    (pictures,) = [statement for statement in made if statement["Sid"] == "Pictures"]
    assert pictures["Resource"] == [f"arn:aws:s3:::{STACK}-*"]


PUSHES = {"ecr:PutImage", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload"}


@pytest.mark.parametrize(("environment", "source"), [("staging", ""), ("production", "inspyrenet-lambda-staging")])
def test_each_environment_pushes_to_its_own_repository_alone(environment: str, source: str) -> None:
    """Production reads staging's; staging, whose runs need no approval, reaches nothing of production's."""
    name = f"inspyrenet-lambda-{environment}"
    made = roles(Repository="owner/name", Environment=environment, Stack=name, ImagesFrom=source)["DeployRole"]
    reach: dict[str, set[str]] = {}
    for statement in made["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]:
        for action in _list(statement["Action"]):
            for resource in _list(statement["Resource"]):
                if action.startswith("ecr:") and resource != "*":
                    reach.setdefault(resource.rpartition("/")[2], set()).add(action)
    assert set(reach) == {name, source} - {""}
    assert reach[name] >= PUSHES
    for repository in {source} - {""}:
        assert not reach[repository] & PUSHES
        assert "ecr:BatchGetImage" in reach[repository]


def test_the_workflows_role_is_for_one_environment_of_one_repository() -> None:
    (statement,) = roles(Repository="owner/name", Environment="production")["DeployRole"]["Properties"][
        "AssumeRolePolicyDocument"
    ]["Statement"]
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": "repo:owner/name:environment:production",
        }
    }


def test_an_account_that_has_githubs_provider_gets_no_second() -> None:
    made = roles(Repository="owner/name", ProviderArn=PROVIDER)
    assert "Provider" not in made
    (statement,) = made["DeployRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Federated": PROVIDER}
    assert "Provider" in roles(Repository="owner/name")


def test_the_workflows_role_may_do_what_the_deployment_calls_and_no_more() -> None:
    """The AWS CLI's calls are read off the script; the repository is made by the first deployment, from a desk."""
    script = (ROOT / "deploy" / "deploy.sh").read_text(encoding="utf-8")
    calls = set(re.findall(r"\baws ([a-z0-9]+) ([a-z-]+)", script))
    named = {f"{service}:{operation.title().replace('-', '')}" for service, operation in calls}
    renamed = {"lambda:Invoke": "lambda:InvokeFunction", "ecr:GetLoginPassword": "ecr:GetAuthorizationToken"}
    needed = {renamed.get(action, action) for action in named}
    needed -= {"sts:GetCallerIdentity", "ecr:CreateRepository"}  # the first needs no right
    needed -= {"lambda:GetFunction"}  # from a desk: a workflow is given the digest
    assert len(needed) >= 5
    assert {right.action for right in rights("DeployRole")} == needed | OF_SAM | OF_DOCKER


def test_the_defaults_are_samconfigs_staging() -> None:
    samconfig = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    default = {name: about.get("Default") for name, about in GITHUB["Parameters"].items()}
    assert default["Stack"] == samconfig[default["Environment"]]["deploy"]["parameters"]["stack_name"]


def test_the_workflow_takes_the_roles_for_as_long_as_its_job_may_last() -> None:
    workflow = (ROOT / ".github" / "workflows" / "deploy-environment.yml").read_text(encoding="utf-8")
    variables = [
        name for output in GITHUB["Outputs"].values() for name in re.findall(r"variable (\w+)", output["Description"])
    ]
    assert sorted(variables) == sorted(re.findall(r"vars\.(\w+)", workflow))
    (minutes,) = re.findall(r"timeout-minutes: (\d+)", workflow)
    (seconds,) = re.findall(r"role-duration-seconds: (\d+)", workflow)
    longest = GITHUB["Resources"]["DeployRole"]["Properties"]["MaxSessionDuration"]
    assert int(minutes) * 60 == int(seconds) == longest
