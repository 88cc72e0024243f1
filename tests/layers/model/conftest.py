"""What the tests of the model layer share."""

import pytest

from tests.layers.model.shop import Shop


@pytest.fixture(scope="session")
def shop() -> Shop:
    """Give the maker of checkpoints and artefacts."""
    return Shop()
