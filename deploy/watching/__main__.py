"""Write the watching part of template.yaml anew. With --check, only say whether it is what the tables give."""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path

from deploy.watching import alarms, dashboard, metrics, queries, render

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"
BEGIN = (
    "  # Below, up to Outputs: written by `make watching` from the tables in deploy/watching. Change those, not this.\n"
)
END = "  # Written up to here.\n"


def renewed(template: str) -> str:
    """Give the template with its watching part as the tables have it. Raises ValueError where a marker is missing."""
    before, begun, rest = template.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not begun or not ended:
        raise ValueError(f"template.yaml needs the lines {BEGIN.strip()!r} and {END.strip()!r}")
    watching = render.resources(alarms.ALARMS, queries.QUERIES, (metrics.MEMORY_USED, metrics.MEMORY_USED_FIELD))
    watching["Dashboard"] = render.dashboard(dashboard.WIDGETS)
    return f"{before}{begun}\n{render.as_yaml(watching)}\n{ended}{after}"


def main() -> int:
    """Write, or compare."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m deploy.watching")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail where template.yaml is not what the tables give"
    )
    check = parser.parse_args().check
    committed = TEMPLATE.read_text(encoding="utf-8")
    wanted = renewed(committed)
    if check:
        names = ("template.yaml", "template.yaml by deploy/watching")
        difference = difflib.unified_diff(committed.splitlines(keepends=True), wanted.splitlines(keepends=True), *names)
        sys.stdout.writelines(difference)
        return int(committed != wanted)
    TEMPLATE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
