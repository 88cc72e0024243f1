"""A parameter reaches the alias: a version is published where, and only where, a parameter changes the function.

Lambda refuses to publish a function that has not changed, so a version too many fails the deployment:
https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.template.stack import IMAGE, SECRET, Stack, refusals, stack, template

KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
# Of the function itself, not of a version: https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html
UNVERSIONED = {"ReservedConcurrentExecutions", "RecursiveLoop"}

# Each parameter, changed. Those that go together change together.
CHANGES: tuple[dict[str, str], ...] = (
    {"ImageUri": IMAGE.replace(":1", ":2")},
    {"Model": "inspyrenet-fast"},
    {"Model": "u2netp"},
    {"Architecture": "arm64"},
    {"MemoryMb": "4096"},
    {"TimeoutSeconds": "300"},
    {"EphemeralStorageMb": "1024"},
    {"ReservedConcurrency": "7"},
    {"WarmStrategy": "schedule"},
    {"WarmStrategy": "snapstart"},
    {"WarmStrategy": "provisioned", "ProvisionedConcurrency": "2"},
    {"WarmEnvironments": "3"},
    {"WarmMinutes": "9"},
    {"HttpApi": "off"},
    {"HttpApi": "key", "ApiKeysSecretArn": SECRET},
    {"FunctionUrl": "iam"},
    {"FunctionUrl": "iam", "StreamAnswersTo": "function-url"},
    {"StreamAnswersTo": "rest"},
    {"ApiKeysSecretArn": SECRET.replace("keys", "others")},
    {"ApiKeysKmsKeyArn": KEY},
    {"AllowedOrigins": "https://example.com"},
    {"ThrottleRate": "3"},
    {"ThrottleBurst": "4"},
    {"LargeFiles": "on"},
    {"Uploads": "off"},
    {"Uploads": "direct"},
    {"UploadConcurrency": "6"},
    {"QueueKmsKeyArn": KEY},
    {"ExistingInputBucket": "photos"},
    {"ExistingOutputBucket": "results"},
    {"InputKmsKeyArn": KEY},
    {"OutputKmsKeyArn": KEY},
    {"Resize": "dynamic"},
    {"TargetSize": "512"},
    {"MaxNetworkMegapixels": "1.7"},
    {"DefaultSize": "preview"},
    {"OutputPrefix": "results/"},
    {"OutputFormat": "webp"},
    {"Outputs": "web: format=webp"},
    {"OutputsFrom": "tags"},
    {"MaxInputBytes": "1000000"},
    {"MaxInputMegapixels": "12"},
    {"AlarmEmail": "someone@example.com"},
    {"LogRetentionDays": "7"},
    {"UploadRetrySeconds": "600"},
    {"Deployment": "AllAtOnce"},
    {"PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/boundary"},
)
BASES = {
    "defaults": {},
    "no uploads": {"Uploads": "off"},
    "buckets of one's own": {"ExistingInputBucket": "mine", "ExistingOutputBucket": "mine-too"},
    "snapstart": {"WarmStrategy": "snapstart"},
    "keys": {"HttpApi": "key", "ApiKeysSecretArn": SECRET},
}


def versioned(deployed: Stack) -> dict[str, Any]:
    """Give what a version of the function keeps."""
    function = deployed.of_type("Lambda::Function")["Function"]
    return {name: value for name, value in function.items() if name not in UNVERSIONED}


def test_every_parameter_is_changed_here() -> None:
    assert {name for change in CHANGES for name in change} == set(template()["Parameters"])


@pytest.mark.parametrize(
    ("base", "change"),
    [(base, change) for base in BASES for change in CHANGES if not refusals(**BASES[base] | change)],
    ids=str,
)
def test_a_version_is_published_where_the_function_changes(base: str, change: dict[str, str]) -> None:
    before, after = stack(**BASES[base]), stack(**BASES[base] | change)
    changed, published = versioned(before) != versioned(after), before.version() != after.version()
    assert changed == published, (
        f"template.yaml names the parameters that change the function beside ImageUri; {change}"
    )


@pytest.mark.parametrize("change", [{"MemoryMb": "4096"}, {"Resize": "dynamic"}, {"TimeoutSeconds": "300"}], ids=str)
def test_what_the_runbook_advises_reaches_the_alias(change: dict[str, str]) -> None:
    before, after = stack(), stack(**change)
    assert before.version() != after.version()
    version = after.of_type("Lambda::Alias")["FunctionAliaslive"]["FunctionVersion"]
    assert version == {"Fn::GetAtt": [after.version(), "Version"]}


def test_the_image_is_the_one_that_was_asked_for() -> None:
    assert stack(ImageUri=IMAGE + "2").of_type("Lambda::Function")["Function"]["Code"] == {"ImageUri": IMAGE + "2"}
