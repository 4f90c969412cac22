"""Smoothing and resampling of frames: arrays in, arrays out.

A block of frames is `(n_frames, nz, ny, nx)`, the order in which a NIfTI file holds its bytes, so
that no block is ever transposed on its way from the file to the mask. Everything a person passes
or reads (shapes, affines, boxes) stays in the order x, y, z.

The Gaussian filter is separable, hence three small matrices, one per axis. A product with such a
matrix is what BLAS does best: on one core it smooths a frame five times faster than a filter that
walks along the lines of a volume. The matrices are banded (seven to a dozen values in seventy), so
they are cut into short stretches of rows, each with the few columns that it needs: two to three
times faster again, with the same result. A road not taken: a compiled loop over the taps, for the
price of a compiler at install or at run time.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

# Where scipy.ndimage cuts a Gaussian, in standard deviations; nilearn smooths with the same.
TRUNCATE = 4.0
SIGMA_PER_FWHM = 1.0 / np.sqrt(8.0 * np.log(2.0))
# Rows of a stretch of a smoothing matrix: fewer make BLAS idle, more make it multiply zeros.
STRETCH = 16
# Voxels of two grids that are no further apart than this part of a voxel are the same.
CLOSE = 0.01
_MOST_VOXELS = 1e10  # of a grid that someone asks for: 40 GB a volume
# In mm: what is wider than any head is another unit.
_WIDEST = 1000
# How far headers in float32 may put a voxel beside its place, in voxels.
_ROUNDING = 1e-4


class Box(NamedTuple):
    """A box of voxels: one slice along each of x, y and z."""

    x: slice
    y: slice
    z: slice

    @property
    def shape(self):
        """Number of voxels along x, y and z."""
        return tuple(side.stop - side.start for side in self)

    @property
    def start(self):
        """First voxel of the box along x, y and z."""
        return np.array([side.start for side in self])


def bounding_box(mask):
    """Smallest box that holds every true voxel of a 3D mask.

    Costs one pass over the mask.

    Parameters
    ----------
    mask : ndarray of bool, shape (nx, ny, nz)
        At least one voxel must be true.

    Returns
    -------
    Box
    """
    sides = (np.flatnonzero(mask.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1)))
    return Box(*(slice(int(side[0]), int(side[-1]) + 1) for side in sides))


def widen(box, reach, shape):
    """Box with `reach` more voxels on each side of each axis, cut at the edges of the volume."""
    return Box(
        *(
            slice(max(0, side.start - more), min(n, side.stop + more))
            for side, more, n in zip(box, reach, shape, strict=True)
        )
    )


def smoothing_sigma(fwhm, affine):
    """Standard deviation of the Gaussian along each axis, in voxels.

    Parameters
    ----------
    fwhm : None, float or sequence of three floats
        Full width at half maximum in mm, along all axes or along each. None and 0 do not smooth.
    affine : ndarray of shape (4, 4)
        Voxel to mm.

    Returns
    -------
    ndarray of shape (3,)

    Raises
    ------
    ValueError
        If `fwhm` is negative, above a metre, not finite, or neither one nor three numbers.
    """
    try:
        has_flag = any(isinstance(w, bool | np.bool_) for w in (fwhm if np.ndim(fwhm) else [fwhm]))
        widths = np.asarray(0.0 if fwhm is None else fwhm, dtype=float)
        widths = np.broadcast_to(np.nan if has_flag else widths, 3)
    except (TypeError, ValueError):
        widths = np.array([np.nan])
    if not np.isfinite(widths).all() or (widths < 0).any() or (widths > _WIDEST).any():
        msg = (
            f"smoothing_fwhm is {fwhm!r}; give a width in mm (such as 6.0), three of them for "
            "x, y and z, or None for no smoothing."
        )
        raise ValueError(msg)
    voxel_size = np.sqrt((np.asarray(affine)[:3, :3] ** 2).sum(axis=0))
    return widths * SIGMA_PER_FWHM / voxel_size


def kernel_reach(sigma):
    """How many voxels away the Gaussian still weighs, along each axis."""
    return tuple(int(TRUNCATE * s + 0.5) for s in sigma)


def gaussian_matrix(n, sigma, rows, columns):
    """One axis of a Gaussian filter as a matrix.

    Memory and time are n_rows x n_columns.

    Row i holds the weights with which output voxel `rows.start + i` takes the input voxels
    `columns`; beyond the edges the image is reflected, as `scipy.ndimage.gaussian_filter1d` does.

    Parameters
    ----------
    n : int
        Voxels along the axis in the whole volume.
    sigma : float
        Standard deviation in voxels; 0 gives the identity.
    rows, columns : slice
        Output voxels wanted, input voxels at hand. The columns must reach
        :func:`kernel_reach` beyond the rows, or to the edge.

    Returns
    -------
    ndarray of float64, shape (n_rows, n_columns)
    """
    offsets = np.arange(-kernel_reach([sigma])[0], kernel_reach([sigma])[0] + 1)
    weights = np.exp(-0.5 * (offsets / sigma) ** 2) if sigma > 0 else np.ones(1)
    weights /= weights.sum()
    outputs = np.arange(rows.start, rows.stop)
    inputs = (outputs[:, np.newaxis] + offsets) % (2 * n)
    inputs = np.where(inputs < n, inputs, 2 * n - 1 - inputs) - columns.start
    matrix = np.zeros((len(outputs), columns.stop - columns.start))
    np.add.at(matrix, (np.arange(len(outputs))[:, np.newaxis], inputs), weights)
    return matrix


class Stretch(NamedTuple):
    """Some neighbouring rows of a banded matrix, with the columns that they need."""

    rows: slice
    columns: slice
    weights: np.ndarray


class Smoother(NamedTuple):
    """One axis of a Gaussian filter: how many voxels it gives, and its matrix in stretches."""

    n_out: int
    stretches: tuple


def smoothers(shape, sigma, box, wide_box):
    """Filters that smooth frames known in `wide_box` and give them in `box`, for x, y and z."""
    axes = zip(shape, sigma, box, wide_box, strict=True)
    return [stretches_of(gaussian_matrix(n, s, rows, columns)) for n, s, rows, columns in axes]


def stretches_of(matrix):
    """A banded matrix in stretches."""
    matrix, stretches = matrix.astype(np.float32), []
    for start in range(0, len(matrix), STRETCH):
        rows = matrix[start : start + STRETCH]
        used = np.flatnonzero(rows.any(axis=0))
        used = used if used.size else [0]
        columns = slice(used[0], used[-1] + 1)
        weights = np.ascontiguousarray(rows[:, columns])
        stretches.append(Stretch(slice(start, start + len(rows)), columns, weights))
    return Smoother(len(matrix), tuple(stretches))


def smooth_block(block: np.ndarray, smoothers: Sequence[Smoother]) -> np.ndarray:
    """Frames smoothed along x, y and z.

    Takes the memory of the result and of two frames more.

    Parameters
    ----------
    block : ndarray of float32, shape (n_frames, nz, ny, nx)
    smoothers : sequence of three Smoother, for x, y and z
        From :func:`smoothers`.

    Returns
    -------
    ndarray of float32, shape (n_frames, nz_out, ny_out, nx_out)
    """
    shape = tuple(smoother.n_out for smoother in smoothers[::-1])
    out = np.empty((len(block), *shape), np.float32)
    for frame, smooth in zip(block, out, strict=True):
        _smooth_frame(frame, smoothers, out=smooth)
    return out


def _smooth_frame(frame, smoothers, out):
    """Smooth one frame along z, y and x by products with banded matrices."""
    x, y, z = smoothers
    nz, ny, nx = frame.shape
    # Each product reads and writes rows as they lie in memory: nothing is transposed on the way.
    along_z = np.empty((z.n_out, ny * nx), np.float32)
    for rows, columns, weights in z.stretches:
        np.matmul(weights, frame.reshape(nz, -1)[columns], out=along_z[rows])
    planes = along_z.reshape(-1, ny, nx)
    along_y = np.empty((z.n_out, y.n_out, nx), np.float32)
    for rows, columns, weights in y.stretches:
        np.matmul(weights, planes[:, columns], out=along_y[:, rows])
    lines, smooth = along_y.reshape(-1, nx), out.reshape(-1, x.n_out)
    for rows, columns, weights in x.stretches:
        np.matmul(lines[:, columns], weights.T, out=smooth[:, rows])


def smooth_volume(volume, affine, fwhm):
    """One volume, smoothed by a Gaussian of `fwhm` mm.

    Parameters
    ----------
    volume : ndarray of shape (nx, ny, nz)
    affine : ndarray of shape (4, 4)
    fwhm : float, sequence of three floats or None

    Returns
    -------
    ndarray of float32, shape (nx, ny, nz)
    """
    whole = Box(*(slice(0, n) for n in volume.shape))
    filters = smoothers(volume.shape, smoothing_sigma(fwhm, affine), whole, whole)
    block = np.ascontiguousarray(volume.T, dtype=np.float32)[np.newaxis]
    return smooth_block(block, filters)[0].T


def voxel_map(source_affine, target_affine, box):
    """Matrix and offset that lead from a voxel of the target's box to the source's voxel."""
    to_source = np.linalg.inv(source_affine) @ target_affine
    matrix, offset = to_source[:3, :3], to_source[:3, 3]
    return matrix, offset + matrix @ box.start


def resample_block(
    block: np.ndarray, matrix: np.ndarray, offset: np.ndarray, shape: Sequence[int], order: int = 3
) -> np.ndarray:
    """Frames of one grid, seen on another.

    Along axes that stay parallel (turned round or swapped, as they may be) a spline is a matrix for
    each, and costs what smoothing does; else 64 neighbours of each voxel are weighed, ten times as
    slow (`oblique.py`). Memory is two frames more than the result, or six times that.

    Parameters
    ----------
    block : ndarray of shape (n_frames, nz, ny, nx)
    matrix, offset : ndarrays of shape (3, 3) and (3,)
        From :func:`voxel_map`, in the order x, y, z.
    shape : tuple of three ints
        Shape of the result along x, y and z.
    order : int, default=3
        Order of the spline: 3 as nilearn's "continuous", 1 linear, 0 nearest.

    Returns
    -------
    ndarray of shape (n_frames, nz_out, ny_out, nx_out)
        float32, or for order 0 the type of the block. Zero outside of the source's field of
        view, which ends at the centres of its outermost voxels, give or take rounding; at the
        faces of a single slice. Voxels that lie on each other to a hundredth are copied.
    """
    axes = parallel_axes(matrix, shape)
    if axes is None:
        return _resample_obliquely(block, matrix, offset, shape, order)
    if order == 0:
        turned, lines = turn(block, axes), _lines(axes, matrix, offset, block.shape[:0:-1], shape)
        return _nearest(turned, [_nearest_on(line) for line in lines])
    splines = splines_along(axes, matrix, offset, block.shape[:0:-1], shape, order)
    return smooth_block(turn(block, axes), [stretches_of(spline) for spline in splines])


def turn(block, axes):
    """Frames whose axes are those of another grid, by :func:`parallel_axes`."""
    return block.transpose(0, *(3 - axis for axis in axes[::-1]))


def splines_along(axes, matrix, offset, sizes, shape, order=3):
    """A spline along each axis of a grid whose axes are parallel, as matrices of float64.

    They give voxels of the target (`shape`) of those of the turned source (`sizes`).
    """
    lines = _lines(axes, matrix, offset, sizes, shape)
    return [_spline_on(line, order) for line in lines]


def _lines(axes, matrix, offset, sizes, shape):
    return [
        _Line(sizes[axis], shape[t], *_along(matrix, offset, shape, axis, t))
        for t, axis in enumerate(axes)
    ]


def parallel_axes(matrix, shape):
    """The source's axis along each axis of the target; None where they are not parallel.

    They are if no voxel of the target is further off than a thousandth of a source's voxel.
    """
    axes = np.abs(matrix).argmax(axis=0)
    if len(set(axes.tolist())) < 3:
        return None
    off = np.abs(matrix) * (np.array(shape) - 1)
    off[axes, range(3)] = 0
    return axes.tolist() if off.sum(axis=1).max() < 1e-3 else None


class _Line(NamedTuple):
    """Places along one axis, in voxels of the source: `start + step * number`."""

    n: int
    n_out: int
    start: float
    step: float

    @property
    def places(self):
        """The places, those that are voxels to a hundredth as whole numbers."""
        places = self.start + self.step * np.arange(self.n_out)
        whole = places.round()
        return whole if np.abs(places - whole).max() < CLOSE else places

    @property
    def inside(self):
        """Which of them are in the field of view."""
        return is_inside(self.places, self.n)


def is_inside(places, n):
    """Which places along an axis of n voxels are in its field of view: between their centres."""
    margin = _ROUNDING if n > 1 else 0.5 + _ROUNDING  # a single slice is as thick as it is
    return (places >= -margin) & (places <= n - 1 + margin)


def _along(matrix, offset, shape, axis, target_axis):
    """Where the lines along one axis begin, and their step."""
    middle = (np.array(shape) - 1) / 2
    middle[target_axis] = 0
    return float(offset[axis] + matrix[axis] @ middle), float(matrix[axis, target_axis])


def _nearest_on(line):
    # Halfway between two voxels, rounding in the headers does not decide.
    nearest = np.floor(line.places.round(4) + 0.5).astype(int)
    return nearest.clip(0, line.n - 1), line.inside


def _nearest(block, lines):
    (x, in_x), (y, in_y), (z, in_z) = lines
    out = block[np.ix_(np.arange(len(block)), z, y, x)]
    out[:, ~in_z] = 0
    out[:, :, ~in_y] = 0
    out[..., ~in_x] = 0
    return out


@lru_cache(maxsize=64)
def _spline_on(line, order):
    """The spline through each voxel, along one axis, as a matrix."""
    from scipy import ndimage  # a quarter of a second that a run on the mask's grid saves

    places = line.places.clip(0, line.n - 1)
    matrix = np.ones((line.n_out, line.n))
    for voxel, column in enumerate(matrix.T if line.n > 1 else ()):
        one = np.zeros(line.n)
        one[voxel] = 1
        column[:] = ndimage.map_coordinates(one, [places], order=order, mode="mirror")
    matrix[~line.inside] = 0
    matrix[np.abs(matrix) < 1e-9] = 0  # less than float32 sees beside the others
    return matrix


def _resample_obliquely(block, matrix, offset, shape, order):
    """Resample frames to a grid whose axes are turned against theirs."""
    if order:
        from nbica.image import oblique  # above this module: it needs scipy.sparse

        return oblique.resample(block, matrix, offset, shape, order)
    from scipy import ndimage

    out = np.empty((len(block), *shape[::-1]), block.dtype)
    outside = _outside(matrix.tobytes(), offset.tobytes(), block.shape[1:], tuple(shape))
    for frame, resampled in zip(block, out, strict=True):
        # Reflected, not cut: rounding does not lose a plane whose voxels lie on the edge.
        ndimage.affine_transform(
            frame, matrix[::-1, ::-1], offset[::-1], output_shape=shape[::-1],
            output=resampled, order=0, mode="mirror",
        )  # fmt: skip
        resampled[outside] = 0
    return out


@lru_cache(maxsize=2)
def _outside(matrix, offset, sizes, shape):
    """Which voxels of the target (nz, ny, nx) are outside of the source's field of view."""
    matrix, offset = np.frombuffer(matrix).reshape(3, 3), np.frombuffer(offset)
    x, y, z = (np.arange(n, dtype=float) for n in shape)
    outside = np.zeros(shape[::-1], bool)
    for row, start, n in zip(matrix, offset, sizes[::-1], strict=True):
        plane = start + row[0] * x + (row[1] * y)[:, np.newaxis]
        places = plane + (row[2] * z)[:, np.newaxis, np.newaxis]
        outside |= ~is_inside(places, n)
    return outside


