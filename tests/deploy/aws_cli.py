"""Stands in for the network behind the AWS CLI: `python -m tests.deploy.aws_cli SERVICE OPERATION --option value …`.

Enters: a command line as the scripts in deploy/ write it, and in AWS_CLI_ANSWERS what AWS would answer; an answer with
"after" holds once that was called. Leaves: the answer as the CLI prints it, and a line for each call in AWS_CLI_CALLS.
Operations, options, values and answers are held to botocore's models, so that a name which AWS does not know fails here
as it would there.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jmespath
from botocore import xform_name
from botocore.session import get_session
from botocore.validate import ParamValidator

if TYPE_CHECKING:
    from collections.abc import Iterator

# What the CLI calls differently: https://docs.aws.amazon.com/cli/latest/reference/
SERVICES = {"deploy": "codedeploy", "s3api": "s3"}
GLOBAL_OPTIONS = {"--query", "--output", "--region", "--cli-binary-format"}


@dataclass(frozen=True)
class Call:
    """One command line, understood."""

    name: str  # "lambda get-alias"
    parameters: dict[str, Any]
    options: dict[str, str]  # the CLI's own
    positional: list[str]


def understand(arguments: list[str], shape_of: Any) -> Call:
    """Read a command line by an operation's input shape."""
    members = {f"--{xform_name(name, '-')}": (name, shape) for name, shape in shape_of.members.items()}
    parameters: dict[str, Any] = {}
    options: dict[str, str] = {}
    positional: list[str] = []
    rest = arguments[2:]
    while rest:
        option = rest.pop(0)
        if not option.startswith("--"):
            positional.append(option)
            continue
        if option in GLOBAL_OPTIONS:
            options[option] = rest.pop(0)
            continue
        if option.removeprefix("--no-") != option and f"--{option.removeprefix('--no-')}" in members:
            parameters[members[f"--{option.removeprefix('--no-')}"][0]] = False
            continue
        if option not in members:
            raise SystemExit(f"Unknown options: {option}")
        name, shape = members[option]
        if shape.type_name == "boolean":
            parameters[name] = True
        elif shape.type_name == "list":
            values = list(_values(rest))
            parameters[name] = [_value(value, shape.member) for value in values]
        else:
            parameters[name] = _value(rest.pop(0), shape)
    return Call(" ".join(arguments[:2]), parameters, options, positional)


def _values(rest: list[str]) -> Iterator[str]:
    while rest and not rest[0].startswith("--"):
        yield rest.pop(0)


def _value(text: str, shape: Any) -> Any:
    """Read a value: JSON, the shorthand `Name=value,Name=value`, or a scalar."""
    if shape.type_name == "structure":
        if text.startswith("{"):
            return json.loads(text)
        pairs = dict(pair.split("=", 1) for pair in text.split(","))
        return {name: _value(value, shape.members[name]) for name, value in pairs.items()}
    if shape.type_name == "boolean":
        return {"true": True, "false": False}[text]
    if shape.type_name == "blob":
        return text.encode()
    if getattr(shape, "enum", None) and text not in shape.enum:
        raise SystemExit(f"{text} is none of {shape.enum}")
    return int(text) if shape.type_name in {"integer", "long"} else text


def written(answer: Any, style: str) -> str:
    """Print an answer as the CLI does: as JSON, or as text with tabs and `None`."""
    if style != "text":
        return json.dumps(answer, indent=4)
    if isinstance(answer, list):
        if any(isinstance(each, list) for each in answer):
            return "\n".join(written(each, style) for each in answer)
        return "\t".join(str(each) for each in answer)
    return str(answer)


def _hold(value: Any, shape: Any, what: str) -> None:
    report = ParamValidator().validate(value, shape)
    if report.has_errors():
        raise SystemExit(f"{what}: {report.generate_report()}")


def main() -> int:
    """Answer one call."""
    arguments = sys.argv[1:]
    service = SERVICES.get(arguments[0], arguments[0])
    session = get_session()
    model = session.get_service_model(service)
    calls = Path(os.environ["AWS_CLI_CALLS"])

    def note(name: str, parameters: dict[str, Any]) -> None:
        with calls.open("a", encoding="utf-8") as file:
            file.write(json.dumps([name, parameters], default=bytes.decode) + "\n")

    if arguments[1] == "wait":
        known = {xform_name(name, "-") for name in session.get_waiter_model(service).waiter_names}
        if arguments[2] not in known:
            raise SystemExit(f"no such waiter: {arguments[2]}")
        note(" ".join(arguments[:3]), {})
        return 0
    if arguments[:2] == ["ecr", "get-login-password"]:  # the CLI's own command
        note("ecr get-login-password", {})
        sys.stdout.write("password\n")
        return 0

    operations = {xform_name(name, "-"): name for name in model.operation_names}
    if arguments[1] not in operations:
        raise SystemExit(f"no such operation: {' '.join(arguments[:2])}")
    operation = model.operation_model(operations[arguments[1]])
    call = understand(arguments, operation.input_shape)
    _hold(call.parameters, operation.input_shape, call.name)
    note(call.name, call.parameters)

    done = [json.loads(line)[0] for line in calls.read_text(encoding="utf-8").splitlines()]
    for known in json.loads(os.environ["AWS_CLI_ANSWERS"]):
        if "after" in known and known["after"] not in done:
            continue
        if known["call"] == call.name and known.get("where", {}).items() <= call.parameters.items():
            break
    else:
        raise SystemExit(f"AWS has no answer prepared for {call.name} {call.parameters}")
    if "error" in known:
        sys.stderr.write(f"An error occurred ({known['error']}) when calling the {operation.name} operation\n")
        return 254
    if "payload" in known:  # of an invocation, into the file that the command names
        Path(call.positional[0]).write_text(json.dumps(known["payload"]), encoding="utf-8")
    answer = known.get("answer")
    if answer is None:  # as with operations that answer nothing
        return 0
    _hold(answer, operation.output_shape, f"the answer to {call.name}")
    if "--query" in call.options:
        answer = jmespath.search(call.options["--query"], answer)
    sys.stdout.write(written(answer, call.options.get("--output", "json")) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
