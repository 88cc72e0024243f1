"""From a checkpoint to `model.onnx` with its weights beside it.

Enters: a state dict in upstream's format. Leaves: one graph for every size, or one for the base size. Must not know:
manifests, and where the checkpoint came from.

The graph is optimised here, ahead of time, as far as it stays portable: ONNX Runtime's EXTENDED level. The level above
it lays convolutions out for the vector width of the machine at hand, and Lambda's fleet is mixed.
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
import onnxruntime
import torch

from layers.model import layout
from layers.model.manifest import MULTIPLE_PX
from layers.model.network import PUBLISHED, InSPyReNet

if TYPE_CHECKING:
    from layers.model.network import Architecture

WEIGHTS = "model.onnx"
EXTERNAL_WEIGHTS = "model.onnx.data"
TENSORS = layout.TENSORS
# 20 has GELU as one operator, 23 attention with an additive bias.
_OPSET = 23
# Any size that is neither square nor a multiple of a window at any stage shows a size that was frozen by mistake.
_EXAMPLE = (448, 320)
_LARGEST_MULTIPLE = 1024
_STRIPS_FROM_PX = 1024
_STRIPS = 4
_INLINE_BYTES = 1024  # smaller tensors stay in the graph: shapes and scalars, which optimisers want to see


def load_network(checkpoint: Path, base_px: int, architecture: Architecture | None = None) -> InSPyReNet:
    """Load the folded network; raises RuntimeError where names or shapes are not upstream's."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    strips = _STRIPS if base_px >= _STRIPS_FROM_PX else 1
    return InSPyReNet.from_state_dict(state, base_px, strips=strips, architecture=architecture or PUBLISHED)


def export(network: torch.nn.Module, out: Path, fixed_px: int | None = None) -> None:
    """Write the optimised graph, its weights, and where the kernels find them into the folder `out`.

    One input `picture` (1, 3, H, W) float32 and one output `saliency` (1, 1, H, W) float32, for all multiples of 32,
    or for `fixed_px` squared only.
    """
    height, width = (fixed_px, fixed_px) if fixed_px else _EXAMPLE
    sizes = {
        axis: MULTIPLE_PX * torch.export.Dim(name, min=1, max=_LARGEST_MULTIPLE)
        for axis, name in ((2, "height_multiple"), (3, "width_multiple"))
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.export warns of its own deprecations
        program = torch.onnx.export(
            network,
            (torch.zeros(1, 3, height, width),),
            dynamo=True,
            opset_version=_OPSET,
            input_names=["picture"],
            output_names=["saliency"],
            dynamic_shapes=None if fixed_px else (sizes,),
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export gave no program: the dynamo exporter of torch 2.14 does")
    with tempfile.TemporaryDirectory() as scratch:
        plain = Path(scratch) / WEIGHTS
        model = program.model_proto
        _forget_origins(model)
        onnx.save(model, plain, save_as_external_data=True, location=EXTERNAL_WEIGHTS, size_threshold=_INLINE_BYTES)
        optimise(plain, out)
    tensors = {name: value.numpy() for name, value in network.state_dict().items() if value.dtype == torch.float32}
    layout.lay_out(out, WEIGHTS, EXTERNAL_WEIGHTS, tensors)


def optimise(plain: Path, out: Path) -> None:
    """Let ONNX Runtime fuse what is fusible on any CPU, and save graph and weights into the folder `out`."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(out / WEIGHTS)
    options.add_session_config_entry("session.optimized_model_external_initializers_file_name", EXTERNAL_WEIGHTS)
    options.add_session_config_entry(
        "session.optimized_model_external_initializers_min_size_in_bytes", str(_INLINE_BYTES)
    )
    (out / EXTERNAL_WEIGHTS).unlink(missing_ok=True)  # it would be appended to
    onnxruntime.InferenceSession(plain, options, providers=["CPUExecutionProvider"])


def _forget_origins(model: onnx.ModelProto) -> None:
    """Drop the exporter's notes: paths and stack traces of the building machine, nine tenths of the graph's bytes."""
    model.doc_string = ""
    del model.metadata_props[:]
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output):
        value.doc_string = ""
        del value.metadata_props[:]
