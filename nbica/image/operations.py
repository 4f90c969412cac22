"""An image in, an image out, under nilearn.image's names: what streams or is faster than there.

A fit does all of this by itself, block by block, and keeps no image of it; these functions are for
looking, for masks and atlases, and for scripts that port by their import line. What a run is
without its data is in `run.py`.
"""

from __future__ import annotations

from functools import wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

import nibabel as nib
import numpy as np

from nbica.exceptions import DataError
from nbica.image import frames, spatial
from nbica.image.files import check_file, open_image, read_array
from nbica.image.frames import mean_volume
from nbica.image.grid import target_grid, volume_on_grid, whole
from nbica.image.notices import notice_of_nonfinite, warn_of
from nbica.image.run import iter_images, message_for_shape
from nbica.image.series import run_of_images
from nbica.image.space import image_of
from nbica.image.stored import locate
from nbica.runtime.checks import as_array, as_flag

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nibabel import Nifti1Image
    from nibabel.spatialimages import SpatialImage
    from numpy.typing import ArrayLike

    from nbica.hints import Fwhm, Images

__all__ = ["index_img", "iter_img", "mean_img", "smooth_img"]


def or_surfaces(function):
    """A function of images that leads on to nilearn's of the same name for a SurfaceImage."""

    @wraps(function)
    def of_either(imgs, *args, **kwargs):
        first = imgs[0] if isinstance(imgs, list | tuple) and imgs else imgs
        if type(first).__module__.startswith("nilearn.surface"):
            theirs = getattr(import_module("nilearn.image"), function.__name__)
            return theirs(imgs, *args, **kwargs)
        return function(imgs, *args, **kwargs)

    return of_either


@or_surfaces
def smooth_img(imgs: Images, fwhm: Fwhm | Literal["fast"]) -> Nifti1Image | list[Nifti1Image]:
    """Smooth images by a Gaussian.

    Memory is that of the result, float32, and a few blocks of frames; a 4D file is read once.

    Parameters
    ----------
    imgs : path or nibabel image, 3D or 4D; or a list of these
        A glob pattern of 3D images is one 4D image.
    fwhm : float, sequence of three floats, "fast" or None
        Full width at half maximum in mm, along all axes of the array or along each. None does not
        smooth; "fast", a filter of three voxels without a width in mm, is nilearn's.

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

    See Also
    --------
    nbica.NiftiMasker : smooths on the way to arrays.

    Examples
    --------
    >>> import numpy as np
    >>> import nibabel as nib
    >>> from nbica import image
    >>> point = np.zeros((9, 9, 9), "float32")
    >>> point[4, 4, 4] = 1
    >>> img = nib.Nifti1Image(point, np.diag([3, 3, 3, 1]))
    >>> smoothed = image.smooth_img(img, fwhm=6).get_fdata()
    >>> bool(smoothed.max() < 0.2), round(float(smoothed.sum()), 3)
    (True, 1.0)
    """
    if isinstance(imgs, list | tuple):
        return [smooth_img(img, fwhm) for img in imgs]
    if isinstance(fwhm, str) and fwhm == "fast":
        return import_module("nilearn.image").smooth_img(imgs, fwhm)
    run, is_volume = run_of_images(imgs)
    box = whole(run.grid)
    sigma = spatial.smoothing_sigma(fwhm, run.grid.affine)
    filters = spatial.smoothers(run.grid.shape, sigma, box, box)
    data = _each_block(run, lambda values: spatial.smooth_block(values, filters))
    return image_of(data[..., 0] if is_volume else data, run.grid, run.t_r)


@or_surfaces
def mean_img(
    imgs: Images, target_affine: ArrayLike | None = None, target_shape: Sequence[int] | None = None,
    verbose: int = 0, n_jobs: int = 1, copy_header: bool = True,
) -> Nifti1Image:  # fmt: skip
    """Average over time, and over images.

    Memory is one volume and a few blocks of frames, whatever the length of the runs; each file is
    read once. Values that are not finite count as 0.

    Parameters
    ----------
    imgs : path or nibabel image, 3D or 4D; or a list of these
        For several, the mean of their means, on the grid of the first.
    target_affine, target_shape : optional
        Another grid, as nilearn's `resample_img` takes it.
    verbose, n_jobs : int
        Accepted so that scripts port.
    copy_header : bool
        Keep what the header of the first says besides place and type.

    Returns
    -------
    Nifti1Image of float32, 3D

    See Also
    --------
    index_img : one frame, as it is.

    Examples
    --------
    >>> from nbica import datasets, image
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> image.mean_img(cohort.func).shape
    (13, 16, 14)
    """
    del verbose, n_jobs
    copy_header = as_flag("copy_header", copy_header)
    # The mean of each run, brought to the grid of the first, counts once.
    grid, header, n_images = None, None, 0
    total: Any = 0.0
    for img in imgs if isinstance(imgs, list | tuple) else [imgs]:
        run, _ = run_of_images(img)
        if grid is None:
            grid = target_grid(run.grid, target_affine, target_shape)
            header = _header_of(img) if copy_header else None
        total = total + volume_on_grid(mean_volume(run), run.grid.affine, grid)
        warn_of(run, list(filter(None, [run.notice])))
        n_images += 1
    if grid is None:
        msg = "No images to average: the list is empty."
        raise ValueError(msg)
    data = (total / n_images).astype(np.float32)
    if header is None:
        return image_of(data, grid)
    mean = nib.Nifti1Image(data, grid.affine, header)
    mean.set_data_dtype(np.float32)
    return mean


