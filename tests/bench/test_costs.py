"""What a picture costs: AWS's prices, and Lambda's share of processors instead of the bench's cores."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bench.figures import ROOT
from bench.prices import GB_SECOND, Billed
from bench.scaling import Scaling


def test_a_thousand_pictures_are_billed_by_the_reckoned_second() -> None:
    """By hand: 2 s on the one vCPU of 1,769 MB; 1769/1024 GB × 2 s × $0.0000166667 + $0.0000002."""
    one = Billed(Scaling.through(2, 1), memory_mb=1769)
    assert one.on_demand(1000) == pytest.approx(1000 * (1769 / 1024 * 2 * 0.0000166667 + 0.0000002))


def test_a_cold_start_is_billed_by_the_reckoned_second_too() -> None:
    one = Billed(Scaling.through(2, 1), Scaling.through(6, 3), memory_mb=1769)
    assert one.on_demand(1, cold_starts=1) - one.on_demand(1) == pytest.approx(1769 / 1024 * 6 * 0.0000166667)


def test_the_command_says_what_was_measured_and_what_is_billed() -> None:
    command = [sys.executable, "-m", "bench.costs", "--seconds", "6.56", "--cold-seconds", "1.29"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "6.56 s on 2 cores is billed as 7.72 s at 3,008 MB" in said
    assert "| `none` | 9.2 s cold |" in said


def test_seconds_on_one_core_say_how_much_is_serial() -> None:
    command = [sys.executable, "-m", "bench.costs", "--seconds", "6", "--one-core-seconds", "10", "--memory-mb", "7076"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "6.00 s on 2 cores is billed as 4.00 s at 7,076 MB" in said


def test_the_document_on_platforms_quotes_the_prices_that_are_reckoned_with() -> None:
    text = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    line = f"| price per GB-second | ${GB_SECOND['x86_64']:.10f} | ${GB_SECOND['arm64']:.10f} |"
    assert line in text
