"""Recognition: every event is one source's, or nobody's; and nobody's gets a sentence that helps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from handler.app import MATCHES, match
from handler.triggers.http import HttpCall
from handler.triggers.ping import PingCall
from handler.triggers.unknown import UnknownCall
from handler.triggers.uploads.calls import BatchCall, DirectCall, QueueCall
from local import events
from tests.triggers.test_ping import PINGS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients import Function
    from tests.conftest import Awaken

EVENT_FILES = {
    "alb": HttpCall,
    "alb_healthcheck": HttpCall,
    "alb_multivalue": HttpCall,
    "apigw_authorizer_request": UnknownCall,
    "apigw_authorizer_token": UnknownCall,
    "apigw_v1": HttpCall,
    "apigw_v2": HttpCall,
    "apigw_v2_authorizer": UnknownCall,
    "apigw_websocket_connect": UnknownCall,
    "apigw_websocket_message": UnknownCall,
    "eventbridge_s3": DirectCall,
    "eventbridge_s3_deleted": DirectCall,
    "function_url": HttpCall,
    "s3_batch": BatchCall,
    "s3_batch_v1_encoded": BatchCall,
    "s3_batch_v2": BatchCall,
    "s3_put": DirectCall,
    "s3_put_versioned_realistic": DirectCall,
    "s3_removed": DirectCall,
    "s3_testevent": DirectCall,
    "scheduled": PingCall,
    "sns": DirectCall,
    "sns_s3": DirectCall,
    "sns_s3_testevent": DirectCall,
    "sqs": QueueCall,
    "sqs_eventbridge_s3": QueueCall,
    "sqs_failed_invocation_s3": QueueCall,
    "sqs_fifo_s3": QueueCall,
    "sqs_s3": QueueCall,
    "sqs_s3_mixed": QueueCall,
    "sqs_s3_testevent": QueueCall,
    "sqs_sns_s3": QueueCall,
    "sqs_sns_s3_raw": QueueCall,
    "sqs_sns_s3_testevent": QueueCall,
}

NOBODYS: list[Any] = [
    {},
    [],
    None,
    "a text",
    7,
    {"hello": "world"},
    {"Records": []},
    {"Records": [{"eventSource": "aws:dynamodb"}]},
    {"Records": [{"eventSource": "aws:s3"}, {"eventSource": "aws:sqs"}]},
    {"source": "aws.events", "detail-type": "EC2 Instance State-change Notification"},
    {"warmer": False},
    {"warmer": "false"},
    {"warmer": 2},
    {"warmer": ["true"]},
    {"warmup": 0},
    [{"warmup": True}, {}],
    {"requestContext": {}},
    {"requestContext": {"connectionId": "c"}, "httpMethod": "GET", "path": "/warmup", "headers": {}},
    {"requestContext": "rest"},
]


def calls_of(event: Any) -> list[type]:
    return [type(call) for matches in MATCHES if (call := matches(event)) is not None]


def test_every_event_file_is_listed_here() -> None:
    assert {path.stem for path in events.EVENTS.glob("*.json")} == set(EVENT_FILES)


@pytest.mark.parametrize(("name", "call"), EVENT_FILES.items(), ids=EVENT_FILES)
def test_every_event_file_is_exactly_one_triggers(name: str, call: type) -> None:
    assert calls_of(events.load(name)) == ([] if call is UnknownCall else [call])
    assert isinstance(match(events.load(name)), call)


@pytest.mark.parametrize("ping", PINGS.values(), ids=PINGS)
def test_every_ping_is_the_warm_ups_alone(ping: Any) -> None:
    assert calls_of(ping) == [PingCall]


@pytest.mark.parametrize("event", NOBODYS, ids=lambda event: str(event)[:60])
def test_what_nobody_knows_is_unknown(event: Any) -> None:
    assert calls_of(event) == []
    assert isinstance(match(event), UnknownCall)


@pytest.mark.parametrize("event", NOBODYS, ids=lambda event: str(event)[:60])
def test_an_unknown_event_gets_a_structured_400(function: Function, event: Any) -> None:
    answer = function(event)
    assert (answer["statusCode"], answer["status"], answer["event"]) == (400, "error", "unknown")
    (result,) = answer["results"]
    assert result["error"]["code"] == "unknown_event"
    assert "Accepted are API Gateway" in result["error"]["detail"]


def test_the_400_says_what_was_understood(function: Function) -> None:
    detail = function({"hello": 1, "body": "secret"})["results"][0]["error"]["detail"]
    assert "an object with the keys body, hello" in detail
    assert "secret" not in detail
    assert "The event is a list" in function([1])["results"][0]["error"]["detail"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("apigw_authorizer_request", "an API Gateway authorizer's"),
        ("apigw_authorizer_token", "an API Gateway authorizer's"),
        ("apigw_v2_authorizer", "an API Gateway authorizer's"),
        ("apigw_websocket_connect", "a WebSocket API's"),
        ("apigw_websocket_message", "a WebSocket API's"),
    ],
)
def test_what_only_looks_like_a_request_is_refused_by_name_and_runs_nothing(
    awaken: Awaken, brightness: Path, name: str, kind: str
) -> None:
    """Three of them ask for /warmup or say that they are a ping; answered with a 200, an authorizer's would permit."""
    function = awaken(MODEL_DIR=str(brightness))
    answer = function(events.load(name))
    assert answer["statusCode"] == 400
    assert f"The event is {kind}" in answer["results"][0]["error"]["detail"]
    assert not function.model.loaded


