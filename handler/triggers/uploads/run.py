"""One upload to its outcome: the newest object of its key is cut out, once, or a report says why it cannot be.

An event says that a key has changed. What is made is the cut-out of the newest object there, whichever version the
event was about: so events may repeat, come late and in any order. docs/uploads.md says why this needs no database.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from handler import deadline, telemetry
from handler.errors import (
    CallerError,
    ChangedMeanwhile,
    CutoutError,
    ObjectForbidden,
    ObjectNotFound,
    Skip,
    TargetTaken,
    Unforeseen,
)
from handler.job import (
    Done,
    Facts,
    Failed,
    Job,
    Outcome,
    Output,
    Provenance,
    Report,
    S3Destination,
    S3Object,
    Skipped,
)
from handler.storage.objects import is_later, require_size
from handler.triggers.uploads.failure import error_report, is_reported
from handler.triggers.uploads.place import options_of, place_of, require_key
from handler.triggers.uploads.records import Entry, NoUpload

if TYPE_CHECKING:
    from handler.job import Invocation, Rendering, UploadSender
    from handler.pipeline import Pipeline
    from handler.storage.objects import Found
    from handler.storage.provenance import Standing

# How often an object is looked at before it counts as one that does not hold still.
LOOKS = 6


class Worker:
    """Works on the entries of one invocation, one after the other."""

    def __init__(self, sender: UploadSender, rendering: Rendering, invocation: Invocation, pipeline: Pipeline) -> None:
        self._sender: UploadSender = sender
        self._rendering = rendering
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
            before_ms = self._invocation.remaining_ms()
            outcome: Outcome = _Upload(entry, self._rendering, self._sender, self._invocation, self._pipeline).settle()
            taken_ms = before_ms - self._invocation.remaining_ms() - (outcome.report.model_load_ms or 0.0)
            if math.isfinite(taken_ms):  # outside Lambda the time has no end
                self._slowest_ms = max(self._slowest_ms, taken_ms)
        except Skip as skip:
            outcome = Skipped(Report(facts, {}), skip)
        except CutoutError as error:
            outcome = Failed(Report(facts, {}), error)
        except Exception:  # noqa: BLE001 - see above
            telemetry.unforeseen(self._invocation.request_id)
            outcome = Failed(Report(facts, {}), Unforeseen(self._invocation.request_id))
        telemetry.picture(outcome)
        return outcome


def _named(entry: Entry) -> S3Object | None:
    return entry.picture if isinstance(entry, NoUpload) else entry


class _Upload:
    """One upload on its way: looked at until there is nothing left to do for the newest object of its key."""

    def __init__(
        self, upload: S3Object, rendering: Rendering, sender: UploadSender, invocation: Invocation, pipeline: Pipeline
    ) -> None:
        self._upload = upload
        self._rendering = rendering
        self._sender = sender
        self._invocation = invocation
        self._pipeline = pipeline
        self._storage = pipeline.storage
        self._place = place_of(upload, rendering, pipeline.settings)
        self._etag: str | None = None  # of the object that was worked on
        self._outcome: Outcome | None = None  # what came of it

    def settle(self) -> Outcome:
        """Work on the newest object, until the one that was worked on still is the newest.

        Whoever writes last has therefore seen, after writing, that nothing newer was there. Raises Skip and CutoutError
        for what never became a job.
        """
        for _ in range(LOOKS):
            try:
                finished = self._look()
            except ChangedMeanwhile:
                continue
            if finished is not None:
                return finished
        raise ChangedMeanwhile(
            f"{self._upload} or its result was replaced {LOOKS} times while it was worked on. It has to come again."
        )

    def _look(self) -> Outcome | None:
        """Do the next thing there is to do; None: look again."""
        if self._outcome is not None and self._is_newest():
            return self._outcome
        deadline.require(self._invocation, deadline.expected_ms(self._pipeline.model, 1, 1))
        standing = self._standing()
        try:
            found = self._storage.newest(self._upload)
        except ObjectForbidden as error:
            self._finish(None, Failed(self._untouched(), error), self._provenance(self._upload, standing))
            return None
        if found.own:
            raise Skip("It is a file that this function wrote itself.")
        return self._work(found, standing)

    def _is_newest(self) -> bool:
        """Whether the object that was worked on is still the newest, or nothing is there any more."""
        try:
            return self._storage.newest(self._upload).picture.etag == self._etag
        except ObjectForbidden:
            return self._etag is None
        except ObjectNotFound:
            return True

    def _standing(self) -> Standing | None:
        """See what stands where the result goes."""
        return self._storage.standing(self._place.bucket, self._place.key) if self._place.key_fits else None

    def _work(self, found: Found, standing: Standing | None) -> Outcome | None:
        """Cut out what was found, unless that is done or cannot be; None: look again."""
        provenance = self._provenance(found.picture, standing)
        outcome: Outcome | None = self._refusal(found, standing) or self._present(provenance, standing)
        if outcome is None:
            replaces = None if standing is None else standing.etag
            destination = S3Destination(self._place.bucket, self._place.key, provenance, replaces)
            output = Output(self._rendering, destination)
            outcome = self._pipeline.cut_out(Job(self._sender, found.picture, (output,)), self._invocation)
        if isinstance(outcome, Failed) and isinstance(outcome.error, ChangedMeanwhile | ObjectNotFound):
            return None
        if isinstance(outcome, Failed) and not is_reported(outcome.error):
            return outcome
        wrote = self._finish(found.picture.etag, outcome, provenance)
        return None if wrote or not isinstance(outcome, Skipped) else outcome

    def _finish(self, etag: str | None, outcome: Outcome, provenance: Provenance) -> bool:
        """Write an error report, or remove one that is no longer true; say whether there was any.

        What came of the object with this ETag is kept until a look finds that no newer one is there.
        """
        if isinstance(outcome, Failed):
            report = S3Destination(self._place.bucket, self._place.report_key, provenance)
            self._storage.report(report, error_report(outcome.error, provenance))
            wrote = True
        else:
            wrote = self._storage.withdraw(self._place.bucket, self._place.report_key, self._upload)
        if isinstance(outcome, Done):  # it is written; the results of a whole queue are more than the memory holds
            outcome = replace(outcome, files=tuple(replace(file, data=b"") for file in outcome.files))
        self._etag, self._outcome = etag, outcome
        return wrote

    def _refusal(self, found: Found, standing: Standing | None) -> Failed | None:
        """Refuse what can be refused before anything is fetched."""
        try:
            require_key(self._place)
            if standing is not None and not standing.is_of(self._upload):
                raise TargetTaken(
                    f"s3://{self._place.bucket}/{self._place.key} was not made from {self._upload} by this function, "
                    "and is left as it is."
                )
            require_size(found.picture, found.size_bytes, self._pipeline.settings.max_input_bytes)
        except CallerError as error:
            return Failed(self._untouched(), error)
        return None

    def _present(self, provenance: Provenance, standing: Standing | None) -> Skipped | None:
        """Find the same work done already, by an earlier delivery or another environment."""
        if standing is None or not standing.is_made_as(provenance):
            return None
        return Skipped(self._untouched(), Skip("Its cut-out is there already, of the same bytes, model and options."))

    def _provenance(self, picture: S3Object, standing: Standing | None) -> Provenance:
        """Say what the newest object's result is made from. It holds up to the later of the two events known of it."""
        there = standing.sequencer if standing is not None and standing.is_of(picture) else None
        sequencer = picture.sequencer
        if there is not None and (sequencer is None or is_later(there, sequencer)):
            sequencer = there
        return Provenance(
            replace(picture, sequencer=sequencer), self._pipeline.model.revision(), options_of(self._rendering)
        )

    def _untouched(self) -> Report:
        return Report(Facts(self._sender, str(self._upload), self._invocation.request_id), {})
