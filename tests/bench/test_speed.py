"""What a request takes, reckoned from the figures."""

from __future__ import annotations

from dataclasses import replace

from bench.figures import read_all
from bench.growth import MODELS
from bench.speed import reach, speed, verdict
from bench.timed import timed

RUNS = read_all()


def test_a_cold_request_takes_longer_than_a_warm_one() -> None:
    for model in MODELS:
        for one in timed(RUNS, model):
            for memory_mb in (1769, 3008, 10_240):
                assert one.at(memory_mb).cold_s > 0
                assert 0 < one.at(memory_mb).picture_s < 100


def test_less_memory_takes_longer() -> None:
    rows = [line for line in speed(RUNS).splitlines() if line.startswith("| u2netp |")]
    seconds = [float(row.split("|")[4].split()[0]) for row in rows]
    assert len(seconds) == 3
    assert seconds == sorted(seconds, reverse=True)


def test_a_model_that_needs_more_memory_has_no_seconds_there() -> None:
    table = "threads-inspyrenet-base-512x512"
    large = [
        replace(
            run,
            rows=tuple(replace(row, values=(2_000, 2_000)) if row.name == "peak memory" else row for row in run.rows),
        )
        for run in RUNS
        if run.table == table
    ]
    assert "| inspyrenet-base | 1,769 MB | 1 | – | – | needs 1,908 MB |" in speed(
        [*(run for run in RUNS if run.table != table), *large]
    )


def test_a_caller_sees_what_comes_before_it_gives_up() -> None:
    assert verdict([3], [9], 10) == "yes"
    assert verdict([3], [11], 10) == "warm"
    assert verdict([8, 12], [9, 13], 10) == "on the faster machine"
    assert verdict([12], [13], 10) == "no"
    assert (reach([1.0, 1.04]), reach([1.0, 2.0])) == ("1.0 s", "1.0 to 2.0 s")
