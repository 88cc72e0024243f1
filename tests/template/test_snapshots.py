"""The whole stack is as it was last read and approved."""

from __future__ import annotations

import difflib

import pytest

from tests.template.snapshots import FOLDER, SETS, snapshots
from tests.template.stack import refusals, template

NOT_GIVEN = {
    "ImageUri",  # has no default
    "ProvisionedConcurrency",  # excludes WarmStrategy=schedule
    "ExistingInputBucket",  # there is a bucket of the stack's own to look at
    "ExistingOutputBucket",
    "Uploads",
}


@pytest.mark.parametrize("name", sorted(snapshots()))
def test_the_stack_is_the_one_that_was_approved(name: str) -> None:
    approved = (FOLDER / name).read_text(encoding="utf-8")
    now = snapshots()[name]
    difference = "".join(
        difflib.unified_diff(approved.splitlines(keepends=True), now.splitlines(keepends=True), "approved", "now")
    )
    assert not difference, f"is this wanted? Then: python -m tests.template.snapshots\n{difference}"


def test_no_snapshot_is_left_over() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(snapshots())


def test_one_snapshot_gives_every_parameter_and_no_value_twice() -> None:
    given = SETS["everything"].parameters
    assert set(given) == set(template()["Parameters"]) - NOT_GIVEN
    switches = [
        value for about in template()["Parameters"].values() for value in map(str, about.get("AllowedValues", []))
    ]
    free = [value for name, value in given.items() if value not in switches]
    assert len(set(free)) == len(free)
    defaults = {name: str(about.get("Default")) for name, about in template()["Parameters"].items()}
    assert not [name for name, value in given.items() if value == defaults[name]]


@pytest.mark.parametrize("name", SETS)
def test_a_snapshot_is_of_a_stack_that_can_be(name: str) -> None:
    assert not refusals(**SETS[name].parameters)
