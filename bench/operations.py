"""Where a network's seconds go, by kind of operation: from whatever times itself, in steps of (kind, seconds, GFLOP).

Enters: steps, or the profile that ONNX Runtime writes, https://onnxruntime.ai/docs/performance/tune-performance/profiling-tools.html.
Leaves: the kinds, the longest first. It must not know which engine ran.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

REST = "everything else"
REST_SHARE = 0.02  # of the whole: a kind that takes less is not named

CONVOLUTIONS = ("Conv", "FusedConv")
PRODUCTS = ("Gemm", "FusedGemm", "MatMul", "FusedMatMul")
ATTENTIONS = ("Attention", "MultiHeadAttention")


@dataclass(frozen=True)
class Step:
    """One operation, or all of a kind in one run of the network."""

    kind: str
    seconds: float
    gflop: float  # 0 where it is not arithmetic that counts


def by_kind(runs: Sequence[Sequence[Step]]) -> tuple[Step, ...]:
    """Add up each run's steps by kind, take the median of the runs, and put together what is small."""
    kinds = dict.fromkeys(step.kind for steps in runs for step in steps)
    every = [
        Step(
            kind,
            statistics.median(sum(step.seconds for step in steps if step.kind == kind) for steps in runs),
            statistics.median(sum(step.gflop for step in steps if step.kind == kind) for steps in runs),
        )
        for kind in kinds
    ]
    whole_s = sum(step.seconds for step in every)
    named = [step for step in every if step.seconds >= REST_SHARE * whole_s]
    small = [step for step in every if step.seconds < REST_SHARE * whole_s]
    named.sort(key=lambda step: step.seconds, reverse=True)
    if small:
        named.append(Step(REST, sum(step.seconds for step in small), sum(step.gflop for step in small)))
    return tuple(named)


def steps_of_profile(events: Sequence[Mapping[str, Any]]) -> list[list[Step]]:
    """Read a profile of ONNX Runtime: the steps of each run, the first run left out."""
    runs = sorted((one["ts"], one["ts"] + one["dur"]) for one in events if one["name"] == "model_run")
    nodes = [one for one in events if one["cat"] == "Node" and one["name"].endswith("_kernel_time")]
    return [[_step(node) for node in nodes if begun <= node["ts"] < ended] for begun, ended in runs[1:]]


def _step(node: Mapping[str, Any]) -> Step:
    arguments = node["args"]
    kind = arguments["op_name"]
    given, made = (_shapes(arguments[name]) for name in ("input_type_shape", "output_type_shape"))
    return Step(kind, node["dur"] / 1e6, operations(kind, given, made[0] if made else ()) / 1e9)


def _shapes(typed: Sequence[Mapping[str, Sequence[int]]]) -> list[tuple[int, ...]]:
    return [tuple(shape) for one in typed for shape in one.values()]


def operations(kind: str, given: Sequence[tuple[int, ...]], made: tuple[int, ...]) -> int:
    """Count multiplications and additions by the shapes that go in and come out; 0 for kinds that have hardly any.

    Weights that ONNX Runtime packs ahead are missing among `given`: a product is counted by its left factor. Channels
    that it adds to fill a vector are counted, since they are worked on.
    """
    if kind in CONVOLUTIONS:  # weights (out, in, height, width)
        return 2 * math.prod(made) * math.prod(given[1][1:])
    if kind in PRODUCTS:  # (…, rows, shared) by (…, shared, columns), each as it is or transposed
        left, rows, columns = given[0], made[-2] if len(made) > 1 else 1, made[-1]
        each_row = math.prod(left) // (math.prod(made) // columns) if len(left) >= len(made) else 0
        return 2 * math.prod(made) * (each_row or math.prod(left[-2:]) // rows)
    if kind in ATTENTIONS:  # queries by keys, then the weights by values
        queries, keys = given[0], given[1]
        return 4 * math.prod(queries) * keys[-2]
    return 0
