"""rembg with its u2netp session, the same network as ours: bytes in, PNG out. Runs in .venv-bench."""

from __future__ import annotations

import sys
from pathlib import Path

from rembg import new_session, remove

from bench.report import report_mark, report_result

session = new_session("u2netp")
report_mark("loaded")
data = Path(sys.argv[1]).read_bytes()
for _ in range(int(sys.argv[2])):
    report_result(len(remove(data, session=session, decontaminate="decontaminate" in sys.argv)))
