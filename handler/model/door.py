"""The model behind one lazy door: nothing is imported or loaded until a job needs it, and then once.

Enters: an (H, W, 3) picture. Leaves: its matte, (H, W) in [0, 1]. It must not know where pictures come from or go.
The arithmetic around the network (size, resampling, normalisation) follows the artefact's manifest.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from matting import resize_align_corners
from PIL import Image

from handler.errors import ConfigurationError, ModelError
from handler.model.manifest import Manifest, Memory, read_manifest
from handler.model.network_size import SizePolicy, network_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from handler.settings import Settings

RESAMPLE = {"bilinear": Image.Resampling.BILINEAR, "lanczos": Image.Resampling.LANCZOS}

# Upstream's own sizes up to an aspect ratio of 2:1, no whole panorama: where the memory would carry more, or is not
# known, it would still take longer than a gateway waits.
MOST_NETWORK_PX = 2 * 1280 * 1280
# Python, libraries and a picture of 12 megapixels on its way.
BESIDE_THE_NETWORK_BYTES = 600_000_000
# A matte of a smaller network input is too coarse to use. A function whose memory does not suffice for this one is
# ended by Lambda for its memory, which its log names.
LEAST_NETWORK_PX = 384 * 384


class Engine(Protocol):
    """What runs a network."""

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take (1, 3, h, w), give (h, w)."""


@dataclass(frozen=True)
class Loaded:
    """What an opened door has behind it."""

    manifest: Manifest
    policy: SizePolicy
    engine: Engine
    memory: Memory | None  # with this engine
    load_ms: float
    notes: tuple[str, ...]  # settings that this artefact gives no meaning to, an engine that does not load here


