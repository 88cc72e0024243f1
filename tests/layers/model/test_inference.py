"""The network on its own kernels gives upstream's answer at every size. Needs torch: `.venv-model`.

Upstream's answer is that of its network in float64, as in test_parity.py.
"""

from __future__ import annotations

import functools
import itertools
import json
import math
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("torch")

import onnx  # behind the skip
import torch
from inspyrenet import Kernels, Network, Tensors
from inspyrenet.library import available, load
from PIL import Image

from layers.model import export, manifest, reference, synthetic, verify
from layers.model.checkpoints import base_px_of
from tests.layers.model.shop import FAST, SMALL_BASE, Shop

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tests.layers.model.shop import Network as Published

pytestmark = [pytest.mark.model, pytest.mark.timeout(1200)]

LEVELS = available()
SPEC = manifest.InputSpec("flexible", 384, resample="bilinear", scale="255")
# (height, width): square, both orientations, smaller than a window, around a window's multiples, 1:32, more than one
# strip of each stage, and where a strip's last rows are no whole tile.
SIZES = [
    (32, 32), (32, 64), (64, 32), (96, 96), (64, 640), (640, 64), (32, 1024), (1024, 32), (256, 64), (384, 384),
    (320, 448), (448, 320), (160, 416), (192, 768), (640, 448), (64, 1344), (32, 4992),
]  # fmt: skip
SIZES_OF_FAST = [(32, 64), (224, 160), (384, 384)]
CASES = [*((SMALL_BASE, size) for size in SIZES), *((FAST, size) for size in SIZES_OF_FAST)]


@functools.cache
def picture(size: tuple[int, int]) -> NDArray[np.float32]:
    """Give (3, *size), normalised."""
    batch = verify.preprocess(Image.fromarray(synthetic.scenes(512, 1)[0]), size, SPEC)
    return np.asarray(batch[0])


@functools.cache
def exact(which: Published, size: tuple[int, int]) -> NDArray[np.float64]:
    theirs = _exact_network(which)
    with torch.no_grad():
        return np.asarray(theirs(torch.from_numpy(picture(size)[None])).numpy()[0, 0])


@functools.cache
def _exact_network(which: Published) -> reference.Exact:
    network = reference.new_network(base_px_of(which.mode), Shop().architecture(which))
    network.load_state_dict(torch.load(Shop().checkpoint(which), weights_only=True))
    return reference.Exact(network)


@functools.cache
def tensors(which: Published) -> dict[str, NDArray[np.float32]]:
    loaded = export.load_network(Shop().checkpoint(which), base_px_of(which.mode), Shop().architecture(which))
    return {name: tensor.numpy() for name, tensor in loaded.state_dict().items()}


@pytest.fixture(scope="module")
def network() -> Callable[[Published, str, int], Network]:
    """Give the network with the synthetic weights on an instruction set's kernels with some threads."""

    @functools.cache
    def of(which: Published, level: str, threads: int) -> Network:
        return Network(tensors(which), base_px_of(which.mode), Kernels(threads, load(level)))

    return of


@pytest.mark.parametrize(("which", "size"), CASES, ids=lambda value: str(value).replace(", ", "x").strip("()"))
def test_agrees_with_upstream_at_every_size(
    which: Published, size: tuple[int, int], network: Callable[[Published, str, int], Network]
) -> None:
    """On a matte that is not flat, on each instruction set; with two threads to the bit what one thread gives."""
    expected = exact(which, size)
    assert expected.std() > verify.LEAST_MATTE_STD
    for level in LEVELS:
        found = network(which, level, 1).infer(picture(size))
        assert found.shape == size
        assert np.abs(found - expected).max() <= verify.WORST_AT_NETWORK, level
        assert np.array_equal(network(which, level, 2).infer(picture(size)), found), level


