"""A folder cut out without Lambda: mirrored, resumed, nothing lost, nothing of others touched, every failure named."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from handler.folder.__main__ import REPORT, main
from handler.folder.journal import Journal
from local.emulator import ROOT
from tests import artefacts
from tests.pictures import opened, save, scene

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TWO = "full: format=png / small: format=webp max_side=16 bg_color=white"


@dataclass(frozen=True)
class Place:
    """A folder of photographs, and one for what is made of them."""

    photos: Path
    out: Path

    def put(self, name: str, data: bytes | None = None) -> Path:
        path = self.photos / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(save(scene()) if data is None else data)
        return path

    def cut(self, *options: str) -> int:
        try:
            return main([str(self.photos), str(self.out), *options])
        except SystemExit as error:  # argparse's
            return int(error.code or 0)

    @property
    def results(self) -> list[str]:
        paths = [path.relative_to(self.out) for path in self.out.rglob("*") if path.is_file()]
        return sorted(str(path) for path in paths if path.parts[0] not in {".cut", REPORT})

    @property
    def report(self) -> dict[str, Any]:
        return dict(json.loads((self.out / REPORT).read_text()))

    def seen(self) -> dict[str, tuple[int, int]]:
        """Give each result's identity: another file, or one written anew, has another."""
        stats = {name: (self.out / name).stat() for name in self.results}
        return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in stats.items()}


