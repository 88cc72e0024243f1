"""Build an artefact: `python -m layers.model.build MODEL --out DIR`.

Enters: a model's name, and its checkpoint where there is no internet. Leaves: a folder with weights and manifest, as
the function finds it under /opt/model. Must not know: the function.

torch is imported only where a checkpoint is exported, so that u2netp builds with the standard library and urllib3.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from layers.model import fetch, manifest
from layers.model.sources import SOURCES, Checkpoint, Source, WheelMember

if TYPE_CHECKING:
    from collections.abc import Sequence

# Beside the checkout, git-ignored: a checkpoint is fetched once for all builds.
DOWNLOADS = Path(".cache/downloads")


def build_u2netp(source: WheelMember, weights: Path, out: Path) -> manifest.Manifest:
    """Copy the finished network and describe the preprocessing it was trained with (U-2-Net's u2net_test.py)."""
    target = out / "model.onnx"
    shutil.copyfile(weights, target)
    sha256 = fetch.digest(target)
    return manifest.Manifest(
        name=source.name,
        version=source.version,
        licence=source.licence,
        source_url=source.url,
        source_sha256=sha256,
        engine="onnxruntime",
        weights=target.name,
        weights_sha256=sha256,
        input=manifest.InputSpec("fixed", source.base_px, resample="lanczos", scale="picture-max"),
        output=manifest.OutputSpec(normalise="min-max", resample="lanczos"),
        # 4.6 MB optimise in less time than they take to read. Without a memory pattern 350 MB are held after the
        # second run instead of 544, in the same time (`make bench-rembg`).
        session={"graph_optimization": "all", "memory_pattern": False},
    )


def obtain(source: Source, given: Path | None) -> Path:
    """Return the file the build starts from: `given`, or the published one fetched into `DOWNLOADS`.

    Raises FileNotFoundError for a `given` that is not there, fetch.FetchError for everything the network does.
    """
    if given is not None:
        if not given.is_file():
            raise FileNotFoundError(f"no checkpoint at {given}: name an existing file, or leave it out to download one")
        return given
    match source:
        case Checkpoint():
            return fetch.download(source.url, DOWNLOADS / Path(source.url).name, source.checksum)
        case WheelMember():
            return fetch.take_from_wheel(source, DOWNLOADS / Path(source.member).name)


def build(source: Source, out: Path, checkpoint: Path | None = None) -> Path:
    """Build `source` into the folder `out` and return the manifest's path."""
    weights = obtain(source, checkpoint)
    out.mkdir(parents=True, exist_ok=True)
    match source:
        case WheelMember():
            document = build_u2netp(source, weights, out)
        case Checkpoint():
            raise NotImplementedError(source.name)
    return manifest.write(document, out)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 on success, 1 with one sentence on stderr where the file cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m layers.model.build", description="Build a model artefact.")
    parser.add_argument("model", choices=sorted(SOURCES))
    parser.add_argument("--out", type=Path, required=True, help="folder for the weights and model.json")
    parser.add_argument("--checkpoint", type=Path, help="a file already here, instead of a download")
    options = parser.parse_args(arguments)
    try:
        path = build(SOURCES[options.model], options.out, options.checkpoint)
    except (fetch.FetchError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stderr.write(f"wrote {path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
