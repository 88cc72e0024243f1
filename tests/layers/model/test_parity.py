"""The artefact gives upstream's answer at every size; broken ones are caught. Needs torch: `.venv-model`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("torch")

import onnx  # behind the skip, as all that only .venv-model has
import torch
from onnx import numpy_helper
from PIL import Image

from layers.model import manifest, network, reference, synthetic, verify

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import onnxruntime

    from layers.model.sources import Mode

# The first test on a clean machine calibrates and exports: minutes, on a busy one.
pytestmark = [pytest.mark.model, pytest.mark.timeout(1200)]

# (height, width): square, both orientations, 1:4 and 1:20, smaller than a window, around a window's multiples. At
# 64 x 256 the base weights leave every photograph flat, so the landscape 1:4 is 192 x 768.
SIZES = [
    (32, 32), (64, 64), (96, 96), (32, 640), (640, 32), (256, 64), (384, 384), (320, 448), (448, 320),
    (160, 416), (416, 192), (224, 224), (192, 768),
]  # fmt: skip
BASE_PX: dict[Mode, int] = {"fast": 384, "base": 1024}


@pytest.fixture(scope="module")
def upstream(checkpoint: Callable[[Mode], Path]) -> Callable[[Mode], torch.nn.Module]:
    """Give upstream's network with the synthetic weights of a mode."""
    made: dict[Mode, torch.nn.Module] = {}

    def of(mode: Mode) -> torch.nn.Module:
        if mode not in made:
            made[mode] = reference.new_network(BASE_PX[mode])
            made[mode].load_state_dict(torch.load(checkpoint(mode), weights_only=True))
        return made[mode]

    return of


@pytest.fixture(scope="module")
def session(artefact: Callable[[Mode], Path]) -> Callable[[Mode], onnxruntime.InferenceSession]:
    """Give the session of a mode's artefact."""
    made: dict[Mode, onnxruntime.InferenceSession] = {}

    def of(mode: Mode) -> onnxruntime.InferenceSession:
        return made.setdefault(mode, made.get(mode) or verify.open_session(artefact(mode)))

    return of


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("mode", ["fast", "base"])
@torch.no_grad()
def test_one_graph_agrees_with_upstream_at_every_size(
    mode: Mode,
    size: tuple[int, int],
    upstream: Callable[[Mode], torch.nn.Module],
    session: Callable[[Mode], onnxruntime.InferenceSession],
) -> None:
    """On the first photograph whose matte is not flat at this size."""
    for picture in synthetic.photographs().values():
        given = synthetic.to_network(picture, size)
        expected = upstream(mode)(given).numpy()
        if expected.std() > synthetic.LEAST_MATTE_STD:
            break
    synthetic.require_variety(expected, f"every photograph at {size}")
    (found,) = session(mode).run(None, {"picture": given.numpy()})
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= verify.WORST_AT_NETWORK


