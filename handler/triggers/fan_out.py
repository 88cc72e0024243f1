"""Start further environments of this function, as lambda-warmer does; botocore's errors about it end here."""

from __future__ import annotations

import json

from handler.errors import AccessDenied, DependencyError

CHILD = "__WARMER_INVOCATION__"
CONCURRENCY = "__WARMER_CONCURRENCY__"
CORRELATION = "__WARMER_CORRELATIONID__"


def start_others(function: str, concurrency: int, request_id: str) -> None:
    """Invoke `function` concurrency − 1 times asynchronously. Raises AccessDenied or DependencyError."""
    import boto3  # noqa: PLC0415 - only a concurrent warm-up needs it
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        client = boto3.client("lambda")
        for number in range(2, concurrency + 1):
            payload = {"warmer": True, CHILD: number, CONCURRENCY: concurrency, CORRELATION: request_id}
            client.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(payload).encode())
    except ClientError as error:
        if error.response["Error"]["Code"] == "AccessDeniedException":
            raise AccessDenied(f"The function's role needs lambda:InvokeFunction on {function}.") from error
        raise DependencyError(f"Lambda would not start {function}: {error}") from error
    except BotoCoreError as error:
        raise DependencyError(f"Lambda could not be reached to start {function}: {error}") from error
