"""One entry of a notification to its outcome: where its cut-out goes, and the job that makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handler import telemetry
from handler.errors import ConfigurationError, CutoutError, Skip, Unforeseen
from handler.job import (
    Facts,
    Failed,
    Invocation,
    Job,
    Outcome,
    Output,
    Rendering,
    Report,
    S3Destination,
    S3Object,
    Skipped,
)
from handler.triggers.uploads.records import Entry, NoUpload

if TYPE_CHECKING:
    from handler.pipeline import Pipeline
    from handler.settings import Settings


def run(entry: Entry, invocation: Invocation, pipeline: Pipeline) -> Outcome:
    """Cut out what an entry names, and report it. Never raises: one entry's fault must not cost the others anything."""
    if isinstance(entry, NoUpload):
        return _reported(entry.picture, entry.why, invocation)
    try:
        pipeline.check()
        output = Output(Rendering(format=pipeline.settings.output_format), destination_of(entry, pipeline.settings))
    except (Skip, CutoutError) as why:
        return _reported(entry, why, invocation)
    except Exception:  # noqa: BLE001 - see above
        telemetry.unforeseen(invocation.request_id)
        return _reported(entry, Unforeseen(invocation.request_id), invocation)
    return pipeline.run(Job("s3", entry, (output,)), invocation)


def destination_of(picture: S3Object, settings: Settings) -> S3Destination:
    """Say where a cut-out goes: the whole key with one more extension, so that no two inputs share a result.

    Raises Skip for what lies among the results already, ConfigurationError where results would start the function
    again.
    """
    if settings.output_bucket is None:
        raise ConfigurationError("OUTPUT_BUCKET is not set: name the bucket that cut-outs of uploads go to.")
    if settings.output_bucket == picture.bucket:
        if not settings.output_prefix:
            raise ConfigurationError(
                f"OUTPUT_BUCKET is the uploads' own bucket ({picture.bucket}) and OUTPUT_PREFIX is empty: results "
                "would start the function again. Set a prefix, such as cutouts/."
            )
        if picture.key.startswith(settings.output_prefix):
            raise Skip("The key lies under OUTPUT_PREFIX, among this function's own results.")
    return S3Destination(settings.output_bucket, f"{settings.output_prefix}{picture.key}.{settings.output_format}")


def _reported(picture: S3Object | None, why: Skip | CutoutError, invocation: Invocation) -> Outcome:
    """Give the outcome of what never became a job."""
    report = Report(Facts("s3", str(picture or "unknown"), invocation.request_id), {})
    outcome = Skipped(report, why) if isinstance(why, Skip) else Failed(report, why)
    telemetry.picture(outcome)
    return outcome
