"""S3 on its bad days: what is the caller's fault, the operator's, and the service's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import botocore.retries.standard
import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import Timeout

from handler.errors import (
    AccessDenied,
    CallerError,
    ChangedMeanwhile,
    ConfigurationError,
    DependencyError,
    FileTooLarge,
    ObjectForbidden,
    ObjectNotFound,
    Redelivery,
    TargetTaken,
)
from handler.job import Provenance, S3Destination, S3Object
from handler.storage.exchange import ATTEMPTS, READ_TIMEOUT_S
from handler.storage.objects import Storage, is_later
from handler.storage.s3 import make_client
from local import events
from tests.faults import faulty
from tests.hostile import NEVER, Answer, Seen, hostile, s3_error
from tests.template.stack import template

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Awaken, Buckets
    from tests.hostile import Seen

UPLOAD = S3Object("bucket", "key.png", etag="e")
DESTINATION = S3Destination("bucket", "cutouts/key.png.png", Provenance(UPLOAD, "model 1", "{}"))
LIMIT = 1_000_000


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turn botocore's clocks: no pause between its attempts, and half a second for an answer instead of five."""
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
        (s3_error(412, "PreconditionFailed"), ChangedMeanwhile),
        (Answer(503), DependencyError),
        (Answer(200, b"half", {"content-length": "4000", "etag": '"e"'}), DependencyError),
        (Answer(NEVER), DependencyError),
    ],
    ids=[
        *("no-key", "no-version", "no-bucket", "delete-marker", "refused", "archived", "throttled", "broken"),
        *("expired-credentials", "replaced", "no-words", "cut-short", "silent"),
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
            Storage().deliver(DESTINATION, b"data", "image/png")


def test_a_bucket_name_that_s3_could_not_have_sent_is_not_retried() -> None:
    with pytest.raises(CallerError, match="no place in S3"):
        Storage().fetch(S3Object("no bucket/at all", "key.png"), LIMIT)


def test_an_output_bucket_that_cannot_exist_is_the_operators_to_mend() -> None:
    with pytest.raises(ConfigurationError, match="no place in S3"):
        Storage().deliver(replace(DESTINATION, bucket="no bucket/at all"), b"", "image/png")


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
    "patience", [{}, {"read_timeout_s": READ_TIMEOUT_S, "attempts": ATTEMPTS}], ids=["uploads", "large"]
)
def test_a_call_that_hangs_ends_before_the_functions_shortest_timeout(patience: dict[str, Any]) -> None:
    """Each attempt and each pause as long as they can be; botocore's pauses are up to 1, 2, 4 s."""
    config = make_client(**patience).meta.config
    attempts = int(config.retries["total_max_attempts"])  # type: ignore[attr-defined] # botocore makes them as it runs
    longest_s = attempts * max(config.connect_timeout, config.read_timeout) + sum(2**n for n in range(attempts - 1))  # type: ignore[attr-defined] # likewise
    assert longest_s < template()["Parameters"]["TimeoutSeconds"]["AllowedValues"][0]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (s3_error(403, "AccessDenied"), "s3:GetObject"),
        (s3_error(503, "SlowDown"), "503"),
        (Answer(NEVER), "could not be reached"),
    ],
    ids=["refused", "throttled", "silent"],
)
def test_an_upload_that_s3_will_not_give_is_raised_for_redelivery(
    awaken: Awaken, brightness: Path, answer: Answer, says: str
) -> None:
    with hostile(answer) as server:
        function = awaken(MODEL_DIR=str(brightness), AWS_ENDPOINT_URL_S3=server.url, OUTPUT_BUCKET="out")
        with pytest.raises(Redelivery, match=says):
            function(events.upload("bucket", "key.png"))


