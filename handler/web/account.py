"""GET /v1.0/account and what goes with it: limits and credits, in numbers that no client trips over.

There is no account here: nobody counts credits, and a function cannot count requests across its environments. Clients
parse the numbers all the same, some stop without them, so they are such that none has a reason to wait or to stop. What
really limits requests is the gateway's throttle, which answers 429 itself.
"""

from __future__ import annotations

import time

# The contract's own service allows so many images a minute.
RATE_LIMIT_PER_MINUTE = 500
CREDITS = 1_000_000


def rate_limit_headers() -> dict[str, str]:
    """Say that the limit is far: it is reset with the next minute, in seconds since the epoch."""
    return {
        "X-RateLimit-Limit": str(RATE_LIMIT_PER_MINUTE),
        "X-RateLimit-Remaining": str(RATE_LIMIT_PER_MINUTE - 1),
        "X-RateLimit-Reset": str((int(time.time()) // 60 + 1) * 60),
    }


def account() -> dict[str, object]:
    """Give the account that every caller has."""
    credits_left = {"total": CREDITS, "subscription": 0, "payg": CREDITS, "enterprise": 0}
    return {"data": {"attributes": {"credits": credits_left, "api": {"free_calls": CREDITS, "sizes": "all"}}}}
