"""The model's door: the arithmetic around the network, what fails, and that it opens once."""

from __future__ import annotations

import json
import multiprocessing
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from handler.errors import ConfigurationError, ModelError
from handler.model.door import Model, to_matte
from handler.model.manifest import read_manifest
from handler.settings import Settings
from tests import artefacts
from tests.pictures import scene

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def model_of(folder: Path, **environment: str) -> Model:
    return Model(Settings.from_env({"MODEL_DIR": str(folder), "THREADS": "1", **environment}))


def pixels(width_px: int = 96, height_px: int = 64) -> NDArray[np.uint8]:
    return np.asarray(scene(width_px, height_px))


def test_a_matte_is_what_the_network_says(brightness: Path) -> None:
    rgb = pixels(96, 64)
    matte = model_of(brightness, INSPIRENET_RESIZE="dynamic").predict(rgb)
    expected = rgb.mean(axis=2) / 255  # 96×64 are multiples of 32: nothing is resampled
    assert np.ptp(matte) > 0.5
    assert np.abs(matte - expected).max() < 1e-5


@pytest.mark.parametrize(("width_px", "height_px"), [(1, 1), (1, 50), (50, 1), (33, 31), (640, 16), (2000, 1)])
@pytest.mark.parametrize("resize", ["static", "dynamic"])
def test_a_matte_has_the_pictures_size(brightness: Path, width_px: int, height_px: int, resize: str) -> None:
    matte = model_of(brightness, INSPIRENET_RESIZE=resize).predict(pixels(width_px, height_px))
    assert matte.shape == (height_px, width_px)
    assert matte.dtype == np.float32
    assert 0 <= matte.min() <= matte.max() <= 1


def test_an_answer_with_a_side_of_1_px_keeps_that_side(tmp_path: Path) -> None:
    """The incident's second cause: upstream squeezes, and an array of one axis less is rejected further on."""
    matte = model_of(artefacts.write(tmp_path, artefacts.one_column())).predict(pixels(64, 64))
    assert matte.shape == (64, 64)
    assert np.ptp(matte) > 0.1
    assert np.ptp(matte, axis=1).max() < 1e-6


@pytest.mark.parametrize(("width_px", "height_px"), [(1, 1), (1, 64), (64, 1)])
def test_a_side_of_1_px_is_the_mean_across_and_not_the_first_corner(
    brightness: Path, width_px: int, height_px: int
) -> None:
    """With InSPyReNet pictures with a side of 1 px showed the matte's edge, which is ground: nothing stood out."""
    rgb = np.zeros((64, 64, 3), np.uint8)
    rgb[16:48, 16:48] = 255  # a subject that touches no corner
    manifest, saliency = read_manifest(brightness), rgb[..., 0].astype(np.float32) / np.float32(255)
    matte = to_matte(saliency, (width_px, height_px), manifest)
    assert matte.shape == (height_px, width_px)
    assert matte.max() == pytest.approx(0.25 if width_px == height_px else 0.5, abs=1e-6)


def test_the_embedded_model_finds_a_disc(u2netp: Path) -> None:
    matte = model_of(u2netp).predict(pixels(200, 150))
    disc = np.asarray(scene(200, 150))[..., 0] > 200
    assert matte[disc].mean() > 0.9
    assert matte[~disc].mean() < 0.1


def test_the_manifests_normalisation_is_applied(tmp_path: Path) -> None:
    folder = artefacts.write(
        tmp_path,
        artefacts.brightness(),
        input={"mean": [0.1, 0.1, 0.1], "std": [0.5, 0.5, 0.5], "scale": "picture-max"},
    )
    rgb = pixels(64, 64)
    matte = model_of(folder).predict(rgb)
    expected = np.clip(((rgb / rgb.max() - 0.1) / 0.5).mean(axis=2), 0, 1)
    assert np.ptp(matte) > 0.5
    assert np.abs(matte - expected).max() < 1e-5


