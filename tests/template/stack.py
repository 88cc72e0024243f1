"""The template as CloudFormation sees it: translated by SAM, with parameters, conditions and `Fn::If` worked out.

Enters: parameters. Leaves: a Stack with the resources that would exist. References to resources stay as they are.
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]  # published without types
from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]  # published without types
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]  # published without types

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/inspyrenet-lambda:1"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:keys-AbCdEf"  # noqa: S105 - an address
PSEUDO = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::StackName": "cutout",
    "AWS::URLSuffix": "amazonaws.com",
}
NOTHING = {"Ref": "AWS::NoValue"}


@functools.cache
def template(path: str = "template.yaml") -> dict[str, Any]:
    """Give a template as written."""
    document: dict[str, Any] = yaml_parse((ROOT / path).read_text(encoding="utf-8"))
    return document


def parameters(declared: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    """Complete parameters with the defaults. Fails on one that the template would refuse."""
    unknown = set(given) - set(declared)
    assert not unknown, unknown
    values = {name: str(given[name] if name in given else about["Default"]) for name, about in declared.items()}
    for name, value in values.items():
        about = declared[name]
        assert value in [str(allowed) for allowed in about.get("AllowedValues", [value])], (name, value)
        assert re.fullmatch(about.get("AllowedPattern", ".*"), value), (name, value)
    return values


@dataclass(frozen=True)
class Stack:
    """What a deployment would create."""

    resources: dict[str, dict[str, Any]]
    outputs: dict[str, dict[str, Any]]

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Give the properties of all resources of a type."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.resources.items()
            if resource["Type"] == f"AWS::{kind}"
        }

    def version(self) -> str:
        """Give the logical id of the function's version: CloudFormation publishes a new one where it changes."""
        (name,) = self.of_type("Lambda::Version")
        return name


def stack(**given: str) -> Stack:
    """Translate and evaluate."""
    return _stack(tuple(sorted(given.items())))


@functools.cache
def _stack(given: tuple[tuple[str, str], ...]) -> Stack:
    values = parameters(template()["Parameters"], {"ImageUri": IMAGE, **dict(given)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        # The translator would ask IAM for managed policies by name; this template names none.
        translator = Translator({}, Parser())
        translated = translator.translate(json.loads(json.dumps(template())), dict(values))
    scope = Scope(values, translated.get("Mappings", {}), translated["Conditions"])
    return Stack(scope.present(translated["Resources"]), scope.present(translated["Outputs"]))


def refusals(**given: str) -> list[str]:
    """Say which rules refuse these parameters, by their sentences."""
    scope = Scope(parameters(template()["Parameters"], {"ImageUri": IMAGE, **given}), {}, {})
    return [
        assertion["AssertDescription"]
        for rule in template()["Rules"].values()
        if scope.holds(rule["RuleCondition"])
        for assertion in rule["Assertions"]
        if not scope.holds(assertion["Assert"])
    ]


@dataclass(frozen=True)
class Scope:
    """Evaluates intrinsic functions: those of conditions and rules wholly, others as far as parameters reach."""

    values: Mapping[str, str]
    mappings: Mapping[str, Any]
    conditions: Mapping[str, Any]

    def present(self, section: Mapping[str, Any]) -> dict[str, Any]:
        """Work out those of a section's resources or outputs whose condition holds."""
        return {
            name: self.resolve(member)
            for name, member in section.items()
            if "Condition" not in member or self.condition(member["Condition"])
        }

    def condition(self, name: str) -> bool:
        """Evaluate a condition by its name."""
        return self.holds(self.conditions[name])

    def holds(self, expression: Any) -> bool:
        """Evaluate a condition's expression."""
        ((function, argument),) = expression.items()
        match function:
            case "Fn::Equals":
                left, right = (self.resolve(side) for side in argument)
                return str(left) == str(right)
            case "Fn::Not":
                return not self.holds(argument[0])
            case "Fn::And":
                return all(self.holds(each) for each in argument)
            case "Fn::Or":
                return any(self.holds(each) for each in argument)
            case "Condition":
                return self.condition(argument)
        raise NotImplementedError(function)

    def resolve(self, thing: Any) -> Any:  # noqa: PLR0911 - JSON; a return for each function
        """Work out parameters, and functions as far as parameters reach; leave references to resources."""
        if isinstance(thing, list):
            return [resolved for each in thing if (resolved := self.resolve(each)) != NOTHING]
        if not isinstance(thing, dict):
            return thing
        if len(thing) == 1:
            ((function, argument),) = thing.items()
            match function:
                case "Ref" if argument in self.values:
                    return self.values[argument]
                case "Ref" if argument in PSEUDO:
                    return PSEUDO[argument]
                case "Fn::If":
                    return self.resolve(argument[1 if self.condition(argument[0]) else 2])
                case "Fn::FindInMap":
                    table, row, column = (self.resolve(part) for part in argument)
                    return self.mappings[table][row][column]
                case "Fn::Sub":
                    text, names = argument if isinstance(argument, list) else (argument, {})
                    known = {
                        **self.values,
                        **PSEUDO,
                        **{name: _within_sub(self.resolve(it)) for name, it in names.items()},
                    }
                    filled = re.sub(r"\$\{([^}]+)\}", lambda found: str(known.get(found[1], found[0])), text)
                    return {"Fn::Sub": filled} if "${" in filled else filled
                case "Fn::Select":
                    index, choices = argument
                    return self.resolve(choices[int(index)])
                case "Fn::Join":
                    separator, parts = argument
                    return separator.join(parts if isinstance(parts, list) else [self.resolve(parts)])
        pairs = {name: self.resolve(value) for name, value in thing.items()}
        return {name: value for name, value in pairs.items() if value != NOTHING}


def _within_sub(value: Any) -> str:
    """Write a value as `Fn::Sub` fills it in; a reference to a resource stays one."""
    match value:
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"${{{name}.{attribute}}}"
        case {"Fn::Sub": str(text)}:
            return text
    return str(value)


def walk(thing: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Give every part of a document with its path."""
    yield path, thing
    if isinstance(thing, dict):
        for name, value in thing.items():
            yield from walk(value, (*path, name))
    elif isinstance(thing, list):
        for value in thing:
            yield from walk(value, path)
