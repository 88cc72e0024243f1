"""S3 on its bad days: what is the caller's fault, the operator's, and the service's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import botocore.retries.standard
import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import Timeout

from handler.errors import (
    AccessDenied,
    CallerError,
    ConfigurationError,
    DependencyError,
    FileTooLarge,
    InvalidKey,
    ObjectNotFound,
    Redelivery,
    Skip,
)
from handler.job import S3Destination, S3Object
from handler.storage.objects import Provenance, Storage, is_later
from local import events
from tests.hostile import NEVER, Answer, hostile, s3_error

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Awaken, Buckets
    from tests.hostile import Seen

UPLOAD = S3Object("bucket", "key.png")
DESTINATION = S3Destination("bucket", "cutouts/key.png.png")
LIMIT = 1_000_000


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turn botocore's clocks: no pause between its attempts, and half a second for an answer instead of twenty."""
    monkeypatch.setattr(botocore.retries.standard.ExponentialBackoff, "delay_amount", lambda self, context: 0)
    monkeypatch.setattr("botocore.httpsession.Timeout", lambda connect, read: Timeout(connect=connect, read=0.5))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (s3_error(404, "NoSuchKey"), ObjectNotFound),
        (s3_error(404, "NoSuchVersion"), ObjectNotFound),
        (s3_error(404, "NoSuchBucket"), ObjectNotFound),
        (s3_error(405, "MethodNotAllowed"), ObjectNotFound),  # the version is a delete marker
        (s3_error(403, "AccessDenied"), AccessDenied),
        (s3_error(403, "InvalidObjectState"), CallerError),
        (s3_error(503, "SlowDown"), DependencyError),
        (s3_error(500, "InternalError"), DependencyError),
        (s3_error(403, "ExpiredToken"), DependencyError),
        (Answer(503), DependencyError),
        (Answer(200, b"half", {"content-length": "4000", "etag": '"e"'}), DependencyError),
        (Answer(NEVER), DependencyError),
    ],
    ids=[
        *("no-key", "no-version", "no-bucket", "delete-marker", "refused", "archived", "throttled", "broken"),
        *("expired-credentials", "no-words", "cut-short", "silent"),
    ],
)
def test_reading_names_whose_fault_it_is(
    answer: Answer, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    with hostile(answer) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
        with pytest.raises(error, match=r"s3://bucket/key\.png") as raised:
            Storage().fetch(UPLOAD, LIMIT)
    assert type(raised.value) is error
    assert raised.value.__cause__ is not None


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (s3_error(404, "NoSuchBucket"), ConfigurationError),
        (s3_error(403, "AccessDenied"), AccessDenied),
        (s3_error(503, "SlowDown"), DependencyError),
        (Answer(NEVER), DependencyError),
    ],
    ids=["no-bucket", "refused", "throttled", "silent"],
)
def test_writing_names_whose_fault_it_is(
    answer: Answer, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    with hostile(answer) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
        with pytest.raises(error, match=r"s3://bucket/cutouts/key\.png\.png"):
            Storage().deliver(DESTINATION, b"data", "image/png", Provenance("e"), "model 1")


def test_a_bucket_name_that_s3_could_not_have_sent_is_not_retried() -> None:
    with pytest.raises(CallerError, match="no place in S3"):
        Storage().fetch(S3Object("no bucket/at all", "key.png"), LIMIT)


def test_an_output_bucket_that_cannot_exist_is_the_operators_to_mend() -> None:
    with pytest.raises(ConfigurationError, match="no place in S3"):
        Storage().deliver(S3Destination("no bucket/at all", "key.png"), b"", "image/png", Provenance("e"), "model 1")


def test_a_server_that_is_not_there_is_a_dependencys_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    with hostile(Answer(200)) as server:
        gone = server.url
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", gone)
    with pytest.raises(DependencyError, match="could not be reached"):
        Storage().fetch(UPLOAD, LIMIT)


def test_throttling_is_tried_again_before_it_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    with hostile(s3_error(503, "SlowDown")) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
        with pytest.raises(DependencyError, match="SlowDown"):
            Storage().fetch(UPLOAD, LIMIT)
        assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (s3_error(403, "AccessDenied"), "s3:GetObject"),
        (s3_error(503, "SlowDown"), "SlowDown"),
        (Answer(200, b"half", {"content-length": "4000", "etag": '"e"'}), "could not be reached"),
    ],
    ids=["refused", "throttled", "cut-short"],
)
def test_an_upload_that_s3_will_not_give_is_raised_for_redelivery(
    awaken: Awaken, brightness: Path, answer: Answer, says: str
) -> None:
    with hostile(answer) as server:
        function = awaken(MODEL_DIR=str(brightness), AWS_ENDPOINT_URL_S3=server.url, OUTPUT_BUCKET="out")
        with pytest.raises(Redelivery, match=says):
            function(events.upload("bucket", "key.png"))


