"""What the page makes of a cut-out, in Chromium: as the service itself would, and what people take away."""

from __future__ import annotations

import io
import subprocess
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tests.pictures import difference, opened, pixels, quarters, save

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from playwright.sync_api import FilePayload
    from starlette.types import ASGIApp

    from tests.web.page.browser import Visit
    from tests.web.page.conftest import Visiting

pytestmark = pytest.mark.browser

BEACH = {"name": "beach.png", "mimeType": "image/png", "buffer": save(quarters(90, 60))}


def subject(width_px: int = 240, height_px: int = 160) -> FilePayload:
    """Draw a white and a grey ellipse on black, which the brightness model cuts out exactly."""
    image = Image.new("RGB", (width_px, height_px))
    box = (width_px // 6, height_px // 4, width_px // 2, height_px * 3 // 4)
    ImageDraw.Draw(image).ellipse(box, fill=(255, 255, 255))
    ImageDraw.Draw(image).ellipse((box[2], box[1], box[2] + width_px // 8, box[3]), fill=(200, 200, 200))
    return {"name": "photo.png", "mimeType": "image/png", "buffer": save(image)}


def as_seen(image: Image.Image) -> NDArray[np.uint8]:
    """Give a picture's colours on white, and its alpha: colours that nobody sees are nobody's."""
    rgba = image.convert("RGBA")
    page = Image.new("RGBA", image.size, "white")
    page.alpha_composite(rgba)
    return np.dstack([pixels(page.convert("RGB")), np.asarray(rgba.getchannel("A"))])


def coarse(image: Image.Image) -> NDArray[np.uint8]:
    """Give it at a quarter of its size: what differs there differs in more than a resampled edge."""
    seen = as_seen(image)
    return np.dstack([np.asarray(Image.fromarray(seen[..., band]).reduce(4)) for band in range(4)])


def colour(visit: Visit) -> None:
    visit.radio("Colour")
    visit.page.get_by_role("button", name="Sky").click()


def backdrop(visit: Visit) -> None:
    visit.radio("Picture")
    visit.page.set_input_files("#backdrop", BEACH)  # type: ignore[arg-type]  # a mapping of its keys
    visit.page.get_by_role("button", name="Another than beach.png").wait_for()


def crop(visit: Visit) -> None:
    visit.page.get_by_label("Crop to the subject").check()
    visit.page.get_by_label("Margin").select_option("10")


def shadow(visit: Visit) -> None:
    visit.radio("Behind")


def ground(visit: Visit) -> None:
    visit.radio("Ground")
    crop(visit)
    colour(visit)


def matte(visit: Visit) -> None:
    visit.page.get_by_label("The matte alone").check()


def jpeg(visit: Visit) -> None:
    visit.page.get_by_label("Format").select_option("jpg")


def webp(visit: Visit) -> None:
    visit.page.get_by_label("Format").select_option("webp")


def small(visit: Visit) -> None:
    visit.page.locator("#size").select_option("preview")


WISHES: dict[str, tuple[Callable[[Visit], None], dict[str, Any]]] = {
    "colour": (colour, {"bg_color": "81d4fa"}),
    "picture": (backdrop, {"bg_image_file": BEACH}),
    "crop": (crop, {"crop": "true", "crop_margin": "10%"}),
    "shadow": (shadow, {"add_shadow": "true"}),
    "ground": (
        ground,
        {"add_shadow": "true", "shadow_type": "3D", "crop": "true", "crop_margin": "10%", "bg_color": "81d4fa"},
    ),
    "matte": (matte, {"channels": "alpha"}),
    "jpeg": (jpeg, {"format": "jpg"}),
    "webp": (webp, {"format": "webp"}),
    "size": (small, {"size": "preview"}),
}


@pytest.mark.parametrize("name", WISHES)
def test_the_page_makes_what_the_service_makes(visit: Visit, name: str) -> None:
    wish, fields = WISHES[name]
    photo = subject(900, 600) if name == "size" else subject()
    visit.cut_out(photo)
    wish(visit)
    made = visit.picture()
    asked = {"format": "png", **fields, "image_file": photo}
    theirs = opened(visit.page.request.post(f"{visit.url}v1.0/removebg", multipart=asked).body())
    assert (made.format, made.size) == (theirs.format, theirs.size)
    assert difference(as_seen(made), as_seen(theirs)) < 1.5
    most = 24 if name == "size" else 16  # a browser has its own way of making small
    assert np.abs(np.subtract(coarse(made), coarse(theirs), dtype=np.int16)).max() <= most


def test_the_curl_line_does_the_same(visiting: Visiting, application: Callable[..., ASGIApp], tmp_path: Path) -> None:
    visit = visiting(application(API_KEYS="secret-key"))
    photo = {**subject(), "name": 'it\'s $HOME; a, "photo".png'}
    visit.choose(photo)  # type: ignore[arg-type]  # a mapping of its keys
    visit.page.get_by_label("API key").fill("secret-key")
    visit.page.get_by_role("button", name="Use it").click()
    visit.wait_until_done()
    ground(visit)
    backdrop(visit)
    visit.page.get_by_text("The same with curl").click()
    command = visit.words("curl")
    assert "secret-key" not in command
    (tmp_path / str(photo["name"])).write_bytes(subject()["buffer"])
    (tmp_path / "beach.png").write_bytes(BEACH["buffer"])  # type: ignore[arg-type]  # bytes
    subprocess.run(
        ["bash", "-c", command],  # noqa: S607 - bash, from PATH
        cwd=tmp_path,
        check=True,
        capture_output=True,
        env={"API_KEY": "secret-key", "PATH": "/usr/bin:/bin"},
    )
    made = opened((tmp_path / 'it\'s $HOME; a, "photo"-cutout.png').read_bytes())
    assert difference(pixels(visit.picture().convert("RGB")), pixels(made.convert("RGB"))) < 1.5


def test_several_come_as_one_zip(visit: Visit) -> None:
    photo = subject()
    visit.choose(photo, photo, {**photo, "name": "Grüße.png"})
    visit.wait_until_done(3)
    colour(visit)
    name, data = visit.take("All as ZIP")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["photo-cutout.png", "photo-cutout-2.png", "Grüße-cutout.png"]
        assert opened(archive.read("Grüße-cutout.png")).convert("RGB").getpixel((2, 2)) == (0x81, 0xD4, 0xFA)
    assert name == "cutouts.zip"


def test_colours_and_matte_come_as_the_services_zip(visit: Visit) -> None:
    photo = subject()
    visit.cut_out(photo)
    visit.page.get_by_label("Format").select_option("zip")
    asked = {"format": "zip", "image_file": photo}
    theirs = visit.page.request.post(f"{visit.url}v1.0/removebg", multipart=asked).body()  # type: ignore[arg-type]  # of both
    with zipfile.ZipFile(io.BytesIO(visit.take()[1])) as ours, zipfile.ZipFile(io.BytesIO(theirs)) as expected:
        assert ours.testzip() is None
        assert set(ours.namelist()) == set(expected.namelist()) == {"color.jpg", "alpha.png"}
        matte, expected_matte = (pixels(opened(one.read("alpha.png")).convert("L")) for one in (ours, expected))
        assert difference(matte, expected_matte) < 1


def test_the_slider_shows_more_or_less_of_the_original(visit: Visit) -> None:
    visit.cut_out(subject())
    slider = visit.page.get_by_role("slider", name="How much of the original is shown")
    before = visit.page.locator("#compare .before")
    slider.focus()
    visit.page.keyboard.press("End")
    assert before.evaluate("(one) => getComputedStyle(one).clipPath") == "inset(0px 0% 0px 0px)"
    visit.page.keyboard.press("Home")
    assert before.evaluate("(one) => getComputedStyle(one).clipPath") == "inset(0px 100% 0px 0px)"
    box = slider.bounding_box()
    assert box is not None
    visit.page.mouse.click(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    assert abs(float(slider.input_value()) - 25) < 3


def test_the_original_is_wiped_away_once_and_not_where_motion_is_unwanted(
    visiting: Visiting, application: Callable[..., ASGIApp], visit: Visit
) -> None:
    moving = visiting(application(), reduced_motion="no-preference")
    moving.page.evaluate(
        """window.seen = [];
        const note = () => { seen.push(Number(document.querySelector("#split").value)); requestAnimationFrame(note); };
        note();"""
    )
    for one in (moving, visit):
        one.cut_out(subject())
    moving.wait_for("document.querySelector('#split').value === '50' && Math.max(...seen) > 80")
    assert visit.page.locator("#split").input_value() == "50"


def test_both_sides_of_the_slider_show_the_same_place(visit: Visit) -> None:
    visit.cut_out(subject())
    crop(visit)
    before, after = visit.canvas("before"), visit.canvas("after")
    assert before.shape == after.shape
    seen = after[..., 3] == 255
    assert seen.sum() > 1000
    assert np.array_equal(before[seen], after[seen])
