"""Each kernel does what its definition says, on every instruction set and with any number of threads."""

from __future__ import annotations

import numpy as np
import pytest

from tests.layers.inference.cases import Case, all_cases
from tests.layers.inference.conftest import LEVELS, THREADS, kernels_of
from tests.layers.inference.memory import Anywhere


@pytest.mark.parametrize("case", all_cases(), ids=str)
def test_agrees_with_its_definition(case: Case) -> None:
    """Within what float32 may be off by (bounded.py), on each instruction set: so no two differ by more than twice."""
    expected = case.expected
    for level in LEVELS:
        one = case.run(kernels_of(level, 1), Anywhere())
        over = np.abs(one - expected.value) > expected.error
        worst = np.abs(one - expected.value).max()
        assert not over.any(), (
            f"{level}: {over.sum()} of {over.size} over, worst {worst:.2e}, bound {expected.error.max():.2e}"
        )
        assert np.isfinite(one).all()


@pytest.mark.parametrize("case", all_cases(), ids=str)
def test_gives_the_same_bits_with_any_number_of_threads(case: Case) -> None:
    for level in LEVELS:
        alone, *others = (case.run(kernels_of(level, threads), Anywhere()) for threads in THREADS)
        for other in others:
            assert np.array_equal(alone, other), level
