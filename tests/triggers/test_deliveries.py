"""Random deliveries: uploads, replacements, deletions, repeats, wrong orders, faults, environments that die or race.

The invariant, after every step: each newest upload has for each of its renditions exactly one correct result or one
error report about it, or a message of it is still to come. And at the end, when everything has been delivered, no
message is left.

`make fuzz DELIVERIES=2000` runs it longer, and not the same way twice.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import botocore.retries.standard
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from local import events
from tests.clients import Function
from tests.conftest import Buckets, _fresh_app
from tests.faults import Cut, Fault, faulty
from tests.hostile import Answer, s3_error
from tests.pictures import opened, save, scene

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from local.s3 import LocalS3
    from tests.hostile import Hostile, Seen

EXAMPLES = int(os.environ.get("DELIVERIES", "15"))
KEYS = ("a.png", "b c+é.png")
Size = tuple[int, int] | None
# Uploads to choose from; None: words, which are no picture. One is wider than WebP can be.
SIZES: tuple[Size, ...] = ((40, 30), (20, 10), (16_400, 2), None)
OUTPUTS = "full: format=png / web: format=webp"
# What an upload asks for itself, and what it then gets: the longest side of each of its renditions.
ASKED: dict[str | None, dict[str, int]] = {
    None: {"full.png": 99_999, "web.webp": 99_999},
    "full / web: format=webp max_side=9": {"full.png": 99_999, "web.webp": 9},
    "web": {"web.webp": 99_999},
    "web: colour=red": {},
}
WEBP_PX = 16_383
BYTES = {size: b"These are words." if size is None else save(scene(*size)) for size in SIZES}
FAULTS: tuple[Fault, ...] = (
    *(Answer(503), s3_error(500, "InternalError"), s3_error(403, "AccessDenied")),
    *(s3_error(409, "ConditionalRequestConflict"), Cut("before"), Cut("after"), Cut("within")),
)


@dataclass
class Uploaded:
    """What a key holds by now."""

    size: Size
    asked: str | None
    etag: str
    number: int  # of the upload


@dataclass
class Message:
    """An event of an upload that has not been acknowledged."""

    key: str
    number: int
    event: dict[str, Any]


@dataclass
class World:
    """A local S3 behind a proxy, and two environments of the function."""

    server: LocalS3
    proxy: Hostile
    functions: tuple[Function, Function]
    plan: list[Callable[[Seen], Fault]] = field(default_factory=list)  # what the proxy does to requests


class Deliveries(RuleBasedStateMachine):
    """One run."""

    world: World  # set by the test

    def __init__(self) -> None:
        super().__init__()
        self.buckets = Buckets(self.world.server)
        self.uploads = 0
        self.newest: dict[str, Uploaded] = {}
        self.waiting: list[Message] = []
        self.done: list[Message] = []
        self.outputs = "none"

    @initialize(versions=st.booleans(), outputs=st.sampled_from(["none", "setting", "metadata"]))
    def make_buckets(self, versions: bool, outputs: str) -> None:  # noqa: FBT001 - hypothesis gives it by name
        self.outputs = outputs
        for name in (self.buckets.uploads, self.buckets.cutouts):
            self.world.server.client.create_bucket(Bucket=name)
        if versions:
            self.buckets.keep_versions()
        for function in self.world.functions:
            # One environment serves every run: to start one for each would take longer than the run.
            pipeline = function.module.environment.pipeline
            pipeline.settings = replace(
                pipeline.settings,
                output_bucket=self.buckets.cutouts,
                outputs=None if outputs == "none" else OUTPUTS,
                outputs_from="metadata" if outputs == "metadata" else "setting",
            )

    @rule(key=st.sampled_from(KEYS), size=st.sampled_from(SIZES), asked=st.sampled_from(list(ASKED)))
    def upload(self, key: str, size: Size, asked: str | None) -> None:
        asked = asked if self.outputs == "metadata" else None
        put = self.buckets.put(key, BYTES[size], **({"Metadata": {"cutout-outputs": asked}} if asked else {}))
        self.uploads += 1
        etag = put["ETag"].strip('"')
        self.newest[key] = Uploaded(size, asked, etag, self.uploads)
        more = {"versionId": put["VersionId"]} if "VersionId" in put else {}
        event = events.upload(self.buckets.uploads, key, eTag=etag, sequencer=f"{self.uploads:06X}", **more)
        self.waiting.append(Message(key, self.uploads, event))

    @precondition(lambda self: self.newest)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.newest)))
        self.world.server.client.delete_object(Bucket=self.buckets.uploads, Key=key)
        del self.newest[key]

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        self._deliver(data.draw(st.sampled_from(self.waiting)))

    @precondition(lambda self: self.waiting)
    @rule(data=st.data(), at=st.integers(0, 14), fault=st.sampled_from(FAULTS), lasts=st.sampled_from([1, 4, 99]))
    def deliver_badly(self, data: st.DataObject, at: int, fault: Fault, lasts: int) -> None:
        """From one request on S3 fails, for one attempt, for all attempts of it, or until the environment is gone."""
        message = data.draw(st.sampled_from(self.waiting))
        count = iter(range(10_000))
        self.world.plan.append(lambda request: fault if at <= next(count) < at + lasts else None)
        self._deliver(message)
        self.world.plan.clear()

    @precondition(lambda self: self.waiting)
    @rule(
        data=st.data(),
        at=st.integers(0, 14),
        size=st.sampled_from(SIZES),
        asked=st.sampled_from(list(ASKED)),
        other_first=st.booleans(),
    )
    def deliver_into_a_race(
        self,
        data: st.DataObject,
        at: int,
        size: Size,
        asked: str | None,
        other_first: bool,  # noqa: FBT001
    ) -> None:
        """Between two requests of one environment there is a new upload, which another may work on meanwhile."""
        message = data.draw(st.sampled_from(self.waiting))
        count = iter(range(10_000))

        def interrupt(request: Seen) -> Fault:
            if next(count) == at:
                self.world.plan.clear()
                self.upload(message.key, size, asked)
                if other_first:
                    self._deliver(self.waiting[-1], environment=1)
            return None

        self.world.plan.append(interrupt)
        self._deliver(message)
        self.world.plan.clear()

    @precondition(lambda self: self.done)
    @rule(data=st.data())
    def deliver_again(self, data: st.DataObject) -> None:
        message = data.draw(st.sampled_from(self.done))
        answer = self.world.functions[1](events.sqs(message.event))
        assert answer["batchItemFailures"] == []

    def _deliver(self, message: Message, environment: int = 0) -> None:
        answer = self.world.functions[environment](events.sqs(message.event))
        assert not any("internal_error" in str(result) for result in answer["results"]), answer
        if answer["batchItemFailures"] == []:
            self.waiting.remove(message)
            self.done.append(message)

    @invariant()
    def each_upload_has_its_end_or_a_message_to_come(self) -> None:
        waiting = {(message.key, message.number) for message in self.waiting}
        for key, uploaded in self.newest.items():
            if (key, uploaded.number) not in waiting:
                self._assert_end_of(key, uploaded)

    def teardown(self) -> None:
        for message in list(self.waiting):
            self._deliver(message)
        assert self.waiting == []
        for key, uploaded in self.newest.items():
            self._assert_end_of(key, uploaded)
        endings = ("png",) if self.outputs == "none" else ("full.png", "web.webp")
        expected = {f"cutouts/{key}.{ending}{end}" for key in KEYS for ending in endings for end in ("", ".error.json")}
        if self.outputs == "metadata":
            expected |= {f"cutouts/{key}.outputs.error.json" for key in KEYS}
        assert set(self.buckets.keys(self.buckets.cutouts)) <= expected

    def _assert_end_of(self, key: str, uploaded: Uploaded) -> None:
        renditions = {"png": 99_999} if self.outputs == "none" else ASKED[uploaded.asked]
        if not renditions:
            self._assert_report(f"cutouts/{key}.outputs.error.json", uploaded)
            return
        assert f"cutouts/{key}.outputs.error.json" not in self.buckets.keys(self.buckets.cutouts)
        for ending, side_px in renditions.items():
            self._assert_rendition(f"cutouts/{key}.{ending}", uploaded, side_px)

    def _assert_rendition(self, result: str, uploaded: Uploaded, side_px: int) -> None:
        too_wide = uploaded.size is not None and min(uploaded.size[0], side_px) > WEBP_PX
        if uploaded.size is None or (too_wide and result.endswith(".webp")):
            self._assert_report(f"{result}.error.json", uploaded)
            return
        stored = self.buckets.get(self.buckets.cutouts, result)
        assert stored["Metadata"]["cutout-of-etag"] == uploaded.etag
        width_px, height_px = uploaded.size
        longer_px = max(width_px, height_px)
        if longer_px > side_px:
            width_px, height_px = width_px * side_px // longer_px, max(1, height_px * side_px // longer_px)
        assert opened(stored["Body"].read()).size == (width_px, height_px)
        assert f"{result}.error.json" not in self.buckets.keys(self.buckets.cutouts)

    def _assert_report(self, report: str, uploaded: Uploaded) -> None:
        assert self.buckets.document(self.buckets.cutouts, report)["source"]["etag"] == uploaded.etag


def test_whatever_happens_each_upload_ends_once(s3: LocalS3, brightness: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(botocore.retries.standard.ExponentialBackoff, "delay_amount", lambda self, context: 0)
    monkeypatch.setenv("MODEL_DIR", str(brightness))
    monkeypatch.setenv("OUTPUT_BUCKET", "set-by-each-run")
    plan: list[Callable[[Seen], Fault]] = []
    with faulty(s3.url, lambda request: plan[0](request) if plan else None) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.url)
        functions = (Function(_fresh_app()), Function(_fresh_app()))
        Deliveries.world = World(s3, proxy, functions, plan)
        run_state_machine_as_test(
            Deliveries,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=20,
                deadline=None,
                derandomize="DELIVERIES" not in os.environ,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
