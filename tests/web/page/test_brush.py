"""Erasing and restoring on the whole cut-out, by pointer and by keyboard, in Chromium."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tests.pictures import pixels, quarters, save

if TYPE_CHECKING:
    from playwright.sync_api import FilePayload

    from tests.web.page.browser import Visit

pytestmark = pytest.mark.browser

WIDTH_PX, HEIGHT_PX = 240, 160
BLUE = (0, 0, 90)  # as dark as the model's threshold for nothing, nearly


def photo(orientation: int = 1) -> FilePayload:
    """Draw a white disc in the middle of a picture of four dark quarters, and lay it down by EXIF."""
    upright = Image.fromarray(pixels(quarters(WIDTH_PX, HEIGHT_PX)) // 8)
    ImageDraw.Draw(upright).ellipse((90, 50, 150, 110), fill=(255, 255, 255))
    laid = upright.transpose(Image.Transpose.ROTATE_90) if orientation == 6 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = save(laid, "JPEG", quality=100, exif=exif)
    return {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": data}


def at_work(visit: Visit, file: FilePayload) -> None:
    visit.cut_out(file)
    visit.radio("Touch up")


def stroke(visit: Visit, *points: tuple[float, float]) -> None:
    """Draw a line through points in pixels of the picture."""
    box = visit.page.locator("#paper").bounding_box()
    assert box is not None
    scale = box["width"] / WIDTH_PX
    mouse = visit.page.mouse
    for count, (x, y) in enumerate(points):
        mouse.move(box["x"] + x * scale, box["y"] + y * scale, steps=4)
        if count == 0:
            mouse.down()
    mouse.up()


def alpha(visit: Visit) -> Image.Image:
    return visit.picture().getchannel("A")


def test_what_is_erased_is_gone_undone_and_gone_again(visit: Visit) -> None:
    at_work(visit, photo())
    untouched = visit.take()[1]
    stroke(visit, (110, 80), (130, 80))
    erased = alpha(visit)
    assert [erased.getpixel((x, 80)) for x in (110, 120, 130)] == [0, 0, 0]
    assert erased.getpixel((120, 105)) == 255
    visit.page.get_by_role("button", name="Undo").click()
    assert visit.take()[1] == untouched
    assert visit.canvas("paper")[80, 120, 3] == 255
    visit.page.get_by_role("button", name="Redo").click()
    assert np.array_equal(pixels(alpha(visit)), pixels(erased))
    assert visit.page.get_by_role("button", name="Redo").is_disabled()


def test_undo_takes_back_the_last_of_several_strokes_alone(visit: Visit) -> None:
    at_work(visit, photo())
    stroke(visit, (110, 70))
    stroke(visit, (130, 90))
    visit.page.keyboard.press("ControlOrMeta+z")
    left = alpha(visit)
    assert (left.getpixel((110, 70)), left.getpixel((130, 90))) == (0, 255)
    visit.page.keyboard.press("ControlOrMeta+Shift+z")
    assert alpha(visit).getpixel((130, 90)) == 0
    visit.page.keyboard.press("ControlOrMeta+z")
    stroke(visit, (120, 80))
    assert visit.page.get_by_role("button", name="Redo").is_disabled()


@pytest.mark.parametrize("orientation", [1, 6])
def test_the_original_is_restored_where_the_brush_goes(visit: Visit, orientation: int) -> None:
    at_work(visit, photo(orientation))
    visit.radio("Restore")
    for x, y in ((40, 30), (200, 30), (40, 130), (200, 130)):
        stroke(visit, (x, y))
    restored = visit.picture().convert("RGBA")
    assert restored.size == (WIDTH_PX, HEIGHT_PX)
    original = Image.fromarray(pixels(quarters(WIDTH_PX, HEIGHT_PX)) // 8)
    for spot in ((40, 30), (200, 30), (40, 130), (200, 130)):
        *colour, opacity = restored.getpixel(spot)  # type: ignore[misc]  # of four
        assert opacity == 255
        assert np.abs(np.subtract(colour, original.getpixel(spot))).max() <= 3  # type: ignore[arg-type]  # of three


def test_what_was_erased_comes_back_by_restoring(visit: Visit) -> None:
    at_work(visit, photo())
    stroke(visit, (120, 80))
    assert alpha(visit).getpixel((120, 80)) == 0
    visit.radio("Restore")
    stroke(visit, (120, 80))
    assert visit.picture().convert("RGBA").getpixel((120, 80)) == (255, 255, 255, 255)


def test_a_crop_follows_the_brush_and_the_brush_has_the_whole_picture(visit: Visit) -> None:
    at_work(visit, photo())
    visit.page.get_by_label("Crop to the subject").check()
    narrow = visit.picture().size
    visit.radio("Restore")
    stroke(visit, (20, 80))
    wide = visit.picture()
    assert wide.width > narrow[0] + 60
    visit.radio("Compare")
    assert visit.canvas("before").shape[:2] == (wide.height, wide.width)


def test_the_brush_goes_by_keyboard(visit: Visit) -> None:
    at_work(visit, photo())
    visit.page.locator("#paper").focus()
    size = int(visit.page.locator("#brush-size").input_value())
    visit.page.keyboard.press("]")
    assert int(visit.page.locator("#brush-size").input_value()) == size + 5
    for _ in range(4):
        visit.page.keyboard.press("ArrowRight")  # from the middle, a fortieth of the longer side each
    visit.page.keyboard.press("Space")
    erased = alpha(visit)
    assert (erased.getpixel((144, 80)), erased.getpixel((100, 80))) == (0, 255)
    assert visit.heard()[-2:][0] == "Erased."


def test_zoom_enlarges_the_sheet_and_the_stroke_stays_where_it_is_made(visit: Visit) -> None:
    at_work(visit, photo())
    before = visit.page.locator("#paper").bounding_box()
    visit.page.locator("#zoom").fill("2")
    after = visit.page.locator("#paper").bounding_box()
    assert before is not None
    assert after is not None
    assert abs(after["width"] - 2 * before["width"]) < 2
    stroke(visit, (100, 70))
    assert alpha(visit).getpixel((100, 70)) == 0


def test_touch_ups_stay_with_their_picture(visit: Visit) -> None:
    visit.choose(photo(), {**photo(), "name": "other.jpg"})
    visit.wait_until_done(2)
    visit.radio("Touch up")
    stroke(visit, (120, 80))
    visit.page.get_by_role("button", name="other.jpg done").click()
    visit.page.wait_for_selector("#download:enabled")
    assert visit.page.get_by_role("button", name="Undo").is_disabled()
    visit.page.get_by_role("button", name="photo.jpg done").click()
    visit.wait_for("!document.querySelector('#undo').disabled")
    assert alpha(visit).getpixel((120, 80)) == 0
