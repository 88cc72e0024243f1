"""`make figures`: pastes what bench/figures holds into the documents; with `--check`, says what differs and fails.

A document marks a place by `<!-- figures: NAME -->` before and `<!-- /figures -->` after it, each on a line of its own:
Markdown leaves the rest of a comment's line alone. NAME is a table of bench/figures, or a text of `DERIVED`.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.contest import FIRST, LATER, PEAK
from bench.costs import report
from bench.figures import OURS, ROOT, Run, read_all
from bench.growth import by_memory
from bench.plot import draw
from bench.prices import DEFAULT_MB
from bench.speed import speed
from bench.tables import markdown, span
from bench.targets import BASE, REMBG, newest
from bench.targets import peer as peer_of
from bench.timed import slowest, timed
from bench.verdict import faults, verdict
from bench.volume import bounds, parts, totals
from deploy.batch.estimate import example

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

DOCUMENTS = tuple(
    Path(name)
    for name in ("README.md", "docs/deploy.md", "docs/speed.md", "docs/costs.md", "docs/batch.md", "bench/README.md")
)
PLACE = re.compile(r"(^<!-- figures: (?P<name>\S+) -->\n).*?(^<!-- /figures -->$)", re.DOTALL | re.MULTILINE)
PLOTS: Mapping[Path, Callable[[Sequence[Run]], str]] = {Path("docs/costs-by-memory.svg"): draw}
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
    """Give the documents and plots that say something else than the files of figures, with what they ought to say."""
    runs = read_all(root / "bench" / "figures")
    texts = {path: (root / path).read_text(encoding="utf-8") for path in DOCUMENTS}
    ought = {path: paste(text, runs) for path, text in texts.items()} | {
        path: plot(runs) for path, plot in PLOTS.items()
    }
    texts |= {path: (root / path).read_text(encoding="utf-8") for path in PLOTS if (root / path).exists()}
    return {path: text for path, text in ought.items() if text != texts.get(path)}


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


def believed(runs: Sequence[Run], table: str) -> list[Run]:
    """Choose the runs with ours in them, of machines that were quiet enough to tell; all of them where none was."""
    chosen = [run for run in runs_of(runs, table) if OURS in run.columns]
    return [run for run in chosen if not faults(run)] or chosen


def ratios(runs: Sequence[Run], table: str, row: str) -> str:
    """Say how ours compares with its peer in one row of a table, on all machines that were quiet enough to tell."""
    found = []
    for run in believed(runs, table):
        ratio = run.ratio(row, peer_of(run)) if run.has(row) else None
        if ratio is not None:
            found.append(ratio)
    return span(found, "1/{:.1f}")


def takeaway(table: str, sentence: str) -> Callable[[Sequence[Run]], str]:
    """Make the text of how ours compares: `where` begins it, and `later`, `first` and `peak` are the ratios in it."""

    def text(runs: Sequence[Run]) -> str:
        rows = {"first": FIRST, "later": LATER, "peak": PEAK}
        machines = {run.circumstances.machine.name for run in believed(runs, table)}
        where = f"On {machines.pop()}," if len(machines) == 1 else "Depending on the processor and the day,"
        return sentence.format(where=where, **{name: ratios(runs, table, row) for name, row in rows.items()})

    return text


def month(model: str) -> Callable[[Sequence[Run]], str]:
    """Make the text of what a month with a model costs, by the slowest machine's seconds."""

    def text(runs: Sequence[Run]) -> str:
        one = slowest(runs, model)
        return f"By the seconds of {one.machine}. {report(one.at(DEFAULT_MB, one.architecture), PICTURES_A_MONTH)}"

    return text


def thousand(runs: Sequence[Run]) -> str:
    """Say what a thousand warm pictures cost, by the seconds of every machine."""
    prices = {
        model: span([one.at(DEFAULT_MB, one.architecture).on_demand(1000) for one in timed(runs, model)], "${:.2f}")
        for model in ("inspyrenet-base", "u2netp")
    }
    return (
        f"A thousand warm pictures of InSPyReNet base cost {prices['inspyrenet-base']}, of the embedded model "
        f"{prices['u2netp']}, by these seconds and AWS's prices; an idle function costs nothing."
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
        BASE,
        "{where} InSPyReNet base needs {later} of the time that a naive handler of "
        "transparent-background needs for a picture, {first} for the first one after a start, and {peak} of its "
        "memory.",
    ),
    "rembg-takeaway": takeaway(
        REMBG[0],
        "{where} the embedded model needs {later} of rembg's time for a small picture, {first} for the first one after "
        "a start, and {peak} of its memory.",
    ),
    "thousand": thousand,
    "costs-base": month("inspyrenet-base"),
    "costs-u2netp": month("u2netp"),
    "upload-memory-growth": growth,
    "volume-totals": totals,
    "volume-parts": parts,
    "costs-by-memory": by_memory,
    "volume-bounds": bounds,
    "speed": speed,
    "targets": newest,
    "verdict": lambda runs: verdict(runs, BASE),
    "batch-example": example,
}


if __name__ == "__main__":
    sys.exit(main())
