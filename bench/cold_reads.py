"""`make bench-reads MODEL_DIR=…`: what a start reads from the disk, by whose files they are, and in how many files.

Lambda brings an image's blocks of 512 kB one by one when they are first read (https://www.usenix.org/conference/atc23/presentation/brooker),
so that a cold start waits for what it reads. A start's files are found by one run and their pages dropped from memory;
then the next run's reads are what is back in memory after it, the kernel's reading ahead among them. No root is needed.
"""

from __future__ import annotations

import argparse
import compileall
import ctypes
import json
import mmap
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.figures import ROOT, Row, Run
from bench.machine import versions
from bench.pictures import photograph
from bench.record import Watch, record
from local import events

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

POINTS = {"ready": "a ready model", "picture": "a first picture", "s3": "and a client of S3"}
STDLIB, SYSTEM, HANDLER, MODEL = "Python's own library", "the system's libraries", "handler", "model"
LARGEST_PACKAGES = 8
PAGE_BYTES = mmap.PAGESIZE

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
libc.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]


def main() -> None:
    """Write a file and print a table: a row for whose files they are, columns for how far the start has come."""
    parser = argparse.ArgumentParser(prog="python -m bench.cold_reads")
    parser.add_argument("--model-dir", type=Path, required=True)
    folder = parser.parse_args().model_dir.resolve()
    model = json.loads((folder / "model.json").read_text(encoding="utf-8"))["name"]
    for code in ("handler", "bench"):  # as in the image: an environment may forbid Python to write it
        compileall.compile_dir(ROOT / code, quiet=1)
    watch = Watch.start()
    with tempfile.TemporaryDirectory() as made:
        event = Path(made) / "event.json"
        body, headers = events.form({"format": "png"}, {"image_file": ("a.jpg", photograph(512, 512).read_bytes())})
        event.write_text(json.dumps(events.request("function-url", "POST", "/v1.0/removebg", body, headers)))
        columns = [_start(folder, event, point) for point in POINTS]
    bytes_of: dict[str, Counter[str]] = {
        point: by_owner(read, folder) for point, (read, _) in zip(POINTS, columns, strict=True)
    }
    packages = [name for name, _ in bytes_of["s3"].most_common() if name not in {STDLIB, SYSTEM, HANDLER, MODEL}]
    groups = {name: [name] for name in (STDLIB, SYSTEM, HANDLER, MODEL, *packages[:LARGEST_PACKAGES])}
    groups |= {"smaller packages": packages[LARGEST_PACKAGES:], "all": [STDLIB, SYSTEM, HANDLER, MODEL, *packages]}
    rows = [
        Row(head, ("MB",) * 3, tuple(round(sum(bytes_of[point][name] for name in names) / 1e6, 2) for point in POINTS))
        for head, names in groups.items()
    ]
    counts = {
        "opened or mapped": ("files", [len(read) for read, _ in columns]),
        "listed": ("folders", [len(report["listed"]) for _, report in columns]),
        "read": ("calls", [report["reads"] for _, report in columns]),
    }
    rows += [Row(head, (unit,) * 3, tuple(numbers)) for head, (unit, numbers) in counts.items()]
    record(
        Run(
            table=f"cold-reads-{model}",
            title=f"{model}: read from the disk until there is …",
            command=f"make bench-reads MODEL_DIR=build/model/{model}",
            circumstances=watch.circumstances(),
            columns=tuple(POINTS.values()),
            rows=tuple(rows),
            libraries=versions(sys.executable, ["numpy", "pillow", "botocore", "onnxruntime"]),
        )
    )


def _start(folder: Path, event: Path, point: str) -> tuple[dict[str, int], dict[str, Any]]:
    """Start twice, and give the bytes of each file that the second start has read up to a point, and its report."""
    known = _run(folder, event, point)
    paths = [Path(path) for path in {*known["opened"], *known["mapped"], *map(str, folder.iterdir())}]
    files = [path for path in paths if path.is_absolute() and path.is_file() and not path.is_relative_to("/proc")]
    _drop([path for path in files if path != event])
    before = {path: resident_bytes(path) for path in files}
    report = _run(folder, event, point)
    mapped: Mapping[str, int] = report["mapped"]
    read = {}
    for path in files:
        # What another process maps stays in memory; of that, what this one has touched.
        fetched = max(resident_bytes(path) - before[path], mapped.get(str(path), 0), 0)
        if fetched and path != event and not path.is_relative_to(ROOT / "bench"):
            read[str(path)] = fetched
    return read, report


def _run(folder: Path, event: Path, point: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.worker_reads", str(event), point],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "MODEL_DIR": str(folder),
            "THREADS": "2",
            "POWERTOOLS_METRICS_DISABLED": "true",
            "AWS_DEFAULT_REGION": "us-east-1",
        },
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def _drop(paths: Iterable[Path]) -> None:
    """Drop files' pages from memory, except what is mapped: https://man7.org/linux/man-pages/man2/posix_fadvise.2.html."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def resident_bytes(path: Path) -> int:
    """Give how much of a file is in memory: https://man7.org/linux/man-pages/man2/mincore.2.html."""
    size = path.stat().st_size
    if size == 0:
        return 0
    descriptor = os.open(path, os.O_RDONLY)
    address = libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, descriptor, 0)
    os.close(descriptor)
    pages = ctypes.create_string_buffer((size + PAGE_BYTES - 1) // PAGE_BYTES)
    failed = libc.mincore(address, size, pages)
    libc.munmap(address, size)
    if failed:
        raise OSError(ctypes.get_errno(), "mincore", str(path))
    return sum(page & 1 for page in pages.raw) * PAGE_BYTES


def by_owner(read: Mapping[str, int], model: Path) -> Counter[str]:
    """Add files' bytes up by whose they are."""
    found: Counter[str] = Counter()
    for path, size in read.items():
        found[owner(Path(path), model)] += size
    return found


def owner(path: Path, model: Path) -> str:
    """Say whose a file is: a package's by its folder in site-packages, with the libraries that its wheel brought."""
    if path.is_relative_to(model):
        return MODEL
    if path.is_relative_to(ROOT / "handler"):
        return HANDLER
    if "site-packages" in path.parts:
        return path.parts[path.parts.index("site-packages") + 1].removesuffix(".libs").removesuffix(".py").lower()
    if path.is_relative_to(sysconfig.get_path("stdlib")):
        return STDLIB
    return SYSTEM


if __name__ == "__main__":
    main()