def target_grid(shape, affine, target_affine, target_shape=None):
    """Affine and shape of the grid that `target_affine` asks for around an image.

    Follows nilearn's `resample_img`: a 3 x 3 `target_affine` keeps the image's corner, a 4 x 4 one
    places it; without `target_shape` the field of view holds all of the image.

    Parameters
    ----------
    shape : tuple of three ints
    affine : ndarray of shape (4, 4)
    target_affine : ndarray of shape (3, 3) or (4, 4)
    target_shape : tuple of three ints, optional

    Returns
    -------
    affine : ndarray of shape (4, 4)
    shape : tuple of three ints

    Raises
    ------
    ValueError
        If `target_affine` is not 3 x 3 or 4 x 4 or cannot be inverted, if `target_shape` is not
        one or comes without a full affine, or if the new field of view holds none of the image.
    """
    target = _checked_affine(target_affine)
    if target_shape is not None:
        target_shape = _checked_shape(target_shape, target)
    full = np.eye(4)
    full[: len(target), : len(target)] = target
    low, high = _corners(shape, np.linalg.inv(full) @ affine)
    if target.shape == (3, 3):
        full[:3, 3] = target @ low
        low, high = 0 * low, high - low
    if target_shape is None:
        target_shape = tuple(int(n) for n in np.ceil(np.maximum(high, 0)) + 1)
    margin = 0.5 if 1 in shape else _ROUNDING  # a single slice is as thick as it is
    if (high < -margin).any() or (low > np.array(target_shape) - 1 + margin).any():
        msg = "target_affine describes a field of view that holds none of the image."
        raise ValueError(msg)
    if np.prod(target_shape, dtype=float) > _MOST_VOXELS:
        size = " x ".join(map(str, target_shape))
        msg = f"target_affine and target_shape ask for {size} voxels: are they in mm?"
        raise ValueError(msg)
    return full, target_shape


