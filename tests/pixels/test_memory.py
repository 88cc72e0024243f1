"""What is accepted never gets the process killed: the extremes, with a model as large as InSPyReNet, held to a limit.

The limit is held against the peak that the kernel counts, in a process of its own. A limit on its address space would
be another thing: ONNX Runtime reserves far more than it touches.
"""

from __future__ import annotations

import dataclasses
import gc
import math
import subprocess
import sys
import weakref
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from bench.picture_memory import KINDS, Kind, draw, measure
from handler.errors import OutOfMemory, ServiceError
from handler.pixels.decode import decode
from handler.pixels.header import read_header
from handler.pixels.limits import BESIDE_BYTES, BYTES_PER_COLUMN, BYTES_PER_PX, Limits, Memory
from local.emulator import ROOT
from tests import artefacts
from tests.pictures import exif, png, png_chunk, sample, save

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

# `layers/model/build.py`, INSPYRENET_MEMORY: base and nightly; at base's static size
BASE_BYTES, BYTES_PER_NETWORK_PX, BASE_PX = 300_000_000, 1_550, 1024
MODEL_BYTES = BASE_BYTES + BYTES_PER_NETWORK_PX * BASE_PX**2


@pytest.fixture(scope="module")
def as_large_as_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an artefact that says it takes as much as InSPyReNet base; the process then holds it, too."""
    return artefacts.write(
        tmp_path_factory.mktemp("large"),
        artefacts.brightness(),
        memory={"base_bytes": BASE_BYTES, "bytes_per_network_px": BYTES_PER_NETWORK_PX},
        input={"base_px": BASE_PX},
    )


def kind(file_format: str, mode: str, *, turned: bool = False, profile: bool = False) -> Kind:
    return next(
        one for one in KINDS if (one.format, one.mode, one.turned, one.profile) == (file_format, mode, turned, profile)
    )


EXTREMES = [
    kind("JPEG", "RGB", turned=True),
    kind("JPEG", "RGB", profile=True),
    kind("PNG", "RGBA", turned=True, profile=True),
    kind("PNG", "P"),
    kind("WEBP", "RGBA"),
    kind("AVIF", "RGBA"),
    kind("TIFF", "CMYK", turned=True),
    dataclasses.replace(kind("HEIF", "RGBA"), noise=0),  # x265 takes minutes for noise
]


# The full one stays in memory while the others are made: nobody takes it away here, as S3 does of an upload's.
FOUR = (
    "full: format=png / square: crop=true crop_margin=10% aspect_ratio=1:1 format=png / "
    "matte: channels=alpha format=png / web: format=webp max_side=1024 bg_color=white"
)


@pytest.mark.parametrize(
    ("extreme", "outputs"),
    [*((one, "") for one in EXTREMES), (EXTREMES[2], FOUR)],
    ids=lambda one: one.name if isinstance(one, Kind) else one and "four outputs",
)
def test_the_largest_picture_that_is_accepted_stays_within_the_memory(
    extreme: Kind, outputs: str, as_large_as_base: Path
) -> None:
    """At the least memory size that carries a picture of 6 megapixels; half of what is left aside for Lambda stays."""
    path = extreme.file((3_000, 2_000))
    file_bytes = path.stat().st_size
    needed_bytes = BYTES_PER_PX[extreme.format, extreme.mode] * 6_000_000 + BYTES_PER_COLUMN * 3_000 + 2 * file_bytes
    memory_mb = math.ceil((MODEL_BYTES + BESIDE_BYTES + needed_bytes) / 2**20)
    memory = Memory((memory_mb - 2) * 2**20, MODEL_BYTES)
    assert memory.carries_px(extreme.format, extreme.mode, 3_000, file_bytes) < 6_000_000
    report = measure(path, {**environment(as_large_as_base, memory_mb), "OUTPUTS": outputs}, MODEL_BYTES)
    assert report["px"] == 6_000_000
    assert report["before_bytes"] > MODEL_BYTES - 2**20  # but for a page
    assert report["peak_bytes"] > report["before_bytes"] + 6 * report["px"], "the picture has to be seen in the peak"
    assert report["peak_bytes"] < memory_mb * 2**20 - BESIDE_BYTES // 2


def test_50_megapixels_of_rgba_fit_beside_base_at_3008_mb(as_large_as_base: Path, tmp_path: Path) -> None:
    """With profile and rotation they took 3,182 MB: killed, and over HTTP answered "try again"."""
    row = b"\0" + bytes([200, 190, 180, 200]) * 4_000 + bytes([20, 40, 60, 250]) * 4_000
    profile = kind("PNG", "RGBA", profile=True, turned=True).icc_profile()
    turned = png_chunk(b"eXIf", exif((0x0112, 3, 1, b"\0\6\0\0"))[6:])
    path = tmp_path / "large.png"
    path.write_bytes(
        png(8_000, 6_250, row * 6_250, png_chunk(b"iCCP", b"x\0\0" + zlib.compress(profile)), turned, colour=6)
    )
    report = measure(path, environment(as_large_as_base, 3_008), MODEL_BYTES)
    assert report["px"] == 50_000_000
    assert report["before_bytes"] > MODEL_BYTES - 2**20  # but for a page
    assert report["peak_bytes"] < 3_008 * 2**20 - BESIDE_BYTES // 2


def environment(model_dir: Path, memory_mb: int) -> dict[str, str]:
    return {
        "MODEL_DIR": str(model_dir),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb),
        "MAX_INPUT_BYTES": "200000000",
        "THREADS": "2",
    }


def test_every_kind_that_was_measured_has_its_cost() -> None:
    assert {(one.format, one.mode) for one in KINDS} <= set(BYTES_PER_PX)


def test_a_lack_of_memory_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retriable and 5xx: the caller's picture is sound."""

    def no_memory(*_: object) -> None:
        raise MemoryError

    header = read_header(sample("PNG"), Limits(50_000_000, 50))
    monkeypatch.setattr(Image.Image, "load", no_memory)
    with pytest.raises(OutOfMemory, match="while the picture is decoded") as raised:
        decode(header)
    assert isinstance(raised.value, ServiceError)
    assert (raised.value.status, raised.value.retriable) == (503, True)