# In the shapes that the services' own pages of AWS's documentation show, as far as a kind is told by them.
KINDS: list[tuple[str, Any]] = [
    ("a Kinesis stream", {"Records": [{"eventSource": "aws:kinesis", "kinesis": {"data": "aGk="}}]}),
    ("a DynamoDB stream", {"Records": [{"eventSource": "aws:dynamodb", "eventName": "INSERT", "dynamodb": {}}]}),
    ("Amazon SES", {"Records": [{"eventSource": "aws:ses", "eventVersion": "1.0", "ses": {"mail": {}}}]}),
    ("CodeCommit", {"Records": [{"eventSource": "aws:codecommit", "codecommit": {"references": []}}]}),
    ("CloudFront's", {"Records": [{"cf": {"config": {"eventType": "viewer-request"}, "request": {"uri": "/"}}}]}),
    ("S3 notifications mixed", {"Records": [{"eventSource": "aws:s3"}, {"eventSource": "aws:sqs"}]}),
    ("Kafka's", {"eventSource": "aws:kafka", "records": {"topic-0": []}}),
    ("Kafka's", {"eventSource": "SelfManagedKafka", "bootstrapServers": "b:9092", "records": {"topic-0": []}}),
    ("Amazon MQ's", {"eventSource": "aws:mq", "messages": []}),
    ("RabbitMQ", {"eventSource": "aws:rmq", "rmqMessagesByQueue": {"queue::/": []}}),
    ("EventBridge's 'EC2 Instance", {"source": "aws.ec2", "detail-type": "EC2 Instance State-change Notification"}),
    ("EventBridge's 'Scheduled Event'", {"source": "mine", "detail-type": "Scheduled Event"}),
    ("a CloudWatch Logs subscription", {"awslogs": {"data": "H4sI"}}),
    ("a CloudWatch alarm", {"source": "aws.cloudwatch", "alarmArn": "arn", "alarmData": {"alarmName": "a"}}),
    ("a Cognito trigger", {"version": "1", "triggerSource": "PreSignUp_SignUp", "userPoolId": "p", "request": {}}),
    ("a Firehose transformation", {"invocationId": "i", "deliveryStreamArn": "arn", "records": []}),
    ("CodePipeline", {"CodePipeline.job": {"id": "1"}}),
    ("a CloudFormation custom resource", {"RequestType": "Create", "ResponseURL": "https://x", "StackId": "s"}),
    ("an AWS Config rule", {"invokingEvent": "{}", "ruleParameters": "{}", "resultToken": "t"}),
    ("Amazon Lex", {"bot": {"name": "b"}, "sessionId": "s", "invocationSource": "DialogCodeHook"}),
    ("S3 Object Lambda", {"xAmzRequestId": "r", "getObjectContext": {}, "userRequest": {"url": "/"}}),
    ("a rotation of Secrets Manager", {"Step": "createSecret", "SecretId": "arn", "ClientRequestToken": "t"}),
    ("CodeDeploy", {"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "e"}),
    ("VPC Lattice", {"raw_path": "/", "method": "GET", "headers": {}, "body": "", "is_base64_encoded": False}),
    ("VPC Lattice", {"version": "2.0", "path": "/", "method": "GET", "requestContext": {"serviceNetworkArn": "a"}}),
    ("AppSync", {"typeName": "Query", "fieldName": "f", "arguments": {}, "identity": {}, "source": {}}),
]


@pytest.mark.parametrize(("kind", "event"), KINDS, ids=lambda it: it if isinstance(it, str) else "")
def test_a_refusal_names_the_kind(function: Function, kind: str, event: Any) -> None:
    assert calls_of(event) == []
    detail = function(event)["results"][0]["error"]["detail"]
    assert detail.startswith(f"The event is {kind}")
