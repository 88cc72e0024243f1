"""Settings: what the environment says, read once and checked. The only reader of `os.environ`.

Enters: the environment. Leaves: one frozen `Settings`, or a ConfigurationError that names the variable, its value and
what would do. It must not know what the settings are used for.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from handler.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# A vCPU a 1,769 MB: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
MEMORY_MB_PER_VCPU = 1_769

MODES = ("base", "fast", "base-nightly")
RESIZES = ("static", "dynamic")
SIZES = ("auto", "preview", "medium", "hd", "full", "50MP")

T = TypeVar("T")
Number = TypeVar("Number", int, float)


@dataclass(frozen=True)
class Settings:
    """One field an environment variable, upper-cased, where its comment names no other."""

    model_dir: Path = Path("/opt/model")
    inspirenet_mode: str | None = None  # None: whatever artefact MODEL_DIR holds
    inspirenet_resize: str = "static"
    target_size: int | None = None  # px; None: the artefact's base size
    max_network_megapixels: float | None = None  # None: from the memory size
    min_instances: int = 0
    output_bucket: str | None = None
    output_prefix: str = "cutouts/"
    output_format: str = "png"  # of S3 results
    default_size: str = "auto"  # of HTTP results: the picture's own size. remove.bg's default is "preview".
    max_input_bytes: int = 50_000_000
    max_input_megapixels: float | None = None  # None: what the memory carries beside the model, 50 at most
    # Work grows by these, whatever the area. A JPEG's sides end there, too, and each column costs 0.7 kB while colours
    # are estimated.
    max_input_side_px: int = 65_535
    # Each scan of a progressive JPEG is a walk over the whole picture; usual are 10. It is libtiff's limit, too:
    # https://gitlab.com/libtiff/libtiff/-/blob/master/libtiff/tif_jpeg.c
    max_input_scans: int = 100
    # Chunks, segments, blocks or tiles of a file: each costs microseconds and some hundred bytes. 50 megapixels in
    # tiles of 32×32 px are 49,000.
    max_input_parts: int = 100_000
    api_keys: tuple[str, ...] = ()
    warmup_hold_ms: int = 75  # how long a fanned-out ping keeps its environment busy; lambda-warmer's default
    threads: int = 1
    # What Lambda itself sets
    function_name: str | None = field(default=None)  # AWS_LAMBDA_FUNCTION_NAME
    function_version: str | None = field(default=None)  # AWS_LAMBDA_FUNCTION_VERSION
    memory_mb: int | None = field(default=None)  # AWS_LAMBDA_FUNCTION_MEMORY_SIZE
    initialization_type: str = "on-demand"  # AWS_LAMBDA_INITIALIZATION_TYPE

    @property
    def warms_at_start(self) -> bool:
        """Whether init is the time to warm up: nobody waits for it then."""
        return self.min_instances > 0 or self.initialization_type in {"provisioned-concurrency", "snap-start"}

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read and check every variable; an empty one counts as not set.

        Raises ConfigurationError, naming the first variable that makes no sense.
        """
        given = os.environ if environ is None else environ
        env = {name: value for name, value in given.items() if value != ""}
        memory_mb = _read(env, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", int, None, "a whole number of MB")
        return cls(
            model_dir=Path(env.get("MODEL_DIR", str(cls.model_dir))),
            inspirenet_mode=_choice(env, "INSPIRENET_MODE", MODES, None),
            inspirenet_resize=_choice(env, "INSPIRENET_RESIZE", RESIZES, cls.inspirenet_resize),
            target_size=_read(env, "TARGET_SIZE", _multiple_of_32, None, "a multiple of 32 from 64 to 2048"),
            max_network_megapixels=_read(
                env, "MAX_NETWORK_MEGAPIXELS", _positive(float), None, "a number above 0, such as 1.7"
            ),
            min_instances=_read(env, "MIN_INSTANCES", _from_zero, cls.min_instances, "a whole number from 0"),
            output_bucket=env.get("OUTPUT_BUCKET"),
            output_prefix=given.get("OUTPUT_PREFIX", cls.output_prefix),  # empty is a value here: no prefix
            output_format=_choice(env, "OUTPUT_FORMAT", ("png", "webp"), cls.output_format),
            default_size=_choice(env, "DEFAULT_SIZE", SIZES, cls.default_size),
            max_input_bytes=_read(
                env, "MAX_INPUT_BYTES", _positive(int), cls.max_input_bytes, "a whole number of bytes above 0"
            ),
            max_input_megapixels=_read(
                env, "MAX_INPUT_MEGAPIXELS", _positive(float), None, "a number above 0, such as 50"
            ),
            max_input_side_px=_read(
                env, "MAX_INPUT_SIDE_PX", _positive(int), cls.max_input_side_px, "a whole number of pixels above 0"
            ),
            max_input_scans=_read(
                env, "MAX_INPUT_SCANS", _positive(int), cls.max_input_scans, "a whole number of scans above 0"
            ),
            max_input_parts=_read(
                env, "MAX_INPUT_PARTS", _positive(int), cls.max_input_parts, "a whole number of parts above 0"
            ),
            api_keys=tuple(key.strip() for key in env.get("API_KEYS", "").split(",") if key.strip()),
            warmup_hold_ms=_read(
                env, "WARMUP_HOLD_MS", _from_zero, cls.warmup_hold_ms, "a whole number of milliseconds from 0"
            ),
            threads=_read(env, "THREADS", _positive(int), _threads_for(memory_mb), "a whole number above 0"),
            function_name=env.get("AWS_LAMBDA_FUNCTION_NAME"),
            function_version=env.get("AWS_LAMBDA_FUNCTION_VERSION"),
            memory_mb=memory_mb,
            initialization_type=env.get("AWS_LAMBDA_INITIALIZATION_TYPE", cls.initialization_type),
        )


def function_name() -> str:
    """Give the function's name, which is known even where the settings make no sense; `local` outside Lambda."""
    return os.environ.get("AWS_LAMBDA_FUNCTION_NAME") or "local"


def _threads_for(memory_mb: int | None) -> int:
    """One thread a vCPU of the memory's share, rounded up.

    os.cpu_count() shows the host's cores, more than the share; threads beyond it only take turns.
    """
    visible = os.cpu_count() or 1
    return visible if memory_mb is None else max(1, min(visible, math.ceil(memory_mb / MEMORY_MB_PER_VCPU)))


def _read(env: Mapping[str, str], name: str, parse: Callable[[str], T], default: T, what_would_do: str) -> T:
    if name not in env:
        return default
    try:
        return parse(env[name].strip())
    except ValueError as error:
        raise ConfigurationError(f"{name}={env[name]!r} makes no sense: give {what_would_do}.") from error


def _choice(env: Mapping[str, str], name: str, choices: tuple[str, ...], default: T) -> str | T:
    if name not in env:
        return default
    if env[name] not in choices:
        raise ConfigurationError(f"{name}={env[name]!r} makes no sense: give one of {', '.join(choices)}.")
    return env[name]


def _positive(parse: Callable[[str], Number]) -> Callable[[str], Number]:
    def bounded(text: str) -> Number:
        value = parse(text)
        if not 0 < value < math.inf:
            raise ValueError(text)
        return value

    return bounded


def _from_zero(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError(text)
    return value


def _multiple_of_32(text: str) -> int:
    value = int(text)
    if value % 32 or not 64 <= value <= 2048:
        raise ValueError(text)
    return value
