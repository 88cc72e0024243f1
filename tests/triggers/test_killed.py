"""An environment that is killed after any of its requests to S3 leaves nothing that a redelivery does not mend."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from local import events
from local.emulator import ROOT
from tests.faults import Cut, Fault, faulty
from tests.pictures import opened, save, scene

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients import Function
    from tests.conftest import Awaken, Buckets
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
    die(event, at, brightness, buckets)
    assert cutter(event)["batchItemFailures"] == []
    result, report = "cutouts/a.png.png", "cutouts/a.png.png.error.json"
    if readable:
        assert buckets.keys(buckets.cutouts) == [result]
        assert opened(buckets.get(buckets.cutouts, result)["Body"].read()).size == (40, 30)
    else:
        assert buckets.keys(buckets.cutouts) == [result, report]
        assert opened(buckets.get(buckets.cutouts, result)["Body"].read()).size == (20, 10), "of the earlier upload"
    assert written(buckets, result if readable else report) == 1, "nothing is written twice"


# Of the requests for two results: the first's write, the second's, and the look at the first's report.
@pytest.mark.parametrize("at", [4, 5, 6])
def test_each_of_two_results_is_written_once_whenever_the_first_environment_dies(
    awaken: Awaken, brightness: Path, buckets: Buckets, at: int
) -> None:
    outputs = {"OUTPUTS": "full: format=png / web: format=webp"}
    buckets.keep_versions(buckets.cutouts)
    buckets.put("a.png", save(scene(40, 30)))
    event = events.sqs(events.upload(buckets.uploads, "a.png"))
    die(event, at, brightness, buckets, **outputs)
    cutter = awaken(MODEL_DIR=str(brightness), **buckets.environment(), **outputs)
    assert cutter(event)["batchItemFailures"] == []
    keys = ["cutouts/a.png.full.png", "cutouts/a.png.web.webp"]
    assert buckets.keys(buckets.cutouts) == keys
    assert [written(buckets, key) for key in keys] == [1, 1]


def die(event: dict[str, Any], at: int, brightness: Path, buckets: Buckets, **more: str) -> None:
    """Handle an event in a process that is killed when S3 has done its request of this number."""
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
        environment |= {"MODEL_DIR": str(brightness), "POWERTOOLS_METRICS_DISABLED": "true", **more}
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


def written(buckets: Buckets, key: str) -> int:
    """Count how often a key was written since versions are kept."""
    versions = buckets.server.client.list_object_versions(Bucket=buckets.cutouts)["Versions"]
    return sum(entry["Key"] == key for entry in versions)
