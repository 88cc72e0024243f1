"""The foreground's colours are PyMatting's, at a fraction of its cost."""

import functools
import math
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from matting import estimate_foreground
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from tests.layers.pymatting_alone import estimate_foreground_ml

PHOTOGRAPH = Path(__file__).parents[3] / "demo" / "photos" / "astronaut.jpg"

Picture = NDArray[np.uint8]
Alpha = NDArray[np.float32]


def textured(height: int, width: int, seed: int = 0) -> Picture:
    """Draw noise of several sizes, as photographs have it, with black and white parts."""
    random = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3))
    for cell in (1, 4, 16):
        noise = random.normal(0, 40 + 4 * cell, (height // cell + 1, width // cell + 1, 3))
        picture += noise.repeat(cell, 0).repeat(cell, 1)[:height, :width]
    return np.clip(picture + 110, 0, 255).astype(np.uint8)


def disc(height: int, width: int, softness: float = 0.15) -> Alpha:
    """Draw an ellipse with a soft edge; alpha is exactly 0 outside and exactly 1 inside."""
    y, x = np.ogrid[:height, :width]
    radius = np.hypot((y - height / 2) / (0.4 * height), (x - width / 2) / (0.3 * width))
    return np.clip((1 + softness / 2 - radius) / softness, 0, 1).astype(np.float32)


def hair(height: int, width: int) -> Alpha:
    """Draw a disc whose edge is torn by fine noise, with a sigmoid's tails: hardly any alpha is exactly 0 or 1."""
    random = np.random.default_rng(7)
    logit = 16 * disc(height, width, softness=1.2) - 8 + random.normal(0, 2, (height, width))
    return (1 / (1 + np.exp(-logit))).astype(np.float32)


def reference(image: Picture, alpha: Alpha) -> Picture:
    """Solve Germer et al.'s equations as PyMatting does, pixel by pixel in float64; slow, so for small pictures."""
    colours, matte = image / 255, alpha.astype(np.float64)
    height, width = matte.shape
    layers = np.zeros((1, 1, 2, 3))
    for layer, members in enumerate((matte > 0.9, matte < 0.1)):
        layers[0, 0, layer] = colours[members].sum(0) / (members.sum() + 1e-5)
    steps = math.ceil(math.log2(max(height, width)))
    for step in range(steps + 1):
        rows, columns = (round(side ** (step / steps)) for side in (height, width))
        y, x = np.arange(rows), np.arange(columns)
        at = np.ix_(y * height // rows, x * width // columns)
        start = np.ix_(y * layers.shape[0] // rows, x * layers.shape[1] // columns)
        layers = sweep(colours[at], matte[at], layers[start], sweeps=10 if max(rows, columns) <= 32 else 2)
    return (255 * layers[:, :, 0] + 0.5).astype(np.uint8)


def sweep(
    colours: NDArray[np.float64], matte: NDArray[np.float64], layers: NDArray[np.float64], sweeps: int
) -> NDArray[np.float64]:
    height, width = matte.shape
    for _ in range(sweeps):
        for y, x in np.ndindex(height, width):
            mix = np.array([matte[y, x], 1 - matte[y, x]])
            system, right_side = np.outer(mix, mix), np.outer(mix, colours[y, x])
            for down, right in ((0, -1), (0, 1), (-1, 0), (1, 0)):
                beside = min(max(y + down, 0), height - 1), min(max(x + right, 0), width - 1)
                weight = 1e-5 + abs(matte[y, x] - matte[beside])
                system += weight * np.eye(2)
                right_side += weight * layers[beside]
            layers[y, x] = np.clip(np.linalg.solve(system, right_side), 0, 1)
    return layers


@pytest.mark.parametrize("matte", [disc, hair])
@pytest.mark.parametrize("size", [(16, 16), (1, 2), (1, 9), (40, 1), (3, 70), (33, 32), (50, 61)], ids=str)
def test_solves_the_papers_equations(size: tuple[int, int], matte: Callable[[int, int], Alpha]) -> None:
    """At any size, on either side of 32 px where the number of sweeps changes, the colours are the reference's."""
    image, alpha = textured(*size), matte(*size)
    steps = np.abs(estimate_foreground(image, alpha).astype(int) - reference(image, alpha))[alpha > 0]
    assert steps.max(initial=0) <= 1
    assert np.count_nonzero(steps) <= 1 + steps.size // 1000


def test_the_reference_feels_the_order_of_the_sweep() -> None:
    """A sweep in another order gives other colours: the comparison above would notice it."""
    image, alpha = textured(50, 61), hair(50, 61)
    mirrored = estimate_foreground(image[:, ::-1], alpha[:, ::-1])[:, ::-1]
    assert np.count_nonzero(np.abs(mirrored.astype(int) - reference(image, alpha)) > 2) > 100


def test_takes_the_background_out_of_the_edge() -> None:
    """A red disc blended over blue is red again throughout, where the picture itself is purple."""
    alpha = disc(200, 160)
    blend = alpha[..., None] * [220, 30, 30] + (1 - alpha[..., None]) * [20, 40, 230]
    foreground = estimate_foreground((blend + 0.5).astype(np.uint8), alpha).astype(int)
    edge = (alpha > 0.05) & (alpha < 0.95)
    assert np.abs(foreground[edge] - [220, 30, 30]).max() <= 12
    assert np.abs(foreground[alpha == 0] - [220, 30, 30]).mean() <= 12


def test_what_is_far_from_the_foreground_takes_its_mean_colour() -> None:
    """The mean is that of alpha above 0.9, not of half transparent pixels; no level but the last samples the edge."""
    alpha, image = np.zeros((64, 64), np.float32), np.full((64, 64, 3), 40, np.uint8)
    alpha[-1], image[-1] = 1, (200, 60, 0)
    alpha[:, -1], image[:, -1] = 0.8, (0, 250, 0)
    np.testing.assert_allclose(estimate_foreground(image, alpha)[0, 0], (197, 60, 0), atol=4)


def test_opaque_picture_keeps_its_colours() -> None:
    """Where alpha is 1 throughout there is nothing to estimate."""
    image = textured(90, 70)
    np.testing.assert_array_equal(estimate_foreground(image, np.ones((90, 70), np.float32)), image)


@pytest.mark.parametrize("value", [0, 0.5, 1])
def test_single_pixel(value: float) -> None:
    """One pixel has no levels to descend (PyMatting divides by zero); it answers all the same."""
    foreground = estimate_foreground(np.full((1, 1, 3), 200, np.uint8), np.full((1, 1), value, np.float32))
    assert foreground.shape == (1, 1, 3)
    if value == 1:
        assert (foreground == 200).all()


def test_accepts_strided_arrays() -> None:
    """Views (the colours of an RGBA picture, a transposed matte) give what their copies give."""
    rgba = np.dstack([textured(60, 80), np.zeros((60, 80), np.uint8)])
    image, alpha = rgba[::2, ::-1, :3], disc(80, 60).T[::2, ::-1]
    np.testing.assert_array_equal(
        estimate_foreground(image, alpha), estimate_foreground(image.copy(), np.ascontiguousarray(alpha))
    )


def test_leaves_its_arguments_alone() -> None:
    """The picture and the matte are read, and the same call gives the same answer."""
    image, alpha = textured(60, 80), hair(60, 80)
    image.flags.writeable = alpha.flags.writeable = False
    np.testing.assert_array_equal(estimate_foreground(image, alpha), estimate_foreground(image, alpha))


def test_threads_do_not_disturb_each_other() -> None:
    """Four threads at once give the colours that one gives alone."""
    pictures = [(textured(300 + 10 * seed, 400, seed), hair(300 + 10 * seed, 400)) for seed in range(4)]
    alone = [estimate_foreground(*picture) for picture in pictures]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda picture: estimate_foreground(*picture), pictures * 5))
    for index, foreground in enumerate(together):
        np.testing.assert_array_equal(foreground, alone[index % 4])


def test_clips_what_rounding_adds_to_alpha() -> None:
    """An alpha of 1 + 1e-7, as float32 interpolation makes it, is 1."""
    image, alpha = textured(40, 40), disc(40, 40)
    widened = np.where(alpha == 1, np.float32(1.0000001), np.where(alpha == 0, np.float32(-1e-7), alpha))
    np.testing.assert_array_equal(estimate_foreground(image, widened), estimate_foreground(image, alpha))


@pytest.mark.parametrize("value", [math.nan, math.inf, -0.01, 1.01, 255])
def test_refuses_an_alpha_that_is_none(value: float) -> None:
    """NaN, and numbers that mean another scale, are errors wherever they stand."""
    alpha = disc(20, 20)
    alpha[13, 7] = value
    with pytest.raises(ValueError, match=r"alpha ranges from .*; it must lie in \[0, 1\] and hold no NaN"):
        estimate_foreground(textured(20, 20), alpha)


@pytest.mark.parametrize(
    ("image", "alpha", "error", "sentence"),
    [
        ([[[1, 2, 3]]], np.zeros((1, 1), np.float32), TypeError, "image is a list; it must be an array of uint8"),
        (np.zeros((4, 4, 3)), np.zeros((4, 4), np.float32), TypeError, "image is an array of float64"),
        (np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4)), TypeError, "alpha is an array of float64"),
        (np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4), np.float32), ValueError, r"image has shape \(4, 4, 4\)"),
        (np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.float32), ValueError, r"image has shape \(4, 4\)"),
        (np.zeros((0, 4, 3), np.uint8), np.zeros((0, 4), np.float32), ValueError, "each at least 1"),
        (np.zeros((4, 5, 3), np.uint8), np.zeros((5, 4), np.float32), ValueError, r"must be the image's \(4, 5\)"),
    ],
)
def test_refuses_other_arrays(image: Picture, alpha: Alpha, error: type[Exception], sentence: str) -> None:
    """The error names the argument, what it is and what would do."""
    with pytest.raises(error, match=sentence):
        estimate_foreground(image, alpha)


