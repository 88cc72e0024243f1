"""What the kernels are tried on: each case is a kernel with its inputs, and its plain definition.

The same cases run against their definitions, beside guarded memory, and under sanitizers.
"""

from __future__ import annotations

import functools
import itertools
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from inspyrenet.kernels import ACTIVATED, ADDED, POINTS, RECTIFIED, SHARES, WRITTEN, Filter, Matrix, Norm, Strip

from tests.layers.inference import definitions
from tests.layers.inference.bounded import Bounded, normalised, product, softmax
from tests.layers.inference.memory import copy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from inspyrenet import Kernels

    from tests.layers.inference.bounded import Floats
    from tests.layers.inference.memory import Memory

Run = "Callable[[Kernels, Memory], Floats]"


@dataclass(frozen=True)
class Case:
    """`run` gives what the kernel makes, `define` what it should be."""

    name: str
    run: Callable[[Kernels, Memory], Floats]
    define: Callable[[], Bounded]

    def __str__(self) -> str:
        return self.name

    @property
    def kernel(self) -> str:
        return self.name.split()[0]

    @functools.cached_property
    def expected(self) -> Bounded:
        return self.define()


class Numbers:
    """Random numbers that depend on a case's name alone."""

    def __init__(self, name: str) -> None:
        self._random = np.random.default_rng(zlib.crc32(name.encode()))

    def __call__(self, *shape: int) -> Floats:
        return self._random.standard_normal(shape, dtype=np.float32)


def tile_of(kernels: Kernels) -> int:
    """Say how many rows a tile has (tile.h): twelve where the vectors are of 16 floats, else six."""
    return 12 if kernels.panel == 32 else 6


def placed_matrix(kernels: Kernels, memory: Memory, weight: Floats, bias: Floats | None = None) -> Matrix:
    """Pack (depth, columns); the bias is filled up to whole panels."""
    depth, columns = weight.shape
    panels = memory.empty(kernels.panel_floats(depth, columns))
    kernels.pack(copy(memory, weight), panels)
    return Matrix(depth, columns, panels, None if bias is None else whole_panels(kernels, memory, bias))


def whole_panels(kernels: Kernels, memory: Memory, bias: Floats) -> Floats:
    kept = memory.empty(kernels.panel_floats(1, bias.size))
    kept[...] = 0
    kept[: bias.size] = bias
    return kept


def placed_filter(kernels: Kernels, memory: Memory, weight: Floats, bias: Floats | None) -> Filter:
    columns, channels = weight.shape[:2]
    panels = memory.empty(POINTS, columns * channels)
    kernels.pack_filter(copy(memory, weight), panels)
    return Filter(channels, columns, panels, None if bias is None else copy(memory, bias))


def placed_norm(memory: Memory, weight: Floats, bias: Floats) -> Norm:
    return Norm(copy(memory, weight), copy(memory, bias))


def pack(depth: int, columns: int, *, turned: bool) -> Case:
    name = f"pack {depth}x{columns}{' turned' if turned else ''}"
    matrix = Numbers(name)(*((columns, depth) if turned else (depth, columns)))
    matrix = matrix.T if turned else matrix

    def run(kernels: Kernels, memory: Memory) -> Floats:
        placed = copy(memory, matrix.T).T if turned else copy(memory, matrix)
        panels = memory.empty(kernels.panel_floats(depth, columns))
        kernels.pack(placed, panels)
        by_panel = panels.reshape(-1, depth, kernels.panel).transpose(1, 0, 2).reshape(depth, -1)
        assert not by_panel[:, columns:].any()
        return by_panel[:, :columns]

    return Case(name, run, lambda: Bounded.of(matrix))


