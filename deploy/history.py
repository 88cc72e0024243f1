"""Tells which versions the alias has served for good: CodeDeploy's successful deployments → version numbers.

Enters, on standard input: one answer of `aws deploy batch-get-deployments` or several, each a JSON document. Leaves:
the versions in the order in which they came to serve all the traffic, the newest last, one per line.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

# The content of an AppSpec is JSON or YAML, whichever its author wrote:
# https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-resources.html#reference-appspec-file-structure-resources-lambda
VERSION = r'"?{name}"?\s*:\s*["\']?(\d+)'


@dataclass(frozen=True)
class Deployment:
    """A deployment that succeeded."""

    created: datetime
    versions: tuple[int, ...]


def read(described: dict[str, Any]) -> Deployment:
    """Read one deployment's description."""
    revision = described.get("revision", {})
    content = revision.get("appSpecContent", revision.get("string", {})).get("content", "")
    names = ["CurrentVersion", "TargetVersion"]
    # The version before was in service, too: the first of all was never deployed, the alias was made with it. Only the
    # version before a way back is the one that failed.
    if "rollbackTriggeringDeploymentId" in described.get("rollbackInfo", {}):
        names.remove("CurrentVersion")
    found = (re.search(VERSION.format(name=name), content) for name in names)
    created = described["createTime"]
    moment = (
        datetime.fromisoformat(created) if isinstance(created, str) else datetime.fromtimestamp(created).astimezone()
    )
    return Deployment(moment, tuple(int(match[1]) for match in found if match))


def _moment(created: str | float) -> datetime:
    """Read a time as version 2 of the AWS CLI writes it, or as version 1 does."""
    return datetime.fromisoformat(created) if isinstance(created, str) else datetime.fromtimestamp(created, UTC)


def documents(text: str) -> Iterator[dict[str, Any]]:
    """Give each JSON document of a text that holds several."""
    decoder, text = json.JSONDecoder(), text.lstrip()
    while text:
        document, end = decoder.raw_decode(text)
        yield document
        text = text[end:].lstrip()


def main() -> int:
    """Print the versions."""
    deployments = [
        read(described) for document in documents(sys.stdin.read()) for described in document["deploymentsInfo"]
    ]
    for deployment in sorted(deployments, key=lambda each: each.created):
        sys.stdout.writelines(f"{version}\n" for version in deployment.versions)
    return 0


if __name__ == "__main__":
    sys.exit(main())
