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

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from handler import telemetry
from handler.errors import ConfigurationError, CutoutError, MalformedEvent
from handler.triggers.fan_out import CHILD, CONCURRENCY, start_others
from handler.triggers.reply import Result, failed, reply
from handler.warmup import warm_up

if TYPE_CHECKING:
    from handler.environment import Environment
    from handler.job import Invocation
    from handler.warmup import Warmth

EVENT = "warmup"

# One ping that starts more environments than this is a mistyped number.
MAX_CONCURRENCY = 100

# As JSON and as people's templates write "yes".
YES = (True, 1, "true", "True", "1")


@dataclass(frozen=True)
class Ping:
    """One payload."""

    concurrency: int | None  # None: what it asks for makes no sense
    concurrency_asked: object
    child: bool  # it was sent by this function itself
    test: bool  # lambda-warmer's dry run: nobody else is started
    target: str | None  # the function that is to be warmed; None: this one


def match(event: Any) -> PingCall | None:  # noqa: ANN401 - anything that JSON holds
    """Match one ping, or a list of them."""
    entries = event if isinstance(event, list) else [event]
    if not entries or not all(_is_ping(entry) for entry in entries):
        return None
    return PingCall(tuple(_read(entry) for entry in entries))


@dataclass(frozen=True)
class PingCall:
    """Pings that came in one event."""

    pings: tuple[Ping, ...]

    def answer(self, invocation: Invocation, environment: Environment) -> dict[str, Any]:
        """Warm this environment and, where asked, N−1 others. The seven body fields stand at the top level, too.

        Raises MalformedEvent for a concurrency without sense and for another function as the target.
        """
        settings = environment.pipeline.settings
        function = invocation.function_arn or settings.function_name
        concurrency = max(_concurrency(ping) for ping in self.pings)
        for ping in self.pings:
            _refuse_another_function(ping, function)
        child = any(ping.child for ping in self.pings)
        others: list[Result] = []
        if concurrency > 1 and not child and not any(ping.test for ping in self.pings):
            others = _start_others(function, concurrency, invocation)  # first: they start while this one warms up
        warmth = warm_up(environment.pipeline, invocation)
        if child and concurrency > 1:
            time.sleep(settings.warmup_hold_ms / 1e3)
        return _respond(warmth, others)

    def refuse(self, error: CutoutError, invocation: Invocation) -> dict[str, Any]:  # noqa: ARG002 - Call's signature
        """Answer an error: nobody's picture depends on a ping, so it need not come again."""
        return reply(EVENT, [failed(error)])


def _respond(warmth: Warmth, others: list[Result]) -> dict[str, Any]:
    own = Result(warmth.status_code, warmth.status, warmth.body)
    return {**warmth.body, **reply(EVENT, [own, *others], headers=warmth.headers)}


def _is_ping(entry: Any) -> bool:  # noqa: ANN401 - anything that JSON holds
    if not isinstance(entry, dict):
        return False
    source = entry.get("source")
    if source in ("aws.events", "aws.scheduler"):
        return entry.get("detail-type") == "Scheduled Event"
    return source == "serverless-plugin-warmup" or _yes(entry.get("warmer")) or _yes(entry.get("warmup"))


def _yes(value: object) -> bool:
    return isinstance(value, str | bool | int) and value in YES


def _read(entry: dict[str, Any]) -> Ping:
    asked = entry.get(CONCURRENCY, entry.get("concurrency", 1))
    target = entry.get("target")
    return Ping(
        concurrency=_whole_number(asked),
        concurrency_asked=asked,
        child=CHILD in entry,
        test=_yes(entry.get("test")),
        target=target if isinstance(target, str) and target else None,
    )


def _whole_number(asked: object) -> int | None:
    """Read a concurrency; 0 and null are lambda-warmer's ways to say 1."""
    if asked is None:
        return 1
    if not isinstance(asked, str | int | float):
        return None
    try:
        concurrency = int(asked) or 1
    except (ValueError, OverflowError):
        return None
    return concurrency if 1 <= concurrency <= MAX_CONCURRENCY else None


def _concurrency(ping: Ping) -> int:
    if ping.concurrency is None:
        raise MalformedEvent(
            f"concurrency={ping.concurrency_asked!r} makes no sense: give a whole number from 1 to {MAX_CONCURRENCY}."
        )
    return ping.concurrency


def _refuse_another_function(ping: Ping, function: str | None) -> None:
    """Refuse lambda-warmer's `target` where it names another function, which this one may not invoke."""
    own = (function or "").partition(":function:")[2].partition(":")[0] or function
    if ping.target is not None and ping.target not in {function, own}:
        raise MalformedEvent(f"target={ping.target!r} names another function; this one warms itself alone ({own}).")


def _start_others(function: str | None, concurrency: int, invocation: Invocation) -> list[Result]:
    """Invoke this function N−1 times asynchronously; give a failed result where that is not possible."""
    try:
        if function is None:
            raise ConfigurationError("AWS_LAMBDA_FUNCTION_NAME is not set, so there is no function to invoke.")
        start_others(function, concurrency, invocation.request_id)
    except CutoutError as error:
        telemetry.logger.error("warm-up could not start the other environments", extra={"reason": str(error)})
        return [failed(error)]
    return []
