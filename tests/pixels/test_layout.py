"""Where a subject comes to lie: arithmetic, whatever the sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.errors import RoiExceedsBounds, RoiRegionEmpty
from handler.job import ZERO, Box, Length, Margins, Position, Region, Rendering
from handler.pixels.layout import arrange, bounded_size, region_box, with_surroundings

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

SUBJECT = Box(20, 10, 40, 20)  # of a picture of 100×60


def laid_out(**wanted: object) -> tuple[tuple[int, int], Box]:
    layout = arrange(100, 60, SUBJECT, Rendering(**wanted))  # type: ignore[arg-type]
    return (layout.width_px, layout.height_px), layout.target


def px(value: float) -> Length:
    return Length(value, "px")


def percent(value: float) -> Length:
    return Length(value, "%")


def test_without_a_wish_the_whole_picture_stays() -> None:
    layout = arrange(100, 60, SUBJECT, Rendering())
    assert layout.source == layout.target == Box(0, 0, 100, 60)
    assert layout.fills_the_canvas


def test_crop_leaves_the_subject_alone() -> None:
    assert laid_out(crop=Margins()) == ((40, 20), Box(0, 0, 40, 20))


@pytest.mark.parametrize(
    ("margins", "size", "target"),
    [
        (Margins(px(5), px(5), px(5), px(5)), (50, 30), Box(5, 5, 40, 20)),
        (Margins(percent(10), percent(10), percent(10), percent(10)), (48, 24), Box(4, 2, 40, 20)),
        (Margins(px(10), percent(50), px(10), percent(50)), (80, 40), Box(20, 10, 40, 20)),
        (Margins(px(1), px(2), px(3), px(4)), (46, 24), Box(4, 1, 40, 20)),
        (Margins(px(500), ZERO, ZERO, ZERO), (40, 520), Box(0, 500, 40, 20)),
    ],
    ids=["px", "percent of the subject", "two", "top right bottom left", "beyond the picture"],
)
def test_margins_are_added_around_the_cropped_subject(margins: Margins, size: tuple[int, int], target: Box) -> None:
    assert laid_out(crop=margins) == (size, target)


@pytest.mark.parametrize(
    ("scale", "target"),
    [
        (0.5, Box(25, 18, 50, 25)),  # the width is what fills half of the canvas
        (1.0, Box(0, 5, 100, 50)),
        (0.1, Box(45, 28, 10, 5)),
    ],
)
def test_scale_is_the_share_of_the_canvas_that_the_subject_fills(scale: float, target: Box) -> None:
    assert laid_out(scale=scale, position=Position(0.5, 0.5)) == ((100, 60), target)


def test_a_scaled_subject_that_is_not_moved_keeps_its_middle_within_the_canvas() -> None:
    assert laid_out(scale=0.2) == ((100, 60), Box(30, 15, 20, 10))
    assert laid_out(scale=1.0) == ((100, 60), Box(0, 0, 100, 50))


@pytest.mark.parametrize(
    ("position", "target"),
    [
        (Position(0.5, 0.5), Box(30, 20, 40, 20)),
        (Position(0, 0), Box(0, 0, 40, 20)),
        (Position(1, 1), Box(60, 40, 40, 20)),
        (Position(0.25, 0.75), Box(15, 30, 40, 20)),
    ],
)
def test_a_position_divides_the_free_space(position: Position, target: Box) -> None:
    assert laid_out(position=position) == ((100, 60), target)


def test_crop_makes_the_canvas_that_scale_and_position_then_use() -> None:
    margins = Margins(px(10), px(10), px(10), px(10))  # a canvas of 60×40
    assert laid_out(crop=margins, scale=0.5, position=Position(1, 1)) == ((60, 40), Box(30, 25, 30, 15))


def test_the_size_bounds_the_finished_canvas() -> None:
    size, target = laid_out(crop=Margins(px(5), px(5), px(5), px(5)), max_megapixels=0.0006)
    assert size == (31, 18)  # 50×30 brought to 600 pixels
    assert target == Box(3, 3, 25, 12)


def test_margins_never_make_more_than_the_most() -> None:
    layout = arrange(100, 60, Box(0, 0, 100, 60), Rendering(crop=Margins(*[px(500)] * 4)), most_megapixels=0.006)
    assert layout.width_px * layout.height_px <= 6000


@pytest.mark.parametrize(
    ("wanted", "size", "target"),
    [
        ({"aspect_ratio": 1.0}, (100, 100), Box(20, 30, 40, 20)),
        ({"aspect_ratio": 2.0}, (120, 60), Box(30, 10, 40, 20)),
        ({"aspect_ratio": 100 / 60}, (100, 60), SUBJECT),
        ({"aspect_ratio": 1.0, "crop": Margins()}, (40, 40), Box(0, 10, 40, 20)),
        ({"aspect_ratio": 1.0, "crop": Margins(*[px(5)] * 4)}, (50, 50), Box(5, 15, 40, 20)),
        ({"aspect_ratio": 1.0, "crop": Margins(), "position": Position(0, 1)}, (40, 40), Box(0, 20, 40, 20)),
        ({"aspect_ratio": 0.5, "crop": Margins(), "scale": 1.0}, (40, 80), Box(0, 30, 40, 20)),
        ({"aspect_ratio": 1.0, "max_side_px": 50}, (50, 50), Box(10, 15, 20, 10)),
    ],
    ids=["a square", "wider", "as it is", "cropped", "with margins", "moved", "scaled", "scaled down"],
)
def test_a_canvas_is_widened_to_its_aspect_ratio_around_its_middle(
    wanted: dict[str, object], size: tuple[int, int], target: Box
) -> None:
    assert laid_out(**wanted) == (size, target)


@pytest.mark.parametrize(
    ("wanted", "size"),
    [
        ({"max_side_px": 50}, (50, 30)),
        ({"max_side_px": 33}, (33, 19)),
        ({"max_side_px": 100}, (100, 60)),
        ({"max_side_px": 4000}, (100, 60)),
        ({"max_side_px": 1}, (1, 1)),
        ({"max_side_px": 50, "max_megapixels": 0.0006}, (31, 18)),
        ({"max_side_px": 20, "max_megapixels": 0.0006}, (20, 11)),
        ({"max_side_px": 20, "crop": Margins()}, (20, 10)),
    ],
    ids=str,
)
def test_no_side_is_longer_than_asked_and_the_longer_one_is_exact(
    wanted: dict[str, object], size: tuple[int, int]
) -> None:
    assert laid_out(**wanted)[0] == size


boxes = st.tuples(st.integers(1, 5000), st.integers(1, 5000))


@st.composite
def layouts(draw: DrawFn) -> tuple[int, int, Box, Rendering]:
    width_px, height_px = draw(boxes)
    left, top = draw(st.integers(0, width_px - 1)), draw(st.integers(0, height_px - 1))
    subject = Box(left, top, draw(st.integers(1, width_px - left)), draw(st.integers(1, height_px - top)))
    length = st.builds(px, st.floats(0, 500)) | st.builds(percent, st.floats(0, 50))
    share = st.floats(0, 1)
    rendering = Rendering(
        crop=draw(st.none() | st.builds(Margins, length, length, length, length)),
        scale=draw(st.none() | st.floats(0.1, 1)),
        position=draw(st.none() | st.builds(Position, share, share)),
        aspect_ratio=draw(st.none() | st.floats(0.1, 10)),
        max_megapixels=draw(st.none() | st.sampled_from([0.25, 1.5, 4.0, 25.0, 50.0])),
        max_side_px=draw(st.none() | st.integers(1, 6000)),
    )
    return width_px, height_px, subject, rendering


@given(layouts())
def test_no_box_leaves_its_canvas_and_none_is_empty(case: tuple[int, int, Box, Rendering]) -> None:
    width_px, height_px, subject, rendering = case
    layout = arrange(width_px, height_px, subject, rendering, 50.0)
    for box, width, height in (
        (layout.target, layout.width_px, layout.height_px),
        (layout.source, width_px, height_px),
    ):
        assert 0 <= box.left_px < box.left_px + box.width_px <= width
        assert 0 <= box.top_px < box.top_px + box.height_px <= height


@given(layouts())
def test_a_canvas_keeps_within_its_bounds_and_is_never_enlarged(case: tuple[int, int, Box, Rendering]) -> None:
    width_px, height_px, subject, rendering = case
    layout = arrange(width_px, height_px, subject, rendering, 50.0)
    pixels = layout.width_px * layout.height_px
    one_row = max(layout.width_px, layout.height_px)  # a side of one pixel cannot shrink further
    assert pixels <= max(1e6 * (rendering.max_megapixels or 50.0), one_row)
    assert max(layout.width_px, layout.height_px) <= (rendering.max_side_px or 65_535)
    if rendering.crop is None and rendering.aspect_ratio is None:
        assert layout.width_px <= width_px
        assert layout.height_px <= height_px


@given(layouts())
def test_a_subject_that_is_not_scaled_is_never_enlarged(case: tuple[int, int, Box, Rendering]) -> None:
    width_px, height_px, subject, rendering = case
    if rendering.scale is None:
        layout = arrange(width_px, height_px, subject, rendering, 50.0)
        assert layout.target.width_px <= layout.source.width_px
        assert layout.target.height_px <= layout.source.height_px


@given(boxes, st.floats(0.001, 60), st.none() | st.integers(1, 6000))
def test_a_bounded_size_keeps_the_aspect_ratio(
    size: tuple[int, int], max_megapixels: float, max_side_px: int | None
) -> None:
    width_px, height_px = bounded_size(*size, max_megapixels, max_side_px)
    assert width_px <= size[0]
    assert height_px <= size[1]
    assert abs(width_px * size[1] - height_px * size[0]) <= max(size)  # to a pixel


@pytest.mark.parametrize(
    ("region", "box"),
    [
        (Region(percent(0), percent(0), percent(100), percent(100)), Box(0, 0, 100, 60)),
        (Region(px(0), px(0), percent(100), percent(100)), Box(0, 0, 100, 60)),
        (Region(px(10), px(20), px(100), px(60)), Box(10, 20, 90, 40)),
        (Region(percent(10), percent(50), percent(60), percent(100)), Box(10, 30, 50, 30)),
        (Region(px(99.9), px(0), px(100), px(60)), Box(99, 0, 1, 60)),
    ],
    ids=["all", "bare zeros", "px", "percent", "less than a pixel"],
)
def test_a_region_is_a_box_of_the_picture(region: Region, box: Box) -> None:
    assert region_box(region, 100, 60) == box


@pytest.mark.parametrize(
    ("box", "wider"),
    [
        (Box(40, 20, 20, 12), Box(35, 17, 30, 18)),
        (Box(0, 0, 100, 60), Box(0, 0, 100, 60)),
        (Box(90, 0, 10, 60), Box(88, 0, 12, 60)),
        (Box(7, 7, 1, 1), Box(7, 7, 1, 1)),
    ],
)
def test_what_is_around_a_region_ends_with_the_picture(box: Box, wider: Box) -> None:
    assert with_surroundings(box, 100, 60) == wider


@pytest.mark.parametrize(
    "region",
    [
        Region(px(0), px(0), px(101), px(60)),
        Region(px(0), px(0), px(100), percent(101)),
        Region(px(-1), px(0), px(10), px(10)),
        Region(px(200), px(0), px(100), px(10)),
    ],
)
def test_a_region_beyond_the_picture_is_refused(region: Region) -> None:
    with pytest.raises(RoiExceedsBounds, match="the picture is"):
        region_box(region, 100, 60)


@pytest.mark.parametrize(
    "region",
    [
        Region(px(10), px(0), px(10), px(60)),
        Region(px(0), px(30), px(100), percent(50)),
        Region(percent(60), px(0), percent(40), px(60)),
    ],
)
def test_a_region_without_a_pixel_is_refused(region: Region) -> None:
    with pytest.raises(RoiRegionEmpty, match="upper left corner first"):
        region_box(region, 100, 60)
