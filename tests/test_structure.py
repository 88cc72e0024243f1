"""The shape of the package: imports go one way, the two halves stay apart, and one module reads the environment."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from local.emulator import ROOT

# From the entry down to the leaves. A module imports from ranks below its own, or from its own room.
RANKS = (
    ("handler.app", "handler.serve", "handler.folder", "handler.streaming"),
    ("handler.triggers",),
    ("handler.environment",),
    ("handler.web",),
    ("handler.warmup",),
    ("handler.pipeline",),
    ("handler.streamed",),
    ("handler.deadline",),
    ("handler.model", "handler.pixels", "handler.storage"),
    ("handler.telemetry", "handler.settings"),
    ("handler.job",),
    ("handler.errors",),
)
# Imports for types alone make no cycle at run time, and every module may name what it hands over.
MODULES = sorted(path for path in (ROOT / "handler").rglob("*.py") if "__pycache__" not in path.parts)


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def rank_of(module: str) -> int:
    ranks = [
        rank
        for rank, rooms in enumerate(RANKS)
        if any(module == room or module.startswith(f"{room}.") for room in rooms)
    ]
    assert len(ranks) == 1, f"{module} has no place in RANKS: give it one"
    return ranks[0]


def imports_of(path: Path, *, with_types: bool) -> set[str]:
    """List what a module imports, inside of functions too; without `with_types`, what runs."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not with_types:
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            assert node.level == 0, f"{path} imports relatively"
            for alias in node.names:
                inner = f"{module}.{alias.name}"
                is_module = (ROOT / Path(*inner.split("."))).with_suffix(".py").exists()
                found.add(inner if is_module else module)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return found


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_go_one_way(path: Path) -> None:
    own = name_of(path)
    if own == "handler":
        return
    room = own.split(".")[1]
    wrong = {
        other
        for other in imports_of(path, with_types=False)
        if other.startswith("handler.") and other.split(".")[1] != room and rank_of(other) <= rank_of(own)
    }
    assert wrong == set()


def test_the_leaves_import_nothing_of_ours() -> None:
    for leaf, beside in (("job", {"handler.errors"}), ("errors", set())):
        names = imports_of(ROOT / "handler" / f"{leaf}.py", with_types=True)
        assert {name for name in names if name.startswith("handler")} == beside


@pytest.mark.parametrize(("room", "stranger"), [("layers", "handler"), ("handler", "layers"), ("handler", "tests")])
def test_the_halves_do_not_import_each_other(room: str, stranger: str) -> None:
    sources = [path for path in (ROOT / room).rglob("*.py") if not {"build", "__pycache__"} & set(path.parts)]
    assert len(sources) > 5
    for path in sources:
        names = imports_of(path, with_types=True)
        assert not {name for name in names if name == stranger or name.startswith(f"{stranger}.")}, path


def test_only_the_settings_read_the_environment() -> None:
    readers = {
        name_of(path)
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in {"os.environ", "os.getenv", "os.putenv"}
    }
    # The torch engine sets one variable, which upstream reads where it is imported.
    assert readers == {"handler.settings", "handler.model.onnx_engine", "handler.model.torch_engine"}


def test_the_engine_stands_behind_the_model_alone() -> None:
    users = {name_of(path) for path in MODULES if "onnxruntime" in imports_of(path, with_types=True)}
    assert users == {"handler.model.onnx_engine"}
    openers = {
        name_of(path)
        for path in MODULES
        if any(
            name.startswith("handler.model.") and name.endswith("_engine") for name in imports_of(path, with_types=True)
        )
    }
    assert openers == {"handler.model.door"}


@pytest.mark.parametrize(
    ("library", "room"),
    [
        ("starlette", ("handler.web", "handler.serve", "handler.environment")),
        ("mangum", ("handler.triggers.http",)),
        ("awslambdaric", ("handler.streaming",)),
        ("botocore", ("handler.storage.s3", "handler.triggers.fan_out", "handler.web.keys")),
        ("aws_lambda_powertools", ("handler.telemetry", "handler.web.keys")),
        ("PIL", ("handler.pixels", "handler.model.door", "handler.warmup", "handler.web.parameters")),
    ],
)
def test_a_library_stays_in_its_room(library: str, room: tuple[str, ...]) -> None:
    users = {
        name_of(path)
        for path in MODULES
        if any(name.partition(".")[0] == library for name in imports_of(path, with_types=True))
    }
    assert users
    assert {user for user in users if not user.startswith(room)} == set()


def test_every_dependency_says_why_it_is_there() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lists = re.findall(r"^(?:dependencies|model|serve|demo|test|ship) = \[\n(.+?)^\]", text, re.MULTILINE | re.DOTALL)
    assert len(lists) == 6
    lines = [line for line in "".join(lists).splitlines() if '"' in line]
    lines += (ROOT / "bench" / "requirements.in").read_text(encoding="utf-8").splitlines()
    assert len(lists) < len(lines)
    assert [line for line in lines if not re.search(r"\S\s+# \S", line) and "include-group" not in line] == []


def test_make_help_lists_every_command() -> None:
    """Whoever adds a target to .PHONY gives it its line."""
    make = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = {name for names in re.findall(r"^\.PHONY: (.+)$", make, re.MULTILINE) for name in names.split()}
    command = ["make", "--no-print-directory", "help"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert len(commands) > 20
    assert sorted(line.split()[0] for line in listed.splitlines()) == sorted(commands)