def pack_filter(columns: int, given: int, channels: int) -> Case:
    name = f"pack_filter {given} of {channels}>{columns}"
    weight = Numbers(name)(columns, given, 3, 3)

    def run(kernels: Kernels, memory: Memory) -> Floats:
        panels = memory.empty(POINTS, columns * channels)
        kernels.pack_filter(copy(memory, weight), panels)
        by_panel = panels.reshape(POINTS, -1, channels, kernels.panel).transpose(0, 2, 1, 3)
        return by_panel.reshape(POINTS, channels, columns)

    def define() -> Bounded:
        points = np.einsum("ia,ocab,jb->ijco", definitions.WEIGHTS, weight.astype(np.float64), definitions.WEIGHTS)
        filled = np.pad(points.reshape(POINTS, given, columns), ((0, 0), (0, channels - given), (0, 0)))
        return Bounded.of(filled).rounded()

    return Case(name, run, define)


HOWS = {WRITTEN: "written", ADDED: "added", RECTIFIED: "rectified", ACTIVATED: "activated"}


def linear(
    rows: int, depth: int, columns: int, how: int, *, norm: bool = False, apart: int = 0, bias: bool = True
) -> Case:
    """`apart`: how many floats there are between two rows."""
    marks = f"{' norm' * norm}{f' apart {apart}' * bool(apart)}{'' if bias else ' no bias'}"
    name = f"linear {rows}x{depth}x{columns} {HOWS[how]}{marks}"
    numbers = Numbers(name)
    tokens, weight, there = numbers(rows, depth), numbers(depth, columns), numbers(rows, columns)
    added, scale, shift = numbers(columns) if bias else None, numbers(depth), numbers(depth)

    def run(kernels: Kernels, memory: Memory) -> Floats:
        wide_in, wide_out = memory.empty(rows, depth + apart), memory.empty(rows, columns + apart)
        # The last row ends where its columns end: what is apart belongs to other maps.
        given, out = wide_in[:, apart:], wide_out[:, apart:]
        given[...], out[...] = tokens, there
        before = wide_out[:, :apart].copy()
        matrix = placed_matrix(kernels, memory, weight, added)
        kernels.linear(given, matrix, out, placed_norm(memory, scale, shift) if norm else None, how=how)
        assert np.array_equal(before, wide_out[:, :apart])
        return out

    def define() -> Bounded:
        left = normalised(tokens, scale, shift) if norm else Bounded.of(tokens)
        found = product(left, weight, added)
        if how == ADDED:
            return found.plus(there)
        return {WRITTEN: lambda: found, RECTIFIED: found.rectified, ACTIVATED: found.activated}[how]()

    return Case(name, run, define)


def normalise(rows: int, width: int) -> Case:
    name = f"normalise {rows}x{width}"
    numbers = Numbers(name)
    tokens, scale, shift = numbers(rows, width) + np.float32(3), numbers(width), numbers(width)

    def run(kernels: Kernels, memory: Memory) -> Floats:
        out = memory.empty(rows, width)
        kernels.normalise(copy(memory, tokens), placed_norm(memory, scale, shift), out)
        return out

    return Case(name, run, lambda: normalised(tokens, scale, shift))


def finish_block(rows: int, width: int) -> Case:
    name = f"finish_block {rows}x{width}"
    numbers = Numbers(name)
    tokens, attended = numbers(rows, width), numbers(rows, width)
    weights = [
        numbers(*shape) / np.float32(shape[0] ** 0.5)
        for shape in ((width, width), (width, 4 * width), (4 * width, width))
    ]
    biases = [numbers(weight.shape[1]) for weight in weights]
    scale, shift = numbers(width), numbers(width)

    def run(kernels: Kernels, memory: Memory) -> Floats:
        out = copy(memory, tokens)
        projection, wide, narrow = (placed_matrix(kernels, memory, *one) for one in zip(weights, biases, strict=True))
        kernels.finish_block(out, copy(memory, attended), projection, placed_norm(memory, scale, shift), (wide, narrow))
        return out

    def define() -> Bounded:
        half = product(attended, weights[0], biases[0]).plus(tokens)
        hidden = product(normalised(half, scale, shift), weights[1], biases[1]).activated()
        return product(hidden, weights[2], biases[2]).plus(half)

    return Case(name, run, define)


