"""The page and the service, in Chromium: what is said while one waits, keys, refusals, large pictures, prefixes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from handler.job import Invocation
from handler.triggers.http import max_file_bytes
from tests.pictures import save, scene

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import FilePayload
    from playwright.sync_api import Route as Intercepted
    from starlette.types import ASGIApp, Receive, Scope, Send

    from local.s3 import LocalS3
    from tests.web.page.browser import Visit
    from tests.web.page.conftest import Visiting

pytestmark = pytest.mark.browser


def photo(name: str = "photo.png") -> FilePayload:
    return {"name": name, "mimeType": "image/png", "buffer": save(scene(240, 160))}


def noise(side_px: int) -> FilePayload:
    """Draw what no encoder makes small."""
    pixels = np.random.default_rng(7).integers(60, 255, (side_px, side_px, 3), np.uint8)
    return {"name": "noise.jpg", "mimeType": "image/jpeg", "buffer": save(Image.fromarray(pixels), "JPEG")}


def refusal(code: str, sentence: str) -> str:
    return json.dumps({"errors": [{"title": code, "code": code, "detail": sentence}]})


def as_balancer(application: ASGIApp, invocation: Invocation | None = None) -> ASGIApp:
    """Pass requests on as the trigger of an ALB does, which carries least; an invocation bounds the results, too."""
    more = {} if invocation is None else {"invocation": invocation}

    async def passed(scope: Scope, receive: Receive, send: Send) -> None:
        await application({**scope, "trigger": "alb", **more}, receive, send)

    return passed


def below(prefix: str, application: ASGIApp) -> ASGIApp:
    """Serve an application below a stage's name, which it does not know."""

    async def passed(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["path"].startswith(prefix)
        await application({**scope, "path": scope["path"].removeprefix(prefix) or "/"}, receive, send)

    return passed


def test_a_cold_start_is_shown_as_one_and_a_warm_one_is_not(visiting: Visiting, application: Any) -> None:
    visit = visiting(application())
    visit.cut_out(photo("first.png"))
    visit.choose(photo("second.png"))
    visit.wait_until_done(2)
    said = visit.heard()
    assert "first.png: Waking up. Nobody was here for a while, so the first picture takes longer." in said
    assert not [words for words in said if words.startswith("second.png: Waking up")]
    assert said[-1] == "second.png: Done."


def test_the_upload_is_shown_as_far_as_it_has_come(visit: Visit) -> None:
    session = visit.page.context.new_cdp_session(visit.page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 300_000}
    session.send("Network.emulateNetworkConditions", slow)
    visit.page.evaluate(
        """window.progress = [];
        new MutationObserver(() => progress.push([
          document.querySelector("#busy-words").textContent,
          document.querySelector("#busy-progress").getAttribute("value"),
        ])).observe(document.querySelector("#busy"), { subtree: true, childList: true, attributes: true });"""
    )
    visit.cut_out(noise(500))
    seen = visit.page.evaluate("progress")
    shares = [float(share) for words, share in seen if words == "Uploading" and share is not None]
    assert len(set(shares)) > 2
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[-1] < 1
    assert [share for words, share in seen if words in {"Cutting out", "Waking up"}][-1] is None


def test_too_many_requests_are_waited_for_and_tried_again(visit: Visit) -> None:
    asked = []

    def busy_once(route: Intercepted) -> None:
        asked.append(route)
        if len(asked) == 1:
            route.fulfill(status=429, headers={"Retry-After": "1"}, body='{"message": "Too Many Requests"}')
        else:
            route.continue_()

    visit.page.route("**/v1.0/removebg", busy_once)
    visit.cut_out(photo())
    assert len(asked) == 2
    assert "photo.png: It is busy here. Trying again in 1 s." in visit.heard()


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (400, refusal("unknown_foreground", "Nothing stands out."), "Nothing stands out."),
        (504, '{"message": "Endpoint request timed out"}', "The service did not answer in time."),
        (502, "<html>Bad Gateway</html>", "The service failed on the way."),
        (200, "<html>Who knows</html>", "The service answered with something that is no picture."),
    ],
)
def test_a_refusal_is_a_sentence_and_may_be_tried_again(visit: Visit, status: int, body: str, words: str) -> None:
    visit.page.route("**/v1.0/removebg", lambda route: route.fulfill(status=status, body=body))
    visit.choose(photo())
    visit.page.locator("#failed").wait_for()
    assert visit.words("failed-words").startswith(words)
    assert visit.page.get_by_role("alert").text_content() == f"photo.png: {visit.words('failed-words')}"
    visit.page.unroute("**/v1.0/removebg")
    visit.page.get_by_role("button", name="Try again").click()
    visit.wait_until_done()


