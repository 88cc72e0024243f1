"""What a picture will take here, and whether that much time is left.

Enters: a picture's size, what the model says of its own speed, and the invocation's clock. Leaves: nothing, or
TimeTooShort before the work begins: a timeout ends the whole warm process and answers nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from handler.errors import TimeTooShort

if TYPE_CHECKING:
    from handler.job import Invocation
    from handler.model.door import Model

# What a stage is taken to need before this environment has measured it.
UNMEASURED_LOAD_MS = 2_000.0
UNMEASURED_PREDICT_MS = 1_000.0
DELIVER_MS = 500.0  # a result of some megabytes to S3, where S3 answers at once
FURTHER_OUTPUT_PER_MEGAPIXEL_MS = 150.0  # to paint and encode one more file of a subject
ANSWER_MS = 500.0  # what is left to do once there is nothing more to compute
MOST_ADVICE_MS = 6_000.0  # a caller who is refused is not to wait much longer for what would have been possible
PER_MEGAPIXEL_MS = 300.0  # everything but the network, with a margin: 12 megapixels take about 2 s on two cores


def expected_ms(model: Model, width_px: int, height_px: int) -> float:
    """Say how long a picture of this size should take from here to its answer."""
    load_ms = 0.0 if model.loaded else UNMEASURED_LOAD_MS
    predict_ms = model.expected_predict_ms(width_px, height_px) or UNMEASURED_PREDICT_MS
    return load_ms + predict_ms + PER_MEGAPIXEL_MS * width_px * height_px / 1e6


def further_output_ms(subject_px: int) -> float:
    """Say how long one more file of a subject of this size should take to be made and delivered."""
    return DELIVER_MS + FURTHER_OUTPUT_PER_MEGAPIXEL_MS * subject_px / 1e6


def left_ms(invocation: Invocation, reserved_ms: float) -> float:
    """Say how long work may take that can be left out, where `reserved_ms` are needed for what cannot."""
    return min(MOST_ADVICE_MS, invocation.remaining_ms() - reserved_ms)


def require(invocation: Invocation, needed_ms: float) -> None:
    """Raise TimeTooShort where less than `needed_ms` is left of the invocation."""
    remaining_ms = invocation.remaining_ms()
    if remaining_ms < needed_ms:
        raise TimeTooShort(
            f"What is to do would take about {needed_ms / 1e3:.1f} s; {max(0.0, remaining_ms) / 1e3:.1f} s are left. "
            "Try again, send a smaller picture, or raise the function's timeout or memory."
        )
