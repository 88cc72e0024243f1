"""One upload to its outcome: each rendition of its key's newest object is made, once, or a report says why not.

An event says that a key has changed. What is made is the results of the newest object there, whichever version the
event was about: so events may repeat, come late and in any order. docs/uploads.md says why this needs no database.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from handler import deadline
from handler.errors import (
    CallerError,
    ChangedMeanwhile,
    CutoutError,
    ObjectForbidden,
    ObjectNotFound,
    Skip,
    TargetTaken,
)
from handler.job import (
    DECLARATION,
    End,
    Facts,
    File,
    Job,
    Outcome,
    Output,
    Provenance,
    Rendition,
    Report,
    S3Destination,
    S3Object,
    Skipped,
    ends_of,
    outcome_of,
)
from handler.storage.objects import is_later, require_size
from handler.triggers.uploads.failure import error_report, is_reported
from handler.triggers.uploads.place import declaration_place, options_of, place_of, require_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handler.job import Invocation, UploadSender
    from handler.pipeline import Pipeline
    from handler.storage.objects import Found
    from handler.storage.provenance import Standing
    from handler.triggers.uploads.options import Asked
    from handler.triggers.uploads.place import Place

# How often an object is looked at before it counts as one that does not hold still.
LOOKS = 6


@dataclass(frozen=True)
class _Sought:
    """One rendition, where it goes, and what stands there."""

    rendition: Rendition
    place: Place
    standing: Standing | None
    fault: CallerError | None = None  # of the object's declaration, which this stands in for


class Upload:
    """One upload on its way: looked at until there is nothing left to do for the newest object of its key."""

    def __init__(
        self, upload: S3Object, asked: Asked, sender: UploadSender, invocation: Invocation, pipeline: Pipeline
    ) -> None:
        self._upload = upload
        self._asked = asked
        self._sender = sender
        self._invocation = invocation
        self._pipeline = pipeline
        self._storage = pipeline.storage
        self._declaration = declaration_place(upload, pipeline.settings)
        self._is_declared = asked.outputs_from == "setting"  # whether it is known what the object asks for
        self._declared: str | None = None
        self._report = Report(Facts(sender, str(upload), invocation.request_id), {})
        self._made: dict[tuple[str | None, str, str], File] = {}  # by ETag, options and key
        self._worked_on: tuple[str | None, str | None] = (None, None)  # the object's ETag, and what it asked for
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
        try:
            if not self._is_declared:
                _, self._declared = self._newest()
                self._is_declared = True
            sought = self._sought()  # first, so that what stands is never newer than the object that is then seen
            found, declared = self._newest()
        except ObjectForbidden as error:
            self._declared, self._is_declared = None, True
            return self._end(None, [(item, self._destination(self._upload, item), error) for item in self._sought()])
        if declared != self._declared:
            self._declared = declared
            return None
        return self._work(found, sought)

    def _newest(self) -> tuple[Found, str | None]:
        """Look at the newest object, and read which renditions it asks for. Raises Skip for a file of our own."""
        found = self._storage.newest(self._upload)
        if found.own:
            raise Skip("It is a file that this function wrote itself.")
        match self._asked.outputs_from:
            case "setting":
                return found, None
            case "metadata":
                return found, found.metadata.get(DECLARATION)
            case "tags":
                return found, self._storage.tags(self._upload).get(DECLARATION)

    def _is_newest(self) -> bool:
        """Whether the object that was worked on is still the newest, or nothing is there any more."""
        try:
            found, declared = self._newest()
        except ObjectForbidden:
            return self._worked_on[0] is None
        except ObjectNotFound:
            return True
        return (found.picture.etag, declared) == self._worked_on

    def _sought(self) -> list[_Sought]:
        """List the renditions, and see what stands where each of them goes."""
        settings = self._pipeline.settings
        try:
            renditions = self._asked.of_object(self._declared, settings)
        except CallerError as error:
            return [_Sought(Rendition(), self._declaration, None, error)]
        places = [(rendition, place_of(self._upload, rendition, settings)) for rendition in renditions]
        return [_Sought(rendition, place, self._standing(place)) for rendition, place in places]

    def _standing(self, place: Place) -> Standing | None:
        return self._storage.standing(place.bucket, place.key) if place.key_fits else None

    def _work(self, found: Found, sought: Sequence[_Sought]) -> Outcome | None:
        """Make what is missing of a found object's renditions, in one look of the network; None: look again."""
        wanted = [(item, self._destination(found.picture, item)) for item in sought]
        whats: dict[S3Destination, File | Skip | CutoutError] = {}
        for item, destination in wanted:
            known = self._refusal(found, item) or self._present(item, destination)
            if known is not None:
                whats[destination] = known
        missing = [(item.rendition, destination) for item, destination in wanted if destination not in whats]
        for region in dict.fromkeys(rendition.region for rendition, _ in missing):
            outputs = [Output(one.rendering, destination) for one, destination in missing if one.region == region]
            whats |= self._cut_out(Job(self._sender, found.picture, tuple(outputs), region))
        if any(isinstance(what, ChangedMeanwhile | ObjectNotFound) for what in whats.values()):
            return None
        return self._end(found.picture.etag, [(item, destination, whats[destination]) for item, destination in wanted])

    def _cut_out(self, job: Job) -> dict[S3Destination, File | Skip | CutoutError]:
        """Run a job and keep what was learned; a file that is written is made, whatever is found at the next look."""
        outcome = self._pipeline.cut_out(job, self._invocation)
        stages_ms = dict(self._report.stages_ms)
        for stage, milliseconds in outcome.report.stages_ms.items():
            stages_ms[stage] = stages_ms.get(stage, 0.0) + milliseconds
        load_ms = outcome.report.model_load_ms
        self._report = Report(
            outcome.report.facts, stages_ms, self._report.model_load_ms if load_ms is None else load_ms
        )
        ends = {end.destination: end.what for end in ends_of(outcome, job.outputs) if end.destination is not None}
        for destination, what in ends.items():
            if isinstance(what, File):
                self._made[_identity(destination)] = what
        return ends

    def _end(
        self, etag: str | None, came: Sequence[tuple[_Sought, S3Destination, File | Skip | CutoutError]]
    ) -> Outcome | None:
        """Put error reports right; None: look once more, since something was written."""
        ends, wrote = [], False
        for item, destination, what in came:
            ending = what
            try:
                wrote = self._finish(item, destination, what) or wrote
            except CutoutError as error:
                ending = error
            ends.append(End(destination, ending))
        if self._asked.outputs_from != "setting" and all(item.fault is None for item, _, _ in came):
            wrote = (
                self._storage.withdraw(self._declaration.bucket, self._declaration.report_key, self._upload) or wrote
            )
        outcome = outcome_of(self._report, ends)
        if any(isinstance(end.what, CutoutError) and not is_reported(end.what) for end in ends):
            return outcome  # it comes again
        self._worked_on, self._outcome = (etag, self._declared), outcome
        return None if wrote or not isinstance(outcome, Skipped) else outcome

    def _finish(self, item: _Sought, destination: S3Destination, what: File | Skip | CutoutError) -> bool:
        """Write an error report, or remove one that is no longer true; say whether there was any."""
        if not isinstance(what, CutoutError):
            return self._storage.withdraw(item.place.bucket, item.place.report_key, self._upload)
        if not is_reported(what):
            return False
        report = S3Destination(item.place.bucket, item.place.report_key, destination.provenance)
        self._storage.report(report, error_report(what, destination.provenance))
        return True

    def _refusal(self, found: Found, item: _Sought) -> CallerError | None:
        """Refuse what can be refused before anything is fetched."""
        try:
            if item.fault is not None:
                raise item.fault
            require_key(item.place)
            if item.standing is not None and not item.standing.is_of(self._upload):
                raise TargetTaken(
                    f"s3://{item.place.bucket}/{item.place.key} was not made from {self._upload} by this function, "
                    "and is left as it is."
                )
            require_size(found.picture, found.size_bytes, self._pipeline.settings.max_input_bytes)
        except CallerError as error:
            return error
        return None

    def _present(self, item: _Sought, destination: S3Destination) -> File | Skip | None:
        """Find the same work done already, by an earlier delivery or another environment."""
        if item.standing is None or not item.standing.is_made_as(destination.provenance):
            return None
        there = Skip("Its cut-out is there already, of the same bytes, model and options.")
        return self._made.get(_identity(destination), there)

    def _destination(self, picture: S3Object, item: _Sought) -> S3Destination:
        """Say where and on what condition a rendition goes, and what it is made from.

        It holds up to the later of the two events known of it.
        """
        standing, sequencer = item.standing, picture.sequencer
        there = standing.sequencer if standing is not None and standing.is_of(picture) else None
        if there is not None and (sequencer is None or is_later(there, sequencer)):
            sequencer = there
        provenance = Provenance(
            replace(picture, sequencer=sequencer), self._pipeline.model.revision(), options_of(item.rendition)
        )
        replaces = None if standing is None else standing.etag
        return S3Destination(item.place.bucket, item.place.key, provenance, replaces)


def _identity(destination: S3Destination) -> tuple[str | None, str, str]:
    return destination.provenance.picture.etag, destination.provenance.options, destination.key
