"""Model artefacts for tests: small ONNX graphs that really run, each with one property that u2netp does not have.

Enters: a folder. Leaves: model.onnx and model.json in it, as the function finds them under /opt/model.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from pathlib import Path

MULTIPLE_PX = 32


def brightness() -> Any:
    """Make a graph whose matte is the picture's brightness, so that a test can say what comes out.

    It takes sides that are multiples of 32 only, as InSPyReNet does: a wrong geometry fails instead of passing unseen.
    """
    nodes = [
        helper.make_node("SpaceToDepth", ["picture"], ["blocks"], blocksize=MULTIPLE_PX),
        helper.make_node("DepthToSpace", ["blocks"], ["same"], blocksize=MULTIPLE_PX),
        helper.make_node("ReduceMean", ["same", "channel"], ["matte"], keepdims=1),
    ]
    return _graph(nodes, {"channel": np.array([1], np.int64)})


def one_column() -> Any:
    """Make a graph that answers with the brightness of each row, (1, 1, h, 1): a side of 1 px that must stay a side."""
    nodes = [helper.make_node("ReduceMean", ["picture", "across"], ["matte"], keepdims=1)]
    return _graph(nodes, {"across": np.array([1, 3], np.int64)})


def failing() -> Any:
    """Make a graph that loads and fails whenever it runs: it reshapes a picture into 7 values."""
    return _graph([helper.make_node("Reshape", ["picture", "seven"], ["matte"])], {"seven": np.array([1, 1, 1, 7])})


def afraid_of_light() -> Any:
    """Make a graph that fails on bright pictures, the warm-up's dummy among them, and gives brightness for dark."""
    nodes = [
        helper.make_node("ReduceMean", ["picture", "channel"], ["grey"], keepdims=1),
        helper.make_node("ReduceMean", ["grey", "all"], ["mean"], keepdims=0),
        helper.make_node("Greater", ["mean", "half"], ["bright"]),
        helper.make_node("Cast", ["bright"], ["zero_or_one"], to=TensorProto.INT64),
        helper.make_node("Gather", ["one", "zero_or_one"], ["factor"], axis=0),  # 1 lies outside of its single entry
        helper.make_node("Mul", ["grey", "factor"], ["matte"]),
    ]
    constants = {
        "channel": np.array([1], np.int64),
        "all": np.array([0, 1, 2, 3], np.int64),
        "half": np.array(0.5, np.float32),
        "one": np.array([1.0], np.float32),
    }
    return _graph(nodes, constants)


def constant(value: float) -> Any:
    """Make a graph that answers every pixel with one value; NaN and infinity count."""
    nodes = [
        helper.make_node("ReduceMean", ["picture", "channel"], ["grey"], keepdims=1),
        helper.make_node("Mul", ["grey", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "value"], ["matte"]),
    ]
    constants = {
        "channel": np.array([1], np.int64),
        "zero": np.array(0.0, np.float32),
        "value": np.array(value, np.float32),
    }
    return _graph(nodes, constants)


def chance() -> Any:
    """Make a graph whose matte is drawn by chance, so that no two looks agree."""
    nodes = [
        helper.make_node("ReduceMean", ["picture", "channel"], ["grey"], keepdims=1),
        helper.make_node("RandomUniformLike", ["grey"], ["matte"]),
    ]
    return _graph(nodes, {"channel": np.array([1], np.int64)})


def denormal() -> Any:
    """Make a graph that answers 0.01 everywhere where the processor keeps denormals, and 0 where it takes them as 0."""
    nodes = [
        helper.make_node("ReduceMean", ["picture", "channel"], ["grey"], keepdims=1),
        helper.make_node("Mul", ["grey", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "tiny"], ["denormal"]),
        helper.make_node("Mul", ["denormal", "huge"], ["matte"]),
    ]
    constants = {
        "channel": np.array([1], np.int64),
        "zero": np.array(0.0, np.float32),
        "tiny": np.array(1e-40, np.float32),  # the smallest normal number is 1.2e-38
        "huge": np.array(1e38, np.float32),
    }
    return _graph(nodes, constants)


def write(folder: Path, graph: Any, *, name: str | None = "brightness", **changes: Any) -> Path:
    """Write an artefact and give its folder. `changes` overlay the manifest, sections too; None removes a field."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save_model(graph, str(folder / "model.onnx"))
    manifest: dict[str, Any] = {
        "schema_version": 1,
        "name": name,
        "version": "1",
        "licence": "MIT",
        "engine": "onnxruntime",
        "weights": "model.onnx",
        "input": {
            "size_policy": "flexible",
            "base_px": 64,
            "multiple_px": MULTIPLE_PX,
            "shorter_side_max_px": 1280,
            "resample": "bilinear",
            "scale": "255",
            "mean": [0, 0, 0],
            "std": [1, 1, 1],
        },
        "output": {"normalise": "none", "resample": "bilinear-align-corners"},
    }
    for field, value in changes.items():
        if isinstance(value, dict) and field in manifest:
            manifest[field] = {**manifest[field], **value}
        elif value is None:
            del manifest[field]
        else:
            manifest[field] = value
    if name is None:
        del manifest["name"]
    (folder / "model.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def _graph(nodes: list[Any], constants: dict[str, Any]) -> Any:
    """Put nodes together from `picture`, (1, 3, h, w), to `matte`."""
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, "h", "w"])],
        [helper.make_tensor_value_info("matte", TensorProto.FLOAT, ["n", "c", "rows", "columns"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return model
