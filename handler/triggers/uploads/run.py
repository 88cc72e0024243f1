"""The entries of one invocation, one after the other: each to its outcome, reported, as long as there is time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from handler import deadline, telemetry
from handler.errors import CutoutError, Skip, Unforeseen
from handler.job import Facts, Failed, Report, S3Object, Skipped
from handler.triggers.uploads.records import Entry, NoUpload
from handler.triggers.uploads.upload import Upload

if TYPE_CHECKING:
    from handler.job import Invocation, Outcome, UploadSender
    from handler.pipeline import Pipeline
    from handler.triggers.uploads.options import Asked


class Worker:
    """Works on the entries of one invocation, one after the other."""

    def __init__(self, sender: UploadSender, asked: Asked, invocation: Invocation, pipeline: Pipeline) -> None:
        self._sender: UploadSender = sender
        self._asked = asked
        self._invocation = invocation
        self._pipeline = pipeline
        self._slowest_ms = 0.0

    def run(self, entry: Entry) -> Outcome:
        """Cut out what an entry names, and report it. Never raises: its fault must not cost the others anything.

        What takes as long as the slowest so far would not finish is not begun: it comes back in a quieter moment.
        """
        facts = Facts(self._sender, str(_named(entry) or "unknown"), self._invocation.request_id)
        try:
            if isinstance(entry, NoUpload):
                raise entry.why  # noqa: TRY301 - reported as what is raised below
            self._pipeline.check()
            deadline.require(self._invocation, self._slowest_ms)
            outcome = self._settle(entry)
        except Skip as skip:
            outcome = Skipped(Report(facts, {}), skip)
        except CutoutError as error:
            outcome = Failed(Report(facts, {}), error)
        except Exception:  # noqa: BLE001 - see above
            telemetry.unforeseen(self._invocation.request_id)
            outcome = Failed(Report(facts, {}), Unforeseen(self._invocation.request_id))
        telemetry.picture(outcome)
        return outcome

    def _settle(self, entry: S3Object) -> Outcome:
        """Work on an upload, and learn how long one may take: one that fails at S3 takes the longest."""
        before_ms, load_ms = self._invocation.remaining_ms(), 0.0
        try:
            outcome = Upload(entry, self._asked, self._sender, self._invocation, self._pipeline).settle()
            load_ms = outcome.report.model_load_ms or 0.0
            return outcome
        finally:
            taken_ms = before_ms - self._invocation.remaining_ms() - load_ms
            if math.isfinite(taken_ms):  # outside Lambda the time has no end
                self._slowest_ms = max(self._slowest_ms, taken_ms)


def _named(entry: Entry) -> S3Object | None:
    return entry.picture if isinstance(entry, NoUpload) else entry
