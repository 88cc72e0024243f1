"""rembg's u2netp session, the same network as ours: bytes in, PNG out. Runs in .venv-bench.

Arguments: picture, results.
"""

from __future__ import annotations

from rembg import new_session, remove

from bench.report import report_results

session = new_session("u2netp")
report_results(lambda data: bytes(remove(data, session=session, decontaminate=False)))
