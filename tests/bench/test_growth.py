"""How cost grows with memory: what is cheapest, what is fastest, who sees an answer, and the drawing of it."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from bench.figures import ROOT, read_all
from bench.growth import MODELS, Growth, by_memory, growths, said
from bench.paste import PLOTS
from bench.plot import Axis, draw
from bench.prices import GB_SECOND, REQUEST
from bench.scaling import MOST_MB, VCPU_MB, Scaling
from bench.timed import Timed, timed

# 20 s on one core, 12 s on two; a cold start adds 5 s, in which a second core does nothing.
ONE = Growth(Timed("one", "512x512", "a machine", Scaling(4, 16), Scaling(5, 0), peak_mb=1_000, architecture="x86_64"))
LARGE = Growth(replace(ONE.timed, peak_mb=2_097.152))  # 2,000 MB of Lambda's
RUNS = read_all()


def test_a_thousand_pictures_are_billed_by_the_reckoned_second() -> None:
    """By hand: 12 s at two vCPUs' 3,538 MB."""
    point = ONE.at(2 * VCPU_MB)
    assert (point.warm_s, point.cold_s) == (12, 17)
    assert point.dollars == pytest.approx(1_000 * (12 * 3_538 / 1_024 * GB_SECOND["x86_64"] + REQUEST))
    assert point.arm_dollars == pytest.approx(1_000 * (12 * 3_538 / 1_024 * GB_SECOND["arm64"] + REQUEST))


@pytest.mark.parametrize("growth", [ONE, LARGE, *growths(RUNS)], ids=lambda growth: growth.timed.model)
def test_the_cheapest_and_the_fastest_are_those_of_all_memory_sizes(growth: Growth) -> None:
    every = [growth.at(memory_mb) for memory_mb in range(VCPU_MB, MOST_MB + 1) if growth.timed.fits(memory_mb)]
    assert growth.cheapest.dollars == min(point.dollars for point in every)
    assert growth.fastest.warm_s == min(point.warm_s for point in every)


def test_what_two_cores_halve_costs_the_same_everywhere_and_the_smallest_is_named() -> None:
    growth = Growth(replace(ONE.timed, picture=Scaling(0, 16)))
    assert growth.at(MOST_MB).dollars == pytest.approx(growth.at(VCPU_MB).dollars)
    assert growth.fastest.memory_mb == MOST_MB


def test_what_more_cores_do_not_help_is_fastest_where_it_is_cheapest() -> None:
    growth = Growth(replace(ONE.timed, picture=Scaling(16, 0)))
    assert growth.fastest == growth.cheapest == growth.at(VCPU_MB)


def test_a_model_is_not_looked_at_below_the_memory_that_it_needs() -> None:
    assert LARGE.timed.least_mb == 2_001  # a megabyte to spare: 2,000 MB would be full
    assert not LARGE.timed.fits(2_000)
    assert LARGE.points[0].memory_mb == LARGE.cheapest.memory_mb == 2_001
    assert ONE.points[0].memory_mb == VCPU_MB


def test_a_caller_sees_answers_from_the_memory_on_with_which_they_come_in_time() -> None:
    """By hand: 4 + 16 / vCPUs ≤ 10 from 2.67 vCPUs on, and 5 s more of a cold start from 16."""
    assert ONE.from_mb(lambda point: point.warm_s, 10) == -(-16 * VCPU_MB // 6)
    assert ONE.from_mb(lambda point: point.cold_s, 10) is None
    assert "a client that waits 10 s sees warm answers from 4,718 MB on, cold ones nowhere" in said(ONE)
    assert "a gateway that waits 30 s sees every answer" in said(ONE)


def test_the_table_has_every_model_and_says_what_does_not_fit() -> None:
    table = by_memory(RUNS)
    for growth in growths(RUNS):
        rows = [line for line in table.splitlines() if line.startswith(f"| {growth.timed.model} |")]
        assert len(rows) == 7
        lacking = [row for row in rows if "needs" in row]
        assert len(lacking) == sum(not growth.timed.fits(memory_mb) for memory_mb in (VCPU_MB, 3_008))
    assert "arm64, predicted" in table


def test_the_command_prints_the_table() -> None:
    done = subprocess.run([sys.executable, "-m", "bench.costs"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == by_memory(RUNS) + "\n"


@pytest.mark.parametrize("model", MODELS)
def test_measured_points_are_met(model: str) -> None:
    for run, one in zip(
        [run for run in RUNS if run.table == f"threads-{model}-512x512"], timed(RUNS, model), strict=True
    ):
        for column, memory_mb in (("1 core", VCPU_MB), ("2 cores", 2 * VCPU_MB)):
            assert one.at(memory_mb).picture_s == pytest.approx(run.value("a later result", column), rel=1e-6)


@pytest.mark.parametrize("path", PLOTS, ids=str)
def test_the_plot_is_what_the_figures_give(path: str) -> None:
    """`make figures` mends it."""
    assert (ROOT / path).read_text(encoding="utf-8") == draw(RUNS)


def test_the_plot_is_drawn_the_same_twice_and_is_xml() -> None:
    drawn = draw(RUNS)
    assert draw(list(RUNS)) == drawn
    root = ElementTree.fromstring(drawn)  # noqa: S314 - our own text
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "prefers-color-scheme:dark" in drawn
    assert len(re.findall(r'class="time curve"', drawn)) == len(MODELS) + 1  # and the legend's


def test_a_curve_falls_in_seconds_and_passes_its_measured_points() -> None:
    drawn = ElementTree.fromstring(draw(RUNS))  # noqa: S314 - our own text
    curves = [path.get("d", "") for path in drawn.iter("{*}path") if path.get("class") == "time curve"][1:]
    dots = [(float(one.get("cx", 0)), float(one.get("cy", 0))) for one in drawn.iter("{*}circle")][1:]
    for curve in curves:
        points = [tuple(map(float, pair.split())) for pair in curve[1:].split("L")]
        assert points == sorted(points)
        assert [y for _, y in points] == sorted(y for _, y in points)  # y grows downwards
        left, right = points[0][0], points[-1][0]
        for x, y in (dot for dot in dots if left <= dot[0] <= right):
            beside = sorted(points, key=lambda point: abs(point[0] - x))[:2]
            assert min(near[1] for near in beside) - 0.2 <= y <= max(near[1] for near in beside) + 0.2


@pytest.mark.parametrize(
    ("value", "ticks"),
    [
        (0.52, "0.0 0.2 0.4 0.6"),
        (23.0, "0 5 10 15 20 25"),
        (1.2, "0.00 0.25 0.50 0.75 1.00 1.25"),
        (9.9, "0 2 4 6 8 10"),
    ],
)
def test_an_axis_ends_at_a_round_number_above_all_values(value: float, ticks: str) -> None:
    axis = Axis.up_to(value)
    assert " ".join(axis.label(tick) for tick in axis.ticks) == ticks