def test_without_permission_to_look_the_result_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without s3:ListBucket a missing object looks refused; that must not keep the first result from being written."""
    with hostile(s3_error(403, "AccessDenied")) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
        with pytest.raises(AccessDenied, match="s3:PutObject"):
            Storage().deliver(DESTINATION, b"data", "image/png", Provenance("e", sequencer="1"), "model 1")
        assert [request.method for request in server.requests] == ["HEAD", "PUT"]


def test_what_is_read_comes_with_its_etag(buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", buckets.server.url)
    put = buckets.put("a", b"bytes")
    data, provenance = Storage().fetch(S3Object(buckets.uploads, "a", sequencer="0A"), LIMIT)
    assert (data, provenance) == (b"bytes", Provenance(put["ETag"].strip('"'), None, "0A"))


def test_a_key_of_1024_bytes_is_written_and_one_more_is_refused(
    buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", buckets.server.url)
    storage = Storage()
    storage.deliver(S3Destination(buckets.cutouts, "k" * 1024), b"data", "image/png", Provenance("e"), "model 1")
    assert buckets.keys(buckets.cutouts) == ["k" * 1024]
    with pytest.raises(InvalidKey, match="1,025 bytes"):
        storage.deliver(S3Destination(buckets.cutouts, "k" * 1025), b"data", "image/png", Provenance("e"), "model 1")


def test_connections_are_renewed_after_a_restore(buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> None:
    with hostile(s3_error(404, "NoSuchKey")) as old:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", old.url)
        storage = Storage()
        with pytest.raises(ObjectNotFound):
            storage.fetch(UPLOAD, LIMIT)
    buckets.put("a", b"bytes")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", buckets.server.url)
    storage.forget_connections()
    assert storage.fetch(S3Object(buckets.uploads, "a"), LIMIT)[0] == b"bytes"


def test_a_newer_result_is_left_alone(buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", buckets.server.url)
    storage, destination = Storage(), S3Destination(buckets.cutouts, "a.png")
    storage.deliver(destination, b"newer", "image/png", Provenance("e", sequencer="0B"), "model 1")
    with pytest.raises(Skip, match="later upload"):
        storage.deliver(destination, b"older", "image/png", Provenance("e", sequencer="0A"), "model 1")
    assert buckets.get(buckets.cutouts, "a.png")["Body"].read() == b"newer"


@pytest.mark.parametrize(
    ("sequencer", "than", "later"),
    [
        ("0B", "0A", True),
        ("0A", "0B", False),
        ("0A", "0A", False),
        ("0a1", "0A0", True),
        ("1", "0A0", True),  # padded on the right: "100" against "0A0"
        ("0A", "0A0", False),
        ("0A0", "0A", False),
        ("0A01", "0A", True),
    ],
)
def test_sequencers_are_compared_padded_on_the_right(sequencer: str, than: str, *, later: bool) -> None:
    assert is_later(sequencer, than) is later


@given(st.text("0123456789ABCDEFabcdef", max_size=20), st.text("0123456789ABCDEFabcdef", max_size=20))
def test_of_two_sequencers_at_most_one_is_later(one: str, other: str) -> None:
    assert not (is_later(one, other) and is_later(other, one))


NOT_ALLOWED = (
    "User: arn:aws:sts::123456789012:assumed-role/cutout is not authorized to perform: kms:{} on resource: arn"
)


@pytest.mark.parametrize(
    "answer",
    [
        s3_error(403, "AccessDenied", NOT_ALLOWED.format("Decrypt")),
        s3_error(400, "KMS.DisabledException", "the key is disabled"),
        s3_error(400, "KMS.KMSInvalidStateException", "the key is pending deletion"),
        s3_error(400, "KMS.NotFoundException", "no such key"),
    ],
    ids=["refused", "disabled", "pending-deletion", "gone"],
)
def test_what_a_key_of_kms_forbids_names_the_key_and_waits_for_it(
    answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hostile(answer) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
        with pytest.raises(AccessDenied, match=r"KMS key .* needs kms:Decrypt on that key") as reading:
            Storage().fetch(UPLOAD, LIMIT)
        with pytest.raises(AccessDenied, match=r"KMS key .* needs kms:GenerateDataKey and kms:Decrypt"):
            Storage().deliver(DESTINATION, b"data", "image/png", Provenance("e"), "model 1")
    assert reading.value.retriable


def test_a_refusal_that_is_not_about_kms_does_not_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with hostile(s3_error(403, "AccessDenied", "Access Denied")) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
        with pytest.raises(AccessDenied) as raised:
            Storage().fetch(UPLOAD, LIMIT)
    assert "kms" not in str(raised.value).lower()


@pytest.mark.parametrize(("owner", "expected"), [("123456789012", "123456789012"), ("", None)], ids=["set", "not set"])
def test_the_output_bucket_is_expected_to_belong_to_its_owner(
    awaken: Awaken, brightness: Path, picture: bytes, owner: str, expected: str | None
) -> None:
    """In both requests about the result; a bucket of uploads is named by its own notification."""

    def s3(request: Seen) -> Answer:
        if request.method == "HEAD":
            return Answer(404)
        return Answer(200, picture if request.method == "GET" else b"", {"etag": '"e"'})

    with hostile(s3) as server:
        function = awaken(
            MODEL_DIR=str(brightness), AWS_ENDPOINT_URL_S3=server.url, OUTPUT_BUCKET="out", OUTPUT_BUCKET_OWNER=owner
        )
        assert function(events.upload("bucket", "key.png", sequencer="0A"))["statusCode"] == 200
        asked = {
            request.method: {name.lower(): value for name, value in request.headers.items()}
            for request in server.requests
        }
    owners = {method: headers.get("x-amz-expected-bucket-owner") for method, headers in asked.items()}
    assert owners == {"GET": None, "HEAD": expected, "PUT": expected}


def test_an_object_over_the_limit_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its body breaks off, so that reading it would be another error."""
    with hostile(Answer(200, b"half", {"content-length": "4000", "etag": '"e"'})) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
        with pytest.raises(FileTooLarge, match="has 4,000 bytes; the limit is 100"):
            Storage().fetch(UPLOAD, 100)
