"""An image in, an image out: smoothing, means and resampling, under nilearn.image's names.

A fit does all of this by itself, block by block, and keeps no image of it; these functions are for
looking, for masks and atlases, and for scripts that port by their import line. What a run is
without its data is in `run.py`.
"""

import numpy as np

from nbica.exceptions import DataError
from nbica.image import frames, spatial
from nbica.image.files import check_file, checked_affine, open_image, read_array
from nbica.image.frames import mean_volume
from nbica.image.grid import target_grid, volume_on_grid, whole
from nbica.image.notices import notice_of_nonfinite, warn_of
from nbica.image.run import message_for_shape, run_of_image
from nbica.image.space import image_of
from nbica.image.stored import locate
from nbica.runtime.checks import as_flag

__all__ = ["index_img", "iter_img", "mean_img", "resample_img", "resample_to_img", "smooth_img"]

# Orders of the splines.
INTERPOLATIONS = {"continuous": 3, "linear": 1, "nearest": 0}


def smooth_img(imgs, fwhm):
    """Images smoothed by a Gaussian.

    Memory is that of the result, float32, and a few blocks of frames; a 4D file is read once.

    Parameters
    ----------
    imgs : path or nibabel image, 3D or 4D; or a list of these
    fwhm : float, sequence of three floats or None
        Full width at half maximum in mm, along all axes of the array or along each. None does not
        smooth.

    Returns
    -------
    Nifti1Image of float32, or a list of them
        Values that are not finite have become 0 before, with a warning. Beyond the field of view
        the image is reflected, as in nilearn.

    Raises
    ------
    ValueError
        For a width that is none.
    DataError, FileNotFoundError, TypeError
        Naming the image, what was found and what was expected.
    """
    if isinstance(imgs, list | tuple):
        return [smooth_img(img, fwhm) for img in imgs]
    run, is_volume = run_of_image(imgs)
    box = whole(run.grid)
    sigma = spatial.smoothing_sigma(fwhm, run.grid.affine)
    filters = spatial.smoothers(run.grid.shape, sigma, box, box)
    data = _each_block(run, run.grid, lambda values: spatial.smooth_block(values, filters))
    return image_of(data[..., 0] if is_volume else data, run.grid, run.t_r)


def mean_img(imgs, target_affine=None, target_shape=None):
    """Mean over time, and over images.

    Memory is one volume and a few blocks of frames, whatever the length of the runs; each file is
    read once. Values that are not finite count as 0.

    Parameters
    ----------
    imgs : path or nibabel image, 3D or 4D; or a list of these
        Of several, the mean of their means, on the grid of the first.
    target_affine, target_shape : optional
        Another grid, as in :func:`resample_img`.

    Returns
    -------
    Nifti1Image of float32, 3D
    """
    grid, total, n_images = None, 0.0, 0
    for img in imgs if isinstance(imgs, list | tuple) else [imgs]:
        run, _ = run_of_image(img)
        grid = grid or target_grid(run.grid, target_affine, target_shape)
        total = total + volume_on_grid(mean_volume(run), run.grid.affine, grid)
        warn_of(run, list(filter(None, [run.notice])))
        n_images += 1
    if grid is None:
        msg = "No images to average: the list is empty."
        raise ValueError(msg)
    return image_of((total / n_images).astype(np.float32), grid)


def resample_img(img, target_affine=None, target_shape=None, interpolation="continuous", clip=True):
    """An image on another grid: the same place in mm, other voxels.

    Memory is that of the result and a few blocks of frames; each frame costs a spline filter.

    Parameters
    ----------
    img : path or nibabel image, 3D or 4D
    target_affine : array of shape (3, 3) or (4, 4), optional
        Voxel to mm. A 3 x 3 one keeps the corner of the image's field of view.
    target_shape : tuple of three ints, optional
        Needs a 4 x 4 `target_affine`; by default all of the image is held.
    interpolation : {"continuous", "linear", "nearest"}
        Cubic splines; the neighbours on both sides along each axis; or the closest voxel, which
        alone is right for labels and masks.
    clip : bool
        Keep to the range of the image: cubic splines overshoot at edges.

    Returns
    -------
    Nifti1Image
        Of float32, by "nearest" of the image's own type; 0 outside of its field of view.

    Raises
    ------
    ValueError
        For an interpolation, a shape or an affine that cannot be, or a field of view that holds
        none of the image.
    """
    if not isinstance(interpolation, str) or interpolation not in INTERPOLATIONS:
        msg = f"interpolation is {interpolation!r}; expected one of {', '.join(INTERPOLATIONS)}."
        raise ValueError(msg)
    clip = as_flag("clip", clip)
    run, is_volume = run_of_image(img)
    grid = target_grid(run.grid, target_affine, target_shape)
    order = INTERPOLATIONS[interpolation]
    where = spatial.voxel_map(run.grid.affine, grid.affine, whole(grid))
    if interpolation == "nearest" and is_whole(run.frames):
        data = _whole_numbers(run, grid, lambda v: spatial.resample_block(v, *where, grid.shape, 0))
        return image_of(data[..., 0] if is_volume else data, grid, run.t_r)
    limits = [0.0, 0.0]

    def resample(values):
        limits[:] = min(limits[0], values.min()), max(limits[1], values.max())
        return spatial.resample_block(values, *where, grid.shape, order)

    data = _each_block(run, grid, resample)
    if clip:
        np.clip(data, *limits, out=data)
    return image_of(data[..., 0] if is_volume else data, grid, run.t_r)


