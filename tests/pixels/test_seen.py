"""What the network is shown of a transparent picture: what a page shows, never what it hides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from tests import artefacts
from tests.pictures import opened, save

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Awaken


@pytest.mark.parametrize("hidden", [(0, 0, 0), (128, 0, 255), (255, 255, 255)])
def test_colours_under_a_transparent_picture_do_not_sway_the_network(
    awaken: Awaken, tmp_path: Path, hidden: tuple[int, int, int]
) -> None:
    """The network's answer is stretched from the darkest to the brightest that it saw: white must have been that."""
    stretching = artefacts.write(tmp_path / "model", artefacts.brightness(), output={"normalise": "min-max"})
    image = Image.new("RGBA", (96, 64), (*hidden, 0))
    image.paste((100, 100, 100, 255), (0, 0, 32, 64))
    image.paste((200, 200, 200, 255), (32, 0, 64, 64))
    answer = awaken(MODEL_DIR=str(stretching)).cut_out(save(image))
    alpha = np.asarray(opened(answer.body))[..., 3]
    assert alpha[32, 10] == 0  # the darkest
    assert alpha[32, 48] == pytest.approx((200 - 100) / (255 - 100) * 255, abs=6)
    assert alpha[32, 90] == 0  # hidden
