"""Takes the pictures of the page that are in docs/: `make screenshots`."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from PIL import Image

from handler.pipeline import Pipeline
from handler.settings import Settings
from handler.web.application import build
from local.emulator import ROOT
from tests.web.page.browser import Visit, browser, served

if TYPE_CHECKING:
    from collections.abc import Callable

PHOTOS = ROOT / "demo" / "photos"
MOST_BYTES = 200_000


def first_look(visit: Visit) -> None:
    """Look at the page as it opens."""


def compared(visit: Visit) -> None:
    """Compare one of three, with a background."""
    visit.choose(PHOTOS / "astronaut.jpg", PHOTOS / "coffee.jpg", PHOTOS / "chelsea.jpg")
    visit.wait_until_done(3)
    visit.radio("Colour")
    visit.page.get_by_role("button", name="Sky").click()
    visit.page.mouse.move(0, 0)


def touched_up(visit: Visit) -> None:
    """Erase a part of one."""
    visit.cut_out(PHOTOS / "coffee.jpg")
    visit.radio("Touch up")
    box = visit.page.locator("#paper").bounding_box()
    assert box is not None
    visit.page.locator("#brush-size").fill("45")
    at = [
        (box["x"] + box["width"] * across, box["y"] + box["height"] * down)
        for across, down in ((0.1, 0.5), (0.34, 0.8))
    ]
    visit.page.mouse.move(*at[0])
    visit.page.mouse.down()
    visit.page.mouse.move(*at[1], steps=6)
    visit.page.mouse.up()


@dataclass(frozen=True)
class Shot:
    """One picture."""

    name: str
    size: tuple[int, int]
    scheme: Literal["light", "dark"]
    prepare: Callable[[Visit], None]


SHOTS = (
    Shot("page", (1280, 990), "light", compared),
    Shot("page-first-look", (1280, 720), "light", first_look),
    Shot("page-phone", (390, 844), "dark", touched_up),
)


def main() -> None:
    """Take all of them."""
    model = ROOT / "build" / "model" / "u2netp"
    pipeline = Pipeline(Settings.from_env({"MODEL_DIR": str(model), "THREADS": "2"}))
    with served(build(pipeline)) as url, browser() as chromium:
        for shot in SHOTS:
            width, height = shot.size
            context = chromium.new_context(
                viewport={"width": width, "height": height},
                color_scheme=shot.scheme,
                reduced_motion="reduce",
                device_scale_factor=2 if width < 500 else 1,  # a phone has more pixels
            )
            visit = Visit(context.new_page(), url)
            shot.prepare(visit)
            image = Image.open(io.BytesIO(visit.page.screenshot()))
            path = ROOT / "docs" / f"{shot.name}.webp"
            image.convert("RGB").save(path, "WEBP", quality=82, method=6)
            assert path.stat().st_size < MOST_BYTES, path
            visit.check()
            context.close()


if __name__ == "__main__":
    main()