def attend_windows(h: int, w: int, heads: int, shift: int) -> Case:
    name = f"attend_windows {h}x{w} {heads} heads{' shifted' * bool(shift)}"
    numbers = Numbers(name)
    width = 32 * heads
    qkv, bias, positions = 2 * numbers(h * w, 3 * width), 2 * numbers(3 * width), numbers(heads, 144, 144)

    def run(kernels: Kernels, memory: Memory) -> Floats:
        out = memory.empty(h * w, width)
        layer = Matrix(width, 3 * width, memory.empty(0), copy(memory, bias))  # of which only the bias is asked for
        kernels.attend_windows(copy(memory, qkv), layer, copy(memory, positions), out, size=(h, w), shift=shift)
        return out

    return Case(name, run, lambda: definitions.attend_windows(qkv, bias, (h, w), shift, positions))


def convolve(
    size: tuple[int, int],
    channels: tuple[int, ...],
    columns: int,
    *,
    dilation: int = 1,
    added: bool = False,
    rectified: bool = False,
    flat: bool = False,
    rows: tuple[int, int] | None = None,
    apart: int = 0,
    bias: bool = True,
) -> Case:
    """`rows`: only these of the result are wanted, and only what they need is there of the maps."""
    h, w = size
    marks = {"added": added, "rectified": rectified, "flat": flat, "no bias": not bias}
    name = (
        f"convolve {h}x{w} {'+'.join(map(str, channels))}>{columns} dilation {dilation}"
        f"{f' rows {rows[0]}-{rows[1]}' if rows else ''}{f' apart {apart}' * bool(apart)}"
        f"{''.join(f' {mark}' for mark, there in marks.items() if there)}"
    )
    numbers = Numbers(name)
    maps = [numbers(h, w, each) for each in channels]
    weight, given = numbers(columns, sum(channels), 3, 3) / np.float32(8), numbers(columns) if bias else None
    top, bottom = rows or (0, h)
    before, weights = numbers(bottom - top, w, columns), numbers(columns)
    first, last = max(0, top - dilation), min(h, bottom + dilation)

    def run(kernels: Kernels, memory: Memory) -> Floats:
        parts = []
        for one in maps:
            wider = memory.empty(last - first, w, one.shape[2] + apart)
            parts.append(wider[..., apart:])
            parts[-1][...] = one[first:last]
        out = memory.empty(bottom - top, w) if flat else copy(memory, before)
        kernels.convolve(
            parts,
            placed_filter(kernels, memory, weight, given),
            out,
            dilation=dilation,
            added=added,
            rectified=rectified,
            strip=Strip(h, (first,) * len(parts), top, bottom) if rows else None,
            weights=copy(memory, weights) if flat else None,
        )
        return out

    def define() -> Bounded:
        found = definitions.convolve(np.concatenate(maps, axis=2), weight, given, dilation).rows(top, bottom)
        if added:
            found = found.plus(before)
        if rectified:
            found = found.rectified()
        if not flat:
            return found
        total = product(found, weights[:, None])
        return Bounded(total.value[..., 0], total.error[..., 0])

    return Case(name, run, define)


def slide(size: tuple[int, int], channels: int, columns: int, taps: int, *, down: bool) -> Case:
    h, w = size
    name = f"slide {h}x{w} {channels}>{columns} {taps} taps {'down' if down else 'across'}"
    numbers = Numbers(name)
    x, weight, bias = numbers(h, w, channels), numbers(taps, channels, columns) / np.float32(8), numbers(columns)

    def run(kernels: Kernels, memory: Memory) -> Floats:
        matrix = placed_matrix(kernels, memory, weight.reshape(-1, columns), bias)
        out = memory.empty(h, w, columns)
        # Downwards, tiles of rows are read from the map itself.
        beyond = (tile_of(kernels) - 1) * channels if down else 0
        kernels.slide(copy(memory, x, beyond), matrix, out, taps=taps, down=down)
        return out

    return Case(name, run, lambda: definitions.slide(x, weight, bias, down=down))


