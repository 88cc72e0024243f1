"""The kernels as Python calls them: arrays instead of addresses, and what each call took, if asked.

Enters and leaves: float32 arrays in C order whose memory the caller owns, and whose shapes are the caller's word. It
must not know the network.
"""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from inspyrenet.library import load_best

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from inspyrenet.library import Library

    Floats = NDArray[np.float32]

WRITTEN, ADDED, RECTIFIED, ACTIVATED = range(4)  # `Finish` in linear.h
SHARES = 16  # channels of what `weigh` gives
POINTS = 36  # of a 3 x 3 filter's transform


@dataclass(frozen=True)
class Norm:
    """A layer norm's scale and shift, (C,) each."""

    weight: Floats
    bias: Floats


@dataclass(frozen=True)
class Matrix:
    """A matrix (depth, columns) in the panels that the kernels read, and what is added to each product.

    The bias is read by whole panels, so it is as long as they are.
    """

    depth: int
    columns: int
    panels: Floats
    bias: Floats | None = None


@dataclass(frozen=True)
class Filter:
    """The transformed weights of a 3 x 3 convolution: 36 matrices (channels, columns) in panels."""

    channels: int
    columns: int
    panels: Floats
    bias: Floats | None = None


@dataclass(frozen=True)
class Strip:
    """Which rows of a map, `height` high, arrays are: the first of each input, and the output's, `top` to `bottom`."""

    height: int
    firsts: tuple[int, ...]
    top: int
    bottom: int


@dataclass(frozen=True)
class Step:
    """One kernel's run. `gflop`: of the definition, so that a convolution counts what Winograd saves, too."""

    kind: str
    seconds: float
    gflop: float


@dataclass
class Trace:
    """What a network's kernels took, in their order."""

    steps: list[Step] = field(default_factory=list)


