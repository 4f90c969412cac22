"""Threshold-free cluster enhancement: a voxel counts by its own height and by who stands with it.

Arrays only.
"""

import numpy as np
from scipy import ndimage

from nbica.image.spatial import bounding_box
from nbica.runtime.progress import checkpoint

EXTENT, HEIGHT = 0.5, 2.0
STEPS = 100


def enhance(values, mask):
    """Threshold-free cluster enhancement of maps, of either sign [1]_.

    Costs, for each map and sign, 100 labellings of the mask's bounding box: 0.1 s at 4 mm, 2 s at
    2 mm.

    Parameters
    ----------
    values : ndarray of shape (n_maps, n_voxels)
        Such as t; in C order of the mask.
    mask : ndarray of bool, shape (nx, ny, nz)

    Returns
    -------
    ndarray of shape (n_maps, n_voxels)
        The sum over heights h, in 100 steps dh up to the largest |value|, of e^0.5 h^2 dh, with e
        the voxels of the cluster (by faces) that the voxel is part of at that height; with the sign
        of the value.

    References
    ----------
    .. [1] S. Smith, T. Nichols, "Threshold-free cluster enhancement: addressing problems of
       smoothing, threshold dependence and localisation in cluster inference", NeuroImage 44
       (2009), 83-98.

    Examples
    --------
    >>> mask = np.ones((5, 1, 1), bool)
    >>> enhance(np.array([[1.0, 1.0, 0.0, 0.0, 1.0]]), mask).round(2)
    array([[0.48, 0.48, 0.  , 0.  , 0.34]])
    """
    inside = mask[bounding_box(mask)]
    return np.array([_enhanced(row, inside) for row in values])


def _enhanced(row, inside):
    checkpoint()
    step = np.abs(row).max(initial=0.0) / STEPS
    if step == 0.0:
        return np.zeros(len(row))
    volume, total = np.zeros(inside.shape), np.zeros(inside.shape)
    volume[inside] = row
    for sign in (1.0, -1.0):
        signed = sign * volume
        for number in range(1, STEPS + 1):
            # The highest step is the maximum itself, whatever the last digit of the product.
            labels, n_clusters = ndimage.label(signed >= number * step * (1.0 - 1e-12))
            if not n_clusters:
                break
            sizes = np.bincount(labels.ravel()).astype(float)
            sizes[0] = 0.0
            total += (sign * step * (number * step) ** HEIGHT) * sizes[labels] ** EXTENT
    return total[inside]
