"""For whom the page works, in Chromium: axe-core finds nothing, keys suffice, and without JavaScript it says so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.pictures import save, scene

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser, FilePayload
    from starlette.types import ASGIApp

    from tests.web.page.browser import Visit
    from tests.web.page.conftest import Visiting

pytestmark = pytest.mark.browser

PHOTO: FilePayload = {"name": "photo.png", "mimeType": "image/png", "buffer": save(scene(240, 160))}
LOOKS: list[tuple[int, Literal["light", "dark"]]] = [
    (width, scheme) for width in (390, 1440) for scheme in ("light", "dark")
]


def violations(visit: Visit, state: str) -> list[str]:
    """Run axe-core on what is shown, at each width and in each scheme."""
    found = []
    for width, scheme in LOOKS:
        visit.page.set_viewport_size({"width": width, "height": 844})
        visit.page.emulate_media(color_scheme=scheme)
        outcome = Axe().run(visit.page).response
        found += [
            f"{state}, {width} px, {scheme}: {one['id']} at {[node['html'][:120] for node in one['nodes']]}"
            for one in outcome["violations"]
        ]
        overflow = visit.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if overflow > 0:
            found.append(f"{state}, {width} px: {overflow} px wider than the screen")
    return found


def test_axe_finds_nothing_on_the_empty_page(visit: Visit) -> None:
    visit.page.get_by_role("button", name="give its address").click()
    assert violations(visit, "empty") == []


def test_axe_finds_nothing_with_a_result_and_every_option_shown(visit: Visit) -> None:
    visit.choose(PHOTO, {**PHOTO, "name": "second.png"})
    visit.wait_until_done(2)
    visit.radio("Colour")
    visit.page.get_by_label("Crop to the subject").check()
    visit.page.get_by_text("The same with curl").click()
    assert violations(visit, "compare") == []


def test_axe_finds_nothing_with_the_brushes(visit: Visit) -> None:
    visit.cut_out(PHOTO)
    visit.radio("Touch up")
    assert violations(visit, "brushes") == []


def test_axe_finds_nothing_with_a_refusal_and_none_while_waiting(visit: Visit) -> None:
    visit.choose({**PHOTO, "buffer": b"no picture at all"})
    visit.page.locator("#failed").wait_for()
    assert violations(visit, "failed") == []
    visit.page.route("**/v1.0/removebg", lambda route: None)  # it never answers
    visit.page.get_by_role("button", name="Try again").click()
    visit.page.locator("#busy").wait_for()
    assert violations(visit, "busy") == []


def test_axe_finds_nothing_in_the_question_for_a_key(visiting: Visiting, application: Callable[..., ASGIApp]) -> None:
    visit = visiting(application(API_KEYS="right-key"))
    visit.choose(PHOTO)
    visit.page.get_by_role("dialog").wait_for()
    assert violations(visit, "key") == []


def test_a_picture_is_cut_out_and_taken_away_by_keyboard_alone(visit: Visit) -> None:
    keyboard = visit.page.keyboard

    def tab_to(words: str) -> None:
        for _ in range(40):
            keyboard.press("Tab")
            if visit.page.evaluate("document.activeElement.textContent.trim()").startswith(words):
                return
        raise AssertionError(words)

    # From the beginning, since a browser that is told to hand its dialog over may be still about that at a key's press.
    visit.page.on("filechooser", lambda chooser: chooser.set_files(PHOTO))
    tab_to("Choose pictures")
    keyboard.press("Enter")
    visit.wait_until_done()
    assert visit.page.evaluate("document.activeElement.id") == "title"
    tab_to("Download")
    with visit.page.expect_download():
        keyboard.press("Enter")
    assert visit.heard()[-1] == "photo-cutout.png was saved."


def test_its_way_is_told_to_who_does_not_see_it(visit: Visit) -> None:
    visit.cut_out(PHOTO)
    said = visit.heard()
    assert said[0] == "photo.png: Getting ready."
    assert said[-1] == "photo.png: Done."


def test_every_control_has_a_name(visit: Visit) -> None:
    visit.cut_out(PHOTO)
    for mode in ("Compare", "Touch up"):
        visit.radio(mode)
        tree = visit.page.locator("body").aria_snapshot()
        found = re.findall(r'^ *- (slider|radio|checkbox|combobox|button)( "[^"]+")?', tree, re.MULTILINE)
        assert {"slider", "radio", "checkbox", "combobox", "button"} == {role for role, _ in found}
        assert [role for role, name in found if not name] == [], mode


def test_without_javascript_it_says_so_and_leads_to_the_documentation(chromium: Browser, warm_url: str) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(warm_url)
    notice = page.locator("noscript p")
    assert notice.is_visible()
    assert notice.inner_text().startswith("This page needs JavaScript to cut pictures out.")
    assert page.get_by_role("button").count() == 0
    notice.locator("a").click()
    assert page.get_by_role("heading", name="Background removal").is_visible()
    context.close()
