"""Each warm strategy brings what it needs and nothing of another's; combinations that cannot be are refused."""

from __future__ import annotations

import pytest

from tests.template.stack import SECRET, refusals, stack

GIVEN = {
    "none": {},
    "schedule": {"WarmEnvironments": "4", "WarmMinutes": "7"},
    "provisioned": {"ProvisionedConcurrency": "2"},
    "snapstart": {},
}


@pytest.mark.parametrize("strategy", GIVEN)
def test_a_strategy_has_its_own_resources_alone(strategy: str) -> None:
    deployed = stack(WarmStrategy=strategy, **GIVEN[strategy])
    function = deployed.of_type("Lambda::Function")["Function"]
    alias = deployed.of_type("Lambda::Alias")["FunctionAliaslive"]
    there = {
        "schedule": "WarmUp" in deployed.resources,
        "role": "WarmUpRole" in deployed.resources,
        "fan-out": "FanOutPolicy" in deployed.resources,
        "provisioned": "ProvisionedConcurrencyConfig" in alias,
        "snapstart": "SnapStart" in function,
    }
    pings = strategy == "schedule"
    assert there == {
        "schedule": pings,
        "role": pings,
        "fan-out": pings,
        "provisioned": strategy == "provisioned",
        "snapstart": strategy == "snapstart",
    }


def test_one_environment_needs_no_right_to_invoke_itself() -> None:
    assert "FanOutPolicy" not in stack(WarmStrategy="schedule").resources


@pytest.mark.parametrize(
    ("given", "sentences"),
    [
        ({}, []),
        ({"WarmStrategy": "schedule"}, []),
        ({"WarmStrategy": "provisioned", "ProvisionedConcurrency": "1", "EphemeralStorageMb": "2048"}, []),
        ({"WarmStrategy": "snapstart"}, []),
        ({"HttpApi": "key", "ApiKeysSecretArn": SECRET}, []),
        ({"ExistingInputBucket": "photos", "ExistingOutputBucket": "results"}, []),
        ({"WarmStrategy": "snapstart", "EphemeralStorageMb": "2048"}, ["EphemeralStorageMb=512"]),
        ({"WarmStrategy": "snapstart", "ProvisionedConcurrency": "1"}, ["exclude each other"]),
        ({"WarmStrategy": "provisioned"}, ["needs ProvisionedConcurrency"]),
        ({"WarmStrategy": "schedule", "ProvisionedConcurrency": "1"}, ["billed for nothing"]),
        ({"WarmStrategy": "none", "ProvisionedConcurrency": "1"}, ["billed for nothing"]),
        ({"HttpApi": "key"}, ["need ApiKeysSecretArn"]),
        ({"FunctionUrl": "key"}, ["need ApiKeysSecretArn"]),
        ({"StreamAnswersTo": "rest"}, []),
        ({"StreamAnswersTo": "function-url,rest", "FunctionUrl": "iam"}, []),
        ({"StreamAnswersTo": "function-url"}, ["FunctionUrl is off"]),
        ({"StreamAnswersTo": "function-url,rest"}, ["FunctionUrl is off"]),
        ({"ExistingInputBucket": "photos", "ExistingOutputBucket": "photos"}, ["must differ"]),
        ({"ReservedConcurrency": "2"}, []),
        ({"ReservedConcurrency": "1", "Uploads": "direct"}, []),
        ({"ReservedConcurrency": "1"}, ["two environments"]),
        ({"Uploads": "off", "ExistingInputBucket": "photos"}, ["With Uploads=off"]),
        ({"Uploads": "off", "ExistingOutputBucket": "results"}, ["With Uploads=off"]),
    ],
)
def test_impossible_combinations_are_refused_before_deployment(given: dict[str, str], sentences: list[str]) -> None:
    refused = refusals(**given)
    assert len(refused) == len(sentences)
    for sentence, expected in zip(refused, sentences, strict=True):
        assert expected in sentence