def run_alone(program: str) -> str:
    """Run a program in a fresh interpreter and return what it printed."""
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout


def test_starts_at_once() -> None:
    """Importing takes milliseconds beyond numpy, and neither numba nor a compiler has any part in it."""
    program = (
        "import numpy, sys, time; started = time.perf_counter(); import matting;"
        "print(time.perf_counter() - started, 'numba' in sys.modules)"
    )
    outputs = [run_alone(program).split() for _ in range(3)]
    assert min(float(seconds) for seconds, _ in outputs) < 0.02
    assert all(has_numba == "False" for _, has_numba in outputs)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_twelve_megapixels_need_little_memory() -> None:
    """Beside the 36 MB of the result, a 4000x3000 picture takes less than 16 MB."""
    program = (
        "import numpy as np, pathlib, matting;"
        "image = np.full((3000, 4000, 3), 90, np.uint8); alpha = np.full((3000, 4000), 0.5, np.float32);"
        "status = pathlib.Path('/proc/self/status');"  # getrusage's peak begins with the parent process's
        "peak = lambda: int(status.read_text().split('VmHWM:')[1].split()[0]); before = peak();"
        "foreground = matting.estimate_foreground(image, alpha);"
        "print((peak() - before) * 1024 - foreground.nbytes)"
    )
    assert int(run_alone(program)) < 16e6