@pytest.mark.parametrize("level", LEVELS)
def test_a_picture_leaves_nothing_for_the_next(level: str, network: Callable[[Published, str, int], Network]) -> None:
    """Of one size twice, then of another, then the first again: to the bit the same."""
    engine, first, second = network(SMALL_BASE, level, 2), picture((96, 160)), picture((160, 96))
    found = engine.infer(first)
    assert np.array_equal(engine.infer(first), found)
    engine.infer(first[:, ::-1])
    assert np.array_equal(engine.infer(first), found)
    engine.infer(second)
    assert np.array_equal(engine.infer(first), found)


def test_what_memory_held_before_is_not_seen(network: Callable[[Published, str, int], Network]) -> None:
    """A reserve full of NaN, as an earlier picture could leave it, changes no bit."""
    engine, given = network(SMALL_BASE, LEVELS[-1], 2), picture((224, 160))
    found = engine.infer(given)
    reserve = engine._reserve((224, 160))
    with reserve.returned():
        for _ in itertools.count():
            try:
                reserve.take(2**20)[...] = np.nan
            except MemoryError:
                break
    assert np.array_equal(engine.infer(given), found)


def test_logits_beyond_what_floats_raise_e_to_are_zero_or_one() -> None:
    """Without a warning, which pytest makes an error of, and without a NaN."""
    louder = dict(tensors(SMALL_BASE))
    name = "attention0.conv_out4.conv.weight"
    louder[name] = louder[name] * np.float32(1e4)
    found = Network(louder, base_px_of("base"), Kernels(1)).infer(picture((32, 64)))
    assert set(np.unique(np.round(found))) == {0, 1}
    assert ((found >= 0) & (found <= 1)).all()


def test_a_trace_counts_what_was_done(network: Callable[[Published, str, int], Network]) -> None:
    """As much arithmetic as the layers' definitions have: four times the pixels, four times of it."""
    from inspyrenet import Trace  # noqa: PLC0415  # beside its only use

    totals = []
    for size in ((192, 192), (384, 384)):
        trace = Trace()
        network(SMALL_BASE, LEVELS[-1], 2).infer(picture(size), trace)
        assert all(step.seconds >= 0 for step in trace.steps)
        totals.append(sum(step.gflop for step in trace.steps))
    assert 3.8 < totals[1] / totals[0] < 4.4


def test_the_weights_lie_in_one_piece_in_the_order_in_which_they_are_read(shop: Shop) -> None:
    """What the graph alone needs comes behind them, and is not read while the kernels run."""
    folder = shop.artefact(SMALL_BASE)
    index = json.loads((folder / "tensors.json").read_text())
    state = export.load_network(shop.checkpoint(SMALL_BASE), 1024, shop.architecture(SMALL_BASE)).state_dict()
    tensors = Tensors(folder / "tensors.json")
    assert list(tensors) == [name for name, value in state.items() if value.dtype == torch.float32]
    end = 0
    for name, entry in index["tensors"].items():
        assert 0 <= entry["offset"] - end < 64, name
        end = entry["offset"] + 4 * math.prod(entry["shape"])
        assert np.array_equal(tensors[name], state[name].numpy()), name
    graph = onnx.load(folder / "model.onnx", load_external_data=False)
    places = [
        int(next(one.value for one in tensor.external_data if one.key == "offset"))
        for tensor in graph.graph.initializer
        if tensor.external_data
    ]
    shared = sum(place < end for place in places)
    assert shared > 0.7 * len(places)  # the rest are biases spread over windows, and constants


def test_loading_gives_the_files_pages_back(shop: Shop) -> None:
    """Loading costs what is packed, and not the file besides: 363 MB for the published networks."""
    program = (
        "import sys; from pathlib import Path; from inspyrenet import Kernels, Network, Tensors\n"
        "network = Network(Tensors(Path(sys.argv[1])), 384, Kernels(1))\n"
        "status = Path('/proc/self/status').read_text()\n"
        "print(*(int(status.split(name)[1].split()[0]) for name in ('VmHWM:', 'VmRSS:')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(shop.artefact(FAST) / "tensors.json")],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    most_kb, after_kb = (int(word) for word in done.stdout.split())
    assert most_kb - after_kb < 100_000
