"""Figures on their way from a worker's process to a sentence of README."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bench.contest import FIRST, LATER, Contender, compete, rows
from bench.figures import FOLDER, OURS, ROOT, Circumstances, Row, Run, read, write
from bench.machine import Machine, processor_name, this_machine
from bench.paste import DERIVED, DOCUMENTS, PLOTS, differing, main, paste, ratios, thousand
from bench.prices import Billed
from bench.record import Watch
from bench.scaling import Scaling
from bench.tables import markdown

if TYPE_CHECKING:
    from pathlib import Path

PEER = "naive, cache filled"
SLOW, FAST = Machine("Slow", 2, ("avx2",), 8000), Machine("Fast", 2, ("avx2", "avx512f"), 8000)


def run(machine: Machine, theirs_s: float, ours_s: float, table: str = "upstream-base-static-512x512") -> Run:
    row = Row(LATER, ("s", "s"), (theirs_s, ours_s))
    return Run(table, "base", "make bench", Circumstances("2026-01-02", machine), (PEER, OURS), (row,))


def test_a_run_that_was_written_is_read_back_whole(tmp_path: Path) -> None:
    rows = (Row("size", ("s", "MB"), (None, 12.5), (2.0, None)),)
    one = replace(run(FAST, 2, 1), rows=rows, libraries={"numpy": "2.4.0"}, note="a note")
    path = write(one, tmp_path)
    assert path.name == "upstream-base-static-512x512--fast-2-cores.json"
    assert read(path) == one


def test_a_machines_new_run_replaces_its_old_one(tmp_path: Path) -> None:
    for ours_s in (1, 2):
        write(run(FAST, 4, ours_s), tmp_path)
    write(run(SLOW, 4, 3), tmp_path)
    assert sorted(read(path).value(LATER, OURS) or 0 for path in tmp_path.iterdir()) == [2, 3]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_a_file_of_figures_bears_the_name_of_its_table_and_machine(path: Path) -> None:
    one = read(path)
    assert path.name == one.file_name
    assert {len(part) for row in one.rows for part in (row.units, row.values)} == {len(one.columns)}
    # Either somebody can find out what was measured, or the file says why not.
    assert one.note or (one.libraries and one.circumstances.commit and one.circumstances.other_cores is not None)
    assert str(ROOT) not in path.read_text(encoding="utf-8")


def test_a_ratio_is_that_of_the_figures() -> None:
    assert run(FAST, 7.5, 2.5).ratio(LATER, PEER) == 3


def test_a_ratio_that_was_printed_stands_where_figures_were_rounded_or_lost() -> None:
    row = Row(LATER, ("s", "s"), (0.17, 0.07), (2.6, None))
    assert replace(run(FAST, 1, 1), rows=(row,)).ratio(LATER, PEER) == 2.6


def test_a_table_has_a_group_for_each_machine_and_ours_last() -> None:
    more = replace(run(SLOW, 9, 3), columns=(OURS, "another"))
    assert markdown([run(FAST, 2, 1), more]).splitlines() == [
        "| base | naive, cache filled | another | ours | ratio |",
        "|---|---|---|---|---|",
        "| **Fast, 2 cores**, 2026-01-02 | | | | |",
        "| a later result | 2.00 s | – | 1.00 s | 1/2.0 |",
        "| **Slow, 2 cores**, 2026-01-02 | | | | |",
        "| a later result | – | 3.00 s | 9.00 s | 1/0.3 |",
    ]


@pytest.mark.parametrize(("other_cores", "said"), [(None, ""), (0.04, ""), (1.31, ", while other work took 1.3 cores")])
def test_a_table_says_that_the_machine_was_not_quiet(other_cores: float | None, said: str) -> None:
    one = run(FAST, 2, 1)
    disturbed = replace(one, circumstances=replace(one.circumstances, other_cores=other_cores))
    assert f"| **Fast, 2 cores**, 2026-01-02{said} | |" in markdown([disturbed])


def test_a_sentence_is_true_on_every_machine() -> None:
    assert ratios([run(FAST, 3.4, 1), run(SLOW, 1.9, 1)], "upstream-base-static-512x512", LATER) == (
        "between 1/1.9 and 1/3.4"
    )


def threads(machine: Machine, one_s: float, two_s: float, model: str = "inspyrenet-base") -> Run:
    rows = (
        Row(FIRST, ("s", "s"), (one_s + 2, two_s + 2)),
        Row(LATER, ("s", "s"), (one_s, two_s)),
        Row("peak memory", ("MB", "MB"), (900, 1_000)),
    )
    name = f"threads-{model}-512x512"
    return Run(name, model, "make bench-threads", Circumstances("2026-01-02", machine), ("1 core", "2 cores"), rows)


def test_prices_span_every_machine_that_measured_one_core_and_two() -> None:
    machines = [threads(FAST, 12, 6), threads(SLOW, 15, 9), threads(FAST, 1, 1, "u2netp")]
    prices = [Billed(Scaling.through(*seconds)).on_demand(1000) for seconds in ((12, 6), (15, 9))]
    assert f"InSPyReNet base cost between ${prices[0]:.2f} and ${prices[1]:.2f}, " in thousand(machines)


def test_an_arm_machines_seconds_are_billed_at_arms_price() -> None:
    arm = Machine("Neoverse N1", 2, architecture="aarch64")
    price = Billed(Scaling.through(16, 8), architecture="arm64").on_demand(1000)
    said = thousand([threads(arm, 16, 8), threads(arm, 1, 1, "u2netp")])
    assert f"InSPyReNet base cost ${price:.2f}, " in said


def test_a_ratio_in_a_sentence_is_to_the_peer_with_the_filled_cache() -> None:
    row = Row(LATER, ("s",) * 4, (50, 3.4, 2, 1))
    ruled = replace(
        run(FAST, 1, 1), columns=("naive, numba's cache empty", PEER, "plain ONNX export", OURS), rows=(row,)
    )
    assert ratios([ruled], "upstream-base-static-512x512", LATER) == "1/3.4"


def test_a_sentence_about_one_machine_names_one_ratio() -> None:
    assert ratios([run(FAST, 3.4, 1)], "upstream-base-static-512x512", LATER) == "1/3.4"


def test_pasting_replaces_what_stood_there_and_nothing_else() -> None:
    marked = "<!-- figures: t -->\n{}<!-- /figures -->\n"
    runs = [run(FAST, 2, 1, table="t")]
    before, after = ("\n".join(["a", marked.format(said), "b"]) for said in ("old\n", f"{markdown(runs)}\n"))
    assert paste(before, runs) == after
    assert paste(after, runs) == after
    assert paste(f"{marked.format('')}{marked.format('x' + chr(10))}", runs) == 2 * marked.format(f"{markdown(runs)}\n")


def test_a_place_for_figures_that_there_are_not_is_an_error() -> None:
    with pytest.raises(KeyError, match="unheard"):
        paste("<!-- figures: unheard -->\n<!-- /figures -->", [run(FAST, 2, 1)])


def test_a_figure_that_changes_makes_the_documents_stale(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "bench" / "figures")
    for path in (*DOCUMENTS, *PLOTS):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, tmp_path / path)
    assert differing(tmp_path) == {}
    changed = next((tmp_path / "bench" / "figures").glob("threads-u2netp-512x512--*.json"))
    document = json.loads(changed.read_text(encoding="utf-8"))
    later = next(row for row in document["rows"] if row["name"] == LATER)
    later["values"] = [3 * value for value in later["values"]]
    changed.write_text(json.dumps(document), encoding="utf-8")
    # Its table; its costs in a sentence, by month, by volume, by memory and of a job; its speed; and the plot.
    stale = {*DOCUMENTS, *PLOTS}
    assert set(differing(tmp_path)) == stale
    assert main(["--check"], tmp_path) == 1
    assert set(differing(tmp_path)) == stale  # a check writes nothing
    assert main([], tmp_path) == 0
    assert main(["--check"], tmp_path) == 0


def test_sentences_are_asked_for_by_the_documents() -> None:
    asked = "".join((ROOT / path).read_text(encoding="utf-8") for path in DOCUMENTS)
    assert [name for name in DERIVED if f"<!-- figures: {name} -->" not in asked] == []


@pytest.mark.parametrize(
    ("cpuinfo", "name"),
    [
        (
            {"vendor_id": "AuthenticAMD", "cpu family": "25", "model": "17", "model name": "AMD EPYC"},
            "AMD EPYC (Zen 4)",
        ),
        (
            {
                "vendor_id": "GenuineIntel",
                "cpu family": "6",
                "model": "106",
                "model name": "Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz",
            },
            "Intel Xeon Platinum 8375C (Ice Lake)",
        ),
        (
            {
                "vendor_id": "GenuineIntel",
                "cpu family": "6",
                "model": "999",
                "model name": "Intel(R) Xeon(R) Processor",
            },
            "Intel Xeon (family 6, model 999)",
        ),
        ({"CPU implementer": "0x41", "CPU part": "0xd0c"}, "Neoverse N1"),
        ({"CPU implementer": "0x41", "CPU part": "0xfff"}, "arm64, implementer 0x41, part 0xfff"),
    ],
)
def test_a_processor_is_named_with_its_generation(cpuinfo: dict[str, str], name: str) -> None:
    assert processor_name(cpuinfo) == name


def test_this_machine_says_what_it_is() -> None:
    here = this_machine()
    assert here.cores
    assert here.memory_mb
    assert here.processor


def test_a_run_says_when_and_on_what_code_it_was() -> None:
    where = Watch.start().circumstances()
    assert where.machine == this_machine()
    assert where.date


def test_own_work_is_not_taken_for_others_and_others_is() -> None:
    burn = "import time\nwhile time.process_time() < 0.7: pass"
    machine, own = Watch.start(), Watch.start()
    subprocess.run([sys.executable, "-c", burn], check=True)
    alone = own.circumstances().other_cores
    foreign = replace(machine, own_s=Watch.start().own_s)  # as if another process had started it
    assert alone is not None
    assert (foreign.circumstances().other_cores or 0) > alone


def test_contenders_are_timed_as_whole_processes(tmp_path: Path) -> None:
    (tmp_path / "picture").write_bytes(b"pixels")
    code = "import time; time.sleep({}); from bench.report import report_results; report_results({}, lambda: 0.02)"
    slow = "lambda data: (time.sleep(0.06), data)[1]"
    contenders = [
        Contender(PEER, [sys.executable, "-c", code.format(0.4, slow)]),
        Contender(OURS, [sys.executable, "-c", code.format(0, "lambda data: data")]),
    ]
    figures = compete(contenders, tmp_path / "picture", rounds=1, results=3)
    theirs, ours = figures[PEER], figures[OURS]
    assert 0 < theirs.marks_s["loaded"] < theirs.first_s
    assert theirs.first_s >= 0.4  # what it slept; how much more, a busy machine decides
    assert theirs.warm_s >= 0.06
    assert ours.warm_s < ours.first_s  # a later result begins when the one before it ended, not with the process
    assert theirs.warm_s - theirs.around_s == pytest.approx(0.02, abs=1e-6)
    assert theirs.peak_bytes > 1_000_000
    assert [row.name for row in rows(figures)] == [FIRST, LATER, "peak memory"]
