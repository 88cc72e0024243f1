"""`make figures`: pastes what bench/figures holds into the documents; with `--check`, says what differs and fails.

A document marks a place by `<!-- figures: NAME -->` before and `<!-- /figures -->` after it, each on a line of its own:
Markdown leaves the rest of a comment's line alone. NAME is a table of bench/figures, or a text of `DERIVED`.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.contest import FIRST, LATER, PEAK
from bench.costs import Measured, report
from bench.figures import OURS, ROOT, Run, read_all
from bench.speed import speed
from bench.tables import markdown, span
from bench.volume import bounds, by_memory, parts, totals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

DOCUMENTS = tuple(
    Path(name) for name in ("README.md", "docs/deploy.md", "docs/speed.md", "docs/costs.md", "bench/README.md")
)
PLACE = re.compile(r"(^<!-- figures: (?P<name>\S+) -->\n).*?(^<!-- /figures -->$)", re.DOTALL | re.MULTILINE)
UPSTREAM, REMBG = "upstream-base-static-512x512", "rembg-512x512"
PICTURES_A_MONTH = 10_000


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Paste, or check; 1 where a checked document says something else than the files."""
    parser = argparse.ArgumentParser(prog="python -m bench.paste")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where something differs")
    check = parser.parse_args(arguments).check
    stale = differing(root)
    for path, text in stale.items():
        if not check:
            (root / path).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path}: {'differs from bench/figures; make figures mends it' if check else 'pasted'}\n")
    return 1 if stale and check else 0


def differing(root: Path) -> dict[Path, str]:
    """Give the documents that say something else than the files of figures, with what they ought to say."""
    runs = read_all(root / "bench" / "figures")
    texts = {path: (root / path).read_text(encoding="utf-8") for path in DOCUMENTS}
    return {path: pasted for path, text in texts.items() if (pasted := paste(text, runs)) != text}


def paste(text: str, runs: Sequence[Run]) -> str:
    """Put into each marked place what the runs say. KeyError: a place names what there is not."""

    def fill(place: re.Match[str]) -> str:
        name = place["name"]
        said = DERIVED[name](runs) if name in DERIVED else markdown(runs_of(runs, name))
        return f"{place[1]}{said}\n{place[3]}"

    return PLACE.sub(fill, text)


def runs_of(runs: Sequence[Run], table: str) -> list[Run]:
    """Choose the runs of one table. KeyError: there is none."""
    chosen = [run for run in runs if run.table == table]
    if not chosen:
        raise KeyError(f"{table}: bench/figures holds no run of it")
    return chosen


def ratios(runs: Sequence[Run], table: str, row: str) -> str:
    """Say how ours compares with its peer in one row of a table, on all machines."""
    found = []
    for run in runs_of(runs, table):
        peer = run.columns[run.columns.index(OURS) - 1]  # beside ours: the one with the filled cache
        ratio = run.ratio(row, peer) if run.has(row) else None
        if ratio is not None:
            found.append(ratio)
    return span(found, "1/{:.1f}")


def takeaway(table: str, sentence: str) -> Callable[[Sequence[Run]], str]:
    """Make the text of how ours compares on every machine: `later`, `first` and `peak` are the ratios in it."""

    def text(runs: Sequence[Run]) -> str:
        rows = {"first": FIRST, "later": LATER, "peak": PEAK}
        return sentence.format(**{name: ratios(runs, table, row) for name, row in rows.items()})

    return text


def measured(run: Run) -> Measured:
    """Take from a run what costs are reckoned with; a cold start's seconds are nan where they were not kept."""
    first_s, later_s = (run.value(row, OURS) if run.has(row) else None for row in (FIRST, LATER))
    picture_s = math.nan if later_s is None else later_s
    machine = run.circumstances.machine
    return Measured(
        measured_picture_s=picture_s,
        measured_cold_s=math.nan if first_s is None else first_s - picture_s,
        cores=machine.cores or 2,  # a run that did not record its cores is taken as having had two, as every other has
        architecture="arm64" if machine.architecture == "aarch64" else "x86_64",
    )


def slowest(runs: Sequence[Run], table: str) -> tuple[Measured, Run]:
    """Choose the slowest machine of which all seconds are known."""
    known = [(measured(run), run) for run in runs_of(runs, table)]
    return max((pair for pair in known if math.isfinite(pair[0].cold_s)), key=lambda pair: pair[0].picture_s)


def month(table: str) -> Callable[[Sequence[Run]], str]:
    """Make the text of what a month costs by a table's seconds, on the slowest machine of which all are known."""

    def text(runs: Sequence[Run]) -> str:
        seconds, run = slowest(runs, table)
        return f"By the seconds of {run.circumstances.machine.name}. {report(seconds, PICTURES_A_MONTH)}"

    return text


def thousand(runs: Sequence[Run]) -> str:
    """Say what a thousand warm pictures cost, by the seconds of every machine."""
    prices = {}
    for table in (UPSTREAM, REMBG):
        # Warm pictures need no cold start's seconds, which not every run kept.
        dollars = [replace(measured(run), measured_cold_s=0).on_demand(1000) for run in runs_of(runs, table)]
        prices[table] = span([price for price in dollars if math.isfinite(price)], "${:.2f}")
    return (
        f"A thousand warm pictures of InSPyReNet base cost {prices[UPSTREAM]}, of the embedded model {prices[REMBG]}, "
        "by these seconds and AWS's prices; an idle function costs nothing."
    )


def growth(runs: Sequence[Run]) -> str:
    """Say how much more an environment's process holds after its last upload than after the first fifty."""
    grown = []
    for run in runs_of(runs, "upload-memory"):
        held = [value for row in run.rows if (value := row.values[0]) is not None]
        grown.append(100 * (held[-1] / held[0] - 1))
    last = runs_of(runs, "upload-memory")[-1].rows[-1].name
    return f"From 50 uploads on it grew by {span(grown, '{:.1f} %')}, {last}."


DERIVED: Mapping[str, Callable[[Sequence[Run]], str]] = {
    "upstream-takeaway": takeaway(
        UPSTREAM,
        "Depending on the processor and the day, InSPyReNet base needs {later} of the time that a naive handler of "
        "transparent-background needs for a picture, {first} for the first one after a start, and {peak} of its "
        "memory.",
    ),
    "rembg-takeaway": takeaway(
        REMBG,
        "The embedded model needs {later} of rembg's time for a small picture, {first} for the first one after a "
        "start, and {peak} of its memory.",
    ),
    "thousand": thousand,
    "costs-base": month(UPSTREAM),
    "costs-u2netp": month(REMBG),
    "upload-memory-growth": growth,
    "volume-totals": totals,
    "volume-parts": parts,
    "volume-memory": by_memory,
    "volume-bounds": bounds,
    "speed": speed,
}


if __name__ == "__main__":
    sys.exit(main())
