"""Scheduled pings, and the payloads of the warmers that people use.

| sender | payload |
|---|---|
| EventBridge rule | `source: "aws.events"`, `detail-type: "Scheduled Event"` |
| EventBridge Scheduler | `source: "aws.scheduler"`, the same detail-type |
| serverless-plugin-warmup | `{"source": "serverless-plugin-warmup"}` |
| lambda-warmer, lambda-warmer-py | `{"warmer": true, "concurrency": N}`, or a list of these |
| this project | `{"warmup": true}`, which takes `concurrency` too |

With `concurrency` N > 1 the function invokes itself N−1 times; those children keep their environments busy for a
moment, so that the platform has to start N of them. The protocol is lambda-warmer's:
https://github.com/jeremydaly/lambda-warmer
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from handler import telemetry
from handler.errors import AccessDenied, ConfigurationError, CutoutError, DependencyError, MalformedEvent
from handler.triggers.reply import answer, failed
from handler.warmup import Warmth, warm_up

if TYPE_CHECKING:
    from handler.job import Invocation
    from handler.pipeline import Pipeline
    from handler.settings import Settings

EVENT = "warmup"
CHILD = "__WARMER_INVOCATION__"

# One ping starting more environments than this is a slip of the pen, not a plan.
MAX_CONCURRENCY = 100


class Warmup:
    """The source of pings."""

    def matches(self, event: Any) -> bool:  # noqa: ANN401 - anything that JSON holds
        """Recognise one ping, or a list of them."""
        if isinstance(event, list):
            return bool(event) and all(_is_ping(entry) for entry in event)
        return _is_ping(event)

    def answer(self, event: Any, invocation: Invocation, pipeline: Pipeline) -> dict[str, Any]:  # noqa: ANN401
        """Warm this environment and, where asked, N−1 others. The seven body fields stand at the top level, too."""
        pings = event if isinstance(event, list) else [event]
        concurrency = max(_concurrency(ping) for ping in pings)
        child = any(CHILD in ping for ping in pings)
        results: list[dict[str, Any]] = []
        if concurrency > 1 and not child:  # first, so that the others start while this one warms up
            results += _start_others(concurrency, invocation, pipeline.settings)
        warmth = warm_up(pipeline, invocation)
        if child and concurrency > 1:
            time.sleep(pipeline.settings.warmup_hold_ms / 1e3)
        return _respond(warmth, results)

    def refuse(self, event: Any, error: CutoutError, invocation: Invocation) -> dict[str, Any]:  # noqa: ANN401, ARG002
        """Answer an error: nobody's picture depends on a ping, so it need not come again."""
        return answer(EVENT, [failed(error)])


def _respond(warmth: Warmth, others: list[dict[str, Any]]) -> dict[str, Any]:
    result = {"statusCode": warmth.status_code, **warmth.body}
    whole = answer(EVENT, [result, *others], headers=warmth.headers)
    return {**result, **whole}


def _is_ping(entry: Any) -> bool:  # noqa: ANN401 - anything that JSON holds
    if not isinstance(entry, dict):
        return False
    source = entry.get("source")
    if source in ("aws.events", "aws.scheduler"):
        return entry.get("detail-type") == "Scheduled Event"
    return source == "serverless-plugin-warmup" or entry.get("warmer") is True or entry.get("warmup") is True


def _concurrency(ping: dict[str, Any]) -> int:
    asked = ping.get("__WARMER_CONCURRENCY__", ping.get("concurrency", 1))
    try:
        concurrency = int(asked)
    except (TypeError, ValueError, OverflowError):
        concurrency = 0
    if not 1 <= concurrency <= MAX_CONCURRENCY:
        raise MalformedEvent(f"concurrency={asked!r} makes no sense: give a whole number from 1 to {MAX_CONCURRENCY}.")
    return concurrency


def _start_others(concurrency: int, invocation: Invocation, settings: Settings) -> list[dict[str, Any]]:
    """Invoke this function N−1 times asynchronously; give a failed result where that is not possible."""
    function = invocation.function_arn or settings.function_name
    try:
        if function is None:
            raise ConfigurationError("AWS_LAMBDA_FUNCTION_NAME is not set, so there is no function to invoke.")
        for number in range(2, concurrency + 1):
            payload = {
                "warmer": True,
                CHILD: number,
                "__WARMER_CONCURRENCY__": concurrency,
                "__WARMER_CORRELATIONID__": invocation.request_id,
            }
            _invoke(function, payload)
    except CutoutError as error:
        telemetry.logger.error("warm-up could not start the other environments", extra={"reason": str(error)})
        return [failed(error)]
    return []


def _invoke(function: str, payload: dict[str, Any]) -> None:
    import boto3  # noqa: PLC0415 - only a concurrent warm-up needs it
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        boto3.client("lambda").invoke(
            FunctionName=function, InvocationType="Event", Payload=json.dumps(payload).encode()
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "AccessDeniedException":
            raise AccessDenied(f"The function's role needs lambda:InvokeFunction on {function}.") from error
        raise DependencyError(f"Lambda would not start {function}: {error}") from error
    except BotoCoreError as error:
        raise DependencyError(f"Lambda could not be reached to start {function}: {error}") from error
