"""What Lambda's share of processors makes of the seconds of one core and of two."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.scaling import MOST_MB, VCPU_MB, Scaling, threads, vcpus

SECONDS = st.floats(0.01, 1_000)


@given(one_s=SECONDS, share=st.floats(0.5, 1))
def test_one_and_two_vcpus_take_what_one_and_two_cores_took(one_s: float, share: float) -> None:
    work = Scaling.through(one_s, one_s * share)
    assert work.seconds(1) == pytest.approx(one_s)
    assert work.seconds(2) == pytest.approx(one_s * share)


@given(one_s=SECONDS, two_s=SECONDS, memory_mb=st.integers(128, MOST_MB - 1), more_mb=st.integers(1, 5_000))
def test_more_memory_takes_no_longer(one_s: float, two_s: float, memory_mb: int, more_mb: int) -> None:
    work = Scaling.through(one_s, two_s)
    less, more = vcpus(memory_mb), vcpus(min(MOST_MB, memory_mb + more_mb))
    assert 0 < work.seconds(more) <= work.seconds(less) * (1 + 1e-12)


def test_between_two_cores_only_the_parallel_part_shrinks() -> None:
    """By hand: 10 s and 6 s are 2 s alone and 8 s shared; 1.7 vCPUs take 2 + 8 / 1.7, four take 2 + 8 / 4."""
    work = Scaling.through(10, 6)
    assert work == Scaling(serial_s=2, parallel_s=8)
    assert work.seconds(1.7) == pytest.approx(2 + 8 / 1.7)
    assert work.seconds(4) == 4


def test_less_than_one_vcpu_slows_the_serial_part_too() -> None:
    assert Scaling.through(10, 6).seconds(0.5) == 20


@pytest.mark.parametrize(("two_s", "work"), [(4, Scaling(0, 10)), (11, Scaling(10, 0))])
def test_a_second_core_that_helps_too_much_or_hinders_is_noise(two_s: float, work: Scaling) -> None:
    assert Scaling.through(10, two_s) == work


def test_work_known_on_two_cores_alone_takes_the_proportions_of_its_like() -> None:
    work = Scaling.like(Scaling.through(10, 6), 3)
    assert (work.seconds(2), work.seconds(1)) == (3, 5)


@pytest.mark.parametrize(("memory_mb", "count"), [(128, 1), (VCPU_MB, 1), (VCPU_MB + 1, 2), (3_008, 2), (MOST_MB, 6)])
def test_the_function_runs_a_thread_for_each_vcpu_begun(memory_mb: int, count: int) -> None:
    assert threads(memory_mb) == count