@pytest.fixture
def place(tmp_path: Path, brightness: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("MODEL_DIR", str(brightness))
    (tmp_path / "photos").mkdir()
    return Place(tmp_path / "photos", tmp_path / "out")


def test_a_folder_is_mirrored(place: Place, u2netp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the embedded model."""
    monkeypatch.setenv("MODEL_DIR", str(u2netp))
    for name in ("a.png", "b c/é.PNG", "b c/deep/a.png"):
        place.put(name)
    assert place.cut() == 0
    assert place.results == ["a.png.png", "b c/deep/a.png.png", "b c/é.PNG.png"]
    result = opened((place.out / "b c/é.PNG.png").read_bytes())
    assert (result.mode, result.size) == ("RGBA", (96, 64))
    assert place.report["made"] == 3


def test_options_are_those_of_uploads_and_several_results_come_of_one_look(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_DIR", str(artefacts.write(tmp_path, artefacts.chance())))
    place.put("a.png")
    assert place.cut("full: format=png / matte: channels=alpha format=png") == 0
    alpha = np.asarray(opened((place.out / "a.png.full.png").read_bytes()))[..., 3]
    assert np.array_equal(np.asarray(opened((place.out / "a.png.matte.png").read_bytes())), alpha)
    assert place.cut("format=webp", "max_side=16", "bg_color=white") == 0
    small = opened((place.out / "a.png.webp").read_bytes())
    assert (small.format, small.mode, small.size) == ("WEBP", "RGB", (16, 10))


def test_the_setting_says_how_results_look_where_no_option_does(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTPUTS", TWO)
    place.put("a.png")
    assert place.cut() == 0
    assert place.results == ["a.png.full.png", "a.png.small.webp"]


def test_what_is_made_is_not_made_again(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.png", "b.png"):
        place.put(name)
    assert place.cut(TWO) == 0
    before = place.seen()
    assert place.cut(TWO) == 0
    os.utime(place.photos / "a.png")  # the same bytes at another time
    assert place.cut(TWO) == 0
    assert place.seen() == before
    assert "0 results made, 2 photographs done before, 0 failed" in capsys.readouterr().out


def test_what_has_changed_is_made_again_and_nothing_else(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.png", "b.png"):
        place.put(name)
    place.cut(TWO)

    def made_again(*options: str) -> set[str]:
        before = place.seen()
        assert place.cut(*options) == 0
        return {name for name, seen in place.seen().items() if before.get(name) != seen}

    place.put("a.png", save(scene(40, 30)))
    assert made_again(TWO) == {"a.png.full.png", "a.png.small.webp"}
    other_size = TWO.replace("max_side=16", "max_side=24")
    assert made_again(other_size) == {"a.png.small.webp", "b.png.small.webp"}
    (place.out / "b.png.full.png").unlink()
    assert made_again(other_size) == {"b.png.full.png"}
    monkeypatch.setenv("MODEL_DIR", str(artefacts.write(tmp_path, artefacts.brightness(), name="other")))
    assert len(made_again(other_size)) == 4


def test_what_was_made_by_others_is_never_replaced(place: Place) -> None:
    for name in ("a.png", "b.png", "c.png"):
        place.put(name)
    place.out.mkdir()
    (place.out / "a.png.png").write_bytes(b"drawn by hand")
    (place.out / "c.png.png").symlink_to(place.photos / "c.png")
    assert place.cut() == 1
    (place.out / "b.png.png").write_bytes(b"retouched by hand")
    assert place.cut("size=preview") == 1
    assert {failure["code"] for failure in place.report["failed"]} == {"target_taken"}
    assert [failure["photograph"] for failure in place.report["failed"]] == ["a.png", "b.png", "c.png"]
    assert (place.out / "a.png.png").read_bytes() == b"drawn by hand"
    assert (place.out / "b.png.png").read_bytes() == b"retouched by hand"
    assert (place.out / "c.png.png").is_symlink()


def test_results_within_the_photographs_are_no_photographs(place: Place) -> None:
    inside = Place(place.photos, place.photos / "results" / "here")
    place.put("a.png")
    place.put("results/b.png")
    for _ in range(2):
        assert inside.cut() == 0
    assert inside.results == ["a.png.png", "results/b.png.png"]


def test_links_are_followed_and_loops_end(place: Place, tmp_path: Path) -> None:
    elsewhere = Place(tmp_path / "elsewhere", place.out)
    elsewhere.put("b.png")
    place.put("deep/a.png")
    place.put(".hidden/c.png")
    place.put("._a.png")
    (place.photos / "linked").symlink_to(elsewhere.photos)
    (place.photos / "deep" / "loop").symlink_to(place.photos)
    (place.photos / "deep" / "self").symlink_to(place.photos / "deep")
    assert place.cut() == 0
    assert place.results == ["deep/a.png.png", "linked/b.png.png"]


def test_what_fails_is_named_with_its_reason_and_the_rest_goes_on(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.put("broken.png", save(scene())[:300])
    place.put("words.jpg", b"These are words.")
    place.put("notes.txt", b"These are words.")
    place.put("empty.log", b"")
    place.put("wide.png", save(scene(16_400, 20)))
    place.put("good.png")
    place.put("sub/good.dat")
    (place.photos / "gone.png").symlink_to("nowhere")
    os.mkfifo(place.photos / "pipe.png")
    assert place.cut("full: format=png / web: format=webp") == 1
    report = place.report
    reasons = {(failure["photograph"], failure["result"]): failure["code"] for failure in report["failed"]}
    assert reasons == {
        ("broken.png", None): "failed_to_read_image",
        ("gone.png", None): "not_readable_or_writable",
        ("pipe.png", None): "invalid_file_type",
        ("wide.png", "wide.png.web.webp"): "invalid_dimensions",
        ("words.jpg", None): "invalid_file_type",
    }
    assert report["no_pictures"] == ["empty.log", "notes.txt"]
    assert place.results == [
        *("good.png.full.png", "good.png.web.webp", "sub/good.dat.full.png", "sub/good.dat.web.webp"),
        "wide.png.full.png",
    ]
    out = capsys.readouterr().out
    assert "failed: wide.png → wide.png.web.webp: webp holds sides of up to 16,383 px" in out
    assert "no picture: notes.txt" in out
    assert "5 results made, 0 photographs done before, 2 no pictures, 5 failed" in out


def test_a_file_over_the_limit_is_not_read(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_INPUT_BYTES", "1000")
    place.put("good.png")
    for name in ("large.png", "film.mp4"):
        place.put(name, b"")
        os.truncate(place.photos / name, 10**12)  # a hole: whoever read it would need a terabyte
    assert place.cut() == 1
    assert [failure["code"] for failure in place.report["failed"]] == ["file_too_large"]
    assert place.report["no_pictures"] == ["film.mp4"]
    assert place.results == ["good.png.png"]


def test_a_name_that_is_too_long_for_its_result_fails_alone(place: Place) -> None:
    place.put("a" * 250 + ".png")
    place.put("b.png")
    assert place.cut() == 1
    assert place.results == ["b.png.png"]
    (failure,) = place.report["failed"]
    assert "too long" in failure["reason"]


NOTHING = {
    "no folder": (lambda place: place.photos.rmdir(), (), "is no folder"),
    "no picture": (lambda place: place.put("notes.txt", b"words"), (), "The folder holds no picture"),
    "results among photographs": (lambda place: place.out.symlink_to(place.photos), (), "holds the photographs"),
    "options without sense": (lambda place: place.put("a.png"), ("format=gif",), "format='gif' makes no sense"),
    "an option that is none": (lambda place: place.put("a.png"), ("webp",), "'webp' has no options"),
    "another's report": (
        lambda place: (place.out.mkdir(), (place.out / REPORT).write_text("{}")),
        (),
        "is no report of this command",
    ),
}


@pytest.mark.parametrize(("arrange", "options", "says"), NOTHING.values(), ids=NOTHING)
def test_what_cannot_begin_says_why(
    place: Place, capsys: pytest.CaptureFixture[str], arrange: Any, options: tuple[str, ...], says: str
) -> None:
    arrange(place)
    assert place.cut(*options) == 2
    captured = capsys.readouterr()
    assert says in captured.err + captured.out
    assert "Traceback" not in captured.err


@pytest.mark.parametrize(("name", "value"), [("MODEL_DIR", "/nowhere"), ("THREADS", "many")])
def test_a_setting_that_fails_every_photograph_fails_once(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    for photograph in ("a.png", "b.png"):
        place.put(photograph)
    monkeypatch.setenv(name, value)
    assert place.cut() == 2
    assert value in capsys.readouterr().err
    assert place.results == []


def test_two_at_once_do_not_mix(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.put("a.png")
    with Journal(place.out):
        assert place.cut() == 2
    assert "Another process is working on" in capsys.readouterr().err
    assert place.cut() == 0


def test_a_line_of_the_journal_that_was_cut_off_loses_itself_alone(place: Place) -> None:
    for name in ("a.png", "b.png"):
        place.put(name)
    place.cut()
    before = place.seen()
    journal = place.out / ".cut" / "journal.jsonl"
    first, second = journal.read_bytes().splitlines()
    journal.write_bytes(first + b"\n" + second[:40])
    assert place.cut() == 1, "b.png's result is nobody's any more, and stays"
    assert place.seen() == before
    (place.out / "b.png.png").unlink()
    assert place.cut() == 0
    assert place.cut() == 0
    assert len(journal.read_bytes().splitlines()) == 3


def test_a_result_that_was_announced_and_not_written_is_made(place: Place) -> None:
    """Killed between the two: also where an older result of the same place still stands."""
    photograph = place.put("a.png")
    place.cut()
    older = (place.out / "a.png.png").read_bytes()
    place.put("a.png", save(scene(40, 30)))
    place.cut()
    (place.out / "a.png.png").write_bytes(older)
    assert place.cut() == 0
    assert opened((place.out / "a.png.png").read_bytes()).size == (40, 30)
    (place.out / "a.png.png").unlink()
    assert place.cut() == 0
    assert photograph.exists()


# In a process of its own.


def started(place: Place) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "handler.folder", str(place.photos), str(place.out), TWO],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def many(place: Place) -> Iterator[Place]:
    for number in range(12):
        place.put(f"{number % 3}/{number}.png", save(scene(300 + number, 200)))
    yield place
    for name in place.results:
        opened((place.out / name).read_bytes())
    assert place.cut(TWO) == 0
    assert len(place.results) == 24


def test_whoever_is_killed_leaves_no_half_file_and_the_next_goes_on(many: Place) -> None:
    done = 0
    for lines in (1, 3, 2):
        with started(many) as process:
            assert process.stdout is not None
            for _ in range(lines):
                process.stdout.readline()
            process.kill()
        for name in many.results:
            opened((many.out / name).read_bytes())
        assert len(many.results) >= done + 2 * lines
        done = len(many.results)
    before = many.seen()
    assert many.cut(TWO) == 0
    after = many.seen()
    assert {name: after[name] for name in before} == before, "nothing is made twice"


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_whoever_is_interrupted_says_so_and_goes_on_later(many: Place, sent: signal.Signals) -> None:
    with started(many) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(sent)
        rest = process.stdout.read()
    assert process.returncode == 130
    assert "Interrupted: the same command goes on from here." in rest
    assert "Traceback" not in rest
    assert many.report["interrupted"] is True
    assert many.report["made"] == len(many.results) < 24
