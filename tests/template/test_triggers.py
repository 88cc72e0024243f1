"""Whatever wakes the function does so through the alias, so that a deployment moves all of it and can move it back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.template.stack import ROOT, SECRET, Stack, stack, walk

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
    found |= {name: it["FunctionName"] for name, it in deployed.of_type("Lambda::EventSourceMapping").items()}
    found |= {
        name: statement["Resource"]
        for name, it in deployed.of_type("IAM::Role").items()
        for policy in it.get("Policies", [])
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Action"] == "lambda:InvokeFunction"
    }
    for name, it in deployed.of_type("S3::Bucket").items():
        for notification in it.get("NotificationConfiguration", {}).get("LambdaConfigurations", []):
            found[name] = notification["Function"]
    return found


@pytest.mark.parametrize(("road", "trigger"), [("queue", "UploadQueueMapping"), ("direct", "InputBucket")])
def test_every_trigger_targets_the_alias(road: str, trigger: str) -> None:
    assert targets(stack(**EVERYTHING, Uploads=road)) == dict.fromkeys(
        (
            "ApiPermission",
            "ApiIntegration",
            "Url",
            "UrlPermission",
            "UrlInvokePermission",
            "WarmUp",
            "WarmUpRole",
            "BatchRole",
            trigger,
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
    assert bare - {deployed.version()} == {"FunctionAliaslive", "FunctionEventInvokeConfig"}
    assert deployed.of_type("Lambda::EventInvokeConfig")["FunctionEventInvokeConfig"]["Qualifier"] == "live"


@pytest.mark.parametrize(
    ("switch", "gone"),
    [
        ({"HttpApi": "off"}, {"Api", "ApiIntegration", "ApiRoute", "ApiStage", "ApiPermission", "LatencyAlarm"}),
        ({"FunctionUrl": "off"}, {"Url", "UrlPermission", "UrlInvokePermission"}),
        (
            {"Uploads": "off"},
            {
                *("InputBucket", "InputBucketPermission", "OutputBucket", "UploadsPolicy", "BatchRole"),
                *("UploadQueue", "UploadQueuePolicy", "UploadQueueMapping", "UploadsLateAlarm"),
            },
        ),
        (
            {"Uploads": "direct"},
            {"UploadQueue", "UploadQueuePolicy", "UploadQueueMapping", "UploadsLateAlarm"},
        ),
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
    assert keyed.of_type("Lambda::Url")["Url"]["AuthType"] == "NONE"


def test_the_default_lets_nobody_in_without_credentials() -> None:
    deployed = stack()
    assert [route["AuthorizationType"] for route in deployed.of_type("ApiGatewayV2::Route").values()] == ["AWS_IAM"]
    assert not deployed.of_type("Lambda::Url")
    principals = [permission["Principal"] for permission in deployed.of_type("Lambda::Permission").values()]
    assert "*" not in principals


def test_a_given_bucket_is_used_and_not_made() -> None:
    deployed = stack(ExistingInputBucket="photos", ExistingOutputBucket="results")
    assert not deployed.of_type("S3::Bucket")
    permission = deployed.of_type("Lambda::Permission")["InputBucketPermission"]
    assert permission["SourceArn"] == "arn:aws:s3:::photos"
    variables = deployed.of_type("Lambda::Function")["Function"]["Environment"]["Variables"]
    assert variables["OUTPUT_BUCKET"] == "results"
    assert deployed.outputs["ConnectInputBucket"]["Value"] == {
        "Fn::Sub": "deploy/connect-bucket.sh photos cutout ${UploadQueue.Arn}"
    }
    direct = stack(Uploads="direct", ExistingInputBucket="photos", ExistingOutputBucket="results")
    assert direct.outputs["ConnectInputBucket"]["Value"] == {
        "Fn::Sub": "deploy/connect-bucket.sh photos cutout ${Function.Arn}:live"
    }


def test_origins_are_let_in_by_name_only() -> None:
    assert "CorsConfiguration" not in stack().of_type("ApiGatewayV2::Api")["Api"]
    assert "Cors" not in stack(FunctionUrl="iam").of_type("Lambda::Url")["Url"]
    page = "https://example.com"
    deployed = stack(AllowedOrigins=page, FunctionUrl="iam")
    assert deployed.of_type("ApiGatewayV2::Api")["Api"]["CorsConfiguration"]["AllowOrigins"] == page
    assert deployed.of_type("Lambda::Url")["Url"]["Cors"]["AllowOrigins"] == page


@pytest.mark.parametrize(
    ("to", "mode"),
    [
        ("", "BUFFERED"),
        ("rest", "BUFFERED"),
        ("function-url", "RESPONSE_STREAM"),
        ("function-url,rest", "RESPONSE_STREAM"),
    ],
)
def test_the_function_url_streams_where_the_function_does(to: str, mode: str) -> None:
    """A front that streams cannot read an answer sent whole, nor one that does not a stream."""
    given = {"FunctionUrl": "key", "ApiKeysSecretArn": SECRET, "AllowedOrigins": "https://example.com"}
    deployed, whole = stack(**given, StreamAnswersTo=to), stack(**given)
    assert deployed.of_type("Lambda::Url")["Url"]["InvokeMode"] == mode
    variables = deployed.of_type("Lambda::Function")["Function"]["Environment"]["Variables"]
    assert variables.get("STREAM_ANSWERS_TO", "") == to
    # Who may call, from which pages, is the same: InvokeWithResponseStream asks for lambda:InvokeFunction, too.
    assert deployed.of_type("Lambda::Url")["Url"]["Cors"] == whole.of_type("Lambda::Url")["Url"]["Cors"]
    actions = {
        name: it["Action"] for name, it in deployed.of_type("Lambda::Permission").items() if name.startswith("Url")
    }
    assert actions == {"UrlPermission": "lambda:InvokeFunctionUrl", "UrlInvokePermission": "lambda:InvokeFunction"}


def routes(deployed: Stack) -> dict[str, str]:
    """Give the authorisation that each route of the HTTP API asks for."""
    return {it["RouteKey"]: it["AuthorizationType"] for it in deployed.of_type("ApiGatewayV2::Route").values()}


def test_a_preflight_needs_no_signature_and_everything_else_does() -> None:
    assert routes(stack(AllowedOrigins="https://example.com")) == {
        "$default": "AWS_IAM",
        "OPTIONS /{proxy+}": "NONE",
        "OPTIONS /": "NONE",
    }


@pytest.mark.parametrize(
    "given", [{}, {"HttpApi": "key", "ApiKeysSecretArn": SECRET, "AllowedOrigins": "https://a.example"}]
)
def test_no_route_is_open_without_need(given: dict[str, str]) -> None:
    assert set(routes(stack(**given))) == {"$default"}


def test_a_page_may_send_the_headers_of_a_signed_request() -> None:
    deployed = stack(AllowedOrigins="https://example.com", FunctionUrl="iam")
    signed = {"authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"}
    assert signed <= set(deployed.of_type("ApiGatewayV2::Api")["Api"]["CorsConfiguration"]["AllowHeaders"])
    assert signed <= set(deployed.of_type("Lambda::Url")["Url"]["Cors"]["AllowHeaders"])


def test_the_three_places_that_name_the_input_bucket_agree() -> None:
    deployed = stack()
    permission = deployed.of_type("Lambda::Permission")["InputBucketPermission"]
    bucket = f"arn:aws:s3:::{deployed.of_type('S3::Bucket')['InputBucket']['BucketName']}"
    accepted = deployed.of_type("SQS::QueuePolicy")["UploadQueuePolicy"]["PolicyDocument"]["Statement"][1]
    assert permission["SourceArn"] == accepted["Condition"]["ArnEquals"]["aws:SourceArn"] == bucket
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    assert text.count("${AWS::StackName}-input-") == 3
    assert text.count("${AWS::StackName}-output-") == 1


def test_a_deployment_is_a_canary_that_three_critical_alarms_stop() -> None:
    group = stack().of_type("CodeDeploy::DeploymentGroup")["FunctionDeploymentGroup"]
    assert group["DeploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent5Minutes"
    stopping = {alarm["Name"]["Ref"] for alarm in group["AlarmConfiguration"]["Alarms"]}
    assert stopping == {"ModelNotReadyAlarm", "FunctionErrorsAlarm", "PicturesFailedAlarm"}
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
