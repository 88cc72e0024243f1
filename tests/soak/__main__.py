"""`make soak`: 0 where every upload ended as it has to, once; else a sentence for each that did not."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.soak.run import Plan, soak

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.soak.run import Outcome

MOST_SENTENCES = 40


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--model-dir", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=Plan.pictures)
    parser.add_argument("--emulators", type=int, default=Plan.emulators, help="side by side, one batch at a time each")
    parser.add_argument("--poison", type=float, default=100 * Plan.poison, help="percent that cannot be cut out")
    parser.add_argument("--faults", type=float, default=100 * Plan.faults, help="percent that meet a passing fault")
    parser.add_argument("--kill-every", type=float, default=Plan.kill_every_s, help="seconds between two kills")
    parser.add_argument("--seed", type=int, default=Plan.seed)
    options = parser.parse_args()
    plan = Plan(
        options.model_dir,
        pictures=options.pictures,
        emulators=options.emulators,
        poison=options.poison / 100,
        faults=options.faults / 100,
        kill_every_s=options.kill_every,
        seed=options.seed,
    )
    begun_s = time.monotonic()

    def say(what: str) -> None:
        sys.stdout.write(f"{time.monotonic() - begun_s:7.1f} s  {what}\n")
        sys.stdout.flush()

    outcome = soak(plan, say)
    sys.stdout.write(summary(plan, outcome) + "\n")
    return 1 if outcome.verdict.wrong else 0


def summary(plan: Plan, outcome: Outcome) -> str:
    """Say what happened and how it ended."""
    verdict = outcome.verdict
    lines = [
        f"{plan.pictures:,} uploads as {outcome.messages:,} messages, {plan.emulators} environments",
        f"took {outcome.took_s:,.0f} s, {plan.pictures / outcome.took_s:.1f} uploads/s",
        f"ended as: {_counts(verdict.ends)}",
        f"environments killed: {outcome.kills}; batches: {_counts(outcome.endings)}",
        f"faults dealt: {_counts(outcome.dealt)}",
        f"files written: {verdict.written:,}; uploads read again: {outcome.fetched_again:,} times",
        *(f"WRONG: {sentence}" for sentence in verdict.wrong[:MOST_SENTENCES]),
    ]
    if verdict.wrong:
        lines.append(f"{len(verdict.wrong)} things are wrong")
    else:
        lines.append("nothing was lost, nothing was written twice, every result has the right pixels")
    return "\n".join(lines)


def _counts(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items())) or "none"


if __name__ == "__main__":
    sys.exit(main())
