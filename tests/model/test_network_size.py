"""Which size a picture goes to the network at."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.model.network_size import SizePolicy, network_size

DYNAMIC = SizePolicy("flexible", 1024, "dynamic")
BOUNDED = SizePolicy("flexible", 1024, "dynamic", max_pixels=1280**2)
SIDES = st.integers(1, 70_000)


def upstream(width_px: int, height_px: int) -> tuple[int, int]:
    """Give what transparent-background 1.3.4's dynamic_resize does, side by side, 0 included."""
    width, height = float(width_px), float(height_px)
    if min(width, height) > 1280:
        if width < height:
            width, height = 1280.0, height / (width / 1280)
        else:
            width, height = width / (height / 1280), 1280.0
    return round(width / 32) * 32, round(height / 32) * 32


# The docstring's table is the specification; it is read from there, so that neither can leave the other behind.
TABLE = [
    (*(int(number) for number in re.findall(r"\d+", f"{row[0]} {row[2]}")), "max_pixels" in row[3])
    for row in (
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in (network_size.__doc__ or "").splitlines()
        if re.match(r"\s*\| \d", line)
    )
]


def test_the_table_is_read() -> None:
    assert len(TABLE) >= 12


@pytest.mark.parametrize(("width_px", "height_px", "network_width", "network_height", "bounded"), TABLE)
def test_the_documented_sizes_hold(
    width_px: int, height_px: int, network_width: int, network_height: int, *, bounded: bool
) -> None:
    policy = BOUNDED if bounded else DYNAMIC
    assert network_size(width_px, height_px, policy) == (network_width, network_height)


@pytest.mark.parametrize("size", [(1, 1), (640, 16), (4000, 3000)])
def test_static_squares_every_picture(size: tuple[int, int]) -> None:
    assert network_size(*size, SizePolicy("flexible", 1024, "static")) == (1024, 1024)


@pytest.mark.parametrize("size", [(1, 1), (640, 16), (4000, 3000)])
def test_an_artefact_of_fixed_size_stays_at_it(size: tuple[int, int]) -> None:
    assert network_size(*size, SizePolicy("fixed", 320, "dynamic")) == (320, 320)


@given(SIDES, SIDES)
def test_no_side_is_ever_0_and_all_are_multiples_of_32(width_px: int, height_px: int) -> None:
    for policy in (DYNAMIC, BOUNDED):
        for side_px in network_size(width_px, height_px, policy):
            assert side_px >= 32
            assert side_px % 32 == 0


@given(st.integers(17, 70_000), st.integers(17, 70_000))
def test_where_upstream_works_the_size_is_upstreams(width_px: int, height_px: int) -> None:
    expected = upstream(width_px, height_px)
    assert 0 not in expected
    assert network_size(width_px, height_px, DYNAMIC) == expected


@given(SIDES, SIDES)
def test_the_area_is_bounded_unless_a_single_row_of_blocks_exceeds_it(width_px: int, height_px: int) -> None:
    width, height = network_size(width_px, height_px, BOUNDED)
    assert width * height <= 1280**2 or min(width, height) == 32


@given(SIDES, SIDES)
def test_a_turned_picture_gets_the_turned_size(width_px: int, height_px: int) -> None:
    assert network_size(width_px, height_px, BOUNDED) == network_size(height_px, width_px, BOUNDED)[::-1]