def resample_to_img(source_img, target_img, interpolation="continuous", clip=False):
    """An image on the grid of another.

    Costs, parameters and result are those of :func:`resample_img`.

    Parameters
    ----------
    source_img : path or nibabel image, 3D or 4D
    target_img : path or nibabel image
        Gives shape and affine; its values are not read.
    interpolation, clip
        As in :func:`resample_img`; here not clipped by default, as in nilearn.

    Returns
    -------
    Nifti1Image
    """
    target, name = open_image(target_img, "The target image")
    affine = checked_affine(target, name)
    return resample_img(source_img, affine, target.shape[:3], interpolation, clip)


def _each_block(run, grid, change):
    """All frames of a run after a change of each block, shape (nx, ny, nz, n_timepoints)."""
    data = np.empty((*grid.shape, run.n_timepoints), np.float32, order="F")
    n_nonfinite = 0
    for block in frames.iter_blocks(run, run.grid, whole(run.grid)):
        data[..., block.start : block.start + len(block.values)] = change(block.values).T
        n_nonfinite += block.n_nonfinite
    notices = [notice_of_nonfinite(n_nonfinite, run)] if n_nonfinite else []
    warn_of(run, [*filter(None, [run.notice]), *notices], stacklevel=3)
    return data


def is_whole(stored):
    """Whether frames hold whole numbers that no scaling changes: labels, masks."""
    return stored.dtype.kind in "iu" and (stored.slope, stored.inter) == (1.0, 0.0)


def _whole_numbers(run, grid, change):
    """As :func:`_each_block`, of the frames' own type: float32 would merge numbers above 2²⁴."""
    data = np.empty((*grid.shape, run.n_timepoints), run.frames.dtype.newbyteorder("="), order="F")
    for start, values in frames.iter_stored(run):
        data[..., start : start + len(values)] = change(values).T
    warn_of(run, list(filter(None, [run.notice])), stacklevel=3)
    if data.dtype.itemsize < 8:
        return data
    # 64 bits are what few programs read.
    low, high = data.min(), data.max()
    fits = (np.dtype(t) for t in ("i4", "u4") if np.iinfo(t).min <= low <= high <= np.iinfo(t).max)
    return data.astype(next(fits, np.float64), copy=False)


def iter_img(imgs):
    """The volumes of a 4D image, one by one.

    Memory is that of one volume, if the image is a file that is not compressed; else of all.

    Parameters
    ----------
    imgs : path or nibabel image, 4D; or a list of 3D ones

    Yields
    ------
    nibabel image, 3D

    Raises
    ------
    DataError, FileNotFoundError, TypeError
        Naming the image, what was found and what was expected.
    """
    if isinstance(imgs, list | tuple):
        yield from (open_image(img)[0] for img in imgs)
        return
    img, _ = _series(imgs)
    for index in range(img.shape[3]):
        yield img.slicer[..., index]


def index_img(imgs, index):
    """One volume of a 4D image, or several.

    Memory is that of the result, if the image is a file that is not compressed; else of all.

    Parameters
    ----------
    imgs : path or nibabel image, 4D
    index : int, slice, or list, array or Series of int or bool
        As numpy takes it.

    Returns
    -------
    nibabel image, 3D for an int, else 4D

    Raises
    ------
    IndexError
        If there is no such volume, or `index` is no such thing.
    """
    img, name = _series(imgs)
    if isinstance(index, slice):
        index = _numbers_of(index, img.shape[3], name)
    chosen = _checked_index(index, img.shape[3], name)
    if chosen.ndim == 0:
        return img.slicer[..., int(chosen)]
    volumes = [np.asanyarray(img.dataobj[..., number]) for number in chosen]
    data = np.stack(volumes, axis=-1) if volumes else np.empty((*img.shape[:3], 0))
    return type(img)(data, img.affine, img.header)


def _series(imgs):
    """A 4D image whose volumes can be taken, and its name; of a compressed file, all is read."""
    img, name = open_image(imgs)
    if len(img.shape) != 4:
        raise DataError(message_for_shape(name, img.shape))
    frames = locate(img)
    if frames is not None and frames.is_compressed:
        img = type(img)(read_array(img, name), img.affine, img.header)
    elif frames is not None:
        check_file(frames, name)
    return img, name


def _numbers_of(index, n_volumes, name):
    """The volumes that a slice takes; an IndexError where these are none."""
    try:
        numbers = list(range(n_volumes))[index]
    except (TypeError, ValueError):  # fractions; a step of 0
        numbers = []
    if not numbers:
        msg = f"index is {index}, which takes none of the volumes 0 to {n_volumes - 1} of {name}."
        raise IndexError(msg)
    return numbers


def _checked_index(index, n_volumes, name):
    """Numbers of volumes; an IndexError for those that are not there, or are no numbers."""
    chosen = np.asarray(index)
    if chosen.dtype == bool and chosen.shape == (n_volumes,):
        return np.flatnonzero(chosen)
    if chosen.size == 0 and chosen.ndim == 1:
        return chosen.astype(int)
    if chosen.ndim > 1 or chosen.dtype.kind not in "iu":
        msg = (
            f"index is {index!r}; expected a whole number, a slice, a list of whole numbers, or "
            f"a mask of {n_volumes} True and False: one for each volume of {name}."
        )
        raise IndexError(msg)
    if (chosen < -n_volumes).any() or (chosen >= n_volumes).any():
        msg = f"{name} has volumes 0 to {n_volumes - 1}; there is no {index}."
        raise IndexError(msg)
    return chosen
