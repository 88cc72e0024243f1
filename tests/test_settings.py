"""Settings: what each variable may be, and the sentence for what it may not."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.errors import ConfigurationError
from handler.settings import Settings

HASH_OF_A = hashlib.sha256(b"a").hexdigest()
HASH_OF_B = hashlib.sha256(b"b").hexdigest()

NONSENSE = {
    "INSPIRENET_MODE": ["slow", "BASE", " "],
    "INSPIRENET_RESIZE": ["Dynamic", "both"],
    "TARGET_SIZE": ["100", "0", "-32", "32", "2080", "1024.0", "big"],
    "MAX_NETWORK_MEGAPIXELS": ["0", "-1", "nan", "inf", "much"],
    "MIN_INSTANCES": ["-1", "0.5", "one"],
    "OUTPUT_FORMAT": ["jpg", "PNG"],
    "OUTPUTS_FROM": ["both", "Tags", "none"],
    "DEFAULT_SIZE": ["huge", "4K"],
    "MAX_INPUT_BYTES": ["0", "-1", "5MB", "1e6"],
    "MAX_INPUT_MEGAPIXELS": ["0", "-3", "nan", "inf", "fifty"],
    "OUTPUT_BUCKET_OWNER": ["12345678901", "1234567890123", "me"],
    "RESULT_URL_SECONDS": ["0", "-1", "604801", "1h", "0.5"],
    "MAX_INPUT_SIDE_PX": ["0", "-1", "4k", "1e4"],
    "MAX_INPUT_SCANS": ["0", "ten"],
    "MAX_INPUT_PARTS": ["0", "2.5"],
    "WARMUP_HOLD_MS": ["-1", "75ms"],
    "STREAM_ANSWERS_TO": ["alb", "http-api", "function_url", "rest;function-url", "rest,", ",", " "],
    "THREADS": ["0", "-2", "all"],
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": ["lots"],
}
WHAT_WOULD_DO = {
    "INSPIRENET_MODE": "base, fast",
    "INSPIRENET_RESIZE": "static, dynamic",
    "TARGET_SIZE": "multiple of 32 from 64 to 2048",
    "MAX_NETWORK_MEGAPIXELS": "above 0",
    "MIN_INSTANCES": "from 0",
    "OUTPUT_FORMAT": "png, webp",
    "OUTPUTS_FROM": "setting, metadata, tags",
    "DEFAULT_SIZE": "auto, preview",
    "MAX_INPUT_BYTES": "bytes above 0",
    "MAX_INPUT_MEGAPIXELS": "above 0",
    "OUTPUT_BUCKET_OWNER": "12 digits",
    "RESULT_URL_SECONDS": "from 1 to 604800",
    "MAX_INPUT_SIDE_PX": "pixels above 0",
    "MAX_INPUT_SCANS": "scans above 0",
    "MAX_INPUT_PARTS": "parts above 0",
    "WARMUP_HOLD_MS": "milliseconds from 0",
    "STREAM_ANSWERS_TO": "function-url, rest, or both",
    "THREADS": "above 0",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "MB",
}
SENSE: dict[str, tuple[str, str, Any]] = {
    "MODEL_DIR": ("/models/a", "model_dir", Path("/models/a")),
    "INSPIRENET_MODE": ("fast", "inspirenet_mode", "fast"),
    "INSPIRENET_RESIZE": ("dynamic", "inspirenet_resize", "dynamic"),
    "RESULT_BUCKET": ("large", "result_bucket", "large"),
    "RESULT_URL_SECONDS": ("604800", "result_url_seconds", 604_800),
    "TARGET_SIZE": ("1024", "target_size", 1024),
    "MAX_NETWORK_MEGAPIXELS": ("1.7", "max_network_megapixels", 1.7),
    "MIN_INSTANCES": ("2", "min_instances", 2),
    "OUTPUT_BUCKET": ("cutouts", "output_bucket", "cutouts"),
    "OUTPUT_PREFIX": ("a/b/", "output_prefix", "a/b/"),
    "OUTPUT_FORMAT": ("webp", "output_format", "webp"),
    "OUTPUTS": ("web: format=webp", "outputs", "web: format=webp"),
    "OUTPUTS_FROM": ("tags", "outputs_from", "tags"),
    "DEFAULT_SIZE": ("50MP", "default_size", "50MP"),
    "MAX_INPUT_BYTES": ("5000000", "max_input_bytes", 5_000_000),
    "MAX_INPUT_MEGAPIXELS": ("24.5", "max_input_megapixels", 24.5),
    "MAX_INPUT_SIDE_PX": ("20000", "max_input_side_px", 20_000),
    "MAX_INPUT_SCANS": ("20", "max_input_scans", 20),
    "MAX_INPUT_PARTS": ("5000", "max_input_parts", 5_000),
    "API_KEYS": (f"a, sha256:{HASH_OF_B},,", "api_key_hashes", frozenset({HASH_OF_A, HASH_OF_B})),
    "API_KEYS_SECRET_ARN": ("arn:aws:secretsmanager:x", "api_keys_secret_arn", "arn:aws:secretsmanager:x"),
    "ALLOWED_ORIGINS": (
        "https://a.example, https://b.example",
        "allowed_origins",
        ("https://a.example", "https://b.example"),
    ),
    "STREAM_ANSWERS_TO": ("rest, function-url", "stream_answers_to", frozenset({"function-url", "rest"})),
    "URL_FETCH_ALLOW": ("localhost:8001, [::1]:80", "url_fetch_allow", frozenset({"localhost:8001", "[::1]:80"})),
    "OUTPUT_BUCKET_OWNER": ("123456789012", "output_bucket_owner", "123456789012"),
    "WARMUP_HOLD_MS": ("0", "warmup_hold_ms", 0),
    "THREADS": (" 3 ", "threads", 3),
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in NONSENSE.items() for value in values])
def test_a_value_without_sense_is_named_with_what_would_do(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        Settings.from_env({name: value})
    sentence = str(raised.value)
    assert sentence.startswith(f"{name}={value!r} makes no sense: give ")
    assert WHAT_WOULD_DO[name] in sentence


@pytest.mark.parametrize(("name", "given_value", "field", "value"), [(name, *row) for name, row in SENSE.items()])
def test_a_value_with_sense_is_read(name: str, given_value: str, field: str, value: Any) -> None:
    assert getattr(Settings.from_env({name: given_value}), field) == value
    assert getattr(Settings.from_env({}), field) != value


@pytest.mark.parametrize("name", [name for name in SENSE if name != "OUTPUT_PREFIX"])
def test_an_empty_variable_is_not_set(name: str) -> None:
    assert Settings.from_env({name: ""}) == Settings.from_env({})


def test_an_empty_prefix_is_a_prefix() -> None:
    assert Settings.from_env({"OUTPUT_PREFIX": ""}).output_prefix == ""
    assert Settings.from_env({}).output_prefix == "cutouts/"


@pytest.mark.parametrize(
    ("memory_mb", "threads"), [(128, 1), (1769, 1), (1770, 2), (3008, 2), (3538, 2), (5307, 3), (10_240, 6)]
)
def test_threads_follow_the_memorys_share(memory_mb: int, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert Settings.from_env({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb)}).threads == threads


def test_there_are_no_more_threads_than_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert Settings.from_env({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "10240"}).threads == 2
    assert Settings.from_env({}).threads == 2
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert Settings.from_env({}).threads == 1


@pytest.mark.parametrize("keys", [",", " , ,", ", "])
def test_separators_alone_are_no_keys_and_open_nothing(keys: str) -> None:
    with pytest.raises(ConfigurationError, match="API_KEYS holds no key"):
        Settings.from_env({"API_KEYS": keys})


def test_settings_hold_no_key() -> None:
    assert "hush-hush" not in repr(Settings.from_env({"API_KEYS": "hush-hush"}))


def test_the_process_environment_is_what_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TARGET_SIZE", "512")
    assert Settings.from_env().target_size == 512


@pytest.mark.parametrize(
    ("environment", "early"),
    [
        ({}, False),
        ({"MIN_INSTANCES": "0"}, False),
        ({"MIN_INSTANCES": "1"}, True),
        ({"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand"}, False),
        ({"AWS_LAMBDA_INITIALIZATION_TYPE": "provisioned-concurrency"}, True),
        ({"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}, True),
        ({"AWS_LAMBDA_INITIALIZATION_TYPE": "lambda-managed-instances"}, False),
        ({"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "MIN_INSTANCES": "1"}, False),
        ({"AWS_LAMBDA_INITIALIZATION_TYPE": "a-kind-to-come", "MIN_INSTANCES": "1"}, False),
    ],
    ids=str,
)
def test_init_warms_up_where_nobody_waits(environment: dict[str, str], *, early: bool) -> None:
    assert Settings.from_env(environment).warms_at_start is early


@given(st.dictionaries(st.sampled_from(sorted(NONSENSE)), st.text(max_size=12)))
def test_any_text_is_either_settings_or_a_sentence(environment: dict[str, str]) -> None:
    try:
        Settings.from_env(environment)
    except ConfigurationError as error:
        assert any(str(error).startswith(f"{name}=") for name in environment)  # noqa: PT017 - most texts raise, not all
