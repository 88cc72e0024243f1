"""`make bench-stages`: where the time of 12 megapixels goes beside the network, and in how many page faults.

Columns are results: of the picture's own size, and of 0.25 megapixels (size=preview), for which less of the JPEG is
decoded; the last column decodes all of it for the same result.
"""

from __future__ import annotations

import resource
import statistics
import sys

from bench.figures import ROOT, Row, Run
from bench.machine import this_machine, versions
from bench.pictures import photograph
from bench.record import Watch, record
from handler.job import Done, Inline, Invocation, Job, Output, Rendering
from handler.pipeline import Pipeline
from handler.pixels import decode
from handler.settings import Settings

MODEL = ROOT / "build" / "model" / "u2netp"
STAGES = ("decode", "predict", "cut", "paint", "encode")
NETWORK, AROUND, FAULTS = "the network alone", "all but the network", "memory touched anew"
PREVIEW = Rendering(format="png", max_megapixels=0.25)
COLUMNS = {
    "whole": (Rendering(format="png"), decode.DETAIL),
    "preview": (PREVIEW, decode.DETAIL),
    "preview, all decoded": (PREVIEW, 2**20),
}
RESULTS = 7


def main() -> None:
    """Write a file and print a table: medians of warm results, whose columns take turns."""
    watch = Watch.start()
    pipeline = Pipeline(Settings(model_dir=MODEL, threads=this_machine().cores or 1))
    data = photograph(4000, 3000).read_bytes()
    measured: dict[str, list[dict[str, float]]] = {name: [] for name in COLUMNS}
    for number in range(RESULTS + 1):
        for name, (rendering, detail) in COLUMNS.items():
            decode.DETAIL = detail
            found = _measured(pipeline, data, rendering)
            if number > 0:
                measured[name].append(found)
    rows = [
        Row(
            row,
            (unit,) * 3,
            tuple(round(statistics.median(one[row] for one in those), 1) for those in measured.values()),
        )
        for row, unit in [
            *((stage, "ms") for stage in STAGES),
            (NETWORK, "ms"),
            (AROUND, "ms"),
            (FAULTS, "page faults"),
        ]
    ]
    record(
        Run(
            table="stages-4000x3000",
            title="u2netp, 4000×3000 JPEG → PNG",
            command="make bench-stages",
            circumstances=watch.circumstances(),
            columns=tuple(COLUMNS),
            rows=tuple(rows),
            libraries=versions(sys.executable, ["numpy", "pillow", "onnxruntime"]),
        )
    )


def _measured(pipeline: Pipeline, data: bytes, rendering: Rendering) -> dict[str, float]:
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    outcome = pipeline.cut_out(Job("http", Inline(data), (Output(rendering),)), Invocation("bench"))
    assert isinstance(outcome, Done), outcome  # noqa: S101 - a bench that measured failures would be a lie
    network_ms = pipeline.model.last_network_ms or 0.0
    stages_ms = outcome.report.stages_ms
    return {
        **stages_ms,
        NETWORK: network_ms,
        AROUND: sum(stages_ms.values()) - network_ms,
        FAULTS: resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults,
    }


if __name__ == "__main__":
    main()
