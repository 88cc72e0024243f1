"""What a million uploads cost and what bounds them: by hand, and as the documents quote it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench import volume
from bench.figures import ROOT, read_all
from bench.prices import Billed
from bench.scaling import Scaling

SECOND = volume.Subject("one", "a machine", Billed(Scaling.through(2, 1), memory_mb=1_769), waiting_s=0.5, large=False)


def test_an_upload_is_billed_its_reckoned_seconds_and_the_wait_for_s3() -> None:
    """By hand: 2 s of one vCPU, or 1 s of two; the wait for S3 is as long on any processor."""
    assert SECOND.billed_s == pytest.approx(2.5)
    assert SECOND.time_dollars == pytest.approx(2.5 * 1_769 / 1_024 * 0.0000166667)
    assert replace(SECOND, billed=replace(SECOND.billed, memory_mb=3_538)).billed_s == pytest.approx(1.5)


def test_an_upload_is_billed_its_requests_once() -> None:
    """A million by hand: Lambda 0.20, a PUT 5.00, five reads 2.00, three requests of SQS 1.20, 2 GB of log 1.00."""
    assert 10**6 * volume.fixed_dollars() == pytest.approx(0.20 + 5.00 + 2.00 + 1.20 + 1.00)
    assert 10**6 * volume.fixed_dollars(by_job=True) == pytest.approx(0.20 + 5.00 + 2.00 + 1.00 + 1.00)


def test_the_requests_counted_are_those_that_the_document_on_uploads_names() -> None:
    text = (ROOT / "docs" / "uploads.md").read_text(encoding="utf-8")
    assert "an upload that is cut out takes one PUT, one GET and four HEADs" in text
    assert volume.WRITES + volume.READS_OF_UPLOAD + volume.READS_OF_RESULT == 6


def test_the_limits_that_the_document_names_are_those_reckoned_with() -> None:
    text = (ROOT / "docs" / "costs.md").read_text(encoding="utf-8")
    said = f"at least {volume.PREFIX_WRITES:,} writes and {volume.PREFIX_READS:,} reads a second"
    assert said in text
    assert f"at most {volume.POLLER_MOST:,} batches at once" in text
    assert f"{volume.ACCOUNT:,} environments at once" in text


def test_a_prefix_is_bound_by_the_three_reads_of_each_upload() -> None:
    assert volume.prefix_rate() == pytest.approx(5_500 / 3)


def test_pollers_reach_a_concurrency_by_three_hundred_a_minute() -> None:
    assert volume.ramp_minutes(305) == 1


def test_the_tables_have_every_model() -> None:
    runs = read_all()
    for name in ("u2netp, 512×512", "InSPyReNet fast, 512×512", "InSPyReNet base, 512×512"):
        for table in (volume.totals, volume.parts, volume.bounds):
            assert name in table(runs)
    assert "4000×3000" in volume.totals(runs)
    assert "4000×3000" not in volume.parts(runs)
