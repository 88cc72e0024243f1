"""What a request takes, reckoned from the figures."""

from __future__ import annotations

import pytest

from bench.figures import read_all
from bench.speed import TABLES, measured, reach, speed, verdict


def test_every_model_has_its_seconds_and_a_cold_request_takes_longer() -> None:
    for tables in TABLES.values():
        seconds = measured(read_all(), tables)
        assert seconds
        assert all(0 < one.warm_s < one.cold_s < 100 for one in seconds)


def test_less_memory_takes_longer() -> None:
    rows = [line for line in speed(read_all()).splitlines() if line.startswith("| inspyrenet-base |")]
    seconds = [float(row.split("|")[5].split()[0]) for row in rows]
    assert seconds == sorted(seconds, reverse=True)
    assert seconds[0] == pytest.approx(2 * seconds[-1], rel=0.02)  # one vCPU instead of two


def test_a_caller_sees_what_comes_before_it_gives_up() -> None:
    assert verdict([3], [9], 10) == "yes"
    assert verdict([3], [11], 10) == "warm"
    assert verdict([8, 12], [9, 13], 10) == "on the faster machine"
    assert verdict([12], [13], 10) == "no"
    assert (reach([1.0, 1.04]), reach([1.0, 2.0])) == ("1.0 s", "1.0 to 2.0 s")
