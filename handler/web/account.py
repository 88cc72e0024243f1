"""GET /v1.0/account and what goes with it: limits and credits, in numbers that no client trips over.

There is no account here: nobody counts credits, and a function cannot count requests across its environments. Clients
parse the numbers all the same, some stop without them, so they are such that none has a reason to wait or to stop. What
really limits requests is the gateway's throttle, which answers 429 itself. Behind an HTTP API the limit that is named
is that throttle, which all callers share; how much of it others have used is known to the gateway alone.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import Scope

# The contract's own service allows so many images a minute.
USUAL_PER_MINUTE = 500
CREDITS = 1_000_000
RATE_LIMIT_HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


def rate_limit_headers(scope: Scope) -> dict[str, str]:
    """Say what the limit is, and that it is far: it is reset with the next minute, in seconds since the epoch."""
    limit = _per_minute(scope)
    reset = (int(time.time()) // 60 + 1) * 60
    return dict(zip(RATE_LIMIT_HEADERS, (str(limit), str(limit - 1), str(reset)), strict=True))


def _per_minute(scope: Scope) -> int:
    """Give the throttle of the HTTP API that sent the request, where it has told the function of it."""
    rate: float | None = scope["app"].state.throttle_rate
    return USUAL_PER_MINUTE if rate is None or scope.get("trigger") != "http-api" else max(2, int(rate * 60))


def account() -> dict[str, object]:
    """Give the account that every caller has."""
    credits_left = {"total": CREDITS, "subscription": 0, "payg": CREDITS, "enterprise": 0}
    return {"data": {"attributes": {"credits": credits_left, "api": {"free_calls": CREDITS, "sizes": "all"}}}}