class Model:
    """The door. Cheap to construct; `load` or the first `predict` opens it. Safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._loaded: Loaded | None = None
        self._revision: str | None = None
        self._ms_per_network_px: float | None = None
        self.last_network_ms: float | None = None  # of `predict`, without the resampling around the network

    @property
    def loaded(self) -> bool:
        """Whether the weights are in memory."""
        return self._loaded is not None

    @property
    def name(self) -> str:
        """The artefact's name and version; known once loaded."""
        return f"{self._loaded.manifest.name} {self._loaded.manifest.version}" if self._loaded else "not loaded"

    def peak_bytes(self) -> int | None:
        """Say what the process occupies at its peak with this model and no picture, at the largest size of its network.

        Loads nothing. None where the artefact does not say. Raises ModelError or ConfigurationError.
        """
        if self._loaded:
            policy, memory = self._loaded.policy, self._loaded.memory
        else:
            manifest = read_manifest(self._settings.model_dir)
            memory = _memory(manifest)
            policy, _ = _policy(manifest, memory, self._settings)
        if memory is None:
            return None
        dynamic = policy.kind == "flexible" and policy.resize == "dynamic"
        network_px = policy.max_pixels if dynamic and policy.max_pixels else policy.base_px**2
        return memory.base_bytes + memory.bytes_per_network_px * network_px

    def revision(self) -> str:
        """Name what a matte depends on: the artefact, its weights, and the size that pictures are shown to it at.

        Loads nothing. Raises ModelError, or ConfigurationError where a setting contradicts the artefact.
        """
        if self._revision is None:
            manifest = self._loaded.manifest if self._loaded else read_manifest(self._settings.model_dir)
            policy, _ = _policy(manifest, _memory(manifest), self._settings)
            weights = f" {manifest.weights_sha256[:12]}" if manifest.weights_sha256 else ""
            resize = policy.resize if policy.kind == "flexible" else "fixed"
            self._revision = f"{manifest.name} {manifest.version}{weights} {resize} {policy.base_px}"
        return self._revision

    @property
    def load_ms(self) -> float | None:
        """What loading took; None before it."""
        return self._loaded.load_ms if self._loaded else None

    def load(self) -> Loaded:
        """Load the weights, unless they are loaded. A failed load leaves the door closed, so the next call tries again.

        Raises ModelError, or ConfigurationError where a setting contradicts the artefact.
        """
        with self._lock:
            if self._loaded is None:
                begun = time.perf_counter()
                manifest = read_manifest(self._settings.model_dir)
                opened = _open_engine(manifest, self._settings)
                policy, notes = _policy(manifest, opened.memory, self._settings)
                load_ms = (time.perf_counter() - begun) * 1e3
                self._loaded = Loaded(manifest, policy, opened.engine, opened.memory, load_ms, notes + opened.notes)
            return self._loaded

    def predict(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Estimate the matte of an (H, W, 3) sRGB picture: float32 (H, W) in [0, 1].

        Raises ModelError.
        """
        loaded = self.load()
        manifest = loaded.manifest
        begun = time.perf_counter()
        height_px, width_px = rgb.shape[:2]
        size = network_size(width_px, height_px, loaded.policy)
        batch = to_batch(rgb, size, manifest)  # (1, 3, h, w)
        try:
            sent = time.perf_counter()
            saliency = loaded.engine.infer(batch)  # (h, w)
            self.last_network_ms = (time.perf_counter() - sent) * 1e3
        except Exception as error:
            raise ModelError(
                f"{manifest.name} failed on {size[0]}×{size[1]} px, from a picture of {width_px}×{height_px} px: "
                f"{type(error).__name__}: {error}"
            ) from error
        matte = to_matte(saliency, (width_px, height_px), manifest)
        rate = (time.perf_counter() - begun) * 1e3 / (size[0] * size[1])
        self._ms_per_network_px = rate if self._ms_per_network_px is None else min(rate, self._ms_per_network_px)
        return matte

    def expected_predict_ms(self, width_px: int, height_px: int) -> float | None:
        """Say how long a picture's prediction should take here, by the best rate seen; None before the first."""
        if self._ms_per_network_px is None or self._loaded is None:
            return None
        network_width_px, network_height_px = network_size(width_px, height_px, self._loaded.policy)
        return self._ms_per_network_px * network_width_px * network_height_px


def to_batch(rgb: NDArray[np.uint8], size: tuple[int, int], manifest: Manifest) -> NDArray[np.float32]:
    """Resample (H, W, 3) to `size` (width, height) and normalise it: float32 (1, 3, height, width)."""
    small = np.asarray(Image.fromarray(rgb).resize(size, RESAMPLE[manifest.input_resample]), dtype=np.float32)
    scale = 255.0 if manifest.input_scale == "255" else max(float(small.max()), 1e-6)
    mean, std = np.asarray(manifest.mean, np.float32), np.asarray(manifest.std, np.float32)
    normalised = (small / np.float32(scale) - mean) / std  # (h, w, 3)
    return np.ascontiguousarray(normalised.transpose(2, 0, 1))[np.newaxis]  # (1, 3, h, w)


def to_matte(saliency: NDArray[np.float32], size: tuple[int, int], manifest: Manifest) -> NDArray[np.float32]:
    """Bring the network's (h, w) output to [0, 1] and to the picture's `size` (width, height): (height, width)."""
    if not np.isfinite(saliency).all():
        raise ModelError(f"{manifest.name} gave values that are no numbers. Build the artefact again.")
    if manifest.output_normalise == "min-max":
        low, high = float(saliency.min()), float(saliency.max())
        if high > low:  # a constant output has nothing to stretch
            saliency = (saliency - low) / (high - low)
    saliency = np.clip(saliency, 0.0, 1.0)
    if manifest.output_resample == "bilinear-align-corners":
        # A side of 1 px has two corners to align and would show the first. Upstream fails there; the mean is fair.
        if size[0] == 1:
            saliency = saliency.mean(axis=1, keepdims=True)  # (h, 1)
        if size[1] == 1:
            saliency = saliency.mean(axis=0, keepdims=True)  # (1, w)
        return resize_align_corners(saliency, *size)
    grey = Image.fromarray((saliency * 255).astype(np.uint8)).resize(size, Image.Resampling.LANCZOS)
    matte: NDArray[np.float32] = np.multiply(np.asarray(grey), np.float32(1 / 255), dtype=np.float32)
    return matte


def _policy(manifest: Manifest, memory: Memory | None, settings: Settings) -> tuple[SizePolicy, tuple[str, ...]]:
    """Reconcile the settings with the artefact: a contradiction is an error, a setting without meaning a note."""
    expected = settings.inspirenet_mode and f"inspyrenet-{settings.inspirenet_mode}"
    if expected and manifest.name.startswith("inspyrenet") and manifest.name != expected:
        raise ConfigurationError(
            f"INSPIRENET_MODE={settings.inspirenet_mode!r} asks for {expected}, and {settings.model_dir} holds "
            f"{manifest.name}: build the image with MODEL={expected}, or leave INSPIRENET_MODE unset."
        )
    notes = []
    if expected and not manifest.name.startswith("inspyrenet"):
        notes.append(f"INSPIRENET_MODE has no effect: the artefact is {manifest.name}.")
    if manifest.size_policy == "fixed":
        if settings.inspirenet_resize == "dynamic":
            notes.append(
                f"INSPIRENET_RESIZE=dynamic has no effect: {manifest.name} takes {manifest.base_px} px squares."
            )
        if settings.target_size not in {None, manifest.base_px}:
            notes.append(f"TARGET_SIZE has no effect: {manifest.name} takes {manifest.base_px} px squares.")
        return SizePolicy("fixed", manifest.base_px), tuple(notes)
    return SizePolicy(
        kind="flexible",
        base_px=settings.target_size or manifest.base_px,
        resize="dynamic" if settings.inspirenet_resize == "dynamic" else "static",
        multiple_px=manifest.multiple_px,
        shorter_side_max_px=manifest.shorter_side_max_px,
        max_pixels=_max_network_pixels(memory, settings),
    ), tuple(notes)


def _max_network_pixels(memory: Memory | None, settings: Settings) -> int:
    """Bound what dynamic mode sends to the network: by the setting, else by the memory left, and by time."""
    if settings.max_network_megapixels is not None:
        return int(settings.max_network_megapixels * 1e6)
    if settings.memory_mb is None or memory is None:
        return MOST_NETWORK_PX
    spare_bytes = settings.memory_mb * 2**20 - memory.base_bytes - BESIDE_THE_NETWORK_BYTES
    return max(LEAST_NETWORK_PX, min(MOST_NETWORK_PX, spare_bytes // memory.bytes_per_network_px))


def _memory(manifest: Manifest) -> Memory | None:
    """Say what the engine needs that is tried first."""
    return manifest.kernels.memory if manifest.kernels else manifest.memory


@dataclass(frozen=True)
class _Opened:
    engine: Engine
    memory: Memory | None
    notes: tuple[str, ...] = ()


def _open_engine(manifest: Manifest, settings: Settings) -> _Opened:
    """Open the artefact's fastest engine that loads here; raises ModelError where its weights cannot be used."""
    notes: tuple[str, ...] = ()
    try:
        if manifest.engine == "torch":
            from handler.model.torch_engine import TorchEngine  # noqa: PLC0415 - the door is lazy on purpose

            return _Opened(TorchEngine(manifest, settings.threads), manifest.memory)
        if manifest.kernels:
            try:
                from handler.model.kernels_engine import KernelsEngine  # noqa: PLC0415 - the door is lazy on purpose
            except (ImportError, OSError) as error:
                said = "The kernels do not load here, so ONNX Runtime runs the graph, more slowly and in more memory"
                notes = (f"{said}: {error}",)
            else:
                engine = KernelsEngine(manifest.kernels.tensors, manifest.base_px, settings.threads)
                return _Opened(engine, manifest.kernels.memory)
        from handler.model.onnx_engine import OnnxEngine  # noqa: PLC0415 - the door is lazy on purpose

        return _Opened(OnnxEngine(manifest, settings.threads), manifest.memory, notes)
    except Exception as error:
        raise ModelError(
            f"{manifest.name} cannot be loaded from {manifest.weights}: {type(error).__name__}: {error}"
        ) from error
