"""What a request's scope says of its way here: who sent it, and how long its caller waits."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from handler.job import Invocation, TriggerName

if TYPE_CHECKING:
    from starlette.requests import Request


def invocation_of(request: Request) -> Invocation:
    """Give the invocation that Lambda's trigger put there, or one of our own for a plain web server."""
    invocation = request.scope.get("invocation")
    return invocation if isinstance(invocation, Invocation) else Invocation(request_id=str(uuid.uuid4()))


def trigger_of(request: Request) -> TriggerName:
    """Give the sender that Lambda's trigger put there; "http" under a plain web server."""
    trigger: TriggerName = request.scope.get("trigger", "http")
    return trigger
