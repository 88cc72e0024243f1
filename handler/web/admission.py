"""How many requests a plain web server works on or lets wait: beyond that, it answers 429 before it reads a body.

Enters: requests, one for each that a client has open. Leaves: as many as there are places for, each of which knows
whether its caller is still there. Lambda needs none of it: an environment gets one request at a time there.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import TYPE_CHECKING

from handler.errors import BodyTooSlow, TooManyRequests
from handler.job import Invocation
from handler.web.body import most_body_bytes
from handler.web.faults import refusal

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from handler.settings import Settings

# What has no body costs no memory to speak of.
BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})
# A client that sends nothing for so long gives its place to another.
SILENCE_S = 30.0
# How long a refused client may go on sending what nobody reads: who is cut off while sending may lose the answer.
LINGERING_S = 10.0


class Admission:
    """A middleware that gives each request with a body a place, or refuses it."""

    def __init__(self, app: ASGIApp, settings: Settings, silence_s: float = SILENCE_S) -> None:
        self._app = app
        self._silence_s = silence_s
        self._places = settings.max_waiting
        self._most_bytes = settings.max_waiting * settings.max_input_bytes
        self._largest_bytes = most_body_bytes(settings.max_input_bytes)
        self._taken = 0
        self._held_bytes = 0
        self._last_left = time.monotonic()
        self._pace_s = 1.0  # between the last two requests that left a full house

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or scope["method"] in BODILESS:
            await self._app(scope, receive, send)
            return
        body_bytes = self._announced(scope)
        if self._taken >= self._places or (self._taken and self._held_bytes + body_bytes > self._most_bytes):
            await self._refuse(scope, receive, send)
            return
        self._taken += 1
        self._held_bytes += body_bytes
        caller = Caller(receive, self._silence_s)
        scope["invocation"] = Invocation(str(uuid.uuid4()), remaining_ms=caller.remaining_ms)
        try:
            await self._app(scope, caller.receive, send)
        finally:
            caller.forget()
            self._leave(body_bytes)

    def _announced(self, scope: Scope) -> int:
        """Say how many bytes of body may come; a body of unknown length may be the largest."""
        given = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        return min(int(given), self._largest_bytes) if given.isdigit() and len(given) < 20 else self._largest_bytes

    def _leave(self, body_bytes: int) -> None:
        now = time.monotonic()
        if self._taken >= self._places:
            self._pace_s = now - self._last_left
        self._last_left = now
        self._taken -= 1
        self._held_bytes -= body_bytes

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        after_s = max(1, round(self._pace_s))
        error = TooManyRequests(
            f"{self._taken} requests are being worked on or wait, which is what this server takes. "
            f"Try again in {after_s} s.",
            retry_after_s=after_s,
        )
        reset = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + after_s)}
        response = refusal(scope, error, {**error.headers, **reset})
        expects = any(name == b"expect" for name, _ in scope["headers"])  # it has not sent the body, and now never will

        async def send_and_linger(message: Message) -> None:
            if message["type"] != "http.response.body" or expects:
                await send(message)
                return
            await send({**message, "more_body": True})
            await _discard(receive)
            await send({"type": "http.response.body", "body": b""})

        await response(scope, receive, send_and_linger)


class Caller:
    """Whoever waits for the answer, watched from when the body has come."""

    def __init__(self, receive: Receive, silence_s: float) -> None:
        self._receive = receive
        self._silence_s = silence_s
        self._next: asyncio.Task[Message] | None = None
        self._gone = False

    def remaining_ms(self) -> float:
        """Give the time that is left: all, and none for a caller who has gone."""
        return 0.0 if self._gone else float("inf")

    async def receive(self) -> Message:
        """Give the next message. Raises BodyTooSlow."""
        if self._next is not None:
            return await asyncio.shield(self._next)
        try:
            message = await asyncio.wait_for(self._receive(), self._silence_s)
        except TimeoutError as error:
            raise BodyTooSlow(f"No byte of the body came for {self._silence_s:g} s. Send it again.") from error
        if message["type"] != "http.request" or not message.get("more_body", False):
            self._next = asyncio.create_task(self._watch())
        return message

    async def _watch(self) -> Message:
        message = await self._receive()  # nothing can come but the end of the connection
        self._gone = message["type"] == "http.disconnect"
        return message

    def forget(self) -> None:
        """Stop watching."""
        if self._next is not None:
            self._next.cancel()


async def _discard(receive: Receive) -> None:
    """Read a body to its end and keep nothing of it, for a while."""
    try:
        async with asyncio.timeout(LINGERING_S):
            while (await receive()).get("more_body", False):
                pass
    except TimeoutError:
        return
