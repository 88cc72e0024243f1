"""Settings: what the environment says, read once and checked. The only reader of `os.environ`.

Enters: the environment. Leaves: one frozen `Settings`, or a ConfigurationError that names the variable, its value and
what would do. It must not know what the settings are used for.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar, get_args

from handler.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# One vCPU per 1,769 MB: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
MEMORY_MB_PER_VCPU = 1_769

Mode = Literal["base", "fast", "base-nightly"]
Resize = Literal["static", "dynamic"]
OutputsFrom = Literal["setting", "metadata", "tags"]
UploadFormat = Literal["png", "webp"]
DefaultSize = Literal["auto", "preview", "medium", "hd", "full", "50MP"]
StreamingSender = Literal["function-url", "rest"]

# Seven days, which is what a signature may have: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
MOST_URL_SECONDS = 604_800
MOST_WAITING = 32  # each in a thread of Starlette's, which has 40

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
InitializationType = Literal["on-demand", "provisioned-concurrency", "snap-start", "lambda-managed-instances"]

MODES: tuple[Mode, ...] = get_args(Mode)
RESIZES: tuple[Resize, ...] = get_args(Resize)
OUTPUTS_FROM: tuple[OutputsFrom, ...] = get_args(OutputsFrom)
UPLOAD_FORMATS: tuple[UploadFormat, ...] = get_args(UploadFormat)
DEFAULT_SIZES: tuple[DefaultSize, ...] = get_args(DefaultSize)
STREAMING_SENDERS: tuple[StreamingSender, ...] = get_args(StreamingSender)
INITIALIZATION_TYPES: tuple[InitializationType, ...] = get_args(InitializationType)

T = TypeVar("T")
D = TypeVar("D")
Number = TypeVar("Number", int, float)


@dataclass(frozen=True)
class Settings:
    """Every setting. Its variable is the field's name in capitals; a comment names it where it is another."""

    model_dir: Path = Path("/opt/model")
    inspirenet_mode: Mode | None = None  # None: whatever artefact MODEL_DIR holds
    inspirenet_resize: Resize = "static"
    target_size: int | None = None  # px; None: the artefact's base size
    max_network_megapixels: float | None = None  # None: from the memory size
    min_instances: int = 0  # for platforms other than Lambda, which says itself what an environment is started for
    output_bucket: str | None = None
    output_bucket_owner: str | None = None  # the account that the output bucket has to belong to; None: any
    output_prefix: str = "cutouts/"
    output_format: UploadFormat = "png"  # of uploads' cut-outs
    outputs: str | None = None  # what an upload gives, where it is more than one; `web.parameters.renditions` reads it
    outputs_from: OutputsFrom = "setting"  # where an upload may ask for others
    result_bucket: str | None = None  # for what is too large for an answer or a request; None: such is refused
    result_url_seconds: int = 3_600  # how long an address in it is good for
    default_size: DefaultSize = "auto"  # of HTTP results: the picture's own size. remove.bg's default is "preview".
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
    api_key_hashes: frozenset[str] | None = None  # API_KEYS; None: not set. Only the keys' SHA-256 is kept.
    api_keys_secret_arn: str | None = None  # a Secrets Manager secret that holds such hashes
    allowed_origins: tuple[str, ...] = ()  # of pages that may call, where no gateway answers for CORS
    stream_answers_to: frozenset[StreamingSender] = frozenset()  # whose gateways are set to stream answers
    url_fetch_allow: frozenset[str] = frozenset()  # host:port pairs fetched from though they are not public: laptops
    throttle_rate: float | None = None  # requests a second that the HTTP API in front lets through; None: not known
    max_waiting: int = 8  # requests that a plain web server works on or holds, while others are told to come back
    warmup_hold_ms: int = 75  # how long a fanned-out ping keeps its environment busy; lambda-warmer's default
    threads: int = 1
    # What Lambda itself sets
    function_name: str | None = None  # AWS_LAMBDA_FUNCTION_NAME
    memory_mb: int | None = None  # AWS_LAMBDA_FUNCTION_MEMORY_SIZE
    initialization_type: InitializationType | None = None  # AWS_LAMBDA_INITIALIZATION_TYPE; None: not in Lambda

    @property
    def warms_at_start(self) -> bool:
        """Whether start-up is the time to warm up: nobody waits for it then.

        In Lambda the platform says what it starts an environment for. MIN_INSTANCES would warm on-demand environments,
        too, whose init is ended after 10 s and then repeated while a caller waits:
        https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib
        """
        if self.initialization_type is not None:
            return self.initialization_type in {"provisioned-concurrency", "snap-start"}
        return self.min_instances > 0

    @property
    def needs_key(self) -> bool:
        """Whether requests need an API key."""
        return self.api_key_hashes is not None or self.api_keys_secret_arn is not None

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
            output_bucket_owner=_read(env, "OUTPUT_BUCKET_OWNER", _account, None, "an AWS account's 12 digits"),
            output_format=_choice(env, "OUTPUT_FORMAT", UPLOAD_FORMATS, cls.output_format),
            outputs=env.get("OUTPUTS"),
            outputs_from=_choice(env, "OUTPUTS_FROM", OUTPUTS_FROM, cls.outputs_from),
            result_bucket=env.get("RESULT_BUCKET"),
            result_url_seconds=_read(
                env,
                "RESULT_URL_SECONDS",
                _between(1, MOST_URL_SECONDS),
                cls.result_url_seconds,
                f"a whole number from 1 to {MOST_URL_SECONDS}",
            ),
            default_size=_choice(env, "DEFAULT_SIZE", DEFAULT_SIZES, cls.default_size),
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
            api_key_hashes=_api_key_hashes(env),
            api_keys_secret_arn=env.get("API_KEYS_SECRET_ARN"),
            allowed_origins=_list(env, "ALLOWED_ORIGINS"),
            stream_answers_to=_read(
                env,
                "STREAM_ANSWERS_TO",
                _streaming_senders,
                cls.stream_answers_to,
                "function-url, rest, or both with a comma between them",
            ),
            url_fetch_allow=frozenset(_list(env, "URL_FETCH_ALLOW")),
            throttle_rate=_read(env, "THROTTLE_RATE", _positive(float), None, "a number above 0, such as 10"),
            max_waiting=_read(
                env,
                "MAX_WAITING",
                _between(1, MOST_WAITING),
                cls.max_waiting,
                f"a whole number from 1 to {MOST_WAITING}",
            ),
            warmup_hold_ms=_read(
                env, "WARMUP_HOLD_MS", _from_zero, cls.warmup_hold_ms, "a whole number of milliseconds from 0"
            ),
            threads=_read(env, "THREADS", _positive(int), _threads_for(memory_mb), "a whole number above 0"),
            function_name=env.get("AWS_LAMBDA_FUNCTION_NAME"),
            memory_mb=memory_mb,
            # A kind that AWS adds later is one that this code need not warm up for.
            initialization_type=_known(env, "AWS_LAMBDA_INITIALIZATION_TYPE", INITIALIZATION_TYPES, "on-demand"),
        )


