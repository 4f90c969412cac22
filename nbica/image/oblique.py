"""Frames on a grid that is turned against theirs: a spline's 64 neighbours of each voxel.

Where the neighbours are and what they weigh is the same for all frames of a run: it is worked out
once, and several frames at a time are multiplied by a sparse matrix of the weights, made stretch by
stretch of voxels, so that it stays in the processor's cache. Per frame that is ten times faster
than looking the neighbours up frame by frame, as `scipy.ndimage` does.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from nbica.image import spatial

# Frames at a time: more take memory, fewer leave the processor idle.
N_FRAMES = 8
# Voxels of a stretch of the sparse matrix, which then takes 4 MB.
_STRETCH = 8192
# Voxels whose places are remembered from block to block: 60 B each.
_REMEMBERED = 1 << 19


class _Taps(NamedTuple):
    """Some voxels, where the first of their neighbours is, and weights along z, y and x."""

    voxels: np.ndarray
    first: np.ndarray
    weights: tuple


def resample(block, matrix, offset, shape, order, wanted=None):
    """Frames of one grid, seen on another; see :func:`spatial.resample_block`.

    Memory is six times that of the block, or of the result where that is larger.

    Parameters
    ----------
    block : ndarray of shape (n_frames, nz, ny, nx)
    matrix, offset, shape
        As in :func:`spatial.resample_block`.
    order : {1, 3}
    wanted : ndarray of bool, shape (nz_out, ny_out, nx_out), optional
        Voxels to compute; the others are 0.

    Returns
    -------
    ndarray of float32, shape (n_frames, nz_out, ny_out, nx_out)
    """
    coefficients = spatial.smooth_block(
        np.asarray(block, np.float32), [_prefilter(n, order) for n in block.shape[:0:-1]]
    )
    sizes, plane = coefficients.shape[1:], int(np.prod(shape[:2]))
    by_voxel = np.ascontiguousarray(coefficients.reshape(len(block), -1).T)
    out = np.zeros((shape[2] * plane, len(block)), np.float32)
    wanted = np.ones(len(out), bool) if wanted is None else wanted.ravel()
    n_planes = max(1, _REMEMBERED // plane)
    for start in range(0, shape[2], n_planes):
        some = slice(start * plane, min(start + n_planes, shape[2]) * plane)
        where = np.packbits(wanted[some]).tobytes()
        taps = _taps(matrix.tobytes(), offset.tobytes(), sizes, tuple(shape), order, some.start,
                     some.stop, where)  # fmt: skip
        for voxels, weights in _stretches(taps, sizes):
            out[voxels] = weights @ by_voxel
    return np.ascontiguousarray(out.T).reshape(-1, *shape[::-1])


@lru_cache(maxsize=16)
def _prefilter(n, order):
    """What makes coefficients of a spline of voxels, two more at both ends, mirrored."""
    from scipy import ndimage  # a quarter of a second that a run on the mask's grid saves

    matrix = np.eye(n)
    if order > 1 and n > 1:
        matrix = ndimage.spline_filter1d(matrix, order, axis=0, mode="mirror")
        matrix[np.abs(matrix) < 1e-9] = 0
    # numpy's name for what scipy calls "mirror".
    padded = np.pad(matrix, ((2, 2), (0, 0)), mode="reflect" if n > 1 else "edge")
    return spatial.stretches_of(padded)


@lru_cache(maxsize=2)
def _taps(matrix, offset, sizes, shape, order, start, stop, wanted):
    """The voxels from start to stop that are wanted and in the field of view of the source."""
    matrix, offset = np.frombuffer(matrix).reshape(3, 3), np.frombuffer(offset)
    wanted = np.unpackbits(np.frombuffer(wanted, np.uint8), count=stop - start)
    voxels = start + np.flatnonzero(wanted)
    z, y, x = np.unravel_index(voxels, shape[::-1])
    places = [
        offset[axis] + row[0] * x + row[1] * y + row[2] * z for axis, row in enumerate(matrix)
    ]
    inside = np.all(
        [spatial.is_inside(p, n - 4) for p, n in zip(places, sizes[::-1], strict=True)], axis=0
    )
    places = [p[inside] for p in places[::-1]]  # z, y, x, as the frames lie
    whole = [np.floor(p).astype(np.int32) for p in places]
    weights = tuple(_weights(p - w, order) for p, w in zip(places, whole, strict=True))
    # Two mirrored voxels stand before the first.
    z, y, x = (w + 2 - (order > 1) for w in whole)
    return _Taps(voxels[inside], (z * sizes[1] + y) * sizes[2] + x, weights)


def _weights(t, order):
    """Of the neighbours of a place that lies t behind one of them: of a linear or cubic spline."""
    if order == 1:
        weights = (1 - t, t)
    else:
        rest = 1 - t
        weights = (
            rest**3 / 6, (4 - 3 * t**2 * (2 - t)) / 6, (4 - 3 * rest**2 * (1 + t)) / 6, t**3 / 6
        )  # fmt: skip
    return np.stack(weights, axis=1).astype(np.float32)


def _stretches(taps, sizes):
    """The sparse matrix of all weights, some rows at a time, and which voxels these are."""
    from scipy import sparse

    n = taps.weights[0].shape[1]
    steps = np.arange(n, dtype=np.int32)
    steps = (steps[:, np.newaxis, np.newaxis] * sizes[1] + steps[:, np.newaxis]) * sizes[2] + steps
    for start in range(0, len(taps.voxels), _STRETCH):
        some = slice(start, start + _STRETCH)
        z, y, x = (weights[some] for weights in taps.weights)
        weights = (
            z[:, :, np.newaxis, np.newaxis] * (y[:, :, np.newaxis] * x[:, np.newaxis])[:, None]
        )
        first = taps.first[some]
        columns = first[:, np.newaxis] + steps.ravel().astype(np.int32)
        rows = np.arange(0, weights.size + 1, n**3, dtype=np.int32)
        shape = (len(first), int(np.prod(sizes)))
        yield taps.voxels[some], sparse.csr_array((weights.ravel(), columns.ravel(), rows), shape)
