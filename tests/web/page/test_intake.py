"""How pictures come in, in Chromium: chosen, dropped, pasted, by their address, HEIC, and the cat."""

from __future__ import annotations

import http.server
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.pictures import difference, pixels, save, scene

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import FilePayload
    from starlette.types import ASGIApp

    from tests.web.page.browser import Visit
    from tests.web.page.conftest import Visiting

pytestmark = pytest.mark.browser

SCENE = scene(240, 160)
# A drop as a browser makes one: files in a DataTransfer.
DROP = """(bytes) => {
  const carried = new DataTransfer();
  carried.items.add(new File([new Uint8Array(bytes)], "dropped.png", { type: "image/png" }));
  for (const kind of ["dragover", "drop"]) {
    document.body.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: carried }));
  }
}"""


def file(name: str = "photo.png", file_format: str = "PNG") -> FilePayload:
    return {"name": name, "mimeType": f"image/{file_format.lower()}", "buffer": save(SCENE, file_format)}


@pytest.fixture
def photo_url() -> Iterator[str]:
    """Serve one photograph at an address of its own."""

    class Photo(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = save(SCENE, "JPEG")
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *parts: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Photo) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/a%20photo.jpg"
        server.shutdown()


def test_a_chosen_picture_is_cut_out_and_downloaded_as_it_came(visit: Visit) -> None:
    visit.cut_out(file())
    name, data = visit.take()
    assert name == "photo-cutout.png"
    fields = {"format": "png", "image_file": file()}
    answer = visit.page.request.post(f"{visit.url}v1.0/removebg", multipart=fields)  # type: ignore[arg-type]  # of both
    assert data == answer.body()


def test_many_are_cut_out_one_after_the_other(visit: Visit) -> None:
    visit.choose(file("one.png"), file("two.png"), file("three.png"))
    visit.wait_until_done(3)
    assert visit.page.locator(".strip-name").all_inner_texts() == ["one.png", "two.png", "three.png"]
    visit.page.get_by_role("button", name="two.png done").click()
    assert visit.words("title") == "two.png"
    assert visit.take()[0] == "two-cutout.png"


def test_a_picture_is_dropped_anywhere(visit: Visit) -> None:
    visit.page.evaluate(DROP, list(save(SCENE)))
    visit.wait_until_done()
    assert visit.words("title") == "dropped.png"


def test_a_copied_cut_out_is_pasted_as_a_picture(visit: Visit) -> None:
    visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit.cut_out(file())
    visit.page.get_by_role("button", name="Copy", exact=True).click()
    visit.wait_for("document.querySelector('#facts').textContent.startsWith('Copied')")
    visit.page.locator("#title").focus()
    visit.page.keyboard.press("ControlOrMeta+v")
    visit.wait_until_done(2)
    assert visit.words("title") == "image.png"


def test_a_picture_is_fetched_by_its_address_and_compared_when_asked_for(
    visiting: Visiting, application: Callable[..., ASGIApp], photo_url: str
) -> None:
    visit = visiting(application(URL_FETCH_ALLOW=photo_url.split("/")[2]))
    visit.page.get_by_role("button", name="give its address").click()
    visit.page.keyboard.type(photo_url)
    visit.page.keyboard.press("Enter")
    visit.wait_until_done()
    assert visit.words("title") == "a photo.jpg"
    assert "no original to compare with" in visit.words("no-original-words")
    visit.page.get_by_role("button", name="Ask the service for it").click()
    visit.page.get_by_role("slider", name="How much of the original is shown").wait_for()


def test_a_phones_heic_is_cut_out_and_its_original_asked_for(visit: Visit) -> None:
    visit.cut_out(file("IMG_0001.HEIC", "HEIF"))
    assert visit.picture().size == SCENE.size
    assert "Your browser cannot show this kind of picture" in visit.words("no-original-words")
    assert visit.page.locator("#split").is_hidden()
    visit.page.get_by_role("button", name="Ask the service for it").click()
    visit.page.locator("#split").wait_for()
    assert visit.page.locator("#no-original").is_hidden()
    assert difference(pixels(SCENE), visit.canvas("before")[..., :3]) < 6


def test_the_cat_is_there_for_who_has_no_picture(
    visiting: Visiting, application: Callable[..., ASGIApp], u2netp: Path
) -> None:
    visit = visiting(application(MODEL_DIR=str(u2netp)))
    visit.page.get_by_role("button", name="Borrow the cat").click()
    visit.wait_until_done()
    alpha = np.asarray(visit.picture().getchannel("A"))
    assert alpha.shape == (300, 451)
    assert alpha[150, 220] > 250  # between its eyes
    assert alpha[280, 440] == 0


def test_what_is_no_picture_is_said_and_not_sent(visit: Visit) -> None:
    visit.choose({"name": "letter.txt", "mimeType": "text/plain", "buffer": b"Dear all"})
    visit.wait_for("heard.includes('letter.txt is no picture.')")
    assert visit.page.locator("#work").is_hidden()


def test_a_files_name_stays_text(visit: Visit) -> None:
    name = "<img src=x onerror=alert(1)>.png"
    visit.cut_out(file(name))
    assert visit.words("title") == visit.page.locator(".strip-name").inner_text() == name
    assert visit.page.locator("img[src='x']").count() == 0


def test_a_removed_picture_leaves_nothing_behind(visit: Visit) -> None:
    visit.choose(file("one.png"), file("two.png"))
    visit.wait_until_done(2)
    visit.wait_for("held.size === 3")  # each file, and the small cut-out of the one that was looked at
    for name in ("one.png", "two.png"):
        visit.page.get_by_role("button", name=f"Remove {name}").click()
    assert visit.page.evaluate("held.size") == 0
    assert visit.page.evaluate("document.activeElement.id") == "choose-button"
    assert visit.page.get_by_role("button", name="Borrow the cat").is_visible()
