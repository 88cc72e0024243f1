"""The variables that the stack sets, those that the function reads, and those that are documented are the same."""

from __future__ import annotations

import ast
import re

from tests.template.stack import PSEUDO, ROOT, SECRET, stack, template

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


# Variables that the template does not set, and why.
LEFT_OUT = {
    "MODEL_DIR": "the image has the model where the default says",
    "THREADS": "follows the memory",
    "WARMUP_HOLD_MS": "lambda-warmer's default",
    "MAX_WAITING": "an environment gets one request at a time",
    "MIN_INSTANCES": "Lambda itself says what an environment is started for",
    "API_KEYS": "whoever may see the function's configuration would see them; API_KEYS_SECRET_ARN instead",
    "ALLOWED_ORIGINS": "the HTTP API and the Function URL answer for CORS",
    "RESULT_URL_SECONDS": "the credentials that sign an address end within hours, whatever it says",
    "URL_FETCH_ALLOW": "it opens what the judgement of addresses closes: for laptops and tests",
    "MAX_INPUT_SIDE_PX": "what a picture may cost beside its area: measured, and right for every memory size",
    "MAX_INPUT_SCANS": "likewise",
    "MAX_INPUT_PARTS": "likewise",
}


def test_what_the_stack_leaves_out_has_its_reason() -> None:
    assert read_by_the_function() - set_by_the_stack() == set(LEFT_OUT)


def test_the_document_has_every_variable() -> None:
    table = re.findall(r"^\| `([A-Z_]+)` \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(table) == len(set(table))
    assert set(table) == read_by_the_function()


# Parameters that are not at their defaults, with the variables that they set; no value is there twice.
GIVEN = (
    ("Model", "inspyrenet-fast", "INSPIRENET_MODE", "fast"),
    ("Resize", "dynamic", "INSPIRENET_RESIZE", "dynamic"),
    ("TargetSize", "640", "TARGET_SIZE", "640"),
    ("MaxNetworkMegapixels", "1.9", "MAX_NETWORK_MEGAPIXELS", "1.9"),
    ("DefaultSize", "hd", "DEFAULT_SIZE", "hd"),
    ("MaxInputBytes", "23000000", "MAX_INPUT_BYTES", "23000000"),
    ("MaxInputMegapixels", "29", "MAX_INPUT_MEGAPIXELS", "29"),
    ("OutputPrefix", "results/", "OUTPUT_PREFIX", "results/"),
    ("OutputFormat", "webp", "OUTPUT_FORMAT", "webp"),
    ("StreamAnswersTo", "rest", "STREAM_ANSWERS_TO", "rest"),
    ("Outputs", "web: size=hd", "OUTPUTS", "web: size=hd"),
    ("OutputsFrom", "metadata", "OUTPUTS_FROM", "metadata"),
    ("ApiKeysSecretArn", SECRET, "API_KEYS_SECRET_ARN", SECRET),
    ("ThrottleRate", "3", "THROTTLE_RATE", "3"),
)


def variables(**given: str) -> dict[str, object]:
    """Give the function's variables."""
    found: dict[str, object] = stack(**given).of_type("Lambda::Function")["Function"]["Environment"]["Variables"]
    return found


def test_each_variable_has_the_value_of_its_own_parameter() -> None:
    given = variables(LargeFiles="on", **{parameter: value for parameter, value, _, _ in GIVEN})
    assert given == {
        **{variable: value for _, _, variable, value in GIVEN},
        "OUTPUT_BUCKET": {"Ref": "OutputBucket"},
        "RESULT_BUCKET": {"Ref": "ResultBucket"},
        "OUTPUT_BUCKET_OWNER": PSEUDO["AWS::AccountId"],
    }
    assert set(given) == set_by_the_stack()


def test_a_bucket_of_ones_own_may_belong_to_another_account() -> None:
    given = variables(ExistingOutputBucket="results")
    assert given["OUTPUT_BUCKET"] == "results"
    assert "OUTPUT_BUCKET_OWNER" not in given


def test_a_parameter_that_is_not_given_sets_no_variable() -> None:
    assert set(variables(Uploads="off", Model="u2netp")) == {
        "INSPIRENET_RESIZE",
        "DEFAULT_SIZE",
        "MAX_INPUT_BYTES",
        "OUTPUT_PREFIX",
        "OUTPUT_FORMAT",
        "OUTPUTS_FROM",
        "THROTTLE_RATE",
    }


def test_the_memory_is_not_the_size_of_tmp() -> None:
    function = stack(MemoryMb="4096", EphemeralStorageMb="1025").of_type("Lambda::Function")["Function"]
    assert (function["MemorySize"], function["EphemeralStorage"]) == ("4096", {"Size": "1025"})


def test_no_variable_holds_a_secret() -> None:
    assert "{{resolve:" not in (ROOT / "template.yaml").read_text(encoding="utf-8")


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