def resize(
    size: tuple[int, int],
    to: tuple[int, int],
    channels: int,
    *,
    corners: bool,
    rows: tuple[int, int] | None = None,
    apart: int = 0,
) -> Case:
    name = (
        f"resize {size[0]}x{size[1]} to {to[0]}x{to[1]}, {channels} channels{' corners' * corners}"
        f"{f' rows {rows[0]}-{rows[1]}' if rows else ''}{f' apart {apart}' * bool(apart)}"
    )
    x = Numbers(name)(*size, channels)
    top, bottom = rows or (0, to[0])

    def run(kernels: Kernels, memory: Memory) -> Floats:
        given = memory.empty(*size, channels + apart)[..., apart:]
        given[...] = x
        out = memory.empty(bottom - top, to[1], channels)
        kernels.resize(given, to, out, corners=corners, rows=rows)
        return out

    return Case(name, run, lambda: definitions.resize(x, to, corners=corners).rows(top, bottom))


def to_planes(pixels: int, channels: int, apart: int = 0) -> Case:
    name = f"to_planes {pixels}x{channels}{f' apart {apart}' * bool(apart)}"
    x = Numbers(name)(pixels, channels)

    def run(kernels: Kernels, memory: Memory) -> Floats:
        given = memory.empty(pixels, channels + apart)[:, apart:]
        given[...] = x
        out = memory.empty(channels, pixels)
        kernels.to_planes(given, out)
        return out

    return Case(name, run, lambda: Bounded.of(x.T))


def from_planes(pixels: int, channels: int) -> Case:
    name = f"from_planes {pixels}x{channels}"
    numbers = Numbers(name)
    planes, shortcut = numbers(channels, pixels), numbers(pixels, channels)

    def run(kernels: Kernels, memory: Memory) -> Floats:
        out = memory.empty(pixels, channels)
        kernels.from_planes(copy(memory, planes), copy(memory, shortcut), out)
        return out

    return Case(name, run, lambda: Bounded.of(planes.T).plus(2 * shortcut))


def soften(rows: int, length: int) -> Case:
    name = f"soften {rows}x{length}"
    x = 5 * Numbers(name)(rows, length)

    def run(kernels: Kernels, memory: Memory) -> Floats:
        out = copy(memory, x)
        kernels.soften(out)
        return out

    return Case(name, run, lambda: softmax(Bounded.of(x)))


def weigh(pixels: int, depth: int, classes: int) -> Case:
    name = f"weigh {pixels}x{depth}, {classes} classes"
    numbers = Numbers(name)
    query, key = numbers(pixels, depth), numbers(classes, depth)

    def run(kernels: Kernels, memory: Memory) -> Floats:
        out = memory.empty(pixels, SHARES)
        kernels.weigh(copy(memory, query), copy(memory, key), out)
        assert not out[:, classes:].any()
        return out[:, :classes]

    return Case(name, run, lambda: softmax(product(query, key.T)))