def test_a_networks_answer_is_stretched_where_the_manifest_says_so(tmp_path: Path) -> None:
    folder = artefacts.write(tmp_path, artefacts.brightness(), output={"normalise": "min-max", "resample": "lanczos"})
    matte = model_of(folder).predict(pixels(64, 64) // 4)
    assert (matte.min(), matte.max()) == (0, 1)


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_a_constant_answer_is_not_stretched(tmp_path: Path, value: float) -> None:
    folder = artefacts.write(tmp_path, artefacts.constant(value), output={"normalise": "min-max"})
    assert np.abs(model_of(folder).predict(pixels()) - value).max() < 1e-6


def test_answers_beyond_0_and_1_are_clipped(tmp_path: Path) -> None:
    folder = artefacts.write(tmp_path, artefacts.brightness(), input={"mean": [0.3] * 3, "std": [0.2] * 3})
    matte = model_of(folder).predict(pixels())
    assert (matte.min(), matte.max()) == (0, 1)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_an_answer_that_is_no_number_is_a_model_error(tmp_path: Path, value: float) -> None:
    model = model_of(artefacts.write(tmp_path, artefacts.constant(value), name="dizzy"))
    with pytest.raises(ModelError, match="dizzy gave values that are no numbers"):
        model.predict(pixels())
    assert model.loaded


def test_a_failed_inference_names_the_sizes(failing: Path) -> None:
    model = model_of(failing, INSPIRENET_RESIZE="dynamic")
    with pytest.raises(ModelError, match="failing failed on 640×32 px, from a picture of 640×16 px"):
        model.predict(pixels(640, 16))


def test_weights_that_cannot_be_loaded_are_named(brightness: Path, tmp_path: Path) -> None:
    folder = artefacts.write(tmp_path, artefacts.brightness(), weights="elsewhere.onnx")
    model = model_of(folder)
    with pytest.raises(ModelError, match=r"elsewhere\.onnx"):
        model.load()
    assert not model.loaded
    assert model.name == "not loaded"


def test_the_torch_engine_without_torch_is_a_model_error(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    try:
        import torch  # noqa: F401, PLC0415 - only where it is absent has this test something to say
    except ImportError:
        folder = artefacts.write(tmp_path, artefacts.brightness(), engine="torch")
        with pytest.raises(ModelError, match="No module named 'torch'"):
            model_of(folder).load()


def test_the_target_size_is_the_square_of_static(brightness: Path) -> None:
    with pytest.raises(ModelError, match="failed on 128×128 px"):
        model_of(_failing_beside(brightness), TARGET_SIZE="128").predict(pixels())


def _failing_beside(folder: Path) -> Path:
    return artefacts.write(folder.parent / f"{folder.name}-failing", artefacts.failing(), name="failing")


def test_the_networks_area_is_bounded_where_asked(failing: Path) -> None:
    model = model_of(failing, INSPIRENET_RESIZE="dynamic", MAX_NETWORK_MEGAPIXELS="0.1")
    with pytest.raises(ModelError, match=r"failed on (\d+)×(\d+) px") as raised:
        model.predict(pixels(1500, 1000))
    width_px, height_px = (int(part) for part in str(raised.value).split(" failed on ")[1].split(" px")[0].split("×"))
    assert width_px * height_px <= 100_000
    assert width_px / height_px == pytest.approx(1.5, rel=0.15)


@pytest.mark.parametrize(
    ("memory_mb", "size"),
    [("3008", (1664, 928)), ("10240", (1920, 1088)), ("1024", (512, 288))],  # 1920×1080 px, 2.09 megapixels
)
def test_the_networks_area_is_bounded_by_the_memory(
    memory_mb: str, size: tuple[int, int], failing: Path, tmp_path: Path
) -> None:
    memory = {"base_bytes": 300_000_000, "bytes_per_network_px": 1_450}
    folder = artefacts.write(tmp_path, artefacts.failing(), memory=memory)
    model = model_of(folder, INSPIRENET_RESIZE="dynamic", AWS_LAMBDA_FUNCTION_MEMORY_SIZE=memory_mb)
    with pytest.raises(ModelError, match=f"{size[0]}×{size[1]} px"):
        model.predict(pixels(1920, 1080))


@pytest.mark.parametrize(
    ("environment", "network_px"),
    [
        ({}, 1024**2),
        ({"TARGET_SIZE": "512"}, 512**2),
        ({"INSPIRENET_RESIZE": "dynamic", "MAX_NETWORK_MEGAPIXELS": "1.5"}, 1_500_000),
    ],
    ids=str,
)
def test_the_models_peak_is_known_before_it_is_loaded(
    environment: dict[str, str], network_px: int, failing: Path, tmp_path: Path
) -> None:
    memory = {"base_bytes": 300_000_000, "bytes_per_network_px": 1_550}
    folder = artefacts.write(tmp_path, artefacts.failing(), memory=memory, input={"base_px": 1024})
    model = model_of(folder, **environment)
    assert model.peak_bytes() == 300_000_000 + 1_550 * network_px
    assert not model.loaded
    assert model_of(failing).peak_bytes() is None


@pytest.mark.parametrize("environment", [{}, {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "10240"}], ids=["unknown", "plenty"])
def test_a_panorama_is_bounded_whatever_the_memory(environment: dict[str, str], tmp_path: Path) -> None:
    memory = {"base_bytes": 520_000_000, "bytes_per_network_px": 310}
    folder = artefacts.write(tmp_path, artefacts.failing(), memory=memory)
    with pytest.raises(ModelError, match="448×7168 px"):
        model_of(folder, INSPIRENET_RESIZE="dynamic", **environment).predict(pixels(1280, 20_000))


KERNELS = {"tensors": "tensors.json", "memory": {"base_bytes": 100_000_000, "bytes_per_network_px": 10}}
GRAPHS_MEMORY = {"base_bytes": 300_000_000, "bytes_per_network_px": 1_550}


def test_where_the_kernels_do_not_load_the_graph_answers_and_a_note_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the package is not installed, or its libraries are of another platform."""
    monkeypatch.setitem(sys.modules, "inspyrenet", None)
    monkeypatch.delitem(sys.modules, "handler.model.kernels_engine", raising=False)
    model = model_of(artefacts.write(tmp_path, artefacts.brightness(), kernels=KERNELS, memory=GRAPHS_MEMORY))
    assert model.peak_bytes() == 100_000_000 + 10 * 64**2  # what is expected before anything is loaded
    rgb = pixels(64, 64)
    assert np.abs(model.predict(rgb) - rgb.mean(axis=2) / 255).max() < 1e-5
    assert model.peak_bytes() == 300_000_000 + 1_550 * 64**2
    (note,) = model.load().notes
    assert note.startswith("The kernels do not load here, so ONNX Runtime runs the graph")


@pytest.mark.parametrize(
    ("index", "says"),
    [
        (None, "No such file"),
        ({}, "KeyError: 'tensors'"),
        ({"file": "model.onnx", "tensors": {"weight": {"offset": 0, "shape": [1000, 1000]}}}, "speaks of 4,000,000"),
        ({"file": "model.onnx", "tensors": {"weight": {"offset": 0, "shape": [2]}}}, "KeyError"),
    ],
    ids=["missing", "empty", "longer than the file", "another network's"],
)
def test_weights_that_the_kernels_cannot_use_are_an_error_and_no_other_engine(
    index: dict[str, Any] | None, says: str, tmp_path: Path
) -> None:
    folder = artefacts.write(tmp_path, artefacts.brightness(), kernels=KERNELS)
    if index is not None:
        (folder / "tensors.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match=says):
        model_of(folder).load()


def test_a_mode_that_contradicts_the_artefact_is_a_configuration_error(tmp_path: Path) -> None:
    folder = artefacts.write(tmp_path, artefacts.brightness(), name="inspyrenet-fast")
    with pytest.raises(ConfigurationError, match="INSPIRENET_MODE='base' asks for inspyrenet-base"):
        model_of(folder, INSPIRENET_MODE="base").load()
    assert model_of(folder, INSPIRENET_MODE="fast").load().notes == ()


def test_many_threads_load_the_model_once(brightness: Path) -> None:
    model = model_of(brightness)
    ready = threading.Barrier(8)
    times: list[float | None] = []

    def load() -> None:
        ready.wait()
        model.load()
        times.append(model.load_ms)

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(times) == 8
    assert len(set(times)) == 1  # a second load would have taken another time
    assert None not in times


@pytest.mark.parametrize(("entries", "expected"), [({"session.set_denormal_as_zero": "1"}, 0.0), ({}, 0.01)])
@pytest.mark.parametrize("broken_at_first", [None, b"no graph"])
def test_a_sessions_options_hold_on_every_thread(
    tmp_path: Path, entries: dict[str, str], expected: float, broken_at_first: bytes | None
) -> None:
    """The first request loads the model on its own thread; the next has another, the uploads have the main one."""
    session = {"graph_optimization": "disable", "config_entries": entries}
    artefact = artefacts.write(tmp_path / "model", artefacts.denormal(), session=session)
    # In a new process, since ONNX Runtime takes this option of a process's first session only.
    with ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn")) as process:
        brightest = process.submit(brightest_on_each_thread, artefact, broken_at_first).result()
    assert brightest == pytest.approx([expected] * 3, abs=1e-4)


def brightest_on_each_thread(artefact: Path, broken_at_first: bytes | None) -> list[float]:
    """Predict on two threads and on the main one, where `broken_at_first` has failed to load instead of the weights."""
    model = model_of(artefact)
    if broken_at_first:
        weights = artefact / "model.onnx"
        whole = weights.read_bytes()
        weights.write_bytes(broken_at_first)
        with pytest.raises(ModelError):
            model.load()
        weights.write_bytes(whole)
    brightest: list[float] = []
    for _ in range(2):
        thread = threading.Thread(target=lambda: brightest.append(float(model.predict(pixels()).max())))
        thread.start()
        thread.join()
    return [*brightest, float(model.predict(pixels()).max())]


def test_constructing_the_door_opens_nothing(tmp_path: Path) -> None:
    model = model_of(tmp_path / "nowhere")
    assert (model.loaded, model.load_ms, model.name) == (False, None, "not loaded")


def test_expectations_are_none_before_the_first_picture_and_grow_with_size(brightness: Path) -> None:
    model = model_of(brightness, INSPIRENET_RESIZE="dynamic")
    assert model.expected_predict_ms(100, 100) is None
    model.predict(pixels())
    small, large = model.expected_predict_ms(64, 64), model.expected_predict_ms(640, 640)
    assert small is not None
    assert large == pytest.approx(100 * small)


def test_any_session_option_of_the_manifest_is_given_to_the_engine(tmp_path: Path) -> None:
    def opened_with(**session: Any) -> Model:
        return model_of(artefacts.write(tmp_path, artefacts.brightness(), session=session))

    opened_with(
        graph_optimization="disable",
        memory_arena=False,
        memory_pattern=False,
        config_entries={"session.use_env_allocators": "0"},
    ).load()
    with pytest.raises(ModelError, match="KeyError: 'best'"):
        opened_with(graph_optimization="best").load()


@pytest.mark.parametrize(("longest_px", "network"), [(64, "128×64"), (96, "192×96"), (1280, "320×160")])
def test_the_manifests_bound_on_the_shorter_side_is_the_networks(tmp_path: Path, longest_px: int, network: str) -> None:
    folder = artefacts.write(tmp_path, artefacts.failing(), input={"shorter_side_max_px": longest_px})
    with pytest.raises(ModelError, match=f"failed on {network} px"):
        model_of(folder, INSPIRENET_RESIZE="dynamic").predict(pixels(320, 160))