def function_name() -> str:
    """Give the function's name, which is known even where the settings make no sense; `local` outside Lambda."""
    return os.environ.get("AWS_LAMBDA_FUNCTION_NAME") or "local"


def stream_answers_to() -> frozenset[StreamingSender]:
    """Give the senders that stream, which are known even where other settings make no sense.

    Their gateways read streamed answers alone, be it the one that says what makes no sense.
    """
    given = _list(os.environ, "STREAM_ANSWERS_TO")
    return frozenset(sender for sender in STREAMING_SENDERS if sender in given)


def _threads_for(memory_mb: int | None) -> int:
    """Give one thread for each vCPU of the memory's share, rounded up.

    os.cpu_count() shows the host's cores, which are more than the share; threads beyond it only take turns.
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


def _choice(env: Mapping[str, str], name: str, choices: tuple[T, ...], default: D) -> T | D:
    if name not in env:
        return default
    for choice in choices:
        if choice == env[name]:
            return choice
    known = ", ".join(str(choice) for choice in choices)
    raise ConfigurationError(f"{name}={env[name]!r} makes no sense: give one of {known}.")


def _known(env: Mapping[str, str], name: str, choices: tuple[T, ...], otherwise: T) -> T | None:
    if name not in env:
        return None
    return next((choice for choice in choices if choice == env[name]), otherwise)


def _list(env: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(entry.strip() for entry in env.get(name, "").split(",") if entry.strip())


def _api_key_hashes(env: Mapping[str, str]) -> frozenset[str] | None:
    """Read API_KEYS, which outside Lambda is the short way: keys, or their hashes as the secret holds them."""
    if "API_KEYS" not in env:
        return None
    hashes = frozenset(given_hash(entry) or hash_of(entry) for entry in _list(env, "API_KEYS"))
    if not hashes:
        raise ConfigurationError("API_KEYS holds no key, only separators: give keys separated by commas, or unset it.")
    return hashes


def hash_of(key: str) -> str:
    """Give an API key's SHA-256 in hexadecimal."""
    import hashlib  # noqa: PLC0415 - OpenSSL, of which a start without keys need read nothing

    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def given_hash(entry: str) -> str | None:
    """Read an entry `sha256:<64 hexadecimal digits>`, as keys are stored; None where it is none."""
    found = re.fullmatch(r"sha256:([0-9a-fA-F]{64})", entry, re.ASCII)
    return found[1].lower() if found else None


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


def _streaming_senders(text: str) -> frozenset[StreamingSender]:
    given = {entry.strip() for entry in text.split(",")}
    if not given <= set(STREAMING_SENDERS):
        raise ValueError(text)
    return frozenset(sender for sender in STREAMING_SENDERS if sender in given)


def _between(least: int, most: int) -> Callable[[str], int]:
    def bounded(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise ValueError(text)
        return value

    return bounded


def _account(text: str) -> str:
    if not re.fullmatch(r"\d{12}", text, re.ASCII):
        raise ValueError(text)
    return text


def _multiple_of_32(text: str) -> int:
    value = int(text)
    if value % 32 or not 64 <= value <= 2048:
        raise ValueError(text)
    return value
