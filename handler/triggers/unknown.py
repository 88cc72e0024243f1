"""What no trigger knows: a structured 400 that names what was understood and what is accepted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from handler.errors import CutoutError, UnknownEvent
from handler.triggers.reply import failed, reply

if TYPE_CHECKING:
    from handler.environment import Environment
    from handler.job import Invocation

ACCEPTED = (
    "API Gateway (REST and HTTP API), Function URL and ALB requests; S3 notifications, straight or through "
    "EventBridge, SQS and SNS; S3 Batch Operations; EventBridge schedules; "
    'and the pings {"warmup": true}, {"warmer": true} and those of serverless-plugin-warmup'
)

# Of events that come as a list of records, by what their records name as their source.
RECORD_KINDS = {
    "aws:dynamodb": "a DynamoDB stream",
    "aws:kinesis": "a Kinesis stream",
    "aws:ses": "Amazon SES, a received e-mail",
    "aws:codecommit": "CodeCommit",
    "aws:s3": "S3 notifications mixed with other records",
    "aws:sqs": "SQS messages mixed with other records",
    "aws:sns": "SNS messages mixed with other records",
}

# Of the others, by a member that no other kind has.
MEMBER_KINDS = {
    "awslogs": "a CloudWatch Logs subscription",
    "rmqMessagesByQueue": "RabbitMQ through Amazon MQ",
    "deliveryStreamArn": "a Firehose transformation",
    "triggerSource": "a Cognito trigger",
    "CodePipeline.job": "CodePipeline",
    "RequestType": "a CloudFormation custom resource",
    "invokingEvent": "an AWS Config rule",
    "alarmData": "a CloudWatch alarm",
    "identityPoolId": "Cognito Sync",
    "getObjectContext": "S3 Object Lambda",
    "ClientRequestToken": "a rotation of Secrets Manager",
    "LifecycleEventHookExecutionId": "CodeDeploy",
    "raw_path": "VPC Lattice",
    "fieldName": "AppSync",
    "bot": "Amazon Lex",
    "messageVersion": "Amazon Lex or Bedrock",
}


def match(event: Any) -> UnknownCall:  # noqa: ANN401 - anything that JSON holds
    """Match anything: it is asked last."""
    return UnknownCall(kind_of(event))


@dataclass(frozen=True)
class UnknownCall:
    """An event that no trigger takes."""

    kind: str

    def answer(self, invocation: Invocation, environment: Environment) -> NoReturn:  # noqa: ARG002 - Call's signature
        """Raise UnknownEvent."""
        raise UnknownEvent(f"The event is {self.kind}, which nothing here takes. Accepted are {ACCEPTED}.")

    def refuse(self, error: CutoutError, invocation: Invocation) -> dict[str, Any]:  # noqa: ARG002 - Call's signature
        """Answer the error."""
        return reply("unknown", [failed(error)])


def kind_of(event: Any) -> str:  # noqa: ANN401 - anything that JSON holds
    """Name the kind of an event as far as its shape tells; never a value of it but the names that AWS gives."""
    if not isinstance(event, dict):
        return f"a {type(event).__name__}"
    kinds = (_gateways_other(event), _of_records(event), _of_members(event))
    keys = ", ".join(sorted(str(key)[:40] for key in event)[:12]) or "none"
    return next((kind for kind in kinds if kind is not None), f"an object with the keys {keys}")


def _gateways_other(event: dict[str, Any]) -> str | None:
    context = event.get("requestContext")
    if isinstance(context, dict) and "connectionId" in context:
        return "a WebSocket API's"
    if isinstance(context, dict) and "serviceNetworkArn" in context:
        return "VPC Lattice's"
    if "methodArn" in event or "routeArn" in event:
        return "an API Gateway authorizer's, which asks for permission and is no request"
    return None


def _of_records(event: dict[str, Any]) -> str | None:
    records = event.get("Records")
    if not isinstance(records, list) or not records or not isinstance(records[0], dict):
        return None
    if "cf" in records[0]:
        return "CloudFront's (Lambda@Edge)"
    named = records[0].get("eventSource", records[0].get("EventSource"))
    return f"{RECORD_KINDS[named]} ({named})" if isinstance(named, str) and named in RECORD_KINDS else None


def _of_members(event: dict[str, Any]) -> str | None:
    if event.get("eventSource") in ("aws:kafka", "SelfManagedKafka"):
        return "Kafka's"
    if event.get("eventSource") == "aws:mq":
        return "Amazon MQ's"
    if event.get("source") is not None and "detail-type" in event:
        return f"EventBridge's {str(event['detail-type'])[:80]!r} of {str(event['source'])[:80]!r}"
    return next((f"{kind} (it has the key {member})" for member, kind in MEMBER_KINDS.items() if member in event), None)
