"""Volumes too large for copies: looked through slab by slab, or at a coarser one in their place."""

import numpy as np

# Volumes of more voxels (a head at 1 mm has half as many) are not copied as a whole.
LARGE = 16_000_000
_COARSE = 3_000_000  # voxels of what stands for them where a place is sought, not a value
_SLAB = 1_000_000


def is_large(data):
    """Whether an array is so large that copies of it are to be avoided."""
    return data.size > LARGE


def slabs(data):
    """Views of some neighbouring planes at a time, as they lie in memory, each 4 MB or so."""
    axis = int(np.argmax(np.abs(data.strides)))
    planes = np.moveaxis(data, axis, 0)
    step = max(1, int(_SLAB * len(planes) / max(data.size, 1)))
    for start in range(0, len(planes), step):
        yield planes[start : start + step]


def limits(data):
    """Smallest and largest number; 0 where there is none. NaN count for nothing."""
    low, high = np.inf, -np.inf
    for slab in slabs(data):
        low = min(low, float(np.fmin.reduce(slab, axis=None, initial=np.inf)))
        high = max(high, float(np.fmax.reduce(slab, axis=None, initial=-np.inf)))
    return (low, high) if low <= high else (0.0, 0.0)


def largest(data):
    """The largest absolute value; 0 where there is none."""
    low, high = limits(data)
    return max(-low, high, 0.0)


def smallest(data):
    """The smallest absolute value that is not 0; None where there is none."""
    found = np.inf
    for slab in slabs(data):
        magnitude = np.abs(slab)
        magnitude[~(magnitude > 0)] = np.inf
        found = min(found, float(magnitude.min()))
    return found if np.isfinite(found) else None


def sample(data, n_axes=3):
    """The array, or of a large one every few voxels along its last axes: enough for quantiles."""
    if not is_large(data):
        return data
    step = int(np.ceil((data.size / _COARSE) ** (1 / n_axes)))
    return data[(..., *[slice(None, None, step)] * n_axes)]


def outline(data, affine, of=np.abs):
    """What is seen of a volume from afar: `of` its values, NaN being 0.

    Costs one copy, or for a large volume one pass: then it is on a coarser grid, each voxel the
    largest of a few.

    Returns
    -------
    data : ndarray of shape (nx, ny, nz)
    affine : ndarray of shape (4, 4)
    """
    if not is_large(data):
        return np.nan_to_num(of(data)), affine
    factor = int(np.ceil((data.size / _COARSE) ** (1 / 3)))
    axis = int(np.argmax(np.abs(data.strides)))
    planes = np.moveaxis(data, axis, 0)
    coarse = np.stack(
        [_strongest(of(planes[i : i + factor]), factor) for i in range(0, len(planes), factor)]
    )
    to_fine = np.diag([factor, factor, factor, 1.0])
    to_fine[:3, 3] = (factor - 1) / 2
    return np.moveaxis(coarse, 0, axis), affine @ to_fine


def _strongest(slab, factor):
    plane = np.fmax.reduce(slab, axis=0)
    for axis in (0, 1):
        plane = np.fmax.reduceat(plane, np.arange(0, plane.shape[axis], factor), axis=axis)
    return np.nan_to_num(plane)
