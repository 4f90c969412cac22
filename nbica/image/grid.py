"""Where voxels are: the grid of an image, and volumes moved from one grid to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nbica.exceptions import DataError
from nbica.image import spatial
from nbica.image.space import UNKNOWN, Space

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike


class Grid(NamedTuple):
    """Where voxels are: a shape, the affine that leads from voxel to mm, and whose mm these are."""

    shape: tuple
    affine: np.ndarray
    space: Space = UNKNOWN

    @property
    def identity(self):
        """What makes it this grid and no other: shape and affine, to 1e-6 mm."""
        return self.shape, self.affine.round(6).tolist()

    def same_as(self, other):
        """Whether both grids put every voxel at the same place, to a hundredth of a voxel.

        Two headers of one space differ by more than rounding: quaternions are kept in float32.
        """
        if self.shape != other.shape:
            return False
        apart = np.abs(self.affine - other.affine)[:3]
        furthest = apart @ np.array([*self.shape, 1])
        voxel_size = np.linalg.norm(self.affine[:3, :3], axis=0).min()
        return bool((furthest < spatial.CLOSE * voxel_size).all())

    def is_turned(self, other):
        """Whether it is another grid, whose axes are not parallel to these."""
        if self.same_as(other) or not isinstance(other, Grid):
            return False
        matrix, _ = spatial.voxel_map(self.affine, other.affine, whole(other))
        return spatial.parallel_axes(matrix, other.shape) is None


def target_grid(
    grid: Grid, target_affine: ArrayLike | None = None, target_shape: Sequence[int] | None = None
) -> Grid:
    """The grid that a user asks for around a run's own, or the run's own."""
    if target_affine is None:
        if target_shape is not None:
            msg = "target_shape needs a target_affine (4 x 4) beside it."
            raise ValueError(msg)
        return grid
    affine, shape = spatial.target_grid(grid.shape, grid.affine, target_affine, target_shape)
    return Grid(shape, affine, grid.space)


def volume_on_grid(
    volume: np.ndarray, affine: np.ndarray, grid: Grid, order: int = 3
) -> np.ndarray:
    """A volume on another grid, within its own range or 0: splines overshoot, as nilearn clips."""
    source = Grid(volume.shape, affine)
    if source.same_as(grid):
        return volume
    matrix, offset = spatial.voxel_map(affine, grid.affine, whole(grid))
    block = np.ascontiguousarray(volume.T)[np.newaxis]
    resampled = spatial.resample_block(block, matrix, offset, grid.shape, order)[0].T
    return resampled.clip(min(volume.min(), 0), max(volume.max(), 0))


NO_VOLUME = (
    "is made of grayordinates (vertices of surfaces, voxels below them), and this works on volumes "
    "only. nbica.image.volume_part(img) is the volume below the cortex."
)


def whole(grid):
    """The box of all voxels of a grid; a DataError for grayordinates, which have none."""
    if len(grid.shape) != 3:
        msg = f"The image {NO_VOLUME}"
        raise DataError(msg)
    return spatial.Box(*(slice(0, n) for n in grid.shape))