@pytest.mark.parametrize(("mode", "resize"), [("fast", "static"), ("fast", "dynamic"), ("base", "static")])
def test_verify_passes_what_was_built(
    mode: Mode,
    resize: reference.Resize,
    artefact: Callable[[Mode], Path],
    checkpoint: Callable[[Mode], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Against Remover itself, at the network's output and in the 8-bit matte."""
    pictures = synthetic.photographs()
    chosen = {"astronaut": pictures["astronaut"]} if mode == "base" else pictures
    assert verify.verify(artefact(mode), checkpoint(mode), chosen, [resize]), capsys.readouterr().out


def swap_two_heads(model: onnx.ModelProto) -> None:
    """Give the first two heads of stage 3 each other's position bias."""
    swapped = 0
    for tensor in model.graph.initializer:
        if list(tensor.dims) == [1, 16, 144, 144]:
            bias = numpy_helper.to_array(tensor).copy()
            bias[:, [0, 1]] = bias[:, [1, 0]]
            tensor.CopyFrom(numpy_helper.from_array(bias, tensor.name))
            swapped += 1
    assert swapped


def move_the_shift_mask(model: onnx.ModelProto) -> None:
    """Let each region of the shift mask begin one token late."""
    producers = {output: node for node in model.graph.node for output in node.output}
    one = numpy_helper.from_array(np.array(1, dtype=np.int64), "one_too_many")
    model.graph.initializer.append(one)
    moved: list[tuple[onnx.NodeProto, onnx.NodeProto]] = []
    for node in list(model.graph.node):
        limit = producers.get(node.input[1]) if node.op_type == "GreaterOrEqual" else None
        if limit is not None and limit.op_type == "Sub":  # padded - 12 and padded - 6; a roll's limit is a product
            late = onnx.helper.make_node("Add", [node.input[1], one.name], [f"{node.input[1]}_late_{len(moved)}"])
            moved.append((node, late))
    assert moved
    for node, late in moved:
        node.input[1] = late.output[0]
        model.graph.node.insert(list(model.graph.node).index(node), late)


def drop_the_min_max(model: onnx.ModelProto) -> None:
    """Hand out the sigmoid as it is."""
    last = next(node for node in model.graph.node if "saliency" in node.output)
    assert last.op_type == "Div"
    shifted = next(node for node in model.graph.node if last.input[0] in node.output)
    assert shifted.op_type == "Sub"
    last.CopyFrom(onnx.helper.make_node("Identity", [shifted.input[0]], ["saliency"]))


@pytest.mark.parametrize("corrupt", [swap_two_heads, move_the_shift_mask, drop_the_min_max], ids=lambda f: f.__name__)
def test_verify_fails_a_broken_graph(
    corrupt: Callable[[onnx.ModelProto], None],
    artefact: Callable[[Mode], Path],
    checkpoint: Callable[[Mode], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Three mistakes that leave the graph running and its mattes plausible."""
    model = onnx.load(artefact("fast") / "model.onnx")
    corrupt(model)
    onnx.save(model, tmp_path / "model.onnx", save_as_external_data=True, location="model.onnx.data")
    manifest.write(manifest.read(artefact("fast")), tmp_path)
    pictures = {"coffee": synthetic.photographs()["coffee"]}
    assert not verify.verify(tmp_path, checkpoint("fast"), pictures, ["static"])
    assert "FAILED" in capsys.readouterr().out


def test_verify_refuses_constant_mattes(artefact: Callable[[Mode], Path], tmp_path: Path) -> None:
    """Straight random weights saturate the sigmoid: everything would agree."""
    torch.manual_seed(0)
    torch.save(reference.new_network(384).state_dict(), tmp_path / "random.pth")
    pictures = {"coffee": synthetic.photographs()["coffee"]}
    with pytest.raises(verify.VerificationError, match=r"standard deviation above 0\.15"):
        verify.verify(artefact("fast"), tmp_path / "random.pth", pictures, ["static"])


def test_a_state_dict_that_is_not_upstreams_is_refused(checkpoint: Callable[[Mode], Path]) -> None:
    """A missing name is an error, not a random layer."""
    state = torch.load(checkpoint("fast"), weights_only=True)
    state.pop("attention0.threshold")
    with pytest.raises(RuntimeError, match=r"attention0\.threshold"):
        network.InSPyReNet.from_state_dict(state, 384)


@torch.no_grad()
def test_strips_change_nothing(checkpoint: Callable[[Mode], Path]) -> None:
    """Four strips of the full-size stage give what one gives, at the smallest size too."""
    state = torch.load(checkpoint("fast"), weights_only=True)
    whole, cut = (network.InSPyReNet.from_state_dict(state, 384, strips=strips) for strips in (1, 4))
    for size in ((32, 64), (160, 96)):
        given = synthetic.to_network(synthetic.photographs()["coffee"], size)
        assert (whole(given) - cut(given)).abs().max() < 1e-4


@pytest.mark.parametrize(
    ("size", "resize", "error"),
    [
        ((16, 16), "dynamic", "height and width must be > 0"),
        ((640, 16), "dynamic", "height and width must be > 0"),
        ((1, 1), "dynamic", "height and width must be > 0"),
        ((1, 1), "static", None),
    ],
)
def test_upstream_still_fails_on_small_pictures(
    size: tuple[int, int], resize: reference.Resize, error: str | None, checkpoint: Callable[[Mode], Path]
) -> None:
    """The incident's cause, in the published package: when this fails, upstream was mended and geometry may follow.

    A side of 1 px fails in static mode only in the colour estimation, whose input has lost an axis: shown here by the
    matte, which numpy has squeezed to no dimension at all.
    """
    remover = reference.load_remover("fast", checkpoint("fast"), resize)
    picture = Image.new("RGB", size, (200, 30, 30))
    if error is None:
        with pytest.raises(IndexError):  # (3, 1) where (1, 1, 3) was meant
            reference.predict(remover, picture)
    else:
        with pytest.raises(ValueError, match=error):
            remover.process(picture, type="map")
