"""Whatever wakes the function does so through the alias, so that a deployment moves all of it and can move it back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.template.stack import SECRET, Stack, stack, walk

ALIAS = {"Ref": "FunctionAliaslive"}
EVERYTHING = {
    "HttpApi": "key",
    "FunctionUrl": "key",
    "ApiKeysSecretArn": SECRET,
    "WarmStrategy": "schedule",
    "WarmEnvironments": "3",
}


def targets(deployed: Stack) -> dict[str, Any]:
    """Name everything that wakes the function, with what it targets."""
    found: dict[str, Any] = {}
    found |= {name: it["FunctionName"] for name, it in deployed.of_type("Lambda::Permission").items()}
    found |= {name: it["IntegrationUri"] for name, it in deployed.of_type("ApiGatewayV2::Integration").items()}
    found |= {name: it["TargetFunctionArn"] for name, it in deployed.of_type("Lambda::Url").items()}
    found |= {name: it["Target"]["Arn"] for name, it in deployed.of_type("Scheduler::Schedule").items()}
    for name, it in deployed.of_type("S3::Bucket").items():
        for notification in it.get("NotificationConfiguration", {}).get("LambdaConfigurations", []):
            found[name] = notification["Function"]
    return found


def test_every_trigger_targets_the_alias() -> None:
    assert targets(stack(**EVERYTHING)) == dict.fromkeys(
        (
            "ApiPermission",
            "ApiIntegration",
            "Url",
            "UrlPermission",
            "UrlInvokePermission",
            "WarmUp",
            "InputBucket",
            "InputBucketPermission",
        ),
        ALIAS,
    )


def test_nothing_else_refers_to_the_function_without_its_alias() -> None:
    deployed = stack(**EVERYTHING)
    bare = {
        name
        for name, resource in deployed.resources.items()
        for _, part in walk(resource)
        if part in ({"Ref": "Function"}, {"Fn::GetAtt": ["Function", "Arn"]})
    }
    metrics = {name for name in bare if name.endswith("Alarm")}  # a dimension that is the function's name
    versions = {name for name in bare if name.startswith("FunctionVersion")}
    assert bare - metrics - versions == {"FunctionAliaslive", "FunctionEventInvokeConfig"}
    assert deployed.of_type("Lambda::EventInvokeConfig")["FunctionEventInvokeConfig"]["Qualifier"] == "live"


@pytest.mark.parametrize(
    ("switch", "gone"),
    [
        ({"HttpApi": "off"}, {"Api", "ApiIntegration", "ApiRoute", "ApiStage", "ApiPermission", "LatencyAlarm"}),
        ({"FunctionUrl": "off"}, {"Url", "UrlPermission", "UrlInvokePermission"}),
        ({"Uploads": "off"}, {"InputBucket", "InputBucketPermission", "OutputBucket", "UploadsPolicy"}),
        ({"WarmStrategy": "none", "WarmEnvironments": "1"}, {"WarmUp", "WarmUpRole", "FanOutPolicy"}),
    ],
)
def test_a_trigger_switched_off_leaves_nothing_behind(switch: dict[str, str], gone: set[str]) -> None:
    before, after = set(stack(**EVERYTHING).resources), set(stack(**EVERYTHING | switch).resources)
    assert gone <= before
    assert not gone & after


def test_requests_are_signed_or_carry_a_key() -> None:
    signed = stack(HttpApi="iam", FunctionUrl="iam")
    assert signed.of_type("ApiGatewayV2::Route")["ApiRoute"]["AuthorizationType"] == "AWS_IAM"
    assert signed.of_type("Lambda::Url")["Url"]["AuthType"] == "AWS_IAM"
    assert not {"UrlPermission", "UrlInvokePermission"} & set(signed.resources)
    keyed = stack(**EVERYTHING)
    assert keyed.of_type("ApiGatewayV2::Route")["ApiRoute"]["AuthorizationType"] == "NONE"
    assert keyed.of_type("Lambda::Function")["Function"]["Environment"]["Variables"]["API_KEYS"] == (
        f"{{{{resolve:secretsmanager:{SECRET}:SecretString}}}}"
    )


def test_the_default_lets_nobody_in_without_credentials() -> None:
    deployed = stack()
    assert [route["AuthorizationType"] for route in deployed.of_type("ApiGatewayV2::Route").values()] == ["AWS_IAM"]
    assert not deployed.of_type("Lambda::Url")
    principals = [permission["Principal"] for permission in deployed.of_type("Lambda::Permission").values()]
    assert "*" not in principals


def test_the_http_api_is_throttled() -> None:
    settings = stack(ThrottleRate="7", ThrottleBurst="9").of_type("ApiGatewayV2::Stage")["ApiStage"]
    assert settings["DefaultRouteSettings"]["ThrottlingRateLimit"] == "7"
    assert settings["DefaultRouteSettings"]["ThrottlingBurstLimit"] == "9"


def test_an_upload_is_tried_again_and_then_kept() -> None:
    bounded = stack().of_type("Lambda::EventInvokeConfig")["FunctionEventInvokeConfig"]
    assert bounded["MaximumRetryAttempts"] == 2
    assert bounded["MaximumEventAgeInSeconds"] == "21600"
    assert bounded["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": ["DeadLetters", "Arn"]}


def test_a_given_bucket_is_used_and_not_made() -> None:
    deployed = stack(ExistingInputBucket="photos", ExistingOutputBucket="results")
    assert not deployed.of_type("S3::Bucket")
    permission = deployed.of_type("Lambda::Permission")["InputBucketPermission"]
    assert permission["SourceArn"] == "arn:aws:s3:::photos"
    variables = deployed.of_type("Lambda::Function")["Function"]["Environment"]["Variables"]
    assert variables["OUTPUT_BUCKET"] == "results"
    assert deployed.outputs["ConnectInputBucket"]["Value"]["Fn::Sub"].startswith("deploy/connect-bucket.sh photos ")


def test_origins_are_let_in_by_name_only() -> None:
    assert "CorsConfiguration" not in stack().of_type("ApiGatewayV2::Api")["Api"]
    assert "CorsConfiguration" in stack(AllowedOrigins="https://example.com").of_type("ApiGatewayV2::Api")["Api"]


def test_a_deployment_is_a_canary_that_the_critical_alarms_stop() -> None:
    group = stack().of_type("CodeDeploy::DeploymentGroup")["FunctionDeploymentGroup"]
    assert group["DeploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent5Minutes"
    stopping = {alarm["Name"]["Ref"] for alarm in group["AlarmConfiguration"]["Alarms"]}
    assert stopping == {"ModelNotReadyAlarm", "FunctionErrorsAlarm", "PicturesFailedAlarm"}
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
