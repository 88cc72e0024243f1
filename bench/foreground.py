"""Compare ways to estimate foreground colours: time, memory, and how far each is from PyMatting's result.

    python -m bench.foreground [--sizes 1024x1024 4000x3000]

It needs what .venv-model has (PyMatting with numba, OpenCV). Each figure comes from a process of its own, so that peak
memory and first calls are one way's alone. "first call" includes the imports, and for PyMatting numba's compile.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from bench.figures import ROOT
from bench.report import peak_bytes

PHOTOGRAPH = ROOT / "demo" / "photos" / "astronaut.jpg"
WARM_CALLS = 3

Picture = NDArray[np.uint8]
Alpha = NDArray[np.float32]
Floats = NDArray[np.floating]
Estimate = Callable[[Picture, Alpha], Picture]


def scene(width: int, height: int) -> tuple[Picture, Alpha]:
    """Enlarge a portrait, with a matte that follows its brightness: soft, and hardly anywhere exactly 0 or 1."""
    photograph = Image.open(PHOTOGRAPH).convert("RGB").resize((width, height), Image.Resampling.BILINEAR)
    brightness = np.asarray(photograph.convert("L").filter(ImageFilter.GaussianBlur(width / 170)), np.float32) / 255
    alpha = 1 / (1 + np.exp(-30 * (brightness - 0.4)))
    return np.asarray(photograph), (alpha - alpha.min()) / (alpha.max() - alpha.min())


def load_ours() -> Estimate:
    """Load the package in layers/matting."""
    from matting import estimate_foreground  # noqa: PLC0415 - the import is part of the first call

    return estimate_foreground


def load_pymatting() -> Estimate:
    """Load upstream's choice, called as transparent-background calls it."""
    import pymatting  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: PLC0415 - part of the call

    return lambda image, alpha: to_bytes(pymatting.estimate_foreground_ml(image / 255, alpha))


def load_red_black() -> Estimate:
    """Load the same equations in numpy: black and white squares of a chessboard in turn, each half at once."""
    return estimate_red_black


def load_blur_fusion() -> Estimate:
    """Load Forte's "Approximate Fast Foreground Colour Estimation" (ICIP 2021): box blurs of 90 px, then of 6."""
    import cv2  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: PLC0415 - part of the first call

    def blur_fusion(image: Floats, front: Floats, back: Floats, alpha: Floats, radius: int) -> tuple[Floats, Floats]:
        size = (radius, radius)
        alpha_mean = cv2.blur(alpha, size)[..., None]
        front_mean = cv2.blur(front * alpha[..., None], size) / (alpha_mean + 1e-5)
        back_mean = cv2.blur(back * (1 - alpha[..., None]), size) / (1 - alpha_mean + 1e-5)
        rest = image - alpha[..., None] * front_mean - (1 - alpha[..., None]) * back_mean
        return np.clip(front_mean + alpha[..., None] * rest, 0, 1), back_mean

    def estimate(image: Picture, alpha: Alpha) -> Picture:
        colours = image.astype(np.float32) / 255
        front, back = blur_fusion(colours, colours, colours, alpha, 90)
        return to_bytes(blur_fusion(colours, front, back, alpha, 6)[0])

    return estimate


