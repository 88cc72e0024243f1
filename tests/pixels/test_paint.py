"""A subject on its canvas: placed, on a background, with a shadow, as two files in one."""

from __future__ import annotations

import dataclasses
import io
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from handler.errors import UnknownForeground
from handler.job import Box, Margins, Position, Rendering, Shadow
from handler.pixels.archive import pack
from handler.pixels.background import cover
from handler.pixels.cut import Subject
from handler.pixels.paint import paint
from handler.pixels.picture import Picture
from handler.pixels.place import place
from handler.pixels.shadow import cast
from tests.pictures import quarters

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDTH, HEIGHT = 100, 60
RED = (200, 30, 20)
BOX = Box(20, 10, 40, 20)


def subject(edge: int = 255) -> Subject:
    """Give a red block; the outermost of its pixels have the alpha `edge`."""
    alpha = np.zeros((HEIGHT, WIDTH), np.uint8)
    alpha[10:30, 20:60] = edge
    alpha[11:29, 21:59] = 255
    return Subject(np.full((HEIGHT, WIDTH, 3), RED, np.uint8), alpha, BOX)


def painted(rendering: Rendering, backdrop: Picture | None = None, edge: int = 255) -> NDArray[np.uint8]:
    return paint(place(subject(edge), rendering), rendering, backdrop).pixels


def picture(image: Image.Image, alpha: NDArray[np.uint8] | None = None) -> Picture:
    return Picture(np.asarray(image), alpha, "PNG")


def test_what_needs_no_move_is_not_copied() -> None:
    before = subject()
    assert place(before, Rendering()) is before
    assert np.shares_memory(place(before, Rendering(crop=Margins())).alpha, before.alpha)


def test_a_cropped_subject_is_the_picture_in_its_box() -> None:
    pixels = painted(Rendering(crop=Margins()), edge=100)
    assert pixels.shape == (20, 40, 4)
    assert np.array_equal(pixels, painted(Rendering(), edge=100)[10:30, 20:60])


def test_a_moved_subject_leaves_nothing_where_it_was() -> None:
    pixels = painted(Rendering(position=Position(1, 1)))
    assert pixels[59, 99].tolist() == [*RED, 255]
    assert pixels[40:, 60:, 3].min() == 255
    assert pixels[:40].max() == 0
    assert pixels[:, :60].max() == 0


def test_a_scaled_subject_fills_its_share() -> None:
    placed = place(subject(), Rendering(scale=1.0, position=Position(0.5, 0.5)))
    assert placed.box == Box(0, 5, 100, 50)
    assert placed.alpha[5:55].min() == 255
    assert placed.alpha[:5].max() == placed.alpha[55:].max() == 0


def test_the_box_is_that_of_what_is_seen_after_resampling() -> None:
    placed = place(subject(), Rendering(max_megapixels=0.0015))
    seen = placed.alpha >= 13
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    assert placed.box == Box(columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1)


def test_a_subject_too_small_for_a_pixel_still_has_a_place() -> None:
    alpha = np.zeros((1000, 1000), np.uint8)
    alpha[500, 500] = 14
    dot = Subject(np.zeros((1000, 1000, 3), np.uint8), alpha, Box(500, 500, 1, 1))
    placed = place(dot, Rendering(max_megapixels=0.0001, crop=Margins(), scale=0.1))
    assert (placed.box.width_px, placed.box.height_px) == (1, 1)


@pytest.mark.parametrize("rendering", [Rendering(), Rendering(max_megapixels=0.003), Rendering(scale=0.7)])
def test_hard_edges_leave_no_shade_between(rendering: Rendering) -> None:
    soft = place(subject(100), rendering)
    hard = place(subject(100), dataclasses.replace(rendering, soft_edges=False))
    assert set(np.unique(hard.alpha)) == {0, 255}
    assert len(np.unique(soft.alpha)) > 2


