"""What the demo and the image's check call wrong: a right answer passes, each wrong one counts as a failure."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from image.judge import PHOTO, compared
from local.emulator import Reply
from local.exercise import Cutout, Exercise, WrongAnswerError
from tests.pictures import save

if TYPE_CHECKING:
    from local.s3 import LocalS3

WARM = {"statusCode": 200, "status": "success", "model_ready": True, "cold_start": False, "message": "ready"}
COLD = {**WARM, "cold_start": True}
REFUSED = {"statusCode": 400, "body": '{"errors": [{"detail": "not a picture"}]}'}


def cutout(size: tuple[int, int] | None = None, *, flat: bool = False, mode: str = "RGBA") -> bytes:
    with Image.open(PHOTO) as photograph:
        picture = photograph.convert("RGBA").resize(size or photograph.size)
    picture.putalpha(Image.new("L", picture.size, 255) if flat else picture.getchannel("R"))
    return save(picture.convert(mode))


def exercised(*answers: Any) -> Exercise:
    """Give an exercise of a function that answers so, one after the other."""
    left = list(answers)
    return Exercise(lambda _event: Reply(200, left.pop(0), 0.01), compared)


def form(data: bytes, status: int = 200) -> dict[str, Any]:
    return {"statusCode": status, "body": base64.b64encode(data).decode()}


def test_two_pings_that_find_it_cold_and_warm_are_right() -> None:
    exercise = exercised(COLD, WARM)
    exercise.pings()
    assert exercise.failures == 0


@pytest.mark.parametrize(
    "second",
    [
        COLD,
        {**WARM, "model_ready": False},
        {**WARM, "statusCode": 206},
        {"errorMessage": "it raised", "errorType": "RuntimeError"},
        "it died",
    ],
    ids=["cold again", "not ready", "206", "raised", "died"],
)
def test_a_wrong_ping_counts(second: Any) -> None:
    exercise = exercised(COLD, second)
    exercise.pings()
    assert exercise.failures == 1


def test_a_cut_out_in_answer_to_a_form_is_right() -> None:
    exercise = exercised(form(cutout()))
    exercise.form("function-url", PHOTO)
    assert exercise.failures == 0


@pytest.mark.parametrize(
    "answer",
    [
        form(cutout(), 503),
        form(b"no picture"),
        form(cutout(mode="RGB")),
        form(cutout((10, 10))),
        form(cutout(flat=True)),
        {"statusCode": 200},
    ],
    ids=["503", "no picture", "no alpha", "another size", "flat", "no body"],
)
def test_a_wrong_answer_to_a_form_counts(answer: Any) -> None:
    exercise = exercised(answer)
    exercise.form("function-url", PHOTO)
    assert exercise.failures == 1


def test_a_picture_that_is_none_has_to_be_refused() -> None:
    exercise = exercised(REFUSED, form(cutout()))
    exercise.no_picture()
    assert exercise.failures == 0
    exercise.no_picture()
    assert exercise.failures == 1


def test_an_uploads_cut_out_is_read_back(s3: LocalS3) -> None:
    for bucket in ("exercise-photos", "exercise-cutouts"):
        s3.client.create_bucket(Bucket=bucket)
    s3.client.put_object(Bucket="exercise-cutouts", Key="there", Body=cutout())
    targets = [{"bucket": "exercise-cutouts", "key": key} for key in ("there", "nowhere")]
    exercise = exercised(*({"statusCode": 200, "results": [{"destination": target}]} for target in targets))
    exercise.upload(s3.client, "exercise-photos", PHOTO)
    assert exercise.failures == 0
    exercise.upload(s3.client, "exercise-photos", PHOTO)
    assert exercise.failures == 1


@pytest.mark.parametrize(
    ("data", "fault"), [(cutout((10, 10)), "(10, 10) px"), (cutout(flat=True), "the matte is 255 everywhere")]
)
def test_a_fault_is_named(data: bytes, fault: str) -> None:
    with pytest.raises(WrongAnswerError) as raised:
        compared(Cutout(PHOTO, "upload", data, 0.0))
    assert fault in str(raised.value)
    assert compared(Cutout(PHOTO, "upload", cutout(), 0.0))
