"""Adds the function to what a bucket notifies: `python3 deploy/notification.py ALIAS-ARN [PREFIX]`.

Enters, on standard input: the bucket's notification configuration. Leaves: the new one, which holds every notification
of the old one; or exit code 1 and a sentence where S3 would refuse the two together, or one would replace another.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

CREATED = "s3:ObjectCreated:*"
# What a notification may go to: the list's name, and in it the name of the target's ARN.
TARGETS = {
    "LambdaFunctionConfigurations": "LambdaFunctionArn",
    "QueueConfigurations": "QueueArn",
    "TopicConfigurations": "TopicArn",
}


class RefusedError(Exception):
    """The bucket cannot notify the function beside what it notifies already."""


@dataclass(frozen=True)
class Notification:
    """One of a bucket's notifications, as far as two of them can get into each other's way."""

    identifier: str | None
    target: str
    events: frozenset[str]
    prefix: str
    suffix: str

    def overlaps(self, other: Notification) -> bool:
        """Say whether one object's event could be both's, which S3 refuses.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html
        """
        return (
            any(_covers(one, two) or _covers(two, one) for one in self.events for two in other.events)
            and (self.prefix.startswith(other.prefix) or other.prefix.startswith(self.prefix))
            and (self.suffix.endswith(other.suffix) or other.suffix.endswith(self.suffix))
        )


def _covers(general: str, event: str) -> bool:
    return general == event or (general.endswith(":*") and event.startswith(general[:-1]))


def read(configuration: dict[str, Any], target_name: str) -> Notification:
    """Read one notification."""
    rules = configuration.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    filters = {rule["Name"].lower(): rule.get("Value", "") for rule in rules}
    return Notification(
        identifier=configuration.get("Id"),
        target=configuration[target_name],
        events=frozenset(configuration["Events"]),
        prefix=filters.get("prefix", ""),
        suffix=filters.get("suffix", ""),
    )


def with_function(configuration: dict[str, Any], alias: str, prefix: str) -> dict[str, Any]:
    """Give the configuration with the function in it; an earlier notification of the same alias is renewed.

    Raises RefusedError.
    """
    # The function's name is in it: every stack has a notification of its own, also on a shared bucket.
    ours: dict[str, Any] = {
        "Id": f"background-removal-{alias.split(':')[6]}",
        "LambdaFunctionArn": alias,
        "Events": [CREATED],
    }
    if prefix:
        ours["Filter"] = {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}}
    lambdas = configuration.get("LambdaFunctionConfigurations", [])
    kept = {
        **configuration,
        "LambdaFunctionConfigurations": [each for each in lambdas if each["LambdaFunctionArn"] != alias],
    }
    new = read(ours, "LambdaFunctionArn")
    others = [read(each, name) for kind, name in TARGETS.items() for each in kept.get(kind, [])]
    for other in others:
        if other.identifier == new.identifier:
            raise RefusedError(
                f"the notification {other.identifier} is {other.target}'s and would be lost. Give it another Id, or "
                "delete it if nobody needs it."
            )
        if other.overlaps(new):
            raise RefusedError(
                f"{other.target} is notified of {', '.join(sorted(other.events))} for keys with the prefix "
                f"{other.prefix!r} and the suffix {other.suffix!r} already; S3 notifies one target of an event only. "
                "Name a PREFIX that is not among these keys; or let that notification go to an SNS topic and both "
                "targets hear the topic."
            )
    return {**kept, "LambdaFunctionConfigurations": [*kept["LambdaFunctionConfigurations"], ours]}


def main() -> int:
    """Print the new configuration."""
    alias, prefix = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
    try:
        configuration = with_function(json.loads(sys.stdin.read().strip() or "{}"), alias, prefix)
    except RefusedError as refused:
        sys.stderr.write(f"Nothing was changed: {refused}\n")
        return 1
    json.dump(configuration, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
