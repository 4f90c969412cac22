"""From frames of a run to smooth frames in a box of a grid: one linear map, made once for a run.

Where the axes of both grids are parallel, a spline along each axis and the Gaussian after it are
one matrix, and both cost twice what smoothing does.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nbica.image import oblique, spatial

# Less than float32 sees beside weights that sum to 1.
_UNSEEN = 3e-8


class Filter(NamedTuple):
    """Which box of the source it takes, and what it makes of a block of frames of it.

    `n_frames` is how many it likes at once, None where that does not matter.
    """

    box: spatial.Box
    apply: Callable
    n_frames: int | None = None


def filter_between(source, grid, box, sigma, mask=None):
    """What leads from frames on one grid to smooth frames in a box of another.

    Parameters
    ----------
    source, grid : Grid
    box : spatial.Box
        Of `grid`.
    sigma : ndarray of shape (3,)
        From :func:`spatial.smoothing_sigma`, in voxels of `grid`.
    mask : ndarray of bool, shape of the box, optional
        The voxels that count; others may come out as 0.

    Returns
    -------
    Filter
        Its `apply` takes blocks of float32, shape (n_frames, nz, ny, nx).
    """
    wide = spatial.widen(box, spatial.kernel_reach(sigma), grid.shape)
    is_smooth = bool(np.any(sigma))
    if source.same_as(grid):
        smoothers = spatial.smoothers(grid.shape, sigma, box, wide)
        return Filter(wide, lambda b: spatial.smooth_block(b, smoothers) if is_smooth else b)
    matrix, offset = spatial.voxel_map(source.affine, grid.affine, wide)
    axes = spatial.parallel_axes(matrix, wide.shape)
    if axes is not None:
        return _parallel(axes, matrix, offset, source.shape, grid.shape, sigma, box, wide)
    smoothers = spatial.smoothers(grid.shape, sigma, box, wide)
    wanted = None if mask is None else _reached(mask, grid.shape, sigma, box, wide)

    def apply(block):
        found = oblique.resample(block, matrix, offset, wide.shape, 3, wanted)
        return spatial.smooth_block(found, smoothers) if is_smooth else found

    everything = spatial.Box(*(slice(0, n) for n in source.shape))
    return Filter(everything, apply, oblique.N_FRAMES)


def _parallel(axes, matrix, offset, sizes, shape, sigma, box, wide):
    splines = spatial.splines_along(axes, matrix, offset, sizes, wide.shape)
    gaussians = [
        spatial.gaussian_matrix(n, s, rows, columns)
        for n, s, rows, columns in zip(shape, sigma, box, wide, strict=True)
    ]
    both = [gaussian @ spline for gaussian, spline in zip(gaussians, splines, strict=True)]
    for one in both:
        one[np.abs(one) < _UNSEEN] = 0
    used = [_used(one) for one in both]
    filters = [
        spatial.stretches_of(one[:, columns]) for one, columns in zip(both, used, strict=True)
    ]
    needed = spatial.Box(*(used[axes.index(axis)] for axis in range(3)))
    return Filter(needed, lambda block: spatial.smooth_block(spatial.turn(block, axes), filters))


def _used(matrix):
    columns = np.flatnonzero(matrix.any(axis=0))
    return slice(int(columns[0]), int(columns[-1]) + 1) if len(columns) else slice(0, 1)


def _reached(mask, shape, sigma, box, wide):
    """The voxels of the wide box of which the mask's take something, as frames lie."""
    spread = [
        spatial.stretches_of(spatial.gaussian_matrix(n, s, rows, columns).T)
        for n, s, rows, columns in zip(shape, sigma, box, wide, strict=True)
    ]
    return spatial.smooth_block(mask.T[np.newaxis].astype(np.float32), spread)[0] > 0
