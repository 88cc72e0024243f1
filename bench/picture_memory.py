"""`python -m bench.picture_memory`: what a pixel costs at the process's peak, by format and mode.

`handler/pixels/limits.py` holds what this prints, and what a function accepts follows from it. Each picture is cut out
in a process of its own that has the model loaded and has run it: what it held then is taken off its peak. The pictures
are noisy, so that results are as large as a file within MAX_INPUT_BYTES can make them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pillow_heif
from PIL import Image, ImageCms

from handler.job import Done, File, Inline, Invocation, Job, Output
from handler.pipeline import Pipeline
from handler.settings import Settings
from handler.web.parameters.renditions import renditions_of_setting

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".cache" / "bench"
SIZE = (4000, 3000)
TURNED = 6


@dataclass(frozen=True)
class Kind:
    """A picture to measure: a format, a mode, and what else makes decoders hold more."""

    format: str
    mode: str
    noise: int = 60  # lossless files are noisier than a photograph with a few steps already
    turned: bool = False
    profile: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the table calls it."""
        return (
            f"{self.format} {self.mode}" + (", turned" if self.turned else "") + (", profile" if self.profile else "")
        )

    @staticmethod
    def icc_profile() -> bytes:
        """Give a profile that has to be converted: sRGB's, red and green exchanged."""
        data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        return data.replace(b"rXYZ", b"tXYZ").replace(b"gXYZ", b"rXYZ").replace(b"tXYZ", b"gXYZ")

    def file(self, size: tuple[int, int] = SIZE) -> Path:
        """Draw the picture, once."""
        path = FOLDER / f"memory-{self.name.replace(', ', '-').replace(' ', '-')}-{self.noise}-{size[0]}x{size[1]}"
        if not path.exists():
            FOLDER.mkdir(parents=True, exist_ok=True)
            more = dict(self.options)
            if self.turned:
                exif = Image.Exif()
                exif[0x0112] = TURNED
                more["exif"] = exif
            if self.profile:
                more["icc_profile"] = self.icc_profile()
            with path.open("wb") as file:
                draw(size, self.mode, self.noise).save(file, self.format, **more)
        return path


KINDS = (
    Kind("JPEG", "RGB", options={"quality": 90}),
    Kind("JPEG", "RGB", turned=True, options={"quality": 90}),
    Kind("JPEG", "RGB", options={"quality": 85, "progressive": True, "subsampling": 0}, profile=True),
    Kind("JPEG", "CMYK", options={"quality": 75}),
    Kind("JPEG", "L", options={"quality": 90}),
    Kind("PNG", "RGB", noise=2, options={"compress_level": 1}),
    Kind("PNG", "RGBA", noise=2, options={"compress_level": 1}),
    Kind("PNG", "RGBA", noise=2, turned=True, profile=True, options={"compress_level": 1}),
    Kind("PNG", "LA", noise=2, options={"compress_level": 1}),
    Kind("PNG", "P", noise=2, options={"compress_level": 1, "transparency": 3}),
    Kind("PNG", "I;16", noise=2, options={"compress_level": 1}),
    Kind("WEBP", "RGB", options={"quality": 90, "method": 0}),
    Kind("WEBP", "RGBA", options={"quality": 90, "method": 0}),
    Kind("WEBP", "RGBA", noise=2, turned=True, options={"lossless": True, "quality": 0, "method": 0}),
    Kind("GIF", "P", noise=2),
    Kind("TIFF", "RGB", noise=1, options={"compression": "tiff_lzw"}),
    Kind("TIFF", "RGBA", noise=1, turned=True, options={"compression": "tiff_deflate"}),
    Kind("TIFF", "CMYK", noise=1, options={"compression": "tiff_deflate"}),
    Kind("TIFF", "CMYK", noise=1, turned=True, options={"compression": "tiff_deflate"}),
    Kind("TIFF", "F", noise=1, options={"compression": "tiff_deflate"}),
    Kind("BMP", "RGB"),
    Kind("AVIF", "RGB", options={"speed": 10, "quality": 80}),
    Kind("AVIF", "RGBA", options={"speed": 10, "quality": 80}),
    Kind("HEIF", "RGB", noise=10, options={"quality": 50}),
    Kind("HEIF", "RGBA", noise=10, options={"quality": 50}),
)


