"""Slices of a volume in world space (mm, RAS+), from wherever its affine says the voxels are.

Proportions are true, and left is left, for flipped, anisotropic and oblique volumes alike. Figures
and viewers show what is cut here; the viewers' JavaScript (`planes.js`) takes the same steps in the
same order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from nbica.image.world_axes import in_world_order, resample_volume, table, world_axes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

# Side of a pixel in mm, unless told otherwise.
STEP = 1.0


def slice_at(
    data: np.ndarray, affine: ArrayLike, axis: Literal[0, 1, 2], mm: float,
    bounds: Sequence[tuple[float, float]], step: float = STEP, order: Literal[0, 1] = 1,
) -> np.ndarray:  # fmt: skip
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

    See Also
    --------
    plot_stat_map : draws such slices.

    Examples
    --------
    >>> from nbica import datasets
    >>> from nbica.plotting import slice_at
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> anat = cohort.anat_img
    >>> box = [(-80, 80), (-112, 80), (-72, 84)]
    >>> axial = slice_at(anat.get_fdata(), anat.affine, axis=2, mm=10, bounds=box, step=2)
    >>> axial.shape
    (97, 81)
    """
    lines = [np.arange(low, high + step / 2, step) for low, high in bounds]
    axes = world_axes(affine)
    if axes is None:
        return _cut_obliquely(data, affine, axis, mm, lines, order)
    return _cut(*in_world_order(data, affine, axes), axis, mm, lines, order)


def _cut(data, grid, axis, mm, lines, order):
    """A plane of a volume whose axes are the world's."""
    horizontal, vertical = plane_of(axis)
    across = table(grid, axis, np.array([mm]))
    right, down = table(grid, horizontal, lines[horizontal]), table(grid, vertical, lines[vertical])
    if across.nearest[0] < 0:
        return np.full((len(lines[vertical]), len(lines[horizontal])), np.nan)
    nearest = plane_at(data, axis, across.nearest[0])
    shown = inside(right, down) & ~np.isnan(nearest)[np.ix_(down.nearest, right.nearest)]
    read = np.nan_to_num if order else np.asarray
    plane = plane_between(data, axis, across, bool(order), read)
    return np.where(shown, interpolate(plane, right, down, bool(order)), np.nan)


def _cut_obliquely(data, affine, axis, mm, lines, order):
    horizontal, vertical = plane_of(axis)
    world = np.empty((3, len(lines[vertical]), len(lines[horizontal])))
    world[axis] = mm
    world[horizontal] = lines[horizontal]
    world[vertical] = lines[vertical][:, np.newaxis]
    inverse = np.linalg.inv(affine)
    voxels = np.tensordot(inverse[:3, :3], world, axes=1) + inverse[:3, 3, np.newaxis, np.newaxis]
    return _sample(data, voxels, order)


def _sample(data, voxels, order):
    """Values of a volume between its voxels; NaN outside and where the nearest voxel is NaN."""
    from scipy import ndimage  # a quarter of a second that an aligned image saves

    # The outermost half voxel belongs to the volume: clip into it, then cut at the faces.
    limits = np.reshape(data.shape, (3, 1, 1))
    outside = ((voxels < -0.5) | (voxels >= limits - 0.5)).any(axis=0)
    voxels = np.clip(voxels, 0, limits - 1)
    missing = np.isnan(data)
    if missing.any():
        # Interpolated, one NaN would take its neighbours with it.
        outside |= ndimage.map_coordinates(missing, voxels, order=0)
        data = np.where(missing, 0, data)
    return np.where(outside, np.nan, ndimage.map_coordinates(data, voxels, order=order))


# ---- planes of volumes along the world's axes ---------------------------------------------------


def plane_of(axis):
    """World axes to the right and upwards, in a picture across an axis."""
    return tuple(other for other in range(3) if other != axis)


def plane_at(data, axis, index):
    """A plane of voxels of a volume in world order: (n_vertical, n_horizontal)."""
    return np.take(data, index, axis=axis).T


def plane_between(data, axis, across, linear, read=np.asarray):
    """The plane at a depth: the nearest, or what lies between the two beside it.

    Parameters
    ----------
    data : ndarray of shape (nx, ny, nz)
        In world order.
    axis : {0, 1, 2}
    across : grids.Table
        The one place where it is cut.
    linear : bool
    read : callable
        What a plane of voxels stands for; such as 0 where there is no data.

    Returns
    -------
    ndarray of shape (n_vertical, n_horizontal)
    """
    if not linear:
        return read(plane_at(data, axis, across.nearest[0]))
    low, high = (read(plane_at(data, axis, index[0])) for index in (across.low, across.high))
    return low + (high - low) * across.weight[0]


def inside(right, down):
    """Which pixels of a plane lie within the volume, for the tables of its columns and rows."""
    return (down.nearest >= 0)[:, np.newaxis] & (right.nearest >= 0)


def interpolate(plane, right, down, linear):
    """A plane of voxels at the pixels of a picture.

    Parameters
    ----------
    plane : ndarray of shape (n_vertical, n_horizontal)
    right, down : grids.Table
        Places of the picture's columns and rows in the grid.
    linear : bool
        Else the nearest voxel.

    Returns
    -------
    ndarray of shape (n_rows, n_columns)
        Pixels that are not :func:`inside` hold anything.
    """
    if not linear:
        return plane[np.ix_(down.nearest, right.nearest)]
    upper = _along_rows(plane[down.low], right)
    lower = _along_rows(plane[down.high], right)
    return upper + (lower - upper) * down.weight[:, np.newaxis]


def _along_rows(rows, right):
    low, high = rows[:, right.low], rows[:, right.high]
    return low + (high - low) * right.weight


# ---- boxes and projections ----------------------------------------------------------------------


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
    target = np.diag([step, step, step, 1.0])
    target[:3, 3] = np.asarray(bounds)[:, 0]
    data = np.nan_to_num(data) if np.isnan(data).any() else data
    return resample_volume(data, affine, target, shape, mode="grid-constant")


def strongest(world, axis):
    """Look through a volume along an axis: of each line of sight the largest |value|.

    Parameters
    ----------
    world : ndarray of shape (n_x, n_y, n_z)
        In world order.
    axis : {0, 1, 2}

    Returns
    -------
    ndarray of shape (n_vertical, n_horizontal)
        Laid out as by :func:`slice_at`; the first of equals.
    """
    index = np.abs(world).argmax(axis=axis)
    return np.take_along_axis(world, np.expand_dims(index, axis), axis).squeeze(axis).T
