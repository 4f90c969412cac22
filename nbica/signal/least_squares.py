"""Gram matrices and least squares on maps, in float64; arrays only."""

import numpy as np
from scipy import linalg

from nbica.runtime.scratch import voxel_blocks


def gram(rows):
    """Products of all pairs of rows, in float64, a block of voxels at a time."""
    return gram_of_blocks(blocks_of(rows), len(rows))


def gram_of_blocks(blocks, n_rows, dtype=np.float64):
    """Products of all pairs of rows that come as blocks of voxels."""
    G = np.zeros((n_rows, n_rows))
    for block in blocks:
        block = block.astype(dtype, copy=False)
        G += block @ block.T
    return G


def blocks_of(rows):
    """Yield an array of shape (n_rows, n_voxels) a block of voxels at a time."""
    for voxels in voxel_blocks(rows.shape[1]):
        yield rows[:, voxels]


def less_their_means(maps):
    """Maps without their means over voxels; a constant map becomes exactly 0.

    Least squares on these is least squares on the maps and an intercept: what all voxels share in
    a frame is nobody's. Costs a copy of the maps.

    >>> less_their_means(np.array([[1.0, 2.0, 3.0], [5.0, 5.0, 5.0]]))
    array([[-1.,  0.,  1.],
           [ 0.,  0.,  0.]])
    """
    centered = maps - maps.mean(axis=1, dtype=np.float64, keepdims=True).astype(maps.dtype)
    is_constant = np.ptp(maps, axis=1) == 0
    centered[is_constant] = 0
    return centered


def inverse_overlaps(maps):
    """Pseudo-inverse: maps that a threshold emptied get a time course of 0 instead of an error.

    Two maps of which float32 cannot tell that they differ share theirs.
    """
    # dask may hand over arrays that are not aligned, for which numpy takes another product.
    overlaps = gram(np.require(maps, requirements=["ALIGNED"]))
    present = np.flatnonzero(np.diag(overlaps))  # exactly 0 for the others, not the rounding of 0
    inverse = np.zeros_like(overlaps)
    inverse[np.ix_(present, present)] = linalg.pinvh(overlaps[np.ix_(present, present)], rtol=1e-12)
    return inverse
