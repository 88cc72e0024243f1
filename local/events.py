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