def test_the_services_own_sentence_is_shown(visit: Visit) -> None:
    visit.choose({"name": "broken.jpg", "mimeType": "image/jpeg", "buffer": b"no picture at all"})
    visit.page.locator("#failed").wait_for()
    assert visit.words("failed-words").startswith("The file is not a picture that can be read")


def test_a_service_that_is_gone_is_said(visit: Visit) -> None:
    visit.page.context.set_offline(True)
    visit.choose(photo())
    visit.page.locator("#failed").wait_for()
    assert visit.words("failed-words") == "The service could not be reached. Is the connection up?"


def give_key(visit: Visit, key: str) -> None:
    visit.page.get_by_label("API key").fill(key)
    visit.page.keyboard.press("Enter")


def test_a_key_is_asked_for_once_and_forgotten(visiting: Visiting, application: Any) -> None:
    visit = visiting(application(API_KEYS="right-key"))
    visit.choose(photo(), photo("second.png"))
    visit.page.get_by_role("dialog").get_by_text("Whoever runs it has one for you.").wait_for()
    give_key(visit, "wrong-key")
    visit.page.get_by_role("dialog").get_by_text("The API key is not known here.").wait_for()
    give_key(visit, "right-key")
    visit.wait_until_done(2)
    assert '-H "X-Api-Key: $API_KEY"' in str(visit.page.locator("#curl").text_content())
    assert visit.page.evaluate("sessionStorage.length + localStorage.length") == 0


def test_a_key_is_kept_in_the_tab_if_the_person_says_so(visiting: Visiting, application: Any) -> None:
    visit = visiting(application(API_KEYS="right-key"))
    visit.choose(photo())
    visit.page.get_by_label("Keep it until this tab is closed").check()
    give_key(visit, "right-key")
    visit.wait_until_done()
    visit.page.reload()
    visit.cut_out(photo())
    assert visit.page.evaluate("localStorage.length") == 0
    visit.page.get_by_role("button", name="API key").click()
    visit.page.get_by_label("Keep it until this tab is closed").uncheck()
    give_key(visit, "right-key")
    visit.wait_for("sessionStorage.length === 0")


def test_a_key_that_nobody_gives_ends_in_a_sentence(visiting: Visiting, application: Any) -> None:
    visit = visiting(application(API_KEYS="right-key"))
    visit.choose(photo())
    visit.page.get_by_role("dialog").wait_for()
    visit.page.keyboard.press("Escape")
    visit.page.locator("#failed").wait_for()
    assert visit.words("failed-words") == "Send your API key in the header X-Api-Key."


@pytest.fixture
def bucket(s3: LocalS3) -> Iterator[str]:
    s3.client.create_bucket(Bucket="left-pictures")
    yield "left-pictures"
    for entry in s3.client.list_objects_v2(Bucket="left-pictures").get("Contents", []):
        s3.client.delete_object(Bucket="left-pictures", Key=entry["Key"])
    s3.client.delete_bucket(Bucket="left-pictures")


def test_a_large_picture_goes_and_comes_by_way_of_the_bucket(
    visiting: Visiting, application: Any, s3: LocalS3, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.url)
    service = as_balancer(application(RESULT_BUCKET=bucket), Invocation("large", max_file_bytes=max_file_bytes("alb")))
    visit = visiting(service, friends=(s3.url,))
    large = noise(800)
    assert len(large["buffer"]) > 771_432
    sent: list[str] = []
    visit.page.on("request", lambda request: sent.append(f"{request.method} {request.url.partition('?')[0]}"))
    visit.cut_out(large)
    assert visit.picture().size == (800, 800)
    keys = [entry["Key"] for entry in s3.client.list_objects_v2(Bucket=bucket).get("Contents", [])]
    assert [key.partition("/")[0] for key in keys] == ["results"]  # the upload has served, and is gone
    assert f"POST {s3.url}/{bucket}" in sent
    assert f"GET {s3.url}/{bucket}/{keys[0]}" in sent


def test_a_large_picture_of_a_type_that_the_browser_does_not_know_is_left_as_a_picture(
    visiting: Visiting, application: Any, s3: LocalS3, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.url)
    visit = visiting(as_balancer(application(RESULT_BUCKET=bucket)), friends=(s3.url,))
    visit.page.route(
        "**/v1.0/removebg", lambda route: route.fulfill(status=400, body=refusal("unknown_foreground", "No."))
    )
    visit.choose({**noise(800), "name": "photo.heic", "mimeType": "application/octet-stream"})
    visit.page.locator("#failed").wait_for()
    (entry,) = s3.client.list_objects_v2(Bucket=bucket)["Contents"]
    assert s3.client.head_object(Bucket=bucket, Key=entry["Key"])["ContentType"] == "image/unknown"


