"""The stack that is deployed, to be read and compared: python -m tests.template.snapshots renews the files.

`defaults.yaml` has the whole stack; each other file has what another set of parameters changes in it. No two parameters
are given the same value, so that two that have been swapped show.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # published without types

from tests.template.stack import SECRET, Stack, stack

FOLDER = Path(__file__).parent / "snapshots"
KEY = "arn:aws:kms:us-east-1:123456789012:key/{}"


@dataclass(frozen=True)
class Given:
    """Parameters, and why they are looked at."""

    why: str
    parameters: dict[str, str]


SETS = {
    "everything": Given(
        "Every trigger is there and every parameter is given.",
        {
            "Model": "inspyrenet-fast",
            "Architecture": "arm64",
            "MemoryMb": "4096",
            "TimeoutSeconds": "300",
            "EphemeralStorageMb": "1025",
            "ReservedConcurrency": "11",
            "WarmStrategy": "schedule",
            "WarmEnvironments": "3",
            "WarmMinutes": "7",
            "HttpApi": "key",
            "FunctionUrl": "key",
            "StreamAnswersTo": "function-url,rest",
            "ApiKeysSecretArn": SECRET,
            "ApiKeysKmsKeyArn": KEY.format("secret"),
            "AllowedOrigins": "https://example.com",
            "ThrottleRate": "13",
            "ThrottleBurst": "17",
            "LargeFiles": "on",
            "UploadConcurrency": "6",
            "InputKmsKeyArn": KEY.format("input"),
            "OutputKmsKeyArn": KEY.format("output"),
            "QueueKmsKeyArn": KEY.format("queue"),
            "Resize": "dynamic",
            "TargetSize": "640",
            "MaxNetworkMegapixels": "1.9",
            "DefaultSize": "hd",
            "OutputPrefix": "results/",
            "OutputFormat": "webp",
            "Outputs": "full: format=png / web: format=webp max_side=1024",
            "OutputsFrom": "tags",
            "MaxInputBytes": "23000000",
            "MaxInputMegapixels": "29",
            "AlarmEmail": "someone@example.com",
            "LogRetentionDays": "90",
            "UploadRetrySeconds": "3601",
            "Deployment": "Canary10Percent15Minutes",
            "PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/boundary",
        },
    ),
    "buckets-of-ones-own": Given(
        "Both buckets exist already; pages of another origin sign their requests.",
        {
            "ExistingInputBucket": "photos",
            "ExistingOutputBucket": "results",
            "FunctionUrl": "iam",
            "AllowedOrigins": "https://example.com",
            "WarmStrategy": "provisioned",
            "ProvisionedConcurrency": "2",
        },
    ),
    "direct": Given(
        "The bucket wakes the function itself.",
        {"Uploads": "direct"},
    ),
    "least": Given(
        "Nothing wakes the function but an invocation by hand.",
        {"HttpApi": "off", "Uploads": "off", "WarmStrategy": "snapstart", "Model": "u2netp", "Deployment": "AllAtOnce"},
    ),
}


@functools.cache
def snapshots() -> dict[str, str]:
    """Give each file's text by its name."""
    defaults = _parts(stack())
    texts = {"defaults.yaml": _text("Every parameter is left at its default.", {}, defaults)}
    for name, given in SETS.items():
        parts = _parts(stack(**given.parameters))
        changed: dict[str, Any] = {part: value for part, value in parts.items() if defaults.get(part) != value}
        gone = sorted(set(defaults) - set(parts))
        texts[f"{name}.yaml"] = _text(given.why, given.parameters, {**changed, "Gone": gone})
    return texts


def _parts(deployed: Stack) -> dict[str, Any]:
    """Give resources and outputs without notes, and the version without its hash, which every change alters."""
    version = deployed.version()
    bare = {
        name: {part: value for part, value in resource.items() if part not in {"Metadata", "Condition"}}
        for name, resource in deployed.resources.items()
    }
    outputs = {name: output["Value"] for name, output in deployed.outputs.items()}
    text = yaml.safe_dump({**bare, "Outputs": outputs}, sort_keys=False)
    parts: dict[str, Any] = yaml.safe_load(text.replace(version, re.sub(r"[0-9a-f]{10}$", "", version)))
    return parts


def _text(why: str, parameters: dict[str, str], parts: dict[str, Any]) -> str:
    head = f"# {why}\n# Written by python -m tests.template.snapshots: read the difference before you commit it.\n"
    body = {"Parameters": parameters, **parts} if parameters else parts
    return head + str(yaml.dump(body, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True))


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]  # published without types
    """SafeDumper with texts of several lines as blocks, and nothing abbreviated."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _block(dumper: _Dumper, text: str) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _block)

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in snapshots().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
