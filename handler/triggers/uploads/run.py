"""S3 notifications that come straight from the bucket.

Keys are form-encoded, `versionId` is absent in an unversioned bucket, deliveries repeat and arrive out of order:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html

The invocation is asynchronous: what is returned goes to the log at best, and only a raised error makes Lambda try again
and then hand the event to its dead-letter queue. So every record is worked on, and if any failed for a reason that may
pass, the whole event is raised at the end; its finished records are simply done again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from handler.errors import ConfigurationError, CutoutError, MalformedEvent, ServiceError, Unforeseen
from handler.job import Invocation, Job, Rendering, S3Object, S3Target, Skip
from handler.telemetry import logger
from handler.triggers.reply import answer, failed, skipped

if TYPE_CHECKING:
    from handler.pipeline import Pipeline
    from handler.settings import Settings

EVENT = "s3"


class Redelivery(ServiceError):
    """Raised out of the handler so that the platform delivers the event again."""

    code = "redelivery"
    title = "To be delivered again"


class S3:
    """The source of direct bucket notifications."""

    def matches(self, event: Any) -> bool:  # noqa: ANN401 - anything that JSON holds
        """Recognise notifications, and the test event that S3 sends when a notification is set up."""
        if not isinstance(event, dict):
            return False
        if event.get("Event") == "s3:TestEvent":
            return True
        records = event.get("Records")
        return isinstance(records, list) and bool(records) and all(_is_s3(record) for record in records)

    def answer(self, event: Any, invocation: Invocation, pipeline: Pipeline) -> dict[str, Any]:  # noqa: ANN401
        """Cut out every record's object. Raises Redelivery where any failed for a reason that may pass."""
        if event.get("Event") == "s3:TestEvent":
            return answer(
                EVENT, [skipped("It is S3's test event; the notification works.", bucket=event.get("Bucket"))]
            )
        outcomes = [_work(record, invocation, pipeline) for record in event["Records"]]
        retriable = [error for _, error in outcomes if error is not None and error.retriable]
        if retriable:
            raise Redelivery(
                f"{len(retriable)} of {len(outcomes)} objects failed and may succeed later: {retriable[0]}"
            )
        return answer(EVENT, [result for result, _ in outcomes])

    def refuse(self, event: Any, error: CutoutError, invocation: Invocation) -> dict[str, Any]:  # noqa: ANN401, ARG002
        """Raise what may pass, answer what would fail again."""
        if error.retriable:
            raise error
        return answer(EVENT, [failed(error)])


def _is_s3(record: Any) -> bool:  # noqa: ANN401 - anything that JSON holds
    return isinstance(record, dict) and record.get("eventSource") == "aws:s3"


def _work(
    record: dict[str, Any], invocation: Invocation, pipeline: Pipeline
) -> tuple[dict[str, Any], CutoutError | None]:
    """Take one record the whole way: its result, and its error where it failed."""
    facts: dict[str, Any] = {}
    try:
        pipeline.check()
        source, size_bytes = _parse(record)
        facts["source"] = {"bucket": source.bucket, "key": source.key, "version": source.version_id}
        _skip_what_is_no_picture(record, source, size_bytes)
        target = target_of(source, pipeline.settings)
        rendering = Rendering(format="webp" if pipeline.settings.output_format == "webp" else "png")
        result = pipeline.run(Job(EVENT, source, rendering, target), invocation)
    except Skip as skip:
        return skipped(str(skip), **facts), None
    except CutoutError as error:
        logger.warning("record failed", extra={**facts, "code": error.code, "reason": str(error)})
        return failed(error, **facts), error
    except Exception:  # noqa: BLE001 - one record's surprise must not keep the others from being worked on
        logger.exception("record failed unforeseen", extra=facts)
        unforeseen = Unforeseen(invocation.request_id)
        return failed(unforeseen, **facts), unforeseen
    cutout = result.cutout
    return {
        "statusCode": 200,
        "status": "success",
        **facts,
        "target": {"bucket": target.bucket, "key": target.key},
        "width": cutout.width_px,
        "height": cutout.height_px,
        "bytes": len(cutout.data),
        "times_ms": {stage: round(milliseconds, 1) for stage, milliseconds in result.stages_ms.items()},
    }, None


def _parse(record: dict[str, Any]) -> tuple[S3Object, int | None]:
    try:
        bucket, thing = record["s3"]["bucket"]["name"], record["s3"]["object"]
        key, size_bytes = thing["key"], thing.get("size")
        version, etag, sequencer = (thing.get(name) for name in ("versionId", "eTag", "sequencer"))
    except (KeyError, TypeError, AttributeError) as error:
        raise MalformedEvent(f"An S3 record lacks {error}; s3.bucket.name and s3.object.key are needed.") from error
    texts = {"s3.bucket.name": bucket, "s3.object.key": key}
    for name, value in (("versionId", version), ("eTag", etag), ("sequencer", sequencer)):
        if value is not None:
            texts[f"s3.object.{name}"] = value
    for name, value in texts.items():
        if not isinstance(value, str) or not value:
            raise MalformedEvent(f"An S3 record's {name} is {value!r}; a text that is not empty is needed.")
    return S3Object(bucket, unquote_plus(key), version, etag, sequencer), size_bytes


def _skip_what_is_no_picture(record: dict[str, Any], source: S3Object, size_bytes: int | None) -> None:
    name = record.get("eventName", "ObjectCreated:")
    if not str(name).removeprefix("s3:").startswith("ObjectCreated:"):
        raise Skip(f"The event is {name}; only ObjectCreated leads to a cut-out.")
    if source.key.endswith("/"):
        raise Skip("The key ends in a slash: it is a folder's marker.")
    if size_bytes == 0:
        raise Skip("The object is empty.")


def target_of(source: S3Object, settings: Settings) -> S3Target:
    """Say where an object's cut-out goes: the whole key with one more extension, so that no two inputs share a result.

    Raises Skip for what lies among the results already, ConfigurationError where results would start the function
    again.
    """
    if settings.output_bucket is None:
        raise ConfigurationError("OUTPUT_BUCKET is not set: name the bucket that cut-outs of uploads go to.")
    if settings.output_bucket == source.bucket:
        if not settings.output_prefix:
            raise ConfigurationError(
                f"OUTPUT_BUCKET is the uploads' own bucket ({source.bucket}) and OUTPUT_PREFIX is empty: results "
                "would start the function again. Set a prefix, such as cutouts/."
            )
        if source.key.startswith(settings.output_prefix):
            raise Skip("The key lies under OUTPUT_PREFIX, among this function's own results.")
    return S3Target(settings.output_bucket, f"{settings.output_prefix}{source.key}.{settings.output_format}")
