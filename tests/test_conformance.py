"""Every documented value of every parameter, alone and in pairs, in every content type, through every sender.

The function runs in Lambda's own emulator, one event at a time. What comes back is held to the contract's words by
tests/oracle.py. The values are the table's examples: another row is tried as soon as it is there.
"""

from __future__ import annotations

import base64
import itertools
import json
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlencode

import pytest

from handler.web.parameters.table import BACKGROUNDS, BG_IMAGE_FILE, BG_IMAGE_URL, IMAGE_URL, SOURCES, TABLE, rows
from local import events
from local.emulator import Emulator
from tests.clients import REMOVEBG, SENDERS, Answered, Sender, read
from tests.hostile import Answer, hostile
from tests.oracle import BEACH, SIDE, check, photograph

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

pytestmark = pytest.mark.slow

Kind = Literal["multipart", "urlencoded", "json"]
KINDS: tuple[Kind, ...] = ("multipart", "urlencoded", "json")
Wish = tuple[str, str]

ELSEWHERE = "elsewhere"  # stands for the address of a picture that this test serves
VALUES: dict[str, tuple[str, ...]] = {
    row.name: (ELSEWHERE,) if row in (BG_IMAGE_URL, BG_IMAGE_FILE) else row.examples
    for row in rows(TABLE)
    if row not in SOURCES
}
WISHES: list[Wish] = [(name, value) for name, values in VALUES.items() for value in values]
# Of many values some, from the first to the last, meet those of the other parameters.
PAIRED: list[Wish] = [(name, value) for name, values in VALUES.items() for value in values[:: 1 + len(values) // 6]]
BACKGROUND_NAMES = {row.name for row in BACKGROUNDS}

# What is made smaller needs pictures that are larger than that; elsewhere the network's own size is exact.
PHOTOGRAPHS = {side: photograph(side) for side in (SIDE, 640, 1280)}


@pytest.fixture(scope="module")
def beaches() -> Iterator[str]:
    with hostile(Answer(200, BEACH)) as server:
        yield f"{server.url}/beach"


@pytest.fixture(scope="module")
def photographs() -> Iterator[str]:
    with hostile(Answer(200, PHOTOGRAPHS[SIDE])) as server:
        yield f"{server.url}/photograph"


@pytest.fixture(scope="module")
def emulated(brightness: Path, beaches: str, photographs: str) -> Iterator[Emulator]:
    allowed = ",".join(url.split("/")[2] for url in (beaches, photographs))
    with Emulator({"MODEL_DIR": str(brightness), "URL_FETCH_ALLOW": allowed, "THREADS": "1"}) as function:
        yield function


def request(sender: Sender, kind: Kind, fields: Mapping[str, str], source: Mapping[str, str] | bytes) -> object:
    """Make the event of a request with these fields; `source` is the picture, or the field that says where it is."""
    texts = {name: value for name, value in fields.items() if name != BG_IMAGE_FILE.name}
    files = {BG_IMAGE_FILE.name: ("b", BEACH)} if BG_IMAGE_FILE.name in fields else {}
    if kind == "multipart" or files:  # a file has no other way
        if isinstance(source, bytes):
            files["image_file"] = ("a.png", source)
        body, headers = events.form({**texts, **({} if isinstance(source, bytes) else source)}, files)
        return events.request(sender, "POST", REMOVEBG, body, headers)
    where = {"image_file_b64": base64.b64encode(source).decode()} if isinstance(source, bytes) else source
    if kind == "urlencoded":
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return events.request(sender, "POST", REMOVEBG, urlencode({**texts, **where}).encode(), headers)
    typed = {name: as_json(value) for name, value in texts.items()}
    body = json.dumps({**typed, **where}).encode()
    return events.request(sender, "POST", REMOVEBG, body, {"content-type": "application/json"})


def as_json(text: str) -> str | int | bool:
    """Give a value as a JSON client has it."""
    if text in {"true", "false"}:
        return text == "true"
    return int(text) if text.isdigit() and not text.startswith("0") else text


def send(
    function: Emulator, sender: Sender, kind: Kind, fields: Mapping[str, str], source: Mapping[str, str] | bytes
) -> Answered:
    return read(function.invoke(request(sender, kind, fields, source)).payload)


def hold(function: Emulator, sender: Sender, kind: Kind, wishes: tuple[Wish, ...], beaches: str) -> None:
    """Send one request, and hold its answer to what the words say. Raises AssertionError with what was sent."""
    fields = {name: beaches if name == BG_IMAGE_URL.name else value for name, value in wishes}
    side = SIDE if "size" not in fields else 1280 if len(wishes) == 1 else 640
    try:
        check(fields, send(function, sender, kind, fields, PHOTOGRAPHS[side]), side)
    except AssertionError as error:
        raise AssertionError(f"{fields} as {kind} through {sender}: {error}") from error


def test_the_table_gives_every_row_a_value() -> None:
    assert len(VALUES) >= 16
    assert not [name for name, values in VALUES.items() if not values]


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize("kind", KINDS)
def test_each_value_does_what_its_words_say(emulated: Emulator, beaches: str, sender: Sender, kind: Kind) -> None:
    for wish in WISHES:
        hold(emulated, sender, kind, (wish,), beaches)


@pytest.mark.parametrize("first", VALUES)
def test_each_pair_of_values_does_what_their_words_say(emulated: Emulator, beaches: str, first: str) -> None:
    """Each pair goes one way of the twelve, in turns."""
    pairs = [
        (one, other)
        for one, other in itertools.combinations(PAIRED, 2)
        if one[0] == first and other[0] != first and not {one[0], other[0]} <= BACKGROUND_NAMES
    ]
    for number, pair in enumerate(pairs):
        hold(emulated, SENDERS[number % len(SENDERS)], KINDS[number % len(KINDS)], pair, beaches)


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_from_elsewhere_is_the_same_picture(
    emulated: Emulator, photographs: str, sender: Sender, kind: Kind
) -> None:
    fields = {"crop": "true", "format": "png"}
    fetched = send(emulated, sender, kind, fields, {IMAGE_URL.name: photographs})
    check(fields, fetched)
    assert fetched.body == send(emulated, sender, kind, fields, PHOTOGRAPHS[SIDE]).body


@pytest.mark.parametrize("sender", SENDERS)
def test_a_picture_as_the_body_takes_its_parameters_from_the_query(emulated: Emulator, sender: Sender) -> None:
    for fields in ({"crop": "true", "crop_margin": "5px"}, {"bg_color": "81d4fa"}, {"format": "zip"}):
        event = events.request(sender, "POST", REMOVEBG, PHOTOGRAPHS[SIDE], {}, urlencode(fields))
        check(fields, read(emulated.invoke(event).payload))
