"""The documents name files, headings, commands and figures that there are."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from bench.figures import read_all
from bench.paste import DOCUMENTS, PLACE, paste
from local.emulator import ROOT
from tests.template.stack import template

TEXTS = sorted(
    path.relative_to(ROOT)
    for pattern in ("*.md", "docs/*.md", "bench/*.md", "demo/**/*.md", "image/*.md", "layers/*/*.md")
    for path in ROOT.glob(pattern)
)
README = (ROOT / "README.md").read_text(encoding="utf-8")
# A figure that somebody measured or reckoned: seconds, megabytes, dollars, a ratio. A limit such as 3,008 MB is none.
FIGURE = re.compile(r"\d\.\d+ s\b|\b\d+ MB at the peak|\$\d|\b1/\d")


def headings(path: Path) -> set[str]:
    """Make the anchors that GitHub makes of a document's headings."""
    titles = re.findall(r"^#+ (.+)$", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def links(path: Path) -> list[str]:
    """List a document's links, pictures among them, that lead nowhere outside."""
    found = re.findall(r"\]\(([^)\s]+)\)", (ROOT / path).read_text(encoding="utf-8"))
    return [link for link in found if not re.match(r"https?:|mailto:", link)]


def commands(path: Path) -> set[str]:
    """List what a document tells its reader to `make`: in blocks of code and between backticks, not in prose."""
    text = (ROOT / path).read_text(encoding="utf-8")
    blocks = re.findall(r"^ *```.*?^ *```", text, re.MULTILINE | re.DOTALL)
    spans = re.findall(
        r"`([^`\n]+(?:\n[^`\n]+)?)`", re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    )
    return set(re.findall(r"(?:^|[\s`;&])make (?:\w+=\S* )*([\w./-]+)", "\n".join([*blocks, *spans]), re.MULTILINE))


def targets() -> list[str]:
    """List what the Makefile can make, patterns among it."""
    lines = re.findall(r"^([^\s#:=][^:=\n]*):(?!=)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    return [name for line in lines for name in line.split() if not name.startswith(".PHONY")]


def test_the_documents_are_found() -> None:
    assert {*DOCUMENTS, Path("CONTRIBUTING.md"), Path("docs/runbook.md"), Path("layers/model/README.md")} <= set(TEXTS)


@pytest.mark.parametrize("path", TEXTS, ids=str)
def test_a_link_leads_to_a_file_and_a_heading(path: Path) -> None:
    for link in links(path):
        name, _, anchor = unquote(link).partition("#")
        target = (ROOT / path).parent / name if name else ROOT / path
        assert target.exists(), link
        if anchor:
            assert anchor in headings(target.resolve().relative_to(ROOT)), link


@pytest.mark.parametrize("path", TEXTS, ids=str)
def test_make_can_make_what_a_document_says(path: Path) -> None:
    known = [re.compile(re.escape(target).replace("%", ".+")) for target in targets()]
    assert len(known) > 20
    unknown = {name for name in commands(path) if not any(target.fullmatch(name) for target in known)}
    assert unknown == set()


def test_the_alarms_said_to_stop_a_canary_are_those_that_do() -> None:
    resources = template()["Resources"]
    stopping = resources["Function"]["Properties"]["DeploymentPreference"]["Alarms"]
    names = [resources[it["Ref"]]["Properties"]["AlarmName"]["Fn::Sub"].partition("-critical-")[2] for it in stopping]
    every = [it["Properties"].get("AlarmName", {}).get("Fn::Sub", "") for it in resources.values()]
    others = [name.partition("-critical-")[2] for name in every if "-critical-" in name]
    said = re.search(r"The three alarms are (.+?); the other two critical ones, (.+?),\s+notify", README, re.DOTALL)
    assert said
    assert re.findall(r"\*([a-z-]+)\*", said[1]) == names
    assert set(re.findall(r"\*([a-z-]+)\*", said[2])) == set(others) - set(names)
    deploying = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    assert f"stopped and moved back by three alarms: {', '.join(names)}" in deploying


@pytest.mark.parametrize("path", DOCUMENTS, ids=str)
def test_figures_are_those_that_the_benches_wrote(path: Path) -> None:
    """`make figures` mends it."""
    text = (ROOT / path).read_text(encoding="utf-8")
    assert PLACE.search(text)
    assert paste(text, read_all()) == text


def test_every_figure_of_the_readme_comes_from_a_file() -> None:
    measured = README[README.index("\n## Speed") : README.index("\n## Limits")]
    assert len(FIGURE.findall(measured)) > 30
    assert FIGURE.findall(PLACE.sub("", measured)) == []


def test_every_file_of_figures_is_shown_somewhere() -> None:
    shown = {place["name"] for path in DOCUMENTS for place in PLACE.finditer((ROOT / path).read_text(encoding="utf-8"))}
    assert {run.table for run in read_all()} <= shown
