"""Uploads in envelopes that are not opened yet: raised, so that their sender keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from handler.errors import NotTakenYet
from handler.triggers.uploads import UnopenedCall
from local import events
from tests.triggers.test_unknown import EVENT_FILES

if TYPE_CHECKING:
    from tests.clients import Function
    from tests.conftest import Awaken


@pytest.mark.parametrize("name", [name for name, source in EVENT_FILES.items() if source is UnopenedCall])
def test_a_wrapped_upload_is_raised_and_names_its_envelope(function: Function, name: str) -> None:
    envelope = {"sqs": "SQS", "sns": "SNS", "eventbridge": "EventBridge", "s3": "S3 Batch Operations"}
    with pytest.raises(NotTakenYet, match=envelope[name.partition("_")[0]]) as raised:
        function(events.load(name))
    assert raised.value.retriable


def test_a_wrapped_upload_is_raised_where_settings_make_no_sense(awaken: Awaken) -> None:
    with pytest.raises(NotTakenYet):
        awaken(MAX_INPUT_BYTES="lots")(events.load("sqs_s3"))
