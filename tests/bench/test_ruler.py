"""The ruler: what it counts, what it believes, and what it says was reached."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from bench import artefacts, peak
from bench.artefacts import OWN_ENGINE, graph_alone
from bench.contest import FIRST, LATER, PEAK, Figures, medians, spread
from bench.contestants import Contest, contenders
from bench.figures import OURS, ROOT, Circumstances, Row, Run
from bench.machine import Machine
from bench.operations import REST, Step, by_kind, operations, steps_of_profile
from bench.paste import ratios
from bench.ruler_tables import figures_rows, machine_rows, operation_rows
from bench.targets import ARITHMETIC, BASE, EMPTY, FILLED, OVER_TEN, PLAIN, REMBG, Target, newest, reached
from bench.verdict import LATER_SPREAD, PRODUCT, faults, judged, verdict

QUIET = Circumstances("2026-01-02", Machine("Zen", 2), "abcdefg", 0.02)
BUSY = replace(QUIET, other_cores=0.4)
CONTEST = Contest("base", "static", "512x512", Path("c.pth"), Path("m"), 5, 2, empty_cache=False, threads=2)


def run(table: str, columns: tuple[str, ...], rows: tuple[Row, ...], where: Circumstances = QUIET) -> Run:
    return Run(table, "a title", "make bench", where, columns, rows)


def figures(warm_s: float, peak_mb: int = 1_000) -> Figures:
    return Figures(first_s=2 * warm_s, warm_s=warm_s, peak_bytes=peak_mb * 10**6, around_s=0.1, marks_s={"loaded": 0.5})


@pytest.mark.parametrize(
    ("kind", "given", "made", "counted"),
    [
        ("Conv", [(1, 64, 32, 32), (128, 64, 3, 3), (128,)], (1, 128, 32, 32), 2 * 128 * 32 * 32 * 64 * 9),
        ("Conv", [(1, 64, 32, 32), (64, 1, 7, 7)], (1, 64, 32, 32), 2 * 64 * 32 * 32 * 49),  # each channel alone
        ("Gemm", [(144, 1024), (4096,)], (144, 4096), 2 * 144 * 1024 * 4096),  # its weights were packed ahead
        ("MatMul", [(1, 576, 1024)], (1, 576, 512), 2 * 576 * 1024 * 512),
        ("FusedMatMul", [(192, 24), (192, 20)], (24, 20), 2 * 24 * 192 * 20),  # the left one transposed
        ("MatMul", [(4, 16, 144, 144), (4, 16, 144, 32)], (4, 16, 144, 32), 2 * 4 * 16 * 144 * 144 * 32),
        ("MatMul", [(64, 5), (3, 5, 7)], (3, 64, 7), 2 * 3 * 64 * 5 * 7),  # the same left one for each of three
        ("Attention", [(16, 144, 256), (16, 100, 256), (16, 100, 256)], (16, 144, 256), 4 * 16 * 144 * 100 * 256),
        ("Add", [(1, 64), (1, 64)], (1, 64), 0),
    ],
)
def test_arithmetic_is_counted_by_shapes(
    kind: str, given: list[tuple[int, ...]], made: tuple[int, ...], counted: int
) -> None:
    assert operations(kind, given, made) == counted


def test_kinds_are_the_medians_of_their_sums_and_small_ones_are_put_together() -> None:
    runs = [
        [Step("Gemm", 2, 3), Step("Conv", seconds, 5), Step("Conv", 1, 5), Step("Add", 0.01, 0), Step("Mul", 0.01, 0)]
        for seconds in (1, 2, 9)
    ]
    assert by_kind(runs) == (Step("Conv", 3, 10), Step("Gemm", 2, 3), Step(REST, 0.02, 0))


def small_artefact(folder: Path) -> Path:
    """Make an artefact of one convolution, 16 channels of 3×3 over 64²."""
    weights = numpy_helper.from_array(np.ones((16, 3, 3, 3), np.float32), "w")
    node = helper.make_node("Conv", ["picture", "w"], ["saliency"], pads=[1, 1, 1, 1])
    shape = {name: [1, channels, 64, 64] for name, channels in (("picture", 3), ("saliency", 16))}
    ends = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, size) for name, size in shape.items()}
    graph = helper.make_graph([node], "small", [ends["picture"]], [ends["saliency"]], [weights])
    folder.mkdir()
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), folder / "model.onnx"
    )
    said: dict[str, Any] = {
        "schema_version": 1,
        "name": "small",
        "version": "1",
        "licence": "MIT",
        "engine": "onnxruntime",
        "weights": "model.onnx",
        "checkpoint_sha256": "of another file",
        "input": {
            "size_policy": "fixed",
            "base_px": 64,
            "resample": "bilinear",
            "scale": "255",
            "mean": [0, 0, 0],
            "std": [1, 1, 1],
        },
        "output": {"normalise": "min-max", "resample": "lanczos"},
    }
    (folder / "model.json").write_text(json.dumps(said), encoding="utf-8")
    return folder


def test_a_real_profile_tells_the_steps_of_each_run(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), "teal").save(tmp_path / "picture.png")
    done = subprocess.run(
        [sys.executable, "-m", "bench.worker_operations", str(tmp_path / "picture.png"), "2"],
        cwd=ROOT,
        env={"MODEL_DIR": str(small_artefact(tmp_path / "small")), "THREADS": "1", "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    runs = [[Step(*step) for step in one] for one in json.loads(done.stdout)["runs"]]
    assert len(runs) == 2
    for steps in runs:
        (convolution,) = [step for step in steps if step.kind == "Conv"]
        assert convolution.gflop == pytest.approx(2 * 16 * 64 * 64 * 27 / 1e9)
        assert 0 < convolution.seconds < 60


def test_a_profiles_first_run_is_left_out() -> None:
    shapes = {"input_type_shape": [{"float": [2, 3]}], "output_type_shape": [{"float": [2, 4]}]}
    events: list[dict[str, Any]] = [
        {"cat": "Session", "name": "model_run", "ts": begun, "dur": 10, "args": {}} for begun in (0, 20)
    ]
    events += [
        {"cat": "Node", "name": f"a{end}", "ts": at, "dur": 5, "args": {"op_name": "Gemm", **shapes}}
        for at in (1, 22)
        for end in ("_fence_before", "_kernel_time")
    ]
    assert steps_of_profile(events) == [[Step("Gemm", 5e-6, 48e-9)]]


def test_the_spread_is_that_of_the_middle_half() -> None:
    assert spread([10, 10, 10, 10, 90]) == 0
    assert spread([9, 10, 11]) == pytest.approx(0.1)


def ruled(peaks: list[float], later: dict[str, list[Figures]], where: Circumstances = QUIET) -> Run:
    found = {name: medians(those) for name, those in later.items()}
    rows = figures_rows(found, later, {"warm-up says 200": 0.7})
    machine = machine_rows(CONTEST, found, later, f"{PRODUCT}, numpy, 2 threads", peaks)
    return run(BASE, tuple(found), (*rows, *machine), where)


STEADY = {FILLED: [figures(15.65)] * 5, OURS: [*[figures(7.825)] * 4, figures(7.825, 1_500)]}


def test_a_results_multiple_is_of_the_untouched_arithmetic_at_the_peak_between_them() -> None:
    """By hand: 1,565 GFLOP at 200 GFLOP/s are 7.825 s."""
    one = ruled([190, 200, 400], STEADY)
    assert [one.value(ARITHMETIC, column) for column in (FILLED, OURS)] == [2, 1]
    assert one.ratio(ARITHMETIC, FILLED) is None  # it would be the ratio of the seconds once more
    assert one.value(f"{PRODUCT}, numpy, 2 threads", OURS) == 200
    assert one.ratio(LATER, FILLED) == 2


def test_the_memory_of_ten_requests_is_that_of_the_long_process_alone() -> None:
    one = ruled([200, 200], STEADY)
    assert [one.value(OVER_TEN, column) for column in (FILLED, OURS)] == [None, 1_500]
    assert [one.value(PEAK, column) for column in (FILLED, OURS)] == [1_000, 1_000]


def test_dynamic_mode_has_no_multiple_since_its_arithmetic_is_another() -> None:
    found = {name: medians(those) for name, those in STEADY.items()}
    rows = machine_rows(replace(CONTEST, resize="dynamic"), found, STEADY, PRODUCT, [200, 200])
    assert ARITHMETIC not in [row.name for row in rows]


def test_the_one_start_with_an_empty_cache_has_no_spread() -> None:
    found = {EMPTY: figures(20)} | {name: medians(those) for name, those in STEADY.items()}
    rows = {row.name: row for row in machine_rows(CONTEST, found, STEADY, PRODUCT, [200, 200])}
    assert rows[LATER_SPREAD].values == (None, 0, 0)
    assert rows[PRODUCT].values == (None, None, 200)


def test_kinds_of_ours_come_first_and_what_is_left_last() -> None:
    ours = (Step("Conv", 2, 300), Step(REST, 1, 0))
    steps = {PLAIN: (Step("Erf", 1, 0), Step("Conv", 1, 100), Step(REST, 1, 0)), OURS: ours}
    rows = operation_rows(steps)
    assert [row.name for row in rows] == ["Conv", "Erf", REST, "together"]
    assert rows[0].values == (1, 100, 100, 2, 300, 150)
    assert rows[1].values == (1, None, None, None, None, None)
    assert rows[-1].values == (3, 100, 33.3, 3, 300, 100)


def test_a_drifting_machine_is_too_noisy_to_tell() -> None:
    steady = {OURS: [figures(10 + number / 100) for number in range(5)]}
    assert judged(ruled([200, 201, 202], steady)).startswith("quiet enough")
    drifting = ruled([200, 240, 160], {OURS: [figures(8), figures(10), figures(12)]}, BUSY)
    assert faults(drifting) == [
        "the machine's own peak spread by 20.0 %",
        "“ours” spread by 20.0 %",
        "other work took 0.4 cores",
    ]
    assert judged(drifting).startswith("too noisy to tell: the machine's own peak spread by 20.0 %, ")
    assert verdict([ours_and_naive((2, 1)), drifting], BASE) == f"Zen, 2 cores: {judged(drifting)}"


def test_a_noisy_run_is_in_no_sentence() -> None:
    noisy = ruled([200, 240, 160], {FILLED: [figures(30)] * 3, OURS: [figures(10)] * 3})
    quiet = ruled([200, 200, 200], {FILLED: [figures(20)] * 3, OURS: [figures(10)] * 3})
    assert ratios([noisy, quiet], BASE, LATER) == "1/2.0"
    assert ratios([noisy], BASE, LATER) == "1/3.0"  # better than none: its table says what it is


def ours_and_naive(later: tuple[float, float], where: Circumstances = QUIET) -> Run:
    memory = Row(OVER_TEN, ("MB", "MB"), (None, 1_500))
    return run(BASE, (FILLED, OURS), (Row(LATER, ("s", "s"), later), memory), where)


SHARE = Target("a later result", 1 / 2.8, (BASE,), LATER, share_of_peer=True)


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([], "not measured"),
        ([ours_and_naive((28, 10))], "reached"),
        ([ours_and_naive((28, 10.1))], "not reached"),
        ([ours_and_naive((28, 10), BUSY)], "too noisy to tell"),
        ([run(BASE, (FILLED, OURS), ())], "not measured"),
        ([ours_and_naive((9, 10)), ours_and_naive((28, 10))], "reached"),  # the newest counts
    ],
)
def test_a_target_is_judged_by_the_newest_run_on_a_quiet_machine(runs: list[Run], said: str) -> None:
    assert SHARE.verdict(runs) == said


def test_a_target_on_a_run_that_spread_is_too_noisy_to_tell() -> None:
    assert SHARE.verdict([ruled([200, 240, 160], {FILLED: [figures(30)] * 3, OURS: [figures(10)] * 3})]) == (
        "too noisy to tell"
    )


@pytest.mark.parametrize(("naive_s", "said"), [(60, "reached"), (10, "not reached")])
def test_a_target_is_told_all_the_same_where_the_spread_cannot_change_it(naive_s: int, said: str) -> None:
    assert SHARE.verdict([ruled([200, 240, 160], {FILLED: [figures(naive_s)] * 3, OURS: [figures(10)] * 3})]) == said


def test_noise_changes_no_memory() -> None:
    memory = Target("memory", 1_600, (BASE,), OVER_TEN, "MB")
    assert memory.verdict([ours_and_naive((28, 10), BUSY)]) == "reached"


def test_being_ahead_in_every_cell_is_judged_by_the_worst_of_all_tables() -> None:
    peer = "rembg, numba's cache filled"
    rows = tuple(Row(name, ("s", "s"), (2, 1)) for name in (FIRST, LATER))
    good = [run(table, (peer, OURS), rows) for table in REMBG]
    ahead = Target("u2netp", 1.0, REMBG, share_of_peer=True)
    assert (ahead.verdict(good), ahead.verdict(good[:2])) == ("reached", "not measured")
    worse = run(REMBG[1], (peer, OURS), (rows[0], Row(LATER, ("s", "s"), (2, 2.1))))
    assert ahead.verdict([*good, worse]) == "not reached"


def test_targets_are_laid_out_with_what_is_wanted_and_what_is_here() -> None:
    text = reached([ours_and_naive((28, 8))], "Zen, 2 cores")
    assert "| base, a later result, of naive | ≤ 1/2.80 | 1/3.50 | reached |" in text
    assert "| base, peak memory over ten requests | ≤ 1,600 MB | 1,500 MB | reached |" in text
    assert "| 12 megapixels, all but the network | ≤ 1.20 s | – | not measured |" in text


def test_targets_are_those_of_the_machine_of_the_newest_run() -> None:
    row = Row(ARITHMETIC, ("×", "×"), (2.0, 0.7))
    mine = run(BASE, (FILLED, OURS), (row,))
    other = replace(mine, circumstances=replace(QUIET, machine=Machine("Other", 4)))
    assert "targets, on Zen, 2 cores" in newest([other, mine])
    with pytest.raises(KeyError, match="no run of make bench"):
        newest([ours_and_naive((28, 8))])


def test_the_graph_alone_is_a_contestant_where_there_is_another_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artefacts, "FOLDER", tmp_path / "kept")
    artefact = small_artefact(tmp_path / "small")
    assert graph_alone(artefact) is None
    document = json.loads((artefact / "model.json").read_text(encoding="utf-8"))
    (artefact / "model.json").write_text(json.dumps({**document, OWN_ENGINE: {"weights": "own.bin"}}), encoding="utf-8")
    for _ in range(2):  # also where one was kept
        alone = graph_alone(artefact)
        assert alone is not None
        assert json.loads((alone / "model.json").read_text(encoding="utf-8")) == document
        assert (alone / "model.onnx").read_bytes() == (artefact / "model.onnx").read_bytes()
    assert OWN_ENGINE in (artefact / "model.json").read_text(encoding="utf-8")  # which stays as it was


def test_an_artefact_of_another_checkpoint_is_no_fair_contest(tmp_path: Path) -> None:
    (tmp_path / "c.pth").write_bytes(b"weights")
    contest = replace(CONTEST, checkpoint=tmp_path / "c.pth", model_dir=small_artefact(tmp_path / "small"))
    with pytest.raises(SystemExit, match="was built from a checkpoint of SHA-256 of another"):
        contenders(contest, str(tmp_path))


def test_a_command_is_written_as_anybody_would_type_it() -> None:
    assert CONTEST.command == "make bench BENCH='--rounds 5 --results 2'"
    fast = replace(CONTEST, mode="fast", empty_cache=True)
    assert fast.command == "make bench MODE=fast BENCH='--rounds 5 --results 2 --empty-cache'"


def test_the_peak_is_that_of_the_quickest_library(tmp_path: Path) -> None:
    """Programs that say how long their products took stand in for the libraries."""
    libraries = []
    for name, seconds in (("slow", [0.5, 0.4]), ("quick", [0.3, 0.1])):
        program = tmp_path / name
        program.write_text(f"#!{sys.executable}\nprint('{json.dumps({'seconds': seconds})}')\n", encoding="utf-8")
        program.chmod(0o700)
        libraries.append(peak.Library(name, name, str(program)))
    quick = peak.quickest(tuple(libraries), 2)
    assert quick.name == "quick"
    assert quick.gflops(2) == pytest.approx(2 * 2_048**3 / 0.1 / 1e9)
