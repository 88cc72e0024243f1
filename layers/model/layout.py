"""One file of weights for both engines, in the order in which the kernels read it.

Enters: an exported graph with its external weights, and the network that it came from. Leaves: the same graph over a
file that begins with the network's own tensors, one behind the other, and `tensors.json`, which says where each lies.
What only the graph needs (biases spread over windows, constants) comes last, so that the kernels' start reads one piece
from front to back. Must not know: manifests.

A graph's initializer is found among the tensors by its bytes: optimisers rename, cut a linear layer's rows into query,
key and value, and share what is equal.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np
import onnx

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

TENSORS = "tensors.json"
_ALIGNMENT_BYTES = 64
_THIRDS = 3  # query, key, value


def lay_out(folder: Path, graph: str, weights: str, tensors: Mapping[str, NDArray[np.float32]]) -> None:
    """Rewrite the file `weights` in `folder` and the offsets in `graph`, and write `tensors.json`."""
    model = onnx.load(folder / graph, load_external_data=False)
    before = np.fromfile(folder / weights, dtype=np.uint8)
    found: dict[bytes, int] = {}  # digest of a tensor, or of a third of it → its offset
    index: dict[str, dict[str, object]] = {}
    (folder / weights).unlink()
    with (folder / weights).open("wb") as file:

        def append(data: bytes) -> int:
            file.write(b"\0" * (-file.tell() % _ALIGNMENT_BYTES))
            offset = file.tell()
            file.write(data)
            return offset

        for name, tensor in tensors.items():
            data = np.ascontiguousarray(tensor).tobytes()
            offset = append(data)
            index[name] = {"offset": offset, "shape": list(tensor.shape)}
            found.update({digest: offset + start for start, digest in _pieces(data)})
        for initializer in model.graph.initializer:
            where = {entry.key: entry for entry in initializer.external_data}
            if not where:
                continue
            start = int(where["offset"].value) if "offset" in where else 0
            data = before[start : start + int(where["length"].value)].tobytes()
            digest = hashlib.sha256(data).digest()
            if digest not in found:
                found[digest] = append(data)
            if "offset" not in where:
                initializer.external_data.add(key="offset", value=str(found[digest]))
            else:
                where["offset"].value = str(found[digest])
    onnx.save(model, folder / graph)
    (folder / TENSORS).write_text(json.dumps({"file": weights, "tensors": index}) + "\n")


def _pieces(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Give the digests by which a graph may ask for a tensor: of its thirds, and of the whole."""
    if len(data) % _THIRDS == 0:
        each = len(data) // _THIRDS
        for start in range(0, len(data), each):
            yield start, hashlib.sha256(data[start : start + each]).digest()
    yield 0, hashlib.sha256(data).digest()
