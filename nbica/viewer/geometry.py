"""How large a viewer's scene is: its box, its pixels, and voxels that are not too many."""

import numpy as np

from nbica.image.world_axes import AlignedGrid

# A pane has at most so many pixels along a side: a frame stays within 16 ms in plain JavaScript.
LARGEST_PANE = 256


def shrink(data, grid, factor):
    """Means over blocks of factor³ voxels; of what is finite in them.

    Parameters
    ----------
    data : ndarray of shape (nx, ny, nz) or (nx, ny, nz, n)
    grid : AlignedGrid
    factor : int

    Returns
    -------
    data : ndarray of float32
    grid : AlignedGrid
    """
    rest = [(0, -n % factor) for n in grid.shape]
    shape = tuple((n + more) // factor for n, (_, more) in zip(grid.shape, rest, strict=True))
    small = AlignedGrid(shape, grid.origin + (factor - 1) / 2 * grid.step, factor * grid.step)
    if data.ndim == 3:
        return _block_means(data, rest, shape, factor), small
    frames = [_block_means(data[..., k], rest, shape, factor) for k in range(data.shape[3])]
    return np.stack(frames, axis=3), small


def _block_means(volume, rest, shape, factor):
    blocks = np.pad(volume.astype(np.float32), rest, mode="edge")
    blocks = blocks.reshape(shape[0], factor, shape[1], factor, shape[2], factor)
    finite = np.isfinite(blocks)
    n_finite = finite.sum(axis=(1, 3, 5))
    total = np.where(finite, blocks, 0).sum(axis=(1, 3, 5))
    return np.where(n_finite > 0, total / np.maximum(n_finite, 1), np.nan).astype(np.float32)


def pixel_size(grids, bounds):
    """Side of a pixel in mm: half the finest voxel, or a multiple of it that keeps panes small."""
    half = min(float(grid.step.min()) for grid in grids) / 2
    extent = float(np.ptp(bounds, axis=1).max())
    return half * max(1, int(np.ceil(extent / (LARGEST_PANE * half))))


def box_around(mask, grid, margin=0.0):
    """The box around the true voxels of a mask, faces included, in mm; all of it if none is."""
    voxels = np.argwhere(mask) if mask.any() else np.array([[0, 0, 0], np.array(grid.shape) - 1])
    low = grid.mm_of(voxels.min(axis=0)) - grid.step / 2 - margin
    high = grid.mm_of(voxels.max(axis=0)) + grid.step / 2 + margin
    return np.column_stack([low, high])
