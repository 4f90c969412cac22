"""Volumes along the world's axes: what makes slicing an affair of three tables.

All that is drawn lies on grids whose axes are x, y and z in mm (RAS+): voxels in another order or
direction are only looked at differently, an oblique volume is resampled. A pixel's place in a
volume is then found separately along each axis. Figures, viewers and the viewers' JavaScript
(`planes.js`) take the same few operations for it, so that they come to the same bit.
"""

from typing import NamedTuple

import numpy as np

from nbica.image.spatial import target_grid

# Grids are taken to be along the axes if no voxel is further off than this part of a voxel.
TOLERANCE = 0.02


class AlignedGrid(NamedTuple):
    """Where voxels are, if their axes are x, y and z.

    Attributes
    ----------
    shape : tuple of three ints
    origin : ndarray of shape (3,)
        Centre of the first voxel, in mm.
    step : ndarray of shape (3,)
        From one voxel to the next, in mm; positive.
    """

    shape: tuple
    origin: np.ndarray
    step: np.ndarray

    @property
    def faces(self):
        """The outer faces, in mm: shape (3, 2)."""
        low = self.origin - self.step / 2
        return np.column_stack([low, low + self.step * self.shape])

    def mm_of(self, voxel):
        """Centre of a voxel, in mm."""
        return self.origin + self.step * np.asarray(voxel)


class Table(NamedTuple):
    """For places along one axis: the nearest voxel (-1: outside), and two with a weight."""

    nearest: np.ndarray
    low: np.ndarray
    high: np.ndarray
    weight: np.ndarray


def table(grid, axis, mm):
    """Where places in mm fall along one axis of a grid; a volume ends at its voxels' faces."""
    n = grid.shape[axis]
    u = (np.asarray(mm, float) - grid.origin[axis]) / grid.step[axis]
    nearest = np.floor(u + 0.5).astype(int)
    clipped = np.minimum(np.maximum(u, 0.0), n - 1.0)
    low = np.floor(clipped).astype(int)
    high = np.minimum(low + 1, n - 1)
    return Table(np.where((nearest >= 0) & (nearest < n), nearest, -1), low, high, clipped - low)


def align(data, affine, order=1):
    """Bring a volume, or several, onto a grid along the world's axes.

    Costs nothing but a look from another side, unless the grid is oblique: then each volume is
    resampled once, onto cubic voxels of its finest side.

    Parameters
    ----------
    data : ndarray of shape (nx, ny, nz) or (nx, ny, nz, n)
    affine : ndarray of shape (4, 4)
        Voxel to mm.
    order : {0, 1}
        Nearest voxel or linear, for oblique volumes. The nearest voxel decides where NaN are.

    Returns
    -------
    data : ndarray
    grid : AlignedGrid
    resampled : bool
    """
    affine = np.asarray(affine, float)
    axes = world_axes(affine)
    if axes is None:
        data, affine = _resample(data, affine, order)
        return (*in_world_order(data, affine, world_axes(affine)), True)
    return (*in_world_order(data, affine, axes), False)


def world_axes(affine):
    """The voxel axis that runs along each of x, y, z; None for an oblique grid."""
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    axes = np.abs(directions).argmax(axis=1)
    off = np.abs(directions)
    off[np.arange(3), axes] = 0
    return axes if len(set(axes)) == 3 and off.max() < TOLERANCE / 10 else None


def in_world_order(data, affine, axes):
    """A volume, or several, seen with its axes along x, y and z; and the grid of that view.

    Costs nothing: the view shares the volume's memory. `axes` are those of :func:`world_axes`.
    """
    step = affine[np.arange(3), axes]
    data = data.transpose(*axes, *range(3, data.ndim))
    data = data[tuple(slice(None, None, -1 if s < 0 else 1) for s in step)]
    shape = data.shape[:3]
    origin = affine[:3, 3] + np.where(step < 0, step * (np.array(shape) - 1), 0.0)
    return data, AlignedGrid(shape, origin, np.abs(step))


def _resample(data, affine, order):
    side = np.linalg.norm(affine[:3, :3], axis=0).min()
    target, shape = target_grid(data.shape[:3], affine, np.eye(3) * side)
    if data.ndim == 3:
        return resample_volume(data, affine, target, shape, order), target
    frames = [
        resample_volume(data[..., k], affine, target, shape, order) for k in range(data.shape[3])
    ]
    return np.stack(frames, axis=3), target


def resample_volume(volume, affine, target_affine, shape, order=1, mode="constant"):
    """One volume on another grid; 0 outside, NaN where the nearest voxel is not finite.

    Parameters
    ----------
    volume : ndarray of shape (nx, ny, nz)
    affine, target_affine : ndarrays of shape (4, 4)
    shape : tuple of three ints
        Grid of the result.
    order : {0, 1}
        Nearest voxel or linear.
    mode : {"constant", "grid-constant"}
        Ends at the centres of the outermost voxels, or fades to 0 over one voxel more.

    Returns
    -------
    ndarray
        The image's type for order 0, else float32.
    """
    from scipy import ndimage  # a quarter of a second that an aligned image saves

    to_source = np.linalg.inv(affine) @ target_affine
    where = (to_source[:3, :3], to_source[:3, 3], shape)
    if order == 0:
        return ndimage.affine_transform(volume, *where, order=0, mode=mode)
    missing = ~np.isfinite(volume)
    if missing.any():
        volume = np.where(missing, 0, volume)
    volume = volume.astype(np.float32, copy=False)
    resampled = ndimage.affine_transform(volume, *where, order=order, mode=mode)
    if missing.any():
        resampled[ndimage.affine_transform(missing, *where, order=0)] = np.nan
    return resampled
