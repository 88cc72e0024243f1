"""AWS in this process: moto's, a stack in it, and what moto lacks, held to botocore's models."""

from __future__ import annotations

import datetime
import itertools
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError
from botocore.loaders import Loader
from botocore.validate import ParamValidator

from tests.deploy.desk import ALIAS, STAGING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REGION = "us-east-1"
ANSWERED = 200
MODELS = Loader()  # reading them takes longer than most tests


def fresh_session() -> boto3.Session:
    """Give a session whose answers can be changed without changing another test's."""
    own = botocore.session.Session()
    own.register_component("data_loader", MODELS)
    return boto3.Session(botocore_session=own)


def make_stack(session: boto3.Session, outputs: dict[str, str], parameters: dict[str, str]) -> None:
    """Say that the stack stands which samconfig.toml calls staging, with its dead letters.

    moto's CloudFormation would do, too, and imports every other service for it.
    """
    given = {"DeadLettersUrl": make_queue(session, "DeadLetters"), "AliasArn": ALIAS, **outputs}
    stack = {
        "StackName": STAGING,
        "CreationTime": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
        "StackStatus": "UPDATE_COMPLETE",
        "Outputs": [{"OutputKey": name, "OutputValue": value} for name, value in given.items()],
        "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
    }
    answer(session, "cloudformation.DescribeStacks", lambda _: {"Stacks": [stack]})


def make_queue(session: boto3.Session, name: str) -> str:
    """Make a queue named as CloudFormation does it, and give its URL."""
    sqs = session.client("sqs", region_name=REGION)
    return sqs.create_queue(QueueName=f"{STAGING}-{name}-1A2B3C4D5E6F")["QueueUrl"]


def answer(session: boto3.Session, operation: str, answers: Callable[[dict[str, Any]], Any]) -> None:
    """Answer an operation of this session, such as `sqs.StartMessageMoveTask`, in the place of the network.

    The request's parameters have been held to botocore's model by then; the answer is, here.
    """
    service, name = operation.split(".")

    def before_parameters(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        context["given"] = dict(params)

    def before_call(context: dict[str, Any], model: Any, **_: Any) -> tuple[AWSResponse, Any]:
        assert list(faults(context["given"], model.input_shape)) == []
        answered = answers(context["given"])
        report = ParamValidator().validate(answered, model.output_shape)
        assert not report.has_errors(), report.generate_report()
        return AWSResponse("", ANSWERED, HTTPHeaders(), None), answered

    session.events.register(f"provide-client-params.{service}.{name}", before_parameters)
    session.events.register(f"before-call.{service}.{name}", before_call)  # type: ignore[arg-type]  # whose answer counts


def refusing(code: str, operation: str) -> Callable[[dict[str, Any]], Any]:
    """Refuse an operation, as AWS would."""

    def refuse(_: dict[str, Any]) -> Any:
        refusal = {"Error": {"Code": code, "Message": "as it is"}}
        raise ClientError(refusal, operation)  # type: ignore[arg-type]  # what the service's answer would become

    return refuse


def faults(value: Any, shape: Any, path: str = "") -> Iterator[str]:
    """Name what botocore's model says of a value and botocore itself does not check: patterns, ends, choices."""
    about = shape.metadata
    if shape.type_name == "structure":
        for name, inner in value.items():
            yield from faults(inner, shape.members[name], f"{path}.{name}")
    elif shape.type_name == "list":
        for inner in value:
            yield from faults(inner, shape.member, f"{path}[]")
    elif shape.type_name == "map":
        for name, inner in value.items():
            yield from faults(name, shape.key, f"{path}{{}}")
            yield from faults(inner, shape.value, f"{path}.{name}")
    if "pattern" in about and not re.fullmatch(about["pattern"], value):
        yield f"{path}={value!r} does not match {about['pattern']}"
    if "enum" in about and value not in about["enum"]:
        yield f"{path}={value!r} is none of {about['enum']}"
    size = len(value) if hasattr(value, "__len__") else value
    if not about.get("min", size) <= size <= about.get("max", size):
        yield f"{path} is not between {about.get('min')} and {about.get('max')}"


@dataclass
class MoveTasks:
    """SQS's tasks that move messages, which moto does not know: each look at one finds it a message further."""

    session: boto3.Session
    fails_after: int | None = None
    listed: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        answer(self.session, "sqs.StartMessageMoveTask", self._start)
        answer(self.session, "sqs.ListMessageMoveTasks", self._list)

    def _start(self, given: dict[str, Any]) -> dict[str, Any]:
        assert not self.listed or self.listed[0]["Status"] != "RUNNING"  # one at a time
        self.listed.insert(
            0,
            {
                "TaskHandle": "handle",
                "Status": "RUNNING",
                **given,
                "ApproximateNumberOfMessagesMoved": 0,
                "ApproximateNumberOfMessagesToMove": self._waiting(given["SourceArn"]),
            },
        )
        return {"TaskHandle": "handle"}

    def _list(self, given: dict[str, Any]) -> dict[str, Any]:
        task = next(iter(self.listed), None)
        seen = [dict(task)] if task is not None else []
        if task is not None and task["Status"] == "RUNNING":
            self._go_on(task)
        return {"Results": seen[: given.get("MaxResults", 1)]}

    def _go_on(self, task: dict[str, Any]) -> None:
        if task["ApproximateNumberOfMessagesMoved"] == self.fails_after:
            task |= {"Status": "FAILED", "FailureReason": "AccessDenied"}
            return
        sqs = self.session.client("sqs", region_name=REGION)
        source, target = (_url(task[name]) for name in ("SourceArn", "DestinationArn"))
        messages = sqs.receive_message(QueueUrl=source, MaxNumberOfMessages=1).get("Messages", [])
        for message in messages:
            sqs.send_message(QueueUrl=target, MessageBody=message["Body"])
            sqs.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])
            task["ApproximateNumberOfMessagesMoved"] += 1
        if not messages:
            task["Status"] = "COMPLETED"

    def _waiting(self, arn: str) -> int:
        sqs = self.session.client("sqs", region_name=REGION)
        answered = sqs.get_queue_attributes(QueueUrl=_url(arn), AttributeNames=["ApproximateNumberOfMessages"])
        return int(answered["Attributes"]["ApproximateNumberOfMessages"])


def _url(arn: str) -> str:
    *_, region, account, name = arn.split(":")
    return f"https://sqs.{region}.amazonaws.com/{account}/{name}"


@dataclass
class Invocations:
    """Lambda, as far as it takes asynchronous events; it refuses the number `refuses`, counted from 0."""

    session: boto3.Session
    refuses: int | None = None
    events: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._numbers = itertools.count()
        answer(self.session, "lambda.Invoke", self._invoke)

    def _invoke(self, given: dict[str, Any]) -> dict[str, Any]:
        if next(self._numbers) == self.refuses:
            refusing("TooManyRequestsException", "Invoke")(given)
        assert (given["FunctionName"], given["InvocationType"]) == (ALIAS, "Event")
        self.events.append(json.loads(given["Payload"]))
        return {"StatusCode": 202}