def test_hard_edges_count_half_and_more_as_the_subject() -> None:
    assert place(subject(127), Rendering(soft_edges=False)).box == Box(21, 11, 38, 18)
    assert place(subject(128), Rendering(soft_edges=False)).box == BOX


def test_hard_edges_of_haze_are_nothing() -> None:
    haze = dataclasses.replace(subject(), alpha=np.full((HEIGHT, WIDTH), 127, np.uint8))
    with pytest.raises(UnknownForeground, match="semitransparency"):
        place(haze, Rendering(soft_edges=False))


@pytest.mark.parametrize("size", [(48, 32), (96, 64), (200, 30), (30, 200)])
@pytest.mark.parametrize("canvas", [(48, 32), (100, 60), (60, 100), (40, 40)])
def test_a_background_covers_the_canvas_and_is_centred(size: tuple[int, int], canvas: tuple[int, int]) -> None:
    covered = cover(picture(quarters(*size)), *canvas)
    assert covered.shape == (canvas[1], canvas[0], 3)
    colours = [covered[row, column].tolist() for row in (0, -1) for column in (0, -1)]
    expected = [[220, 20, 20], [20, 200, 20], [20, 20, 220], [255, 255, 255]]
    assert np.abs(np.array(colours) - expected).max() <= 3


def test_what_does_not_fit_of_a_background_is_cut_off_and_not_squeezed() -> None:
    wide = np.zeros((50, 200, 3), np.uint8)
    wide[:, :50] = 255
    wide[:, 150:] = 255
    assert cover(picture(Image.fromarray(wide)), 100, 50).max() == 0
    assert cover(picture(Image.fromarray(wide.swapaxes(0, 1))), 100, 200)[10:-10].max() == 0
    assert cover(picture(Image.fromarray(wide)), 120, 50)[:, [0, -1]].min() == 255


def test_a_background_of_the_canvas_size_is_taken_as_it_is() -> None:
    own = picture(quarters(WIDTH, HEIGHT))
    assert cover(own, WIDTH, HEIGHT) is own.rgb


def test_a_background_picture_lies_behind_the_subject() -> None:
    result = paint(subject(128), Rendering(), picture(quarters(WIDTH, HEIGHT)))
    assert result.file_format == "jpg"
    assert result.pixels[0, 0].tolist() == [220, 20, 20]
    assert result.pixels[20, 30].tolist() == list(RED)
    assert result.pixels[10, 58].tolist() == pytest.approx([110, 115, 20], abs=1)  # half red, half green


def test_a_translucent_background_picture_stays_translucent() -> None:
    alpha = np.full((HEIGHT, WIDTH), 100, np.uint8)
    result = paint(subject(), Rendering(), picture(quarters(WIDTH, HEIGHT), alpha))
    assert result.file_format == "png"
    assert result.pixels[0, 0].tolist() == [220, 20, 20, 100]
    assert result.pixels[20, 30].tolist() == [*RED, 255]


@pytest.mark.parametrize("kind", ["drop", "ground"])
@pytest.mark.parametrize("zoom", [1, 16])
def test_a_shadow_is_soft_and_below_the_subject(kind: Any, zoom: int) -> None:
    alpha = subject().alpha.repeat(zoom, axis=0).repeat(zoom, axis=1)
    box = Box(BOX.left_px * zoom, BOX.top_px * zoom, BOX.width_px * zoom, BOX.height_px * zoom)
    darkness = cast(alpha, box, Shadow(kind, 1.0)).astype(float)
    assert darkness.shape == alpha.shape
    below, above = darkness[(30 * zoom) :].sum(), darkness[: (10 * zoom)].sum()
    assert below > 3 * above
    row = darkness[30 * zoom]  # just below the subject
    assert row[40 * zoom] > 60
    assert row[0] == row[-1] == 0
    assert np.abs(np.diff(row)).max() < 120  # no edge
    assert len(np.unique(darkness)) > 10


