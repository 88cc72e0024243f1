"""The kernels that are more than a product, as their papers and torch define them, in float64."""

from __future__ import annotations

import numpy as np

from tests.layers.inference.bounded import Bounded, Exact, Floats, gamma, product, softmax

_SIDE, _HEAD, _MASKED = 12, 32, -100.0


def attend_windows(qkv: Floats, bias: Floats, size: tuple[int, int], shift: int, positions: Floats) -> Bounded:
    """Pad, roll, cut into windows, mask and attend, as Swin's own code does.

    qkv is what comes behind its layer, where a padded token is the bias.
    """
    (h, w), heads = size, positions.shape[0]
    width = heads * _HEAD
    tall, wide = (-(-side // _SIDE) * _SIDE for side in size)
    padded = np.broadcast_to(bias.astype(np.float64), (tall, wide, 3 * width)).copy()
    padded[:h, :w] = qkv.reshape(h, w, -1)
    rolled = np.roll(padded, (-shift, -shift), axis=(0, 1))
    windows = _cut(rolled)  # windows, 144, 3 * width
    query, key, value = windows.reshape(len(windows), 144, 3, heads, _HEAD).transpose(2, 0, 3, 1, 4)
    scaled = Bounded.of(query * _HEAD**-0.5).rounded(2)
    scores = product(scaled, np.swapaxes(key, -1, -2).astype(np.float64)).plus(
        np.broadcast_to(positions, (len(windows), heads, 144, 144))
    )
    if shift:
        scores = scores.plus(np.where(_regions(tall, wide, shift), 0, _MASKED)[:, None].repeat(heads, axis=1))
    attended = product(softmax(scores), value.astype(np.float64))
    return Bounded(
        *(_join(one, (tall, wide), shift)[:h, :w].reshape(h * w, width) for one in (attended.value, attended.error))
    )


def _cut(x: Exact) -> Exact:
    tall, wide, width = x.shape
    cut = x.reshape(tall // _SIDE, _SIDE, wide // _SIDE, _SIDE, width).transpose(0, 2, 1, 3, 4)
    return np.asarray(cut.reshape(-1, _SIDE**2, width))


def _join(x: Exact, size: tuple[int, int], shift: int) -> Exact:
    tall, wide = size
    rows = x.transpose(0, 2, 1, 3).reshape(tall // _SIDE, wide // _SIDE, _SIDE, _SIDE, -1)
    return np.roll(rows.transpose(0, 2, 1, 3, 4).reshape(tall, wide, -1), (shift, shift), axis=(0, 1))


def _regions(tall: int, wide: int, shift: int) -> np.ndarray:
    """Tell which two places of each window come from the same side of both cuts: (windows, 144, 144)."""
    image = np.zeros((tall, wide, 1))
    slices = (slice(0, -_SIDE), slice(-_SIDE, -shift), slice(-shift, None))
    for index, (rows, columns) in enumerate((rows, columns) for rows in slices for columns in slices):
        image[rows, columns] = index
    regions = _cut(image)[..., 0]
    return np.asarray(regions[:, :, None] == regions[:, None, :])


# Winograd's matrices (Lavin and Gray, 4.3): they give the same sums as the definition, in other terms. A sum's error
# follows the magnitude of its terms, so the bound needs the terms that are really added up.
_ENTER = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
WEIGHTS = np.array(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ]
)
_LEAVE = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])
# Roundings one after the other: three terms each way in, the weights' own, four or five terms each way out, the bias.
_ROUNDINGS = 3 + 3 + 1 + 5 + 5 + 1


def convolve(x: Floats, weight: Floats, bias: Floats | None, dilation: int) -> Bounded:
    """Convolve (h, w, C) by (O, C, 3, 3), zeros around; bounded for Winograd's F(4 x 4, 3 x 3)."""
    (h, w, channels), columns = x.shape, weight.shape[0]
    shift = np.zeros(columns) if bias is None else bias.astype(np.float64)
    padded = np.pad(x.astype(np.float64), ((dilation, dilation), (dilation, dilation), (0, 0)))
    value = np.zeros((h, w, columns)) + shift
    for i, j in np.ndindex(3, 3):
        value += padded[i * dilation : i * dilation + h, j * dilation : j * dilation + w] @ weight[:, :, i, j].T.astype(
            np.float64
        )
    # A result's terms depend on where in its tile it stands: the most that any place has is bound enough.
    step = 4 * dilation
    tall, wide = -(-h // step), -(-w // step)
    around = np.zeros(((tall + 1) * step + 2 * dilation, (wide + 1) * step + 2 * dilation, channels))
    around[: h + 2 * dilation, : w + 2 * dilation] = np.abs(padded)
    magnitudes = np.zeros((tall * step, wide * step, columns))
    filters = np.einsum("ia,ocab,jb->ijco", np.abs(WEIGHTS), np.abs(weight.astype(np.float64)), np.abs(WEIGHTS))
    for y, x_ in np.ndindex(dilation, dilation):
        pixels = around[y::dilation, x_::dilation]
        tiles = np.lib.stride_tricks.sliding_window_view(pixels, (6, 6), axis=(0, 1))[::4, ::4][
            :tall, :wide
        ]  # tall, wide, C, 6, 6
        entered = np.einsum("ia,hwcab,jb->ijhwc", np.abs(_ENTER), tiles, np.abs(_ENTER), optimize=True)
        products = np.einsum("ijhwc,ijco->ijhwo", entered, filters, optimize=True)
        left = np.einsum("ai,ijhwo,bj->hawbo", np.abs(_LEAVE), products, np.abs(_LEAVE), optimize=True)
        magnitudes[y::dilation, x_::dilation] = left.reshape(4 * tall, 4 * wide, columns)
    return Bounded(value, gamma(channels + _ROUNDINGS) * (magnitudes[:h, :w] + np.abs(shift)) + 1e-35)


def slide(x: Floats, weight: Floats, bias: Floats, *, down: bool) -> Bounded:
    """Convolve (h, w, C) by (taps, C, O) along one axis, zeros around."""
    (h, w, _), taps = x.shape, weight.shape[0]
    reach = taps // 2
    padded = np.pad(x, ((reach, reach), (0, 0), (0, 0)) if down else ((0, 0), (reach, reach), (0, 0)))
    shifted = [padded[tap : tap + h] if down else padded[:, tap : tap + w] for tap in range(taps)]
    return product(np.concatenate(shifted, axis=2), weight.reshape(-1, weight.shape[2]), bias)


def resize(x: Floats, to: tuple[int, int], *, corners: bool) -> Bounded:
    """Resize bilinearly as torch's `interpolate` does: the pixels' centres, or the corners, stand on each other."""
    down, right = (_between(source, target, corners=corners) for source, target in zip(x.shape[:2], to, strict=True))
    exact = x.astype(np.float64)
    value, most = (np.einsum("yh,hwc,xw->yxc", down, one, right, optimize=True) for one in (exact, np.abs(exact)))
    # Each way a share, a difference, a product and a sum; a difference is as large as both of its terms.
    return Bounded(value, gamma(12) * _most_around(most, exact, down, right))


def _most_around(most: Exact, exact: Exact, down: Exact, right: Exact) -> Exact:
    """Take the four pixels of each result in full, since a difference of two loses what they share."""
    touched = np.einsum("yh,hwc,xw->yxc", (down > 0) * 1.0, np.abs(exact), (right > 0) * 1.0, optimize=True)
    return np.asarray(np.maximum(most, touched))


def _between(source: int, target: int, *, corners: bool) -> Exact:
    at = np.arange(target, dtype=np.float64)
    where = at * (source - 1) / max(target - 1, 1) if corners else np.maximum((at + 0.5) * source / target - 0.5, 0)
    near = 1 - np.abs(where[:, None] - np.arange(source))
    near[:, -1] = np.where(where > source - 1, 1, near[:, -1])
    return np.asarray(np.maximum(near, 0))


def gather(x: Floats, classes: Floats, weights: Floats, jobs: int) -> Bounded:
    """Sum up x (h, w, C) by classes (count, C, side, blocks) and weights (h, side): (jobs, w, columns).

    Each job has its own rows.
    """
    (h, w, channels), (count, _, side, blocks) = x.shape, classes.shape
    value, most = np.zeros((2, jobs, w, count * blocks))
    for job in range(jobs):
        rows = slice(h * job // jobs, h * (job + 1) // jobs)
        for target, given in ((value, (x, weights, classes)), (most, (np.abs(x), np.abs(weights), np.abs(classes)))):
            exact = [one.astype(np.float64) for one in given]
            target[job] = np.einsum(
                "hwc,hy,kcyb->wkb", exact[0][rows], exact[1][rows], exact[2], optimize=True
            ).reshape(w, -1)
    return Bounded(value, gamma(side + channels + h) * most + 1e-35)


__all__ = ["WEIGHTS", "attend_windows", "convolve", "gather", "resize", "slide"]
