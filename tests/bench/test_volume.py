"""What a million uploads cost and what bounds them: by hand, and as the documents quote it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from bench import volume
from bench.costs import Measured
from bench.figures import ROOT, read_all

SECOND = volume.Subject("one", "a machine", Measured(1, 0, cores=2), peak_mb=1_500, waiting_s=0.5)


def test_an_upload_is_billed_its_stretched_seconds_and_the_wait_for_s3() -> None:
    """By hand: 1 s of two cores is 2 s of one vCPU; the wait for S3 is as long on any processor."""
    assert SECOND.billed_s(1_769) == pytest.approx(2.5)
    assert SECOND.time_dollars(1_769) == pytest.approx(2.5 * 1_769 / 1_024 * 0.0000166667)


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


def test_what_does_not_fit_a_memory_size_has_no_price_there() -> None:
    assert not SECOND.fits(1_024)
    assert SECOND.fits(1_769)
    assert replace(SECOND, peak_mb=None).fits(1_024)


def test_the_tables_have_every_model_and_say_what_is_reckoned() -> None:
    runs = read_all()
    for name in ("u2netp", "InSPyReNet fast", "InSPyReNet base"):
        assert name in volume.totals(runs)
        assert name in volume.by_memory(runs)
    reckoned = [one.name for one in volume.subjects(runs) if one.reckoned]
    assert reckoned
    assert all("(reckoned)" in name for name in reckoned)
    assert re.search(r"needs 1,889 MB", volume.by_memory(runs))