def _checked_affine(affine):
    try:
        found = np.asarray(affine, dtype=float)
    except (TypeError, ValueError):
        found = np.zeros(0)
    is_affine = found.shape in {(3, 3), (4, 4)} and np.isfinite(found).all()
    if not is_affine or np.linalg.det(found) == 0:
        msg = f"target_affine must be an invertible 3 x 3 or 4 x 4 matrix, not {affine!r}."
        raise ValueError(msg)
    return found


def _checked_shape(shape, affine):
    if affine.shape == (3, 3):
        msg = "target_shape needs a 4 x 4 target_affine: a 3 x 3 one does not say where it starts."
        raise ValueError(msg)
    try:
        found = np.asarray(shape, dtype=float)
    except (TypeError, ValueError):
        found = np.zeros(0)
    if found.shape != (3,) or not np.isfinite(found).all() or (found < 1).any():
        found = np.full(3, 0.5)
    if (found != found.round()).any():
        msg = f"target_shape is {shape!r}; expected three numbers of voxels."
        raise ValueError(msg)
    return tuple(int(n) for n in found)


def _corners(shape, affine):
    """Lowest and highest coordinates of a volume's voxels under an affine."""
    last = np.array(shape) - 1
    corners = np.array([affine[:3, :3] @ (last * c) for c in np.ndindex(2, 2, 2)]) + affine[:3, 3]
    return corners.min(axis=0), corners.max(axis=0)