def draw(size: tuple[int, int], mode: str, noise: int) -> Image.Image:
    """Draw a bright disc on a dark ground, under noise; where the mode has alpha, it grows from left to right."""
    random = np.random.default_rng(9)
    width_px, height_px = size
    across, down = np.arange(width_px, dtype=np.float32), np.arange(height_px, dtype=np.float32)[:, np.newaxis]
    inside = np.hypot(across - width_px / 2, down - height_px / 2) < height_px / 3
    rgb = np.empty((height_px, width_px, 3), np.uint8)
    for band in range(3):
        shaken = random.integers(-noise, noise + 1, (height_px, width_px), np.int16)
        rgb[..., band] = np.where(inside, 190, 60 + 20 * band) + shaken
    image = Image.fromarray(rgb)
    if mode == "F":
        return image.convert("F")
    if mode == "I;16":
        return Image.fromarray(rgb[..., 0].astype(np.uint16) * 257)
    if mode in {"RGBA", "LA"}:
        image = image.convert(mode)
        image.putalpha(Image.fromarray((across * (255 / width_px)).astype(np.uint8)[np.newaxis].repeat(height_px, 0)))
        return image
    return image.quantize(64, Image.Quantize.FASTOCTREE) if mode == "P" else image.convert(mode)


def measure(path: Path, environment: Mapping[str, str], held_bytes: int = 0) -> dict[str, Any]:
    """Cut a picture out in a process of its own: its peak, what it held before, and the picture's pixels.

    With `held_bytes` the process holds that much before the picture comes, as with a larger model.
    """
    process = subprocess.run(
        [sys.executable, "-m", "bench.picture_memory", "--worker", str(path), "--held", str(held_bytes)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    report: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    return report


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(prog="python -m bench.picture_memory")
    parser.add_argument("--model-dir", type=Path, default=ROOT / "build" / "model" / "u2netp")
    parser.add_argument("--only", default="", help="a format")
    parser.add_argument("--worker", type=Path)
    parser.add_argument("--held", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.worker:
        sys.stdout.write(json.dumps(_cut_out(arguments.worker, arguments.held)) + "\n")
        return
    pillow_heif.register_heif_opener()
    environment = {
        "MODEL_DIR": str(arguments.model_dir.resolve()),
        "MAX_INPUT_BYTES": "200000000",
        "MAX_INPUT_MEGAPIXELS": "100",
        "THREADS": "2",
    }
    small = Kind("PNG", "RGB", noise=2).file((64, 64))
    alone = measure(small, environment)["before_bytes"]
    sys.stdout.write(f"The process with the model and no picture: {alone / 1e6:.0f} MB\n\n")
    sys.stdout.write("| picture | file | bytes per pixel at the peak |\n|---|---|---|\n")
    for kind in KINDS:
        if arguments.only in {"", kind.format}:
            path = kind.file()
            report = measure(path, environment)
            beyond = report["peak_bytes"] - report["before_bytes"] - report["file_bytes"]  # it is held as it came
            sys.stdout.write(
                f"| {kind.name} | {report['file_bytes'] / 1e6:.1f} MB | {beyond / report['px']:.1f}, result "
                f"{report['output_bytes'] / report['px']:.1f} |\n"
            )
            sys.stdout.flush()


def _cut_out(path: Path, held_bytes: int) -> dict[str, Any]:
    pipeline = Pipeline(Settings.from_env())
    small = FOLDER / "memory-small.png"
    draw((64, 64), "RGB", 2).save(small)
    _run(pipeline, small)
    held = b"\1" * max(0, held_bytes - _status_bytes("VmRSS"))
    before_bytes = _status_bytes("VmRSS")
    result = _run(pipeline, path)
    return {
        "before_bytes": before_bytes,
        "held_bytes": len(held),
        "peak_bytes": _status_bytes("VmHWM"),
        "file_bytes": path.stat().st_size,
        "output_bytes": len(result.data),
        "px": result.width_px * result.height_px,
    }


def _run(pipeline: Pipeline, path: Path) -> File:
    outputs = tuple(Output(wanted.rendering) for wanted in renditions_of_setting(pipeline.settings))
    job = Job("http", Inline(path.read_bytes()), outputs)
    outcome = pipeline.cut_out(job, Invocation("bench"))
    assert isinstance(outcome, Done), outcome  # noqa: S101 - a bench that measured failures would be a lie
    return outcome.files[0]


def _status_bytes(name: str) -> int:
    """Read a number of this process's own status; a parent's peak would be in `getrusage`."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    main()
