"""A stack that stands: which one an environment means, by samconfig.toml, and what CloudFormation says of it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from boto3 import Session

SAMCONFIG = Path(__file__).resolve().parent.parent / "samconfig.toml"


class RefusedError(Exception):
    """The command cannot be done, for the reason that it says; nothing was changed."""


@dataclass(frozen=True)
class Standing:
    """A stack as it is deployed."""

    name: str
    region: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]

    def output(self, name: str) -> str:
        """Give an output. Raises RefusedError where the stack has none of this name."""
        if name not in self.outputs:
            raise RefusedError(
                f"The stack {self.name} has no output {name}: it was deployed by an earlier template, or with Uploads="
                f"{self.parameters.get('Uploads')}. Deploy it anew (make deploy), or see docs/uploads.md."
            )
        return self.outputs[name]


def named(environment: str, samconfig: Path = SAMCONFIG) -> tuple[str, str]:
    """Give the stack's name and region. Raises RefusedError for an environment that samconfig.toml does not have."""
    known = tomllib.loads(samconfig.read_text(encoding="utf-8"))
    if not isinstance(known.get(environment), dict):
        has = ", ".join(name for name, about in known.items() if isinstance(about, dict) and name != "default")
        raise RefusedError(f"samconfig.toml has no [{environment}]; it has {has}.")
    said = known[environment]["deploy"]["parameters"]
    return said["stack_name"], said["region"]


def standing(environment: str, session: Session) -> Standing:
    """Ask CloudFormation for an environment's stack. Raises RefusedError where there is none."""
    name, region = named(environment)
    try:
        answer = session.client("cloudformation", region_name=region).describe_stacks(StackName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        raise RefusedError(f"There is no stack {name} in {region}: make deploy ENV={environment} makes it.") from error
    (stack,) = answer["Stacks"]
    return Standing(
        name,
        region,
        {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])},
        {each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", [])},
    )
