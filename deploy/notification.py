"""Adds a stack to what a bucket notifies: `python3 deploy/notification.py STACK TARGET-ARN [PREFIX]`.

TARGET-ARN is the stack's queue, or the alias of its function. The bucket notifies one of them: an earlier notification
of this stack is replaced, in the same request.

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
    """The bucket cannot notify the stack beside what it notifies already."""


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


def with_target(configuration: dict[str, Any], stack: str, target: str, prefix: str) -> dict[str, Any]:
    """Give the configuration with the target in it, in place of any earlier notification of this stack.

    Raises RefusedError.
    """
    kind = "QueueConfigurations" if target.split(":")[2] == "sqs" else "LambdaFunctionConfigurations"
    # The stack's name is in it: every stack has a notification of its own, also on a shared bucket.
    ours: dict[str, Any] = {"Id": f"background-removal-{stack}", TARGETS[kind]: target, "Events": [CREATED]}
    if prefix:
        ours["Filter"] = {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}}
    kept = {
        **configuration,
        **{
            other: [each for each in configuration[other] if not _is_of(stack, target, each[name])]
            for other, name in TARGETS.items()
            if other in configuration
        },
    }
    new = read(ours, TARGETS[kind])
    others = [read(each, name) for other, name in TARGETS.items() for each in kept.get(other, [])]
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
    changed = {**kept, kind: [*kept.get(kind, []), ours]}
    return {name: value for name, value in changed.items() if value != []}


def _is_of(stack: str, target: str, arn: str) -> bool:
    """Say whether a notification goes to this stack: to the target, or where it went before Uploads was changed."""
    _, partition, _, region, account, _ = target.split(":", 5)
    function = f"arn:{partition}:lambda:{region}:{account}:function:{stack}:live"
    # As CloudFormation names the queue: the stack, the resource, and some letters of its own.
    queue = f"arn:{partition}:sqs:{region}:{account}:{stack}-UploadQueue-"
    return arn in {target, function} or arn.startswith(queue)


def main() -> int:
    """Print the new configuration."""
    stack, target, prefix = sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else ""
    try:
        configuration = with_target(json.loads(sys.stdin.read().strip() or "{}"), stack, target, prefix)
    except RefusedError as refused:
        sys.stderr.write(f"Nothing was changed: {refused}\n")
        return 1
    json.dump(configuration, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
