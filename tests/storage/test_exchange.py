"""The bucket for what is too large: addresses that S3 takes, and what of its failures is whose fault."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlsplit

import botocore.retries.standard
import pytest

from handler.errors import (
    AccessDenied,
    ConfigurationError,
    CutoutError,
    DependencyError,
    FileTooLarge,
    NotOffered,
    ObjectNotFound,
)
from handler.storage.exchange import Exchange, Upload
from tests.hostile import HANG_UP, Answer, hostile, s3_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Buckets

TOKEN = "t" * 43
LIMIT = 1_000_000


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turn botocore's clock: no pause between its attempts."""
    monkeypatch.setattr(botocore.retries.standard.ExponentialBackoff, "delay_amount", lambda self, context: 0)


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let boto3 read them anew: it keeps those of the first test that needs any."""
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)


@pytest.fixture
def exchange(buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> Exchange:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", buckets.server.url)
    return Exchange(buckets.uploads, 600)


def signature(region: str, day: str, text: str) -> str:
    """Sign as AWS documents it: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-signing-elements.html"""
    key = b"AWS4secret"
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "ap-southeast-4"])
def test_addresses_are_signed_for_their_own_region(region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No redirect from the global endpoint, and the signature that every region takes."""
    monkeypatch.setenv("AWS_REGION", region)
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token/+=")
    place = Exchange("photos", 900).place(LIMIT)
    host = f"photos.s3.{region}.amazonaws.com"
    assert place.form.url == f"https://{host}/"
    fields = place.form.fields
    day = fields["x-amz-date"][:8]
    assert fields["x-amz-credential"] == f"AKID/{day}/{region}/s3/aws4_request"
    assert fields["x-amz-security-token"] == "token/+="
    assert fields["x-amz-signature"] == signature(region, day, fields["policy"])

    with hostile(Answer(200)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
        there = urlsplit(Exchange("photos", 900).hand_over(b"file", "png", "image/png", "request-7"))
    query = parse_qsl(there.query)
    signed = [(name, value) for name, value in query if name != "X-Amz-Signature"]
    said = dict(signed)
    assert (said["X-Amz-Expires"], said["X-Amz-Security-Token"]) == ("900", "token/+=")
    canonical = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(signed))
    request = f"GET\n{there.path}\n{canonical}\nhost:{there.netloc}\n\nhost\nUNSIGNED-PAYLOAD"
    scope = said["X-Amz-Credential"].removeprefix("AKID/")
    text = f"AWS4-HMAC-SHA256\n{said['X-Amz-Date']}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    assert dict(query)["X-Amz-Signature"] == signature(region, said["X-Amz-Date"][:8], text)


def test_a_forms_policy_bounds_size_type_place_and_time(exchange: Exchange, buckets: Buckets) -> None:
    place = exchange.place(LIMIT)
    policy = json.loads(base64.b64decode(place.form.fields["policy"]))
    key = f"uploads/{place.token}"
    assert place.form.fields["key"] == key
    conditions = policy["conditions"]
    for wanted in (
        ["content-length-range", 1, LIMIT],
        ["starts-with", "$Content-Type", "image/"],
        {"bucket": buckets.uploads},
        {"key": key},
    ):
        assert wanted in conditions
    expires = time.strptime(policy["expiration"], "%Y-%m-%dT%H:%M:%SZ")
    assert place.expires_at == pytest.approx(time.time() + 600, abs=30)
    assert time.strftime("%H:%M", expires) == time.strftime("%H:%M", time.gmtime(place.expires_at))
    assert len({exchange.place(LIMIT).token for _ in range(20)}) == 20


def test_what_is_handed_over_is_read_by_its_url_alone(exchange: Exchange, buckets: Buckets) -> None:
    url = exchange.hand_over(b"a file", "webp", "image/webp", "request-\ud800é")
    (key,) = buckets.keys(buckets.uploads)
    assert urlsplit(url).path == f"/{buckets.uploads}/{key}"
    found = buckets.get(buckets.uploads, key)
    assert found["Body"].read() == b"a file"
    assert found["Metadata"]["cutout-of-etag"] == "unknown"
    assert found["Metadata"]["cutout-request"].isascii()


def test_only_what_was_read_is_discarded(exchange: Exchange, buckets: Buckets) -> None:
    for kept in (False, True):
        buckets.put(f"uploads/{TOKEN}", b"first")
        upload = exchange.read(TOKEN, LIMIT)
        assert upload.data == b"first"
        if kept:
            buckets.put(f"uploads/{TOKEN}", b"second")
        exchange.discard(upload)
        assert bool(buckets.keys(buckets.uploads)) is kept
    exchange.discard(Upload("x" * 43, "0" * 32, b""))  # it went meanwhile


def test_an_upload_beyond_the_limit_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    with hostile(Answer(200, b"x", {"content-length": str(LIMIT + 1), "etag": '"e"'})) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
        with pytest.raises(FileTooLarge, match="1,000,001"):
            Exchange("photos", 60).read(TOKEN, LIMIT)
        assert len(server.requests) == 1


DOINGS: dict[str, Callable[[Exchange], Any]] = {
    "hand over": lambda exchange: exchange.hand_over(b"file", "png", "image/png", "request-7"),
    "read": lambda exchange: exchange.read(TOKEN, LIMIT),
    "discard": lambda exchange: exchange.discard(Upload(TOKEN, "e", b"")),
    "keep": lambda exchange: exchange.keep(b"file", "png", "image/png", {}),
}


@pytest.mark.parametrize("doing", DOINGS)
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (s3_error(403, "AccessDenied"), AccessDenied),
        (s3_error(404, "NoSuchBucket"), ConfigurationError),
        (s3_error(503, "SlowDown"), DependencyError),
        (s3_error(500, "InternalError"), DependencyError),
        (Answer(HANG_UP), DependencyError),
    ],
    ids=["denied", "no bucket", "throttled", "broken", "hangs up"],
)
def test_what_s3_cannot_do_is_the_surroundings_fault(
    doing: str, answer: Answer, error: type[CutoutError], monkeypatch: pytest.MonkeyPatch
) -> None:
    with hostile(answer) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
        with pytest.raises(error) as raised:
            DOINGS[doing](Exchange("photos", 60))
    assert raised.value.retriable
    assert TOKEN not in str(raised.value)
    if error is ConfigurationError:
        assert "RESULT_BUCKET" in str(raised.value)


def test_an_upload_that_is_not_there_is_no_fault_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    with hostile(s3_error(404, "NoSuchKey")) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
        with pytest.raises(ObjectNotFound) as raised:
            Exchange("photos", 60).read(TOKEN, LIMIT)
    assert TOKEN not in str(raised.value)


def test_a_read_that_breaks_off_is_the_dependencys_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    with hostile(Answer(200, b"half", {"content-length": "9", "etag": '"e"'})) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
        with pytest.raises(DependencyError):
            Exchange("photos", 60).read(TOKEN, LIMIT)


def test_without_a_bucket_nothing_is_offered() -> None:
    nowhere = Exchange(None, 60)
    for doing in DOINGS.values():
        with pytest.raises(NotOffered, match="RESULT_BUCKET"):
            doing(nowhere)
    with pytest.raises(NotOffered, match="RESULT_BUCKET"):
        nowhere.place(LIMIT)


def test_without_credentials_no_address_is_made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.session.Session.get_credentials", lambda self: None)
    with pytest.raises(DependencyError, match="NoCredentialsError"):
        Exchange("photos", 60).place(LIMIT)
