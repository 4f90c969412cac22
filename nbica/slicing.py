"""Slices of a volume in world space (mm, RAS+), from wherever its affine says the voxels are.

Proportions are true, and left is left, for flipped, anisotropic and oblique volumes alike. Figures
and viewers show what is cut here.
"""

import numpy as np
from scipy import ndimage

# Side of a pixel in mm, unless told otherwise.
STEP = 1.0


def slice_at(data, affine, axis, mm, bounds, step=STEP, order=1):
    """Resample one plane of a volume, in world space.

    Parameters
    ----------
    data : ndarray of shape (nx, ny, nz)
        Volume; where the nearest voxel is NaN, so is the slice.
    affine : ndarray of shape (4, 4)
        Voxel to mm.
    axis : {0, 1, 2}
        World axis across the plane: sagittal, coronal, axial.
    mm : float
        Where it is cut.
    bounds : array of shape (3, 2)
        The box to show, in mm; pixel centres lie at its lower ends plus multiples of the step.
    step : float
        Side of a pixel in mm.
    order : {0, 1}
        Nearest voxel or linear.

    Returns
    -------
    ndarray of shape (n_vertical, n_horizontal)
        World axes grow to the right and with the row (imshow's origin="lower"); NaN outside the
        volume.
    """
    horizontal, vertical = (other for other in range(3) if other != axis)
    lines = [np.arange(low, high + step / 2, step) for low, high in bounds]
    world = np.empty((3, len(lines[vertical]), len(lines[horizontal])))
    world[axis] = mm
    world[horizontal] = lines[horizontal]
    world[vertical] = lines[vertical][:, np.newaxis]
    inverse = np.linalg.inv(affine)
    voxels = np.tensordot(inverse[:3, :3], world, axes=1) + inverse[:3, 3, np.newaxis, np.newaxis]
    return _sample(data, voxels, order)


def _sample(data, voxels, order):
    # The outermost half voxel belongs to the volume: clip into it, then cut at the faces.
    limits = np.reshape(data.shape, (3, 1, 1))
    outside = ((voxels < -0.5) | (voxels > limits - 0.5)).any(axis=0)
    voxels = np.clip(voxels, 0, limits - 1)
    missing = np.isnan(data)
    if missing.any():
        # Interpolated, one NaN would take its neighbours with it.
        outside |= ndimage.map_coordinates(missing, voxels, order=0)
        data = np.where(missing, 0, data)
    return np.where(outside, np.nan, ndimage.map_coordinates(data, voxels, order=order))


def world_box(data, affine, margin=0.0):
    """Return the box around what is above 0, with whole mm for ends.

    Parameters
    ----------
    data : ndarray of shape (nx, ny, nz)
        Volume; if nothing in it is above 0, the box holds all of its voxels.
    affine : ndarray of shape (4, 4)
        Voxel to mm.
    margin : float
        Added on all sides, in mm.

    Returns
    -------
    ndarray of shape (3, 2)
        Lowest and highest x, y and z of voxel centres, in mm.
    """
    voxels = _ends_of_columns(data > 0 if (data > 0).any() else np.ones(data.shape, bool))
    world = voxels @ affine[:3, :3].T + affine[:3, 3]
    return np.column_stack(
        [np.floor(world.min(axis=0) - margin), np.ceil(world.max(axis=0) + margin)]
    )


def _ends_of_columns(inside):
    """First and last voxel of each column: no other lies further out, in any direction."""
    x, y = np.nonzero(inside.any(axis=2))
    columns = inside[x, y]
    first, last = columns.argmax(axis=1), columns.shape[1] - 1 - columns[:, ::-1].argmax(axis=1)
    return np.concatenate([np.column_stack([x, y, z]) for z in (first, last)])


def on_world_grid(data, affine, bounds, step):
    """Resample a volume, linearly, onto a grid along the axes of the world; NaN become 0.

    Parameters
    ----------
    data, affine, bounds, step : as in :func:`slice_at`

    Returns
    -------
    ndarray of shape (n_x, n_y, n_z)
        From the lower ends of the box on, a step apart; 0 outside the volume.
    """
    shape = [int((high - low + step / 2) // step) + 1 for low, high in bounds]
    inverse = np.linalg.inv(affine)
    start = inverse[:3, :3] @ np.asarray(bounds)[:, 0] + inverse[:3, 3]
    return ndimage.affine_transform(
        np.nan_to_num(data), step * inverse[:3, :3], start, shape, order=1, mode="grid-constant"
    )


def strongest(world, axis):
    """Look through a volume along an axis: of each line of sight the largest |value|.

    Parameters
    ----------
    world : ndarray of shape (n_x, n_y, n_z)
    axis : {0, 1, 2}

    Returns
    -------
    ndarray of shape (n_vertical, n_horizontal)
        Laid out as by :func:`slice_at`.
    """
    low, high = world.min(axis=axis), world.max(axis=axis)
    return np.where(-low > high, low, high).T