def _header_of(img):
    """What a header says, of the first file of a pattern."""
    return getattr(open_image(next(iter(iter_images(img))))[0], "header", None)


def _each_block(run, change):
    """All frames of a run after a change of each block, shape (nx, ny, nz, n_timepoints)."""
    data = np.empty((*run.grid.shape, run.n_timepoints), np.float32, order="F")
    n_nonfinite = 0
    for block in frames.iter_blocks(run, run.grid, whole(run.grid)):
        data[..., block.start : block.start + len(block.values)] = change(block.values).T
        n_nonfinite += block.n_nonfinite
    notices = [notice_of_nonfinite(n_nonfinite, run)] if n_nonfinite else []
    warn_of(run, [*filter(None, [run.notice]), *notices], stacklevel=4)
    return data


@or_surfaces
def iter_img(imgs: Images) -> Iterator[SpatialImage]:
    """Iterate over the volumes of a 4D image.

    Memory is that of one volume, if the image is a file that is not compressed; else of all.

    Parameters
    ----------
    imgs : path or nibabel image, 4D; or a list of 3D ones

    Returns
    -------
    iterator of nibabel images, 3D

    Raises
    ------
    DataError, FileNotFoundError, TypeError
        Naming the image, what was found and what was expected.

    See Also
    --------
    index_img : some volumes, by number.

    Examples
    --------
    >>> from nbica import datasets, image
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> shapes = [volume.shape for volume in image.iter_img(cohort.func[0])]
    >>> len(shapes), shapes[0]
    (40, (13, 16, 14))
    """
    if isinstance(imgs, list | tuple):
        return (open_image(img)[0] for img in imgs)
    img, _ = _series(imgs)
    return (img.slicer[..., index] for index in range(img.shape[3]))


@or_surfaces
def index_img(imgs: Images, index: ArrayLike | slice) -> SpatialImage:
    """Take one volume of a 4D image, or several.

    Memory is that of the result, if the image is a file that is not compressed; else of all.

    Parameters
    ----------
    imgs : path or nibabel image, 4D; or a list of 3D ones
    index : int, slice, or list, array or Series of int or bool
        As numpy takes it.

    Returns
    -------
    nibabel image, 3D for an int, else 4D

    Raises
    ------
    IndexError
        If there is no such volume, or `index` is no such thing.

    See Also
    --------
    iter_img : all volumes, one by one.

    Examples
    --------
    >>> from nbica import datasets, image
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> image.index_img(cohort.maps_img, cohort.labels.index("salience")).shape
    (13, 16, 14)
    >>> image.index_img(cohort.func[0], slice(5, None)).shape
    (13, 16, 14, 35)
    """
    if isinstance(imgs, list | tuple):
        if not imgs:
            msg = "imgs is an empty list; give at least one 3D image."
            raise ValueError(msg)
        imgs = nib.concat_images([open_image(img)[0] for img in imgs])
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
    chosen = as_array(index)
    if chosen.ndim == 2 and chosen.shape[1] == 1:  # a table of one column
        chosen = chosen[:, 0]
    if chosen.dtype == bool and chosen.shape == (n_volumes,):
        return np.flatnonzero(chosen)
    if chosen.size == 0 and chosen.ndim == 1:
        return chosen.astype(int)
    if chosen.ndim > 1 or chosen.dtype.kind not in "iu":
        msg = (
            f"index is {index!r}; expected a whole number, a slice, a list of whole numbers, or "
            f"True or False for each of the {n_volumes} volumes of {name}."
        )
        raise IndexError(msg)
    outside = np.atleast_1d(chosen)[np.atleast_1d((chosen < -n_volumes) | (chosen >= n_volumes))]
    if outside.size:
        msg = (
            f"index is out of range: {name} has volumes 0 to {n_volumes - 1}; there is no "
            f"{outside[0]}."
        )
        raise IndexError(msg)
    return chosen