@pytest.mark.model
@pytest.mark.parametrize("matte", [disc, hair])
@pytest.mark.parametrize("size", [(16, 16), (2, 1), (1, 300), (33, 100), (480, 640), (1000, 701)], ids=str)
def test_agrees_with_pymatting(size: tuple[int, int], matte: Callable[[int, int], Alpha]) -> None:
    """The colours are those of the library that upstream calls."""
    assert_agrees_with_pymatting(textured(*size), matte(*size))


@pytest.mark.model
def test_agrees_with_pymatting_on_a_photograph() -> None:
    """The same on a portrait whose matte follows its brightness, so that texture and alpha go together."""
    photograph = Image.open(PHOTOGRAPH).convert("RGB")
    brightness = np.asarray(photograph.convert("L").filter(ImageFilter.GaussianBlur(3)), np.float64) / 255
    alpha = 1 / (1 + np.exp(-30 * (brightness - 0.4)))
    alpha = (alpha - alpha.min()) / (alpha.max() - alpha.min())
    assert alpha.std() > 0.15
    assert_agrees_with_pymatting(np.asarray(photograph), alpha.astype(np.float32))


pymatting_colours = functools.cache(estimate_foreground_ml)  # compiled once


def assert_agrees_with_pymatting(image: Picture, alpha: Alpha) -> None:
    """Compare where alpha is above 0. The bound asked for is a mean of 0.5 and 99.9 % within 2; rounding gives less."""
    expected = np.uint8(255 * np.clip(pymatting_colours()(image / 255, alpha), 0, 1) + 0.5)
    steps = np.abs(estimate_foreground(image, alpha).astype(int) - expected)[alpha > 0]
    assert steps.max(initial=0) <= 1
    assert np.count_nonzero(steps) <= 1 + steps.size // 1000
