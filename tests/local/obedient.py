"""A function that does to a message what its body says, so that the poller before it can be seen at work."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any


def answer(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Do what each message says."""
    failures = []
    for record in event["Records"]:
        sys.stdout.write(f"got {record['body']} {record['attributes']['ApproximateReceiveCount']}\n")
        sys.stdout.flush()
        match record["body"].split()[0]:
            case "fail":
                failures.append({"itemIdentifier": record["messageId"]})
            case "misname":
                failures.append({"itemIdentifier": "nobody"})
            case "raise":
                raise RuntimeError("as it was told")
            case "nap":
                time.sleep(0.1)
            case "sleep":
                time.sleep(30)
            case "die":
                os.kill(os.getppid(), signal.SIGKILL)  # the emulator, which is what listens
                time.sleep(30)
    return {"batchItemFailures": failures}