def test_a_shadows_opacity_is_that_of_its_darkest_part() -> None:
    darkest = [int(cast(subject().alpha, BOX, Shadow("drop", opacity)).max()) for opacity in (0.0, 0.5, 1.0)]
    assert darkest == pytest.approx([0, 127, 255], abs=2)


def test_a_shadow_is_part_of_the_transparent_result() -> None:
    pixels = painted(Rendering(shadow=Shadow("drop", 1.0)))
    below = pixels[30, 40]
    assert below[:3].tolist() == [0, 0, 0]
    assert 50 < below[3] < 250
    assert pixels[20, 40].tolist() == [*RED, 255]
    assert pixels[0, 0].tolist() == [0, 0, 0, 0]


def test_a_shadow_darkens_the_background_but_not_the_subject() -> None:
    shadow = Shadow("drop", 1.0)
    for rendering, backdrop in (
        (Rendering(background=(250, 250, 250, 255), shadow=shadow), None),
        (Rendering(shadow=shadow), picture(Image.new("RGB", (10, 10), (250, 250, 250)))),
        (Rendering(format="jpg", shadow=shadow), None),
    ):
        pixels = painted(rendering, backdrop)
        assert pixels.shape[2] == 3
        assert pixels[30, 40].max() < 200
        assert pixels[20, 40].tolist() == list(RED)
        assert pixels[0, 0].min() >= 250


def test_the_matte_has_no_shadow() -> None:
    assert np.array_equal(painted(Rendering(channels="alpha", shadow=Shadow())), subject().alpha)


def members(data: bytes) -> dict[str, Image.Image]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: Image.open(io.BytesIO(archive.read(name))) for name in archive.namelist()}


@pytest.mark.parametrize(
    "rendering",
    [
        Rendering(),
        Rendering(shadow=Shadow("drop", 0.8)),
        Rendering(background=(10, 20, 250, 255)),
        Rendering(background=(10, 20, 250, 100), shadow=Shadow()),
        Rendering(crop=Margins(), scale=0.5, position=Position(0, 0)),
    ],
    ids=["plain", "shadow", "background", "translucent", "placed"],
)
def test_a_zip_put_together_is_what_png_would_have_been(rendering: Rendering) -> None:
    wanted = dataclasses.replace(rendering, format="zip")
    result = paint(place(subject(100), wanted), wanted)
    assert result.file_format == "zip"
    png = painted(dataclasses.replace(rendering, format="png"), edge=100)
    files = members(pack(result.pixels))
    assert list(files) == ["color.jpg", "alpha.png"]
    colours, alpha = files["color.jpg"], files["alpha.png"]
    assert (colours.format, colours.mode, alpha.format, alpha.mode) == ("JPEG", "RGB", "PNG", "L")
    assert colours.size == alpha.size == (png.shape[1], png.shape[0])
    expected_alpha = png[..., 3] if png.shape[2] == 4 else np.full(png.shape[:2], 255)
    assert np.array_equal(np.asarray(alpha), expected_alpha)
    weight = expected_alpha[..., np.newaxis] / 255
    differences = np.abs((np.asarray(colours).astype(float) - png[..., :3]) * weight)
    assert differences.mean() < 1.5
    assert differences.max() < 50  # JPEG's, beside a hard edge between strong colours


def test_a_zip_shows_nothing_of_what_was_cut_away() -> None:
    colourful = dataclasses.replace(subject(), rgb=np.asarray(quarters(WIDTH, HEIGHT)).copy())
    colourful.rgb[10:30, 20:60] = RED  # type: ignore[index]
    rendering = Rendering(format="zip")
    colours = np.asarray(members(pack(paint(colourful, rendering).pixels))["color.jpg"])
    assert np.abs(colours.astype(int) - RED).max() <= 3


def test_a_zip_of_the_same_is_the_same() -> None:
    pixels = painted(Rendering())
    assert pack(pixels) == pack(pixels.copy())
