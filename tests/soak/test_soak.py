"""A small soak: what `make soak` runs with thousands of pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.soak.run import Plan, soak
from tests.soak.uploads import POISON

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
def test_nothing_is_lost_and_nothing_done_twice(brightness: Path) -> None:
    """Two environments, one killed at work; each kind of poison, each fault, and some messages twice."""
    plan = Plan(
        brightness,
        pictures=60,
        poison=0.15,
        faults=0.2,
        duplicates=0.2,
        kill_every_s=2.5,
        most_kills=1,
        visibility_s=4,
        at_most_s=120,
    )
    said: list[str] = []
    outcome = soak(plan, said.append)
    assert outcome.verdict.wrong == [], "\n".join([*said, *outcome.verdict.wrong, outcome.logs[-1][-4000:]])
    assert outcome.kills == 1
    assert sum(outcome.verdict.ends.values()) == plan.pictures
    assert set(outcome.verdict.ends) == {"result", *POISON.values()}
    assert len(outcome.dealt) >= 6
