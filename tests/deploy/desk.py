"""A machine with stand-ins for the tools that the scripts call, and AWS's answers to them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.emulator import ROOT

if TYPE_CHECKING:
    from pathlib import Path

REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
STAGING = "inspyrenet-lambda-staging"
PRODUCTION = "inspyrenet-lambda-production"
REPOSITORY = f"{REGISTRY}/{STAGING}"
PUSHED = f"sha256:{'d' * 64}"
ALIAS = f"arn:aws:lambda:us-east-1:123456789012:function:{STAGING}:live"

# Stand in for programs that would build, push and deploy: they note their arguments.
NOTE = """#!{python}
import json, os, sys
if "--password-stdin" in sys.argv:
    sys.stdin.read()
with open(os.environ["AWS_CLI_CALLS"], "a", encoding="utf-8") as file:
    file.write(json.dumps([os.path.basename(sys.argv[0]), sys.argv[1:]]) + "\\n")
"""
# What was pushed from here is known by its digest, in the repository that it went to.
DOCKER = (
    NOTE
    + """
if sys.argv[1:3] == ["image", "inspect"]:
    print("elsewhere.example.com/another@sha256:" + "e" * 64)
    print(sys.argv[-1].rpartition(":")[0] + "@{pushed}")
"""
)
AWS = """#!/bin/sh
PYTHONPATH={root} exec {python} -m tests.deploy.aws_cli "$@"
"""


@dataclass(frozen=True)
class Ran:
    """What a script did."""

    status: int
    output: str
    calls: list[tuple[str, Any]]

    def of(self, name: str) -> list[Any]:
        """Give the parameters of each call of a name."""
        return [parameters for called, parameters in self.calls if called == name]

    @property
    def names(self) -> list[str]:
        """The calls in order."""
        return [name for name, _ in self.calls]


class Desk:
    """A machine with stand-ins for the tools, and AWS's answers."""

    def __init__(self, folder: Path) -> None:
        self._tools = folder / "bin"
        self._calls = folder / "calls"
        self._tools.mkdir()
        self.tool("sam", NOTE)
        self.tool("docker", DOCKER)
        self.tool("aws", AWS)

    def tool(self, name: str, text: str) -> None:
        """Put a stand-in in its place."""
        path = self._tools / name
        path.write_text(text.format(python=sys.executable, root=ROOT, pushed=PUSHED), encoding="utf-8")
        path.chmod(0o755)

    def without(self, tool: str) -> None:
        """Take a tool away."""
        (self._tools / tool).unlink()

    def run(self, script: str, *arguments: str, answers: list[dict[str, Any]], **environment: str) -> Ran:
        """Run a script, by its path in the repository."""
        done = subprocess.run(
            [str(ROOT / script), *arguments],
            env={
                "PATH": f"{self._tools}:{os.environ['PATH']}",
                "AWS_CLI_ANSWERS": json.dumps(answers),
                "AWS_CLI_CALLS": str(self._calls),
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        lines = self._calls.read_text(encoding="utf-8").splitlines() if self._calls.exists() else []
        return Ran(done.returncode, done.stdout + done.stderr, [tuple(json.loads(line)) for line in lines])


def described(**more: Any) -> dict[str, Any]:
    """Give the answer to describe-stacks."""
    stack = {"StackName": STAGING, "CreationTime": "2026-01-01T00:00:00Z", "StackStatus": "UPDATE_COMPLETE", **more}
    return {"call": "cloudformation describe-stacks", "answer": {"Stacks": [stack]}}