def estimate_red_black(image: Picture, alpha: Alpha) -> Picture:
    """Solve PyMatting's levels with sweeps that numpy can take: see Germer et al., arXiv:2006.14970."""
    from matting.foreground import _level_sizes  # noqa: PLC0415 - this process may measure something else

    height, width = alpha.shape
    layers = np.zeros((1, 1, 2, 3), np.float32)
    for layer, members in enumerate((alpha > 0.9, alpha < 0.1)):
        layers[0, 0, layer] = image[members].sum(0) / 255 / (members.sum() + 1e-5)
    for rows, columns in _level_sizes(height, width):
        y, x = np.arange(rows), np.arange(columns)
        at = np.ix_(y * height // rows, x * width // columns)
        start = np.ix_(y * layers.shape[0] // rows, x * layers.shape[1] // columns)
        sweeps = 10 if max(rows, columns) <= 32 else 2
        layers = sweep_red_black(image[at].astype(np.float32) / 255, alpha[at], layers[start], sweeps)
    return to_bytes(layers[:, :, 0])


def sweep_red_black(image: Floats, alpha: Floats, layers: Floats, sweeps: int) -> Floats:
    """Relax (H, W, 2, 3) foreground and background, first where x + y is even, then where it is odd."""
    rows, columns = alpha.shape
    padded = np.pad(alpha, 1, mode="edge")
    around = [(slice(None, -2), slice(1, -1)), (slice(2, None), slice(1, -1))]
    around += [(across, down) for down, across in around]
    weights = [1e-5 + np.abs(alpha - padded[neighbour]) for neighbour in around]
    total = np.sum(weights, axis=0)
    mix = np.stack([alpha, 1 - alpha], axis=-1)
    gain = mix / ((mix**2).sum(-1) + total)[..., None]
    odd = np.add.outer(np.arange(rows), np.arange(columns)) % 2 == 1
    for sweep in range(2 * sweeps):
        beside = np.pad(layers, ((1, 1), (1, 1), (0, 0), (0, 0)), mode="edge")
        pairs = zip(weights, around, strict=True)
        mean = np.sum([weight[..., None, None] * beside[at] for weight, at in pairs], axis=0) / total[..., None, None]
        rest = image - (mix[..., None] * mean).sum(2)
        solved = np.clip(mean + gain[..., None] * rest[:, :, None], 0, 1)
        layers = np.where((odd == bool(sweep % 2))[..., None, None], solved, layers)
    return layers


def to_bytes(colours: Floats) -> Picture:
    """Round colours in [0, 1] as transparent-background does."""
    return np.asarray(255 * np.clip(colours, 0, 1) + 0.5, np.uint8)


WAYS: dict[str, Callable[[], Estimate]] = {
    "ours": load_ours,
    "pymatting": load_pymatting,
    "red-black in numpy": load_red_black,
    "blur fusion, OpenCV": load_blur_fusion,
}


def measure(way: str, folder: Path) -> None:
    """Run one way in this process; store its colours and print its figures as JSON."""
    # Not one .npz: unpacking it would peak, and hide as much of the memory that is measured.
    image, alpha = np.load(folder / "image.npy"), np.load(folder / "alpha.npy")
    before_bytes = peak_bytes()
    started = time.perf_counter()
    estimate = WAYS[way]()
    result = estimate(image, alpha)
    first_s = time.perf_counter() - started
    warm_s = []
    for _ in range(WARM_CALLS):
        started = time.perf_counter()
        estimate(image, alpha)
        warm_s.append(time.perf_counter() - started)
    added_mb = (peak_bytes() - before_bytes) / 1e6
    np.save(folder / "result.npy", result)
    json.dump({"first_s": first_s, "warm_s": min(warm_s), "added_mb": added_mb}, sys.stdout)


def measure_apart(way: str, folder: Path, numba_cache: Path) -> tuple[dict[str, float], Picture]:
    """Run one way in a process of its own, with the given cache of numba's."""
    figures = subprocess.run(
        [sys.executable, "-m", "bench.foreground", "--measure", way, str(folder)],
        check=True, cwd=ROOT, stdout=subprocess.PIPE, env=os.environ | {"NUMBA_CACHE_DIR": str(numba_cache)},
    ).stdout  # fmt: skip
    return json.loads(figures), np.load(folder / "result.npy")


def compare(width: int, height: int, folder: Path) -> None:
    """Print the table of one size."""
    image, alpha = scene(width, height)
    np.save(folder / "image.npy", image)
    np.save(folder / "alpha.npy", alpha)
    cache = Path(tempfile.mkdtemp(dir=folder))
    rows = {"pymatting, empty cache": measure_apart("pymatting", folder, cache)}
    rows["pymatting, filled cache"] = measure_apart("pymatting", folder, cache)
    rows |= {way: measure_apart(way, folder, cache) for way in WAYS if way != "pymatting"}
    reference, expected = rows["pymatting, filled cache"]
    megapixels, visible = width * height / 1e6, alpha > 0
    write(f"\n{width}x{height} px; alpha between 0.01 and 0.99: {np.mean((alpha > 0.01) & (alpha < 0.99)):.0%}")
    write(f"{'':24}{'first call':>11}{'warm':>9}{'per MP':>10}{'ratio':>7}{'memory':>10}{'mean diff':>11}{'over 2':>9}")
    for name, (figures, result) in rows.items():
        steps = np.abs(result.astype(np.int16) - expected)[visible]
        first_s, warm_s, added_mb = figures["first_s"], figures["warm_s"], figures["added_mb"]
        write(
            f"{name:24}{first_s:9.2f} s{warm_s:7.2f} s{warm_s * 1e3 / megapixels:7.0f} ms"
            f"{warm_s / reference['warm_s']:7.2f}{added_mb:7.0f} MB"
            f"{steps.mean():11.5f}{np.mean(steps.max(axis=-1) > 2):9.3%}"
        )


def write(line: str) -> None:
    """Show a line at once: the next figure may take a minute."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Compare all ways at each size asked for, or measure one of them in this process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=["1024x1024", "4000x3000"], metavar="WIDTHxHEIGHT")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)  # what each process of its own is told
    arguments = parser.parse_args()
    if arguments.measure:
        way, folder = arguments.measure
        measure(way, Path(folder))
        return
    with tempfile.TemporaryDirectory() as folder:
        for size in arguments.sizes:
            width, height = (int(side) for side in size.split("x"))
            compare(width, height, Path(folder))


if __name__ == "__main__":
    main()