def test_a_large_picture_is_left_once_however_often_it_is_asked_for(
    visiting: Visiting, application: Any, s3: LocalS3, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.url)
    visit = visiting(as_balancer(application(RESULT_BUCKET=bucket)), friends=(s3.url,))
    left: list[str] = []
    visit.page.on("request", lambda request: left.append(request.url) if request.url.endswith(f"/{bucket}") else None)
    asked: list[str] = []

    def busy_once(route: Intercepted) -> None:
        asked.append(route.request.url)
        if len(asked) == 1:
            headers = {"Retry-After": "1"}
            route.fulfill(status=503, headers=headers, body=refusal("time_too_short", "Not now."))
        else:
            route.continue_()

    visit.page.route("**/v1.0/removebg", busy_once)
    visit.cut_out(noise(800))
    assert (len(asked), len(left)) == (2, 1)


def test_a_bucket_that_takes_no_picture_is_said(visiting: Visiting, application: Any) -> None:
    visit = visiting(as_balancer(application()))
    address = {
        "url": f"{visit.url}refusing-bucket",
        "fields": {"key": "unguessable"},
        "image_url": "",
        "max_bytes": None,
    }
    visit.page.route("**/v1.0/uploads", lambda route: route.fulfill(status=201, json={"data": address}))
    visit.page.route("**/refusing-bucket", lambda route: route.fulfill(status=403, body="<Error/>"))
    visit.choose(noise(800))
    visit.page.locator("#failed").wait_for()
    assert visit.words("failed-words").startswith("The bucket did not take the picture.")
    assert visit.page.get_by_role("button", name="Send it smaller").is_hidden()


def test_a_picture_too_large_without_one_is_sent_smaller_with_consent(visiting: Visiting, application: Any) -> None:
    visit = visiting(as_balancer(application()))
    visit.page.route(
        "**/v1.0/uploads", lambda route: route.fulfill(status=400, body=refusal("not_offered", "Not offered here."))
    )
    visit.choose(noise(1100))
    visit.page.locator("#failed").wait_for()
    assert visit.words("failed-words").startswith("The picture has ")
    assert "one request carries 0.8 MB here" in visit.words("failed-words")
    visit.page.get_by_role("button", name="Send it smaller").click()
    visit.wait_until_done()
    width, height = visit.picture().size
    assert 500 < width == height < 1100


def test_a_result_too_large_for_its_answer_is_fetched_from_its_address(visit: Visit, s3: LocalS3, bucket: str) -> None:
    result = save(Image.new("RGBA", (240, 160), (10, 200, 30, 255)))
    s3.client.put_object(Bucket=bucket, Key="result", Body=result, ContentType="image/png")
    address = s3.client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "result"})
    visit.friends = (s3.url,)
    visit.page.route("**/v1.0/removebg", lambda route: route.fulfill(json={"data": {"result_url": address}}))
    visit.cut_out(photo())
    assert visit.take()[1] == result


def test_a_result_too_large_for_any_answer_is_asked_for_as_webp(visit: Visit) -> None:
    asked: list[str] = []

    def only_webp(route: Intercepted) -> None:
        body = route.request.post_data_buffer or b""
        asked.append("webp" if b"\r\n\r\nwebp\r\n" in body else "png")
        if asked[-1] == "png":
            route.fulfill(status=400, body=refusal("result_too_large", "Too large."))
        else:
            route.continue_()

    visit.page.route("**/v1.0/removebg", only_webp)
    visit.cut_out(photo())
    assert asked == ["png", "webp"]
    assert visit.picture().format == "PNG"


def test_a_picture_is_taken_away_while_it_is_at_work(visit: Visit) -> None:
    visit.page.route("**/v1.0/removebg", lambda route: None)  # it never answers
    visit.choose(photo())
    visit.page.get_by_role("button", name="Remove photo.png").click()
    visit.page.unroute("**/v1.0/removebg")
    visit.cut_out(photo("next.png"))


@pytest.mark.parametrize("at", ["prod", "prod/"])
def test_it_works_below_a_stages_name(visiting: Visiting, application: Any, at: str) -> None:
    visit = visiting(below("/prod", application()), at=at)
    visit.cut_out(photo())
    assert f"{visit.url.rstrip('/')}/v1.0/removebg" in str(visit.page.locator("#curl").text_content())
    visit.page.get_by_role("link", name="API").click()
    visit.page.get_by_role("heading", name="Background removal").wait_for()