def test_a_real_lack_of_memory_is_ours() -> None:
    """In a process whose address space ends: the decoder itself has to give up."""
    script = (
        "import resource, sys\n"
        "from handler.pixels.header import read_header\n"
        "from handler.pixels.decode import decode\n"
        "from handler.pixels.limits import Limits\n"
        "from handler.errors import OutOfMemory\n"
        "header = read_header(sys.stdin.buffer.read(), Limits(50_000_000, 50))\n"
        "pages = int(open('/proc/self/statm').read().split()[0])\n"
        "resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 60_000_000,) * 2)\n"
        "try:\n    decode(header)\nexcept OutOfMemory as error:\n    print(error)\n"
    )
    flat = save(Image.fromarray(np.zeros((5_000, 5_000, 3), np.uint8)), "PNG")
    done = subprocess.run([sys.executable, "-c", script], input=flat, cwd=ROOT, check=True, capture_output=True)
    assert b"The memory did not suffice while the picture is decoded" in done.stdout


def test_the_decoders_image_is_gone_when_the_picture_is_there() -> None:
    """The decoder's image lived through the whole job."""
    data = sample("PNG")
    seen: list[weakref.ref[Image.Image]] = []
    opened = Image.open

    def remember(*args: object, **more: object) -> Image.Image:
        image = opened(*args, **more)  # type: ignore[arg-type]  # whatever it takes
        seen.append(weakref.ref(image))
        return image

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Image, "open", remember)
        header = read_header(data, Limits(50_000_000, 50))
        picture = decode(header)
    gc.collect()
    assert picture.width_px == 96
    assert len(seen) == 2
    assert [ref() for ref in seen] == [None, None]


def test_a_column_costs_what_the_limits_say(as_large_as_base: Path, tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    draw((65_535, 16), "RGB", 2).save(path)
    report = measure(path, environment(as_large_as_base, 3_008))
    assert report["peak_bytes"] - report["before_bytes"] < 65_535 * BYTES_PER_COLUMN + BESIDE_BYTES
