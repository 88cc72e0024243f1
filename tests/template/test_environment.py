"""The variables that the stack sets, those that the function reads, and those that are documented are the same."""

from __future__ import annotations

import ast
import re

from tests.template.stack import ROOT, SECRET, stack, template

DOCUMENT = ROOT / "README.md"


def read_by_the_function() -> set[str]:
    """Name the variables that handler/settings.py reads; Lambda's own aside."""
    tree = ast.parse((ROOT / "handler" / "settings.py").read_text(encoding="utf-8"))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {text for text in texts if re.fullmatch(r"[A-Z][A-Z_]+[A-Z]", text) and not text.startswith("AWS_")}


def set_by_the_stack() -> set[str]:
    """Name the variables that the template may set."""
    return set(template()["Resources"]["Function"]["Properties"]["Environment"]["Variables"])


def test_the_stack_sets_only_what_the_function_reads() -> None:
    assert set_by_the_stack() <= read_by_the_function()


def test_what_the_stack_leaves_out_has_its_reason() -> None:
    assert read_by_the_function() - set_by_the_stack() == {
        "MODEL_DIR",  # the image has the model where the default says
        "THREADS",  # follows the memory
        "WARMUP_HOLD_MS",  # lambda-warmer's default
    }


def test_the_document_has_every_variable() -> None:
    table = re.findall(r"^\| `([A-Z_]+)` \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(table) == len(set(table))
    assert set(table) == read_by_the_function()


def test_a_parameter_that_is_not_given_sets_no_variable() -> None:
    variables = stack(Uploads="off", Model="u2netp").of_type("Lambda::Function")["Function"]["Environment"]["Variables"]
    assert not {"API_KEYS", "TARGET_SIZE", "MAX_NETWORK_MEGAPIXELS", "OUTPUT_BUCKET", "INSPIRENET_MODE"} & set(
        variables
    )


def test_every_variable_can_be_set() -> None:
    given = {"ApiKeysSecretArn": SECRET, "TargetSize": "512", "MaxNetworkMegapixels": "1.7"}
    variables = stack(**given).of_type("Lambda::Function")["Function"]["Environment"]["Variables"]
    assert set(variables) == set_by_the_stack()
    assert variables["INSPIRENET_MODE"] == "base"


def test_every_parameter_is_described_and_used() -> None:
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    for name, about in template()["Parameters"].items():
        assert len(about["Description"]) > 10, name
        assert re.search(rf"!Ref {name}\b|\$\{{{name}\}}", text), name
    grouped = [
        name
        for group in template()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
        for name in group["Parameters"]
    ]
    assert sorted(grouped) == sorted(template()["Parameters"])
