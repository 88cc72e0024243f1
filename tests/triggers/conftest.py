"""What the tests of uploads share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import botocore.retries.standard
import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients import Function
    from tests.conftest import Awaken, Buckets


@pytest.fixture
def cutter(awaken: Awaken, brightness: Path, buckets: Buckets) -> Function:
    return awaken(MODEL_DIR=str(brightness), **buckets.environment())


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turn botocore's clock: no pause between its attempts."""
    monkeypatch.setattr(botocore.retries.standard.ExponentialBackoff, "delay_amount", lambda self, context: 0)