class Kernels:
    """The library with its threads. One caller at a time."""

    def __init__(self, threads: int, library: Library | None = None) -> None:
        if threads < 1:
            raise ValueError(f"the kernels need at least one thread, not {threads}")
        self.library = library or load_best()
        self._pool = self.library.inspyrenet_open_pool(threads)
        if not self._pool:
            raise MemoryError(f"no memory for {threads} threads")
        self.threads: int = self.library.inspyrenet_threads(self._pool)
        self.panel: int = self.library.inspyrenet_panel()
        self.trace: Trace | None = None

    def __del__(self) -> None:
        if getattr(self, "_pool", None):
            self.library.inspyrenet_close_pool(self._pool)

    def panel_floats(self, depth: int, columns: int) -> int:
        """Say how large a matrix is in panels."""
        return -(-columns // self.panel) * self.panel * depth

    def pack(self, matrix: Floats, panels: Floats) -> None:
        """Lay `matrix` (depth, columns), in any order of memory, out in panels."""
        depth, columns = matrix.shape
        row, column = (stride // 4 for stride in matrix.strides)
        self.library.inspyrenet_pack(self._pool, _at(matrix), row, column, depth, columns, _at(panels))

    def pack_filter(self, weight: Floats, panels: Floats) -> None:
        """Transform 3 x 3 weights (columns, given, 3, 3) and lay them out in panels (36, channels * columns).

        Channels that no weights are given for get zeros; columns: a multiple of `panel`.
        """
        columns, given = weight.shape[:2]
        channels = panels.shape[1] // columns
        weight = np.ascontiguousarray(weight)
        self.library.inspyrenet_pack_filter(self._pool, _at(weight), columns, given, channels, _at(panels))

    def linear(  # noqa: PLR0913  # the last two are seldom given
        self,
        tokens: Floats,
        matrix: Matrix,
        out: Floats,
        norm: Norm | None = None,
        *,
        how: int = WRITTEN,
        kind: str = "linear",
    ) -> None:
        """Fill out (rows, columns): tokens (rows, depth), behind `norm` if there is one, times `matrix`."""
        begun = time.perf_counter()
        rows = tokens.shape[0]
        self.library.inspyrenet_linear(
            *(self._pool, _at(tokens), tokens.strides[0] // 4, rows, matrix.depth),
            *(_at(norm.weight if norm else None), _at(norm.bias if norm else None)),
            *(_at(matrix.panels), _at(matrix.bias), matrix.columns, _at(out), out.strides[0] // 4, how),
        )
        self._note(kind, begun, 2e-9 * rows * matrix.depth * matrix.columns)

    def normalise(self, tokens: Floats, norm: Norm, out: Floats) -> None:
        """Fill out (rows, C): the layer norm of tokens (rows, C)."""
        begun = time.perf_counter()
        self.library.inspyrenet_normalise(
            self._pool, _at(tokens), *tokens.shape, _at(norm.weight), _at(norm.bias), _at(out)
        )
        self._note("norm", begun, 0)

    def finish_block(
        self, tokens: Floats, attended: Floats, projection: Matrix, norm: Norm, mlp: tuple[Matrix, Matrix]
    ) -> None:
        """Change tokens (rows, C) into what leaves a Swin block, given what its windows attended to."""
        wide, narrow = mlp
        begun = time.perf_counter()
        rows, width = tokens.shape
        self.library.inspyrenet_finish_block(
            *(self._pool, _at(tokens), _at(attended), rows, width, _at(projection.panels), _at(projection.bias)),
            *(_at(norm.weight), _at(norm.bias), _at(wide.panels), _at(wide.bias), _at(narrow.panels), _at(narrow.bias)),
        )
        self._note("projection and MLP", begun, 2e-9 * 9 * rows * width * width)

    def attend_windows(  # noqa: PLR0913  # the map's sides are not the array's
        self, qkv: Floats, layer: Matrix, positions: Floats, out: Floats, *, size: tuple[int, int], shift: int
    ) -> None:
        """Fill out (h * w, C): window attention of qkv (h * w, 3C), by `layer`; positions: (heads, 144, 144)."""
        begun = time.perf_counter()
        h, w = size
        heads = positions.shape[0]
        self.library.inspyrenet_attend_windows(
            self._pool, _at(qkv), _at(layer.bias), h, w, heads, shift, _at(positions), _at(out)
        )
        self._note("window attention", begun, 4e-9 * -(-h // 12) * -(-w // 12) * 144 * 144 * heads * 32)

    def convolve(  # noqa: PLR0913  # a convolution's own
        self,
        parts: Sequence[Floats],
        filter_: Filter,
        out: Floats,
        *,
        dilation: int = 1,
        added: bool = False,
        rectified: bool = False,
        strip: Strip | None = None,
        weights: Floats | None = None,
    ) -> None:
        """Fill out (h, w, columns): a 3 x 3 convolution of the parts' channels side by side, each (h, w, C).

        A part's pixels may stand apart, as those of some channels of a wider map do. `strip` says which rows of a
        higher map the arrays are. With `weights` (columns,), out is (h, w), the weighted sum of each pixel's results.
        """
        begun = time.perf_counter()
        count = len(parts)
        width, channels = parts[0].shape[1], [part.shape[2] for part in parts]
        strip = strip or Strip(parts[0].shape[0], (0,) * count, 0, parts[0].shape[0])
        starts = [_row_0(part, first) for part, first in zip(parts, strip.firsts, strict=True)]
        flat, start = weights is not None, _row_0(out, strip.top)
        done = self.library.inspyrenet_convolve(
            *(self._pool, count, (ctypes.c_void_p * count)(*starts)),
            (ctypes.c_ssize_t * count)(*(part.strides[1] // 4 for part in parts)),
            (ctypes.c_int * count)(*channels),
            *(strip.height, width, dilation, strip.top, strip.bottom, _at(filter_.panels), _at(filter_.bias)),
            *(filter_.columns, None if flat else start, added, rectified, _at(weights), start if flat else None),
        )
        if not done:
            raise MemoryError(f"a convolution of {filter_.channels} channels does not fit a thread's scratch")
        pixels = (strip.bottom - strip.top) * width
        self._note("3x3 convolution", begun, 2e-9 * 9 * pixels * sum(channels) * filter_.columns)

    def slide(self, x: Floats, matrix: Matrix, out: Floats, *, taps: int, down: bool) -> None:
        """Fill out (h, w, columns): a convolution of x (h, w, C) of `taps` pixels downwards or sideways."""
        begun = time.perf_counter()
        h, w, channels = x.shape
        done = self.library.inspyrenet_slide(
            *(self._pool, _at(x), h, w, channels, taps, down, _at(matrix.panels), _at(matrix.bias), matrix.columns),
            _at(out),
        )
        if not done:
            raise MemoryError(f"a row of {w} pixels does not fit a thread's scratch")
        self._note("1xn convolution", begun, 2e-9 * h * w * matrix.depth * matrix.columns)

    def resize(
        self,
        x: Floats,
        size: tuple[int, int],
        out: Floats,
        *,
        corners: bool = False,
        rows: tuple[int, int] | None = None,
    ) -> None:
        """Resize x (h, w, C) bilinearly; out is rows `rows` of (*size, C), all of them by default."""
        begun = time.perf_counter()
        h, w, channels = x.shape
        top, bottom = rows or (0, size[0])
        self.library.inspyrenet_resize(
            self._pool, _at(x), x.strides[1] // 4, h, w, channels, *size, top, bottom, corners, _row_0(out, top)
        )
        self._note("resize", begun, 0)

    def to_planes(self, x: Floats, planes: Floats) -> None:
        """Fill planes (C, pixels): x (pixels, C) transposed, which may be some channels of a wider map."""
        begun = time.perf_counter()
        self.library.inspyrenet_to_planes(self._pool, _at(x), x.strides[0] // 4, *x.shape, _at(planes))
        self._note("transpose", begun, 0)

    def from_planes(self, planes: Floats, shortcut: Floats, out: Floats) -> None:
        """Fill out (pixels, C): planes (C, pixels) transposed, plus twice `shortcut`."""
        begun = time.perf_counter()
        self.library.inspyrenet_from_planes(self._pool, _at(planes), _at(shortcut), *shortcut.shape, _at(out))
        self._note("transpose", begun, 0)

    def soften(self, rows: Floats) -> None:
        """Turn each row into its softmax."""
        begun = time.perf_counter()
        self.library.inspyrenet_soften(self._pool, _at(rows), *rows.shape)
        self._note("softmax", begun, 0)

    def weigh(self, query: Floats, key: Floats, out: Floats) -> None:
        """Fill out (pixels, 16): the softmax of query (pixels, depth) times key (classes, depth), then zeros."""
        begun = time.perf_counter()
        self.library.inspyrenet_weigh(self._pool, _at(query), _at(key), *query.shape, key.shape[0], _at(out))
        self._note("classes", begun, 2e-9 * query.size * key.shape[0])

    def gather(self, x: Floats, classes: Floats, resize: Floats, out: Floats) -> None:
        """Sum up x (h, w, C) by classes (count, C, side, blocks) and resize (h, side); out: (jobs, w, columns)."""
        begun = time.perf_counter()
        h, w, channels = x.shape
        count, _, side, blocks = classes.shape
        jobs, _, columns = out.shape
        done = self.library.inspyrenet_gather(
            *(self._pool, _at(x), h, w, channels, _at(classes), count, side, blocks, _at(resize), columns, jobs),
            _at(out),
        )
        if not done:
            raise MemoryError(f"contexts of {channels} channels and {columns} columns do not fit a thread's scratch")
        self._note("contexts", begun, 2e-9 * h * w * channels * count * blocks)

    def _note(self, kind: str, begun: float, gflop: float) -> None:
        if self.trace is not None:
            self.trace.steps.append(Step(kind, time.perf_counter() - begun, gflop))


def _at(array: Floats | None) -> int | None:
    return None if array is None else _row_0(array, 0)


def _row_0(array: Floats, first: int) -> int:
    """Give the address that row 0 of a map would have whose row `first` is the array's own first.

    TypeError: the array holds no float32, which no kernel would notice.
    """
    if array.dtype != np.float32:
        raise TypeError(f"the kernels read and write float32, not {array.dtype}")
    return array.ctypes.data - first * array.strides[0]
