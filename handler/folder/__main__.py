"""`make cut PHOTOS=folder OUT=folder [OPTIONS=…]`, and the image's `cut /in /out`.

Exits with 0 where every photograph has its results, 1 where some could not be made, 2 where nothing could be begun or
go on, and 130 where it was interrupted; the next run goes on from there.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from handler.errors import CallerError, CutoutError, printable
from handler.folder.journal import Journal
from handler.folder.progress import Progress
from handler.folder.run import NOT_READABLE, Failure, Run
from handler.folder.walk import files_of
from handler.pipeline import Pipeline
from handler.settings import Settings
from handler.triggers.uploads.place import options_of
from handler.web.parameters.renditions import read_renditions, renditions_of_setting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handler.folder.run import Tally
    from handler.job import Rendition

REPORT = "cut-report.json"
MADE_BY = "cut"  # in a report: it may be replaced


def main(words: Sequence[str] | None = None) -> int:
    """Cut a folder out, as the command's words say."""
    parser = argparse.ArgumentParser(prog="cut", description="Cut out every photograph of a folder.")
    parser.add_argument("photos", type=Path, help="the folder of photographs; its folders are worked on, too")
    parser.add_argument("out", type=Path, help="the folder that results go to")
    parser.add_argument(
        "options",
        nargs="*",
        help="how results are to look, such as format=webp size=hd, or several: "
        '"full: format=png / web: format=webp max_side=1024"; see docs/uploads.md. Default: OUTPUTS',
    )
    arguments = parser.parse_args(words)
    photos, out = arguments.photos.expanduser(), arguments.out.expanduser()
    if not photos.is_dir():
        parser.error(f"{photos} is no folder.")
    if out.resolve() in {photos.resolve(), *photos.resolve().parents}:
        parser.error(f"{out} holds the photographs: results would be taken for some. Give another folder.")
    try:
        settings = Settings.from_env()
        renditions = _renditions(" ".join(arguments.options), settings)
        _require_report(out)
        with Journal(out) as journal:
            return _cut(photos, out, Run(photos, journal, Pipeline(settings), renditions))
    except (CutoutError, OSError) as error:
        sys.stderr.write(f"cut: {printable(str(error))}\n")
        return 2


def _renditions(text: str, settings: Settings) -> tuple[tuple[Rendition, str], ...]:
    """Read what is wanted. Raises CallerError, ConfigurationError."""
    asked = read_renditions(text, settings, ()) if text else renditions_of_setting(settings)
    return tuple((rendition, options_of(rendition)) for rendition in asked)


def _cut(photos: Path, out: Path, run: Run) -> int:
    """Work on all that is missing, and report it."""
    tally, interrupted = run.tally, False
    try:
        files, left_out = files_of(photos, but=out)
        tally.failures += [Failure(str(one.path), NOT_READABLE, one.reason) for one in left_out]
        ahead = [file for file in files if run.is_ahead(file)]
        tally.there_already = len(files) - len(ahead)
        if ahead:
            run.load()
        run.work(ahead, Progress(sys.stdout, len(files), tally.there_already))
    except KeyboardInterrupt:
        interrupted = True
    _report(out, tally, interrupted=interrupted)
    return _verdict(out, tally, interrupted=interrupted)


def _verdict(out: Path, tally: Tally, *, interrupted: bool) -> int:
    for failure in tally.failures:
        place = failure.photograph if failure.result is None else f"{failure.photograph} → {failure.result}"
        sys.stdout.write(f"failed: {printable(place)}: {printable(failure.reason)}\n")
    for name in tally.no_pictures:
        sys.stdout.write(f"no picture: {printable(name)}\n")
    counted = [f"{len(tally.made)} results made", f"{tally.there_already} photographs done before"]
    if tally.no_pictures:
        counted.append(f"{len(tally.no_pictures)} no pictures")
    counted.append(f"{len(tally.failures)} failed")
    sys.stdout.write(f"{', '.join(counted)}; {out / REPORT} has the list.\n")
    if interrupted:
        sys.stdout.write("Interrupted: the same command goes on from here.\n")
        return 130
    if not (tally.made or tally.there_already or tally.failures):
        sys.stdout.write("The folder holds no picture.\n")
        return 2
    return 1 if tally.failures else 0


def _require_report(out: Path) -> None:
    """Raise CallerError where something stands at the report's place that was not made here."""
    path = out / REPORT
    if not os.path.lexists(path):
        return
    try:
        ours = json.loads(path.read_bytes())["made_by"] == MADE_BY
    except (OSError, ValueError, KeyError, TypeError):
        ours = False
    if not ours:
        raise CallerError(f"{path} is no report of this command: move it, or give another folder.")


def _report(out: Path, tally: Tally, *, interrupted: bool) -> None:
    document = {
        "made_by": MADE_BY,
        "interrupted": interrupted,
        "made": len(tally.made),
        "there_already": tally.there_already,
        "failed": [dataclasses.asdict(failure) for failure in tally.failures],
        "no_pictures": tally.no_pictures,
    }
    path = out / REPORT
    part = path.with_name(f".{REPORT}.part")
    part.write_text(json.dumps(document, indent=2) + "\n", encoding="ascii")
    part.replace(path)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what `docker stop` sends is as Ctrl-C
    sys.exit(main())