def gather(size: tuple[int, int, int], classes_shape: tuple[int, int, int], jobs: int) -> Case:
    (h, w, channels), (count, side, blocks) = size, classes_shape
    name = f"gather {h}x{w}x{channels}, {count} classes of {side}x{blocks}, {jobs} jobs"
    numbers = Numbers(name)
    x, classes, weights = numbers(h, w, channels), numbers(count, channels, side, blocks), numbers(h, side)
    weights[np.abs(weights) < 0.7] = 0  # a resize's matrix is sparse

    def run(kernels: Kernels, memory: Memory) -> Floats:
        columns = -(-count * blocks // kernels.panel) * kernels.panel
        out = memory.empty(jobs, w, columns)
        kernels.gather(copy(memory, x), copy(memory, classes), copy(memory, weights), out)
        assert not out[..., count * blocks :].any()
        return out[..., : count * blocks]

    return Case(name, run, lambda: definitions.gather(x, classes, weights, jobs))


def _packs() -> Iterator[Case]:
    for (depth, columns), turned in itertools.product(
        [(1, 1), (3, 5), (48, 128), (64, 80), (7, 33), (20, 100)], [False, True]
    ):
        yield pack(depth, columns, turned=turned)
    for columns, given, channels in [(32, 1, 1), (32, 3, 16), (64, 5, 16), (96, 17, 17)]:
        yield pack_filter(columns, given, channels)


def _linears() -> Iterator[Case]:
    # Lengths without a common factor: all pairs meet.
    depths = itertools.cycle([48, 64, 1, 128, 16, 256, 7, 32, 13, 144, 80])
    columns = itertools.cycle([128, 1, 64, 5, 160, 32, 80, 96, 31])
    hows = itertools.cycle([WRITTEN, ADDED, RECTIFIED, ACTIVATED, ADDED, WRITTEN, ACTIVATED])
    aparts = itertools.cycle([0, 0, 64, 0, 5])
    for rows in range(1, 201):
        depth, apart = next(depths), next(aparts)
        yield linear(
            rows,
            depth,
            next(columns),
            next(hows),
            norm=depth % 16 == 0 and rows % 2 == 0,
            apart=apart,
            bias=rows % 6 != 0,
        )
    # Swin's own, whose strips are the lowest, and a whole axis of the axial attention.
    yield linear(97, 2048, 64, WRITTEN, norm=True)
    yield linear(30, 1024, 352, ACTIVATED, norm=True)
    yield linear(61, 4096, 32, ADDED)
    yield linear(700, 96, 96, ADDED)
    yield linear(2000, 33, 33, WRITTEN, bias=False)


def _blocks() -> Iterator[Case]:
    for rows in (1, 2, 5, 6, 7, 11, 12, 13, 23, 24, 25, 36, 47, 144):
        yield finish_block(rows, 64)
    for rows, width in [(1, 128), (50, 128), (131, 128), (29, 256), (25, 512), (600, 64)]:
        yield finish_block(rows, width)
    for rows, width in [(1, 16), (3, 64), (257, 128), (600, 32)]:
        yield normalise(rows, width)


def _windows() -> Iterator[Case]:
    sizes = [
        (1, 1),
        (1, 12),
        (12, 1),
        (12, 12),
        (2, 7),
        (13, 25),
        (24, 24),
        (6, 18),
        (11, 13),
        (32, 32),
        (1, 40),
        (19, 5),
    ]
    for index, ((h, w), shift) in enumerate(itertools.product(sizes, [0, 6])):
        yield attend_windows(h, w, 1 + index // 2 % 3, shift)
    yield attend_windows(5, 14, 8, 6)


# What is done on the way out: added to what is there, rectified, summed up.
_FINISHES = (
    (False, False, False),
    (False, True, False),
    (True, False, False),
    (True, True, False),
    (False, False, True),
    (False, True, True),
)


def _convolutions() -> Iterator[Case]:
    dilations = itertools.cycle([1, 1, 3, 1, 5, 1, 7])
    channels = itertools.cycle([(16,), (32,), (16, 16), (16,), (32, 16), (16, 16, 16, 16), (48, 16, 32)])
    added, rectified, flat = (itertools.cycle(marks) for marks in zip(*_FINISHES, strict=True))
    aparts, columns = itertools.cycle([0, 0, 16, 4, 0]), itertools.cycle([32, 32, 32, 64])
    for size in itertools.product(range(1, 14), range(1, 14)):
        yield convolve(
            size,
            next(channels),
            next(columns),
            dilation=next(dilations),
            apart=next(aparts),
            bias=sum(size) % 9 != 0,
            added=next(added),
            rectified=next(rectified),
            flat=next(flat),
        )
    yield convolve((40, 70), (64,), 64, rectified=True)
    yield convolve((33, 65), (64,), 64, dilation=3)
    yield convolve((61, 34), (64,), 64, dilation=5)
    yield convolve((45, 57), (64,), 64, dilation=7, added=True)
    yield convolve((20, 30), (64, 64, 64, 64), 64, added=True, rectified=True)
    yield convolve((9, 10), (64, 64, 64), 64)
    for top, bottom in [(0, 64), (64, 128), (128, 130), (1, 130), (7, 8), (3, 6), (59, 67)]:
        yield convolve((130, 9), (16, 16), 32, rows=(top, bottom), rectified=True)
        yield convolve((130, 9), (16,), 32, rows=(top, bottom), flat=True)
    yield convolve((40, 11), (16,), 32, rows=(13, 29), dilation=3)
    yield convolve((40, 11), (16,), 32, rows=(0, 5), dilation=7)


def _slides() -> Iterator[Case]:
    sizes = [
        (1, 1),
        (1, 2),
        (2, 1),
        (3, 2),
        (2, 3),
        (4, 4),
        (7, 6),
        (5, 12),
        (12, 13),
        (9, 25),
        (24, 24),
        (3, 61),
        (40, 5),
    ]
    for index, (size, taps, down) in enumerate(itertools.product(sizes, (3, 5, 7), (False, True))):
        yield slide(size, (32, 64, 16)[index % 3], (32, 64)[index % 2], taps, down=down)


def _resizes() -> Iterator[Case]:
    sizes = [
        ((1, 1), (5, 7)),
        ((1, 9), (3, 1)),
        ((9, 1), (4, 30)),
        ((5, 4), (1, 1)),
        ((8, 6), (16, 12)),
        ((16, 12), (8, 6)),
    ]
    sizes += [((7, 5), (7, 5)), ((13, 40), (31, 9)), ((2, 2), (9, 2)), ((6, 7), (64, 64)), ((64, 33), (5, 5))]
    for ((size, to), corners), channels in zip(
        itertools.product(sizes, (False, True)), itertools.cycle((1, 3, 16, 64, 5))
    ):
        yield resize(size, to, channels, corners=corners)
        yield resize(size, to, channels + 1, corners=corners, apart=channels % 7)
    yield resize((10, 12), (20, 24), 16, corners=False, rows=(0, 7))
    yield resize((10, 12), (20, 24), 16, corners=False, rows=(7, 20))
    yield resize((10, 12), (40, 17), 3, corners=True, rows=(19, 21))


def _turns() -> Iterator[Case]:
    for pixels, channels in [(1, 1), (1, 80), (7, 3), (511, 8), (512, 4), (513, 5), (1200, 80)]:
        yield to_planes(pixels, channels)
        yield to_planes(pixels, channels, apart=16)
        yield from_planes(pixels, channels)


def _shares() -> Iterator[Case]:
    for length in (*range(1, 36), 96, 257):
        yield soften(1 + length % 5, length)
    yield soften(300, 64)
    for pixels, depth, classes in [
        (1, 16, 3),
        (3, 32, 5),
        (15, 64, 3),
        (16, 64, 5),
        (17, 64, 5),
        (255, 32, 3),
        (257, 64, 5),
        (700, 64, 5),
        (9, 16, 1),
    ]:
        yield weigh(pixels, depth, classes)
    for map_size, class_sizes, jobs in [
        ((1, 1, 32), (3, 32, 1), 1),
        ((3, 5, 32), (5, 64, 2), 2),
        ((7, 13, 64), (5, 64, 1), 4),
        ((16, 12, 64), (3, 128, 2), 4),
        ((9, 25, 16), (5, 48, 3), 6),
        ((2, 7, 32), (5, 32, 8), 6),
    ]:
        yield gather(map_size, class_sizes, jobs)


@functools.cache
def all_cases() -> tuple[Case, ...]:
    """Make the list once; a case's numbers cost nothing beside its definition."""
    makers = (_packs, _linears, _blocks, _windows, _convolutions, _slides, _resizes, _turns, _shares)
    return tuple(itertools.chain.from_iterable(maker() for maker in makers))


__all__ = ["Case", "all_cases", "convolve", "finish_block", "linear", "placed_matrix", "tile_of"]