@pytest.fixture
def storage(buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> Storage:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", buckets.server.url)
    return Storage()


def destination(buckets: Buckets, key: str = "a.png", etag: str = "e", replaces: str | None = None) -> S3Destination:
    picture = S3Object(buckets.uploads, "a", etag=etag)
    return S3Destination(buckets.cutouts, key, Provenance(picture, "model 1", "{}"), replaces)


def test_the_newest_object_is_found_whichever_version_the_event_was_about(storage: Storage, buckets: Buckets) -> None:
    buckets.keep_versions()
    first = buckets.put("a", b"first")
    newest = buckets.put("a", b"newest")
    found = storage.newest(S3Object(buckets.uploads, "a", first["VersionId"], "0A"))
    assert found.picture == S3Object(buckets.uploads, "a", newest["VersionId"], "0A", newest["ETag"].strip('"'))
    assert (found.size_bytes, found.own) == (6, False)


def test_what_is_fetched_is_what_was_found_or_nothing(storage: Storage, buckets: Buckets) -> None:
    buckets.put("a", b"bytes")
    found = storage.newest(S3Object(buckets.uploads, "a"))
    assert storage.fetch(found.picture, LIMIT) == b"bytes"
    buckets.put("a", b"others")
    with pytest.raises(ChangedMeanwhile, match="was replaced"):
        storage.fetch(found.picture, LIMIT)


@pytest.mark.parametrize(("limit_bytes", "refused"), [(5, False), (4, True)])
def test_an_object_of_the_limits_size_is_read_and_one_byte_more_is_refused(
    storage: Storage, buckets: Buckets, limit_bytes: int, *, refused: bool
) -> None:
    buckets.put("a", b"bytes")
    picture = S3Object(buckets.uploads, "a")
    if not refused:
        assert storage.fetch(picture, limit_bytes) == b"bytes"
        return
    with pytest.raises(FileTooLarge, match="has 5 bytes; the limit is 4"):
        storage.fetch(picture, limit_bytes)


def test_an_object_that_is_refused_alone_is_told_from_a_bucket_that_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """About an object that is not there S3 says so where the role may read, and refuses where it may not."""

    def others_are_given(request: Seen) -> Answer:
        return Answer(403 if request.path.endswith("/key.png") else 404)

    for answer, error in ((others_are_given, ObjectForbidden), (Answer(403), AccessDenied)):
        with hostile(answer) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
            with pytest.raises(error) as raised:
                Storage().newest(S3Object("bucket", "folder/key.png"))
            assert type(raised.value) is error
            first, second = (request.path for request in server.requests)
            assert first == "/bucket/folder/key.png"
            assert second.startswith("/bucket/folder/")


def test_nothing_is_told_from_no_bucket_and_the_bucket_is_asked_for_once(
    storage: Storage, buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert storage.standing(buckets.cutouts, "a.png") is None
    with pytest.raises(ConfigurationError, match="mend OUTPUT_BUCKET"):
        storage.standing("nobodys-bucket", "a.png")
    with hostile(lambda seen: Answer(200 if seen.path == "/out" else 404)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
        other = Storage()
        assert [other.standing("out", key) for key in "ab"] == [None, None]
        assert [request.path for request in server.requests] == ["/out/a", "/out", "/out/b"]


def test_a_file_is_known_again_by_what_it_was_made_from(storage: Storage, buckets: Buckets) -> None:
    wanted = destination(buckets)
    storage.deliver(wanted, b"data", "image/png")
    there = storage.standing(buckets.cutouts, "a.png")
    assert there is not None
    assert there.own
    assert there.is_made_as(wanted.provenance)
    assert there.is_of(S3Object(buckets.uploads, "a"))
    assert not there.is_of(S3Object(buckets.uploads, "b"))
    assert not there.is_of(S3Object("another-bucket", "a"))
    for other in (
        replace(wanted.provenance, model="model 2"),
        replace(wanted.provenance, options='{"format":"webp"}'),
        replace(wanted.provenance, picture=replace(wanted.provenance.picture, etag="f")),
    ):
        assert not there.is_made_as(other)
    later = replace(wanted.provenance.picture, version_id="v2", sequencer="0B")
    assert there.is_made_as(replace(wanted.provenance, picture=later)), "the same bytes, uploaded again"


def test_long_options_and_other_scripts_fit_into_metadata(storage: Storage, buckets: Buckets) -> None:
    provenance = Provenance(S3Object(buckets.uploads, "画" * 341, etag="e"), "modèle 1", "x" * 5000)
    storage.deliver(S3Destination(buckets.cutouts, "a.png", provenance), b"data", "image/png")
    there = storage.standing(buckets.cutouts, "a.png")
    assert there is not None
    assert there.is_made_as(provenance)
    assert sum(len(name) + len(value) for name, value in there.metadata.items()) < 2_000


def test_a_file_is_written_where_nothing_stands_and_replaces_only_what_was_seen(
    storage: Storage, buckets: Buckets
) -> None:
    storage.deliver(destination(buckets, etag="1"), b"first", "image/png")
    with pytest.raises(ChangedMeanwhile):
        storage.deliver(destination(buckets, etag="2"), b"second", "image/png")
    seen = storage.standing(buckets.cutouts, "a.png")
    assert seen is not None
    storage.deliver(destination(buckets, etag="2", replaces=seen.etag), b"second", "image/png")
    with pytest.raises(ChangedMeanwhile):
        storage.deliver(destination(buckets, etag="3", replaces=seen.etag), b"third", "image/png")
    assert buckets.get(buckets.cutouts, "a.png")["Body"].read() == b"second"


def test_what_was_to_be_replaced_and_is_gone_is_looked_at_again(storage: Storage, buckets: Buckets) -> None:
    with pytest.raises(ChangedMeanwhile, match="was removed"):
        storage.deliver(destination(buckets, replaces="0" * 32), b"data", "image/png")


def test_the_same_file_there_already_is_as_good_as_written(storage: Storage, buckets: Buckets) -> None:
    """It may be this very write, whose answer was lost: botocore sends it again, and its condition is unmet by then."""
    storage.deliver(destination(buckets), b"data", "image/png")
    storage.deliver(destination(buckets), b"data", "image/png")
    assert buckets.get(buckets.cutouts, "a.png")["Body"].read() == b"data"


def test_a_conflict_is_tried_again_as_long_as_nothing_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 answers 409 where another write of the same key is under way, whatever comes of it."""
    conflicts = iter([s3_error(409, "ConditionalRequestConflict")] * 2)

    def busy(request: Seen) -> Answer:
        if request.method == "PUT":
            return next(conflicts, Answer(200, b"", {"etag": '"new"'}))
        return Answer(200 if request.path == "/bucket" else 404)

    with hostile(busy) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
        Storage().deliver(DESTINATION, b"data", "image/png")
        assert [request.method for request in server.requests if request.path != "/bucket"] == [
            *("PUT", "HEAD", "PUT", "HEAD", "PUT"),
        ]
        assert {request.headers.get("If-None-Match") for request in server.requests if request.method == "PUT"} == {"*"}


def test_a_conflict_without_end_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(request: Seen) -> Answer:
        if request.method == "PUT":
            return s3_error(409, "ConditionalRequestConflict")
        return Answer(200 if request.path == "/bucket" else 404)

    with hostile(busy) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
        with pytest.raises(ChangedMeanwhile):
            Storage().deliver(DESTINATION, b"data", "image/png")
        assert sum(request.method == "PUT" for request in server.requests) == 3


def test_without_permission_to_look_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who cannot see what stands there cannot know whether it is newer."""
    with hostile(s3_error(403, "AccessDenied")) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
        with pytest.raises(AccessDenied, match="s3:GetObject, and s3:ListBucket"):
            Storage().standing("out", "a.png")


def test_a_report_is_written_once_replaced_when_it_differs_and_withdrawn(storage: Storage, buckets: Buckets) -> None:
    buckets.keep_versions(buckets.cutouts)
    place = destination(buckets, "a.error.json")
    for document in ("one", "one", "two", "two"):
        storage.report(place, document)
    assert buckets.get(buckets.cutouts, "a.error.json")["Body"].read() == b"two"
    assert len(buckets.versions(buckets.cutouts)) == 2
    assert not storage.withdraw(buckets.cutouts, "a.error.json", S3Object(buckets.uploads, "another's"))
    assert storage.withdraw(buckets.cutouts, "a.error.json", S3Object(buckets.uploads, "a"))
    assert buckets.keys(buckets.cutouts) == []
    assert not storage.withdraw(buckets.cutouts, "a.error.json", S3Object(buckets.uploads, "a"))


def test_a_report_that_was_replaced_since_it_was_seen_is_not_withdrawn(
    storage: Storage, buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.report(destination(buckets, "a.error.json"), "one")

    def another_first(request: Seen) -> None:
        if request.method == "DELETE":
            storage.report(destination(buckets, "a.error.json", etag="f"), "newer")

    with faulty(buckets.server.url, another_first) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.url)
        assert Storage().withdraw(buckets.cutouts, "a.error.json", S3Object(buckets.uploads, "a"))
    assert buckets.get(buckets.cutouts, "a.error.json")["Body"].read() == b"newer"


def test_a_file_of_somebody_elses_is_never_replaced_by_a_report(storage: Storage, buckets: Buckets) -> None:
    buckets.server.client.put_object(Bucket=buckets.cutouts, Key="a.error.json", Body=b"mine")
    with pytest.raises(TargetTaken):
        storage.report(destination(buckets, "a.error.json"), "report")
    assert not storage.withdraw(buckets.cutouts, "a.error.json", S3Object(buckets.uploads, "a"))
    assert buckets.get(buckets.cutouts, "a.error.json")["Body"].read() == b"mine"


def test_connections_are_renewed_after_a_restore(buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> None:
    with hostile(s3_error(404, "NoSuchKey")) as old:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", old.url)
        storage = Storage()
        with pytest.raises(ObjectNotFound):
            storage.fetch(UPLOAD, LIMIT)
    buckets.put("a", b"bytes")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", buckets.server.url)
    storage.forget_connections()
    assert storage.fetch(S3Object(buckets.uploads, "a"), LIMIT) == b"bytes"


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
            Storage().deliver(DESTINATION, b"data", "image/png")
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
    """In every request about the result; a bucket of uploads is named by its own notification."""

    def s3(request: Seen) -> Answer:
        if request.method == "HEAD" and request.path.startswith("/out/cutouts"):
            return Answer(404)
        return Answer(200, b"" if request.method == "PUT" else picture, {"etag": '"e"'})

    with hostile(s3) as server:
        function = awaken(
            MODEL_DIR=str(brightness), AWS_ENDPOINT_URL_S3=server.url, OUTPUT_BUCKET="out", OUTPUT_BUCKET_OWNER=owner
        )
        assert function(events.upload("bucket", "key.png", sequencer="0A"))["statusCode"] == 200
        asked = [
            (
                request.path.split("/")[1].partition("?")[0],
                {name.lower(): value for name, value in request.headers.items()},
            )
            for request in server.requests
        ]
    owners = {(bucket, headers.get("x-amz-expected-bucket-owner")) for bucket, headers in asked}
    assert owners == {("bucket", None), ("out", expected)}


def test_an_object_over_the_limit_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its body breaks off, so that reading it would be another error."""
    with hostile(Answer(200, b"half", {"content-length": "4000", "etag": '"e"'})) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
        with pytest.raises(FileTooLarge, match="has 4,000 bytes; the limit is 100"):
            Storage().fetch(UPLOAD, 100)
