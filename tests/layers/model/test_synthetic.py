"""The synthetic checkpoint is the same on every machine. Needs torch: `.venv-model`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("torch")

import torch

from layers.model import synthetic
from tests.layers.model.shop import SMALL_BASE

if TYPE_CHECKING:
    from tests.layers.model.shop import Shop

pytestmark = [pytest.mark.model, pytest.mark.timeout(1200)]

# Made on an AMD EPYC (Zen 4) with AVX-512 and two threads; the same with ATEN_CPU_CAPABILITY=default and one thread.
FINGERPRINT = "282b8650d5c8f3a8cb05600eb8df41686cc0fdcbe6f3624cf993aff3ff735885"


def test_the_checkpoint_is_the_recorded_one(shop: Shop) -> None:
    """Byte for byte, whatever machine calibrated it."""
    state = torch.load(shop.checkpoint(SMALL_BASE), weights_only=True)
    assert synthetic.fingerprint(state) == FINGERPRINT


def test_a_number_that_machines_could_round_differently_is_refused() -> None:
    """Two machines' float64 sums differ by about 1e-13; a number that close to a middle has no rounding."""
    step = torch.tensor(0.25, dtype=torch.float64)
    assert synthetic._round(torch.tensor([0.37, 0.51], dtype=torch.float64), step).tolist() == [0.25, 0.5]
    with pytest.raises(ArithmeticError, match="take another seed"):
        synthetic._round(torch.tensor([0.375 + 1e-12], dtype=torch.float64), step)
