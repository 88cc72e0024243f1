"""An environment that is killed after any of its requests to S3 leaves nothing that a redelivery does not mend."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from local import events
from local.emulator import ROOT
from tests.faults import Cut, Fault, faulty
from tests.pictures import opened, save, scene

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients import Function
    from tests.conftest import Buckets
    from tests.hostile import Seen

HANDLE = "import json, sys; from handler.app import lambda_handler; lambda_handler(json.load(sys.stdin), None)"


@pytest.mark.parametrize("at", range(7))
@pytest.mark.parametrize("readable", [True, False], ids=["picture", "words"])
def test_whoever_is_killed_is_finished_by_the_next_delivery(
    cutter: Function, brightness: Path, buckets: Buckets, at: int, *, readable: bool
) -> None:
    """A later upload of the key is there from the start, with the report or result of an earlier one."""
    buckets.put("a.png", b"words" if readable else save(scene(20, 10)))
    cutter(events.upload(buckets.uploads, "a.png"))
    buckets.keep_versions(buckets.cutouts)
    buckets.put("a.png", save(scene(40, 30)) if readable else b"words")
    event = events.sqs(events.upload(buckets.uploads, "a.png"))
    processes: list[subprocess.Popen[str]] = []
    requests = iter(range(100))

    def kill(request: Seen) -> Fault:  # whatever the request
        if next(requests) != at:
            return None
        processes[0].kill()
        processes[0].wait()
        return Cut("after")

    with faulty(buckets.server.url, kill) as proxy:
        environment = {**os.environ, **buckets.environment(), "AWS_ENDPOINT_URL_S3": proxy.url}
        environment |= {"MODEL_DIR": str(brightness), "POWERTOOLS_METRICS_DISABLED": "true"}
        with subprocess.Popen(
            [sys.executable, "-c", HANDLE],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        ) as process:
            processes.append(process)
            process.communicate(json.dumps(event), timeout=60)
    assert process.returncode in {-9, 0}, "0: it needed fewer requests"
    assert cutter(event)["batchItemFailures"] == []
    result, report = "cutouts/a.png.png", "cutouts/a.png.png.error.json"
    if readable:
        assert buckets.keys(buckets.cutouts) == [result]
        assert opened(buckets.get(buckets.cutouts, result)["Body"].read()).size == (40, 30)
    else:
        assert buckets.keys(buckets.cutouts) == [result, report]
        assert opened(buckets.get(buckets.cutouts, result)["Body"].read()).size == (20, 10), "of the earlier upload"
    written = buckets.server.client.list_object_versions(Bucket=buckets.cutouts)["Versions"]
    fresh = [entry for entry in written if entry["Key"] == (result if readable else report)]
    assert len(fresh) == 1, "nothing is written twice"
