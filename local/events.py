"""Events as AWS shapes them, out of `events/`, with a request or an object of our own put in."""

from __future__ import annotations

import base64
import json
import uuid
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote_plus

EVENTS = Path(__file__).resolve().parent.parent / "events"
Sender = Literal["rest", "http-api", "function-url", "alb"]
SENDERS: dict[Sender, str] = {
    "rest": "apigw_v1",
    "http-api": "apigw_v2",
    "function-url": "function_url",
    "alb": "alb_multivalue",
}


def load(name: str) -> Any:  # noqa: ANN401 - what JSON holds
    """Read one event file."""
    return json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))


def request(  # noqa: PLR0913, PLR0917 - a request has these parts, in this order
    sender: Sender,
    method: str,
    path: str,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    query: str = "",
) -> dict[str, Any]:
    """Make a sender's event for a request."""
    event: dict[str, Any] = load(SENDERS[sender])
    event["body"] = base64.b64encode(body).decode()
    event["isBase64Encoded"] = True
    pairs = dict(pair.split("=", 1) for pair in query.split("&") if pair)
    if sender in {"http-api", "function-url"}:
        event |= {"rawPath": path, "rawQueryString": query, "queryStringParameters": pairs, "headers": headers or {}}
        event["requestContext"]["http"] |= {"method": method, "path": path}
        return event
    event |= {"path": path, "httpMethod": method}
    event["multiValueHeaders"] = {name: [value] for name, value in (headers or {}).items()}
    event["multiValueQueryStringParameters"] = {name: [value] for name, value in pairs.items()}
    if sender == "rest":
        event |= {"headers": headers or {}, "queryStringParameters": pairs}
    return event


def upload(bucket: str, key: str, **more: object) -> dict[str, Any]:
    """Make the event that S3 sends for an object that was put."""
    event: dict[str, Any] = load("s3_put")
    record = event["Records"][0]["s3"]
    record["bucket"] |= {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"}
    record["object"] |= {"key": quote_plus(key, safe="/"), **more}
    return event


def eventbridge(bucket: str, key: str, **more: object) -> dict[str, Any]:
    """Make the event that S3 sends to EventBridge for an object that was put; its key is not encoded."""
    event: dict[str, Any] = load("eventbridge_s3")
    event["detail"]["bucket"]["name"] = bucket
    event["detail"]["object"] = {"key": key, "size": 1024, **more}
    return event


def sns(message: object) -> dict[str, Any]:
    """Make the event of a topic that carries `message`."""
    event: dict[str, Any] = load("sns_s3")
    event["Records"][0]["Sns"]["Message"] = text_of(message)
    return event


def topic_message(message: object) -> dict[str, Any]:
    """Make what a topic without raw delivery puts into a queue."""
    carried: dict[str, Any] = json.loads(load("sqs_sns_s3")["Records"][0]["body"])
    return {**carried, "Message": text_of(message)}


def sqs(*bodies: object, groups: tuple[str, ...] = ()) -> dict[str, Any]:
    """Make the event of a queue whose messages `m0`, `m1` … have these bodies, and of a FIFO queue these groups."""
    (like,) = load("sqs_s3")["Records"]
    records = [{**like, "messageId": f"m{number}", "body": text_of(body)} for number, body in enumerate(bodies)]
    for record, group in zip(records, groups, strict=False):
        record["attributes"] = {**record["attributes"], "MessageGroupId": group}
    return {"Records": records}


def failed_invocation(event: object) -> dict[str, Any]:
    """Make the record that Lambda keeps of an asynchronous event that failed for good."""
    record: dict[str, Any] = json.loads(load("sqs_failed_invocation_s3")["Records"][0]["body"])
    return {**record, "requestPayload": event}


def batch_job(bucket: str, *keys: str, schema: str = "2.0", arguments: dict[str, str] | None = None) -> dict[str, Any]:
    """Make the event of S3 Batch Operations whose tasks `t0`, `t1` … are about these keys."""
    event: dict[str, Any] = load("s3_batch_v2" if schema == "2.0" else "s3_batch")
    place = {"s3Bucket": bucket} if schema == "2.0" else {"s3BucketArn": f"arn:aws:s3:::{bucket}"}
    event["tasks"] = [
        {"taskId": f"t{number}", "s3VersionId": None, "s3Key": key if schema == "2.0" else quote_plus(key), **place}
        for number, key in enumerate(keys)
    ]
    event["job"].pop("userArguments", None)
    if arguments is not None:
        event["job"]["userArguments"] = arguments
    return event


def text_of(message: object) -> str:
    """Give a message as a queue or topic carries it."""
    return message if isinstance(message, str) else json.dumps(message)


def form(fields: dict[str, str], files: dict[str, tuple[str, bytes]]) -> tuple[bytes, dict[str, str]]:
    """Make a multipart form: its body and its headers."""
    boundary = uuid.uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    for name, (filename, data) in files.items():
        head = f'Content-Disposition: form-data; name="{name}"; filename="{filename}"'
        parts.append(
            f"--{boundary}\r\n{head}\r\nContent-Type: application/octet-stream\r\n\r\n".encode() + data + b"\r\n"
        )
    body = b"".join(parts) + f"--{boundary}--\r\n".encode()
    return body, {"content-type": f"multipart/form-data; boundary={boundary}", "content-length": str(len(body))}
