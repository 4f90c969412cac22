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

import warnings
from typing import NamedTuple

import numpy as np

# Where scipy.ndimage cuts a Gaussian, in standard deviations; nilearn smooths with the same.
TRUNCATE = 4.0
SIGMA_PER_FWHM = 1.0 / np.sqrt(8.0 * np.log(2.0))
# Rows of a stretch of a smoothing matrix: fewer make BLAS idle, more make it multiply zeros.
STRETCH = 16


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
        If `fwhm` is negative, not finite, or neither one nor three numbers.
    """
    try:
        widths = np.asarray(0.0 if fwhm is None else fwhm, dtype=float)
        widths = np.broadcast_to(widths, 3)
    except (TypeError, ValueError):
        widths = np.array([np.nan])
    if not np.isfinite(widths).all() or (widths < 0).any():
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
    ndarray of float32, shape (n_rows, n_columns)
    """
    offsets = np.arange(-kernel_reach([sigma])[0], kernel_reach([sigma])[0] + 1)
    weights = np.exp(-0.5 * (offsets / sigma) ** 2) if sigma > 0 else np.ones(1)
    weights /= weights.sum()
    outputs = np.arange(rows.start, rows.stop)
    inputs = (outputs[:, np.newaxis] + offsets) % (2 * n)
    inputs = np.where(inputs < n, inputs, 2 * n - 1 - inputs) - columns.start
    matrix = np.zeros((len(outputs), columns.stop - columns.start))
    np.add.at(matrix, (np.arange(len(outputs))[:, np.newaxis], inputs), weights)
    return matrix.astype(np.float32)


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
    return [_cut(gaussian_matrix(n, s, rows, columns)) for n, s, rows, columns in axes]


def _cut(matrix):
    """A banded matrix in stretches."""
    stretches = []
    for start in range(0, len(matrix), STRETCH):
        rows = matrix[start : start + STRETCH]
        used = np.flatnonzero(rows.any(axis=0))
        columns = slice(used[0], used[-1] + 1)
        weights = np.ascontiguousarray(rows[:, columns])
        stretches.append(Stretch(slice(start, start + len(rows)), columns, weights))
    return Smoother(len(matrix), tuple(stretches))


def smooth_block(block, smoothers):
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


def resample_block(block, matrix, offset, shape, order=3):
    """Frames of one grid, seen on another.

    Costs one spline filter of each frame; memory is one frame more than the result.

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
    ndarray of float32, shape (n_frames, nz_out, ny_out, nx_out)
        Zero outside of the source's field of view.
    """
    from scipy import ndimage  # a quarter of a second that a run on the mask's grid saves

    out = np.empty((len(block), *shape[::-1]), dtype=np.float32)
    matrix = matrix[::-1, ::-1]
    scales = np.diag(matrix)
    if np.array_equal(np.diag(scales), matrix):
        matrix = scales  # axes that stay parallel are much faster
    with warnings.catch_warnings():
        # scipy before 1.16 reminds everybody that a 1-D matrix is read as a diagonal.
        warnings.filterwarnings("ignore", "The behavior of affine_transform", UserWarning)
        for frame, resampled in zip(block, out, strict=True):
            ndimage.affine_transform(
                frame, matrix, offset[::-1], output_shape=shape[::-1],
                output=resampled, order=order, mode="constant", cval=0.0,
            )  # fmt: skip
    return out


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
    target = np.asarray(target_affine, dtype=float)
    if target.shape not in {(3, 3), (4, 4)} or np.linalg.det(target) == 0:
        msg = f"target_affine must be an invertible 3 x 3 or 4 x 4 matrix, not {target_affine!r}."
        raise ValueError(msg)
    if target_shape is not None and target.shape == (3, 3):
        msg = "target_shape needs a 4 x 4 target_affine: a 3 x 3 one does not say where it starts."
        raise ValueError(msg)
    if target_shape is not None and (len(target_shape) != 3 or min(target_shape) < 1):
        msg = f"target_shape is {tuple(target_shape)}; expected three numbers of voxels."
        raise ValueError(msg)
    full = np.eye(4)
    full[: len(target), : len(target)] = target
    low, high = _corners(shape, np.linalg.inv(full) @ affine)
    if target.shape == (3, 3):
        full[:3, 3] = target @ low
        high = high - low
    if (high < 0).any():
        msg = "target_affine describes a field of view that holds none of the image."
        raise ValueError(msg)
    if target_shape is None:
        target_shape = np.ceil(high) + 1
    return full, tuple(int(n) for n in target_shape)


def _corners(shape, affine):
    """Lowest and highest coordinates of a volume's voxels under an affine."""
    last = np.array(shape) - 1
    corners = np.array([affine[:3, :3] @ (last * c) for c in np.ndindex(2, 2, 2)]) + affine[:3, 3]
    return corners.min(axis=0), corners.max(axis=0)
