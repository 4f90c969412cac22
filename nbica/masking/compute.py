"""Masks computed: from the data of one or several runs, or from a template.

The rules are nilearn's, so that a script gives the same mask in both; here a run is read block by
block and only its mean is kept.
"""

import os

import nibabel as nib
import numpy as np
from joblib import delayed

from nbica.exceptions import DataError
from nbica.image import spatial
from nbica.image.files import checked_affine, load_volume, open_image
from nbica.image.fingerprint import fingerprint
from nbica.image.frames import mean_volume
from nbica.image.grid import Grid, target_grid, volume_on_grid
from nbica.image.notices import warn_of
from nbica.image.run import iter_runs
from nbica.image.space import space_of
from nbica.masking.mask import Mask, checked_opening, intersect, is_thick, mask_to_image, tidy
from nbica.runtime.cache import key_of, remember
from nbica.runtime.checks import as_flag, check_count, check_n_jobs, is_number
from nbica.runtime.parallel import StoppableParallel
from nbica.runtime.store import open_store


def compute_epi_mask(
    imgs, lower_cutoff=0.2, upper_cutoff=0.85, connected=True, opening=2, exclude_zeros=False,
    threshold=0.5, target_affine=None, target_shape=None, n_jobs=1, memory=None,
):  # fmt: skip
    """Brain mask of functional images, from the gap in the histogram of their mean.

    Reads each run once; memory is one volume per run. The grey values of a mean EPI image fall
    into two groups, brain and background: the largest gap between two neighbouring values, within
    two quantiles, parts them. As nilearn's `compute_epi_mask` and `compute_multi_epi_mask`, after
    Nichols' heuristic (T. Nichols, personal communication quoted there).

    Parameters
    ----------
    imgs : path, image, or list of these
        With several runs, a mask of each is made and they are intersected.
    lower_cutoff, upper_cutoff : float
        Quantiles of the mean image between which the gap is sought.
    connected : bool
        Keep the largest connected component only.
    opening : int or False
        Voxels of erosion and dilation that cut thin bridges to the skull; in a stack of 2 x opening
        slices or fewer, such as a single slice, within the slices only.
    exclude_zeros : bool
        Leave zeros out of the histogram (images that were already masked).
    threshold : float in [0, 1]
        Fraction of the runs' masks that a voxel must be in; 1 is the intersection.
    target_affine, target_shape
        Grid of the mask; by default that of the first run.
    n_jobs : int
        Runs read at once, each by a process of its own.
    memory : None, path or joblib.Memory
        Where the runs' mean images are kept.

    Returns
    -------
    Nifti1Image of uint8

    Raises
    ------
    DataError
        If a mask comes out empty, naming the run.
    """
    checked_opening(opening)
    exclude_zeros = as_flag("exclude_zeros", exclude_zeros)
    if not all(map(is_number, (lower_cutoff, upper_cutoff))) or not (
        0 <= lower_cutoff < upper_cutoff <= 1
    ):
        msg = (
            f"lower_cutoff is {lower_cutoff!r} and upper_cutoff {upper_cutoff!r}; expected "
            "fractions from 0 to 1, the first the smaller."
        )
        raise ValueError(msg)

    def of_mean(mean):
        smooth = spatial.smooth_volume(mean, np.eye(4), 1.0) if opening else mean
        return smooth >= _histogram_gap(smooth, lower_cutoff, upper_cutoff, exclude_zeros)

    why = (
        "Its mean image shows no gap between brain and background. Is it an EPI image whose mean "
        "was not removed? Pass a mask, exclude_zeros=True for images with wide margins of 0, or "
        "mask_strategy='background' for images that are 0 outside."
    )
    means = _means(imgs, n_jobs, open_store(memory))
    tidying = {"opening": opening, "connected": connected}
    masks = _masks_of_means(means, of_mean, why, tidying, target_affine, target_shape)
    return mask_to_image(intersect(masks, threshold, connected))


def compute_background_mask(
    imgs, border_size=2, connected=None, opening=None, threshold=0.5,
    target_affine=None, target_shape=None, n_jobs=1, memory=None,
):  # fmt: skip
    """Brain mask of images whose background has one constant value.

    Reads each run once; memory is one volume per run. The background is the median at the border
    of the mean image. As nilearn's `compute_background_mask` for one image, and its
    `compute_multi_background_mask` for a list; values that are not finite count as 0.

    Parameters
    ----------
    imgs : path, image, or list of these
    border_size : int
        Voxels that make the border.
    connected : bool, optional
        Keep the largest connected component only; by default for a list of images.
    opening : int or False, optional
        Voxels of erosion and dilation; by default 2 for a list of images and none for one.
    threshold, target_affine, target_shape, n_jobs, memory
        As in :func:`compute_epi_mask`.

    Returns
    -------
    Nifti1Image of uint8

    Raises
    ------
    DataError
        If a mask comes out empty, naming the run.
    """
    is_list = not isinstance(imgs, str | os.PathLike | nib.spatialimages.SpatialImage)
    connected = is_list if connected is None else connected
    opening = 2 * is_list if opening is None else opening

    checked_opening(opening)
    check_count("border_size", border_size)

    def of_mean(mean):
        return mean != np.median(_border(mean, border_size))

    why = (
        "All of its mean image looks like background. Is it constant? "
        "Pass a mask, or mask_strategy='epi' for images with a noisy background."
    )
    means = _means(imgs, n_jobs, open_store(memory))
    tidying = {"opening": opening, "connected": connected}
    masks = _masks_of_means(means, of_mean, why, tidying, target_affine, target_shape)
    return mask_to_image(intersect(masks, threshold, connected))


def compute_brain_mask(target_img, template_img, threshold=0.5, connected=True, opening=2):
    """Mask of a template (a probability map or a brain), on the grid of an image.

    Costs one resampling of the template. As nilearn's `compute_brain_mask`, whose template is the
    MNI152 one.

    Parameters
    ----------
    target_img : path or image
        Gives the grid.
    template_img : path or image
        3D; scaled to a maximum of 1 before the threshold.
    threshold : float
        Values from it on are brain.
    connected, opening
        As in :func:`compute_epi_mask`.

    Returns
    -------
    Nifti1Image of uint8

    Raises
    ------
    DataError
        If nothing of the template lies in the image's field of view.
    """
    target, name = open_image(target_img, "The target image")
    grid = Grid(tuple(target.shape[:3]), checked_affine(target, name), space_of(target))
    return brain_mask_on(grid, template_img, threshold, connected, opening)


def brain_mask_on(grid, template_img, threshold=0.5, connected=True, opening=2):
    """As :func:`compute_brain_mask`, on a Grid."""
    if not is_number(threshold):
        msg = f"threshold is {threshold!r}; expected a number, such as 0.5."
        raise ValueError(msg)
    data, affine, name = load_volume(template_img, "The template image")
    data = np.nan_to_num(data.astype(np.float32), posinf=0, neginf=0)
    volume = volume_on_grid(data / max(data.max(), 1e-30), affine, grid)
    mask = tidy(volume >= threshold, opening, connected)
    if not mask.any():
        msg = (
            f"{name} does not reach the image's field of view above the threshold {threshold}. "
            "Are both in the same space?"
        )
        raise DataError(msg)
    return mask_to_image(Mask(mask, grid.affine, grid.space))


def _means(imgs, n_jobs, memory):
    """Each run with its mean, in order; runs are read by several processes."""
    check_n_jobs(n_jobs)
    runs = list(iter_runs(imgs))
    parallel = StoppableParallel(n_jobs=n_jobs, return_as="generator")
    means = parallel(delayed(_recalled_mean)(run, memory) for run in runs)
    return zip(runs, means, strict=True)


def _recalled_mean(run, store):
    def key():
        return key_of("mean", 1, fingerprint(run))

    about = {"run": run.name, "parameters": "mean over time"}
    found = remember(store, "mean", key, lambda: {"mean": mean_volume(run)}, about)
    return found.values["mean"]


def _masks_of_means(means, of_mean, why_empty, tidying, target_affine, target_shape):
    target = None
    for run, mean in means:
        target = target or target_grid(run.grid, target_affine, target_shape)
        found = of_mean(volume_on_grid(mean, run.grid.affine, target))
        mask = tidy(found, **tidying)
        if not mask.any():
            if found.any():
                why_empty = (
                    f"opening={tidying['opening']} takes away all of the {found.sum()} voxels that "
                    "were found: try a smaller opening, 0 for none."
                )
            msg = f"The mask of {run.name} is empty. {why_empty}"
            raise DataError(msg)
        warn_of(run, list(filter(None, [run.notice])), stacklevel=4)
        yield Mask(mask, target.affine, target.space)


def _histogram_gap(volume, lower_cutoff, upper_cutoff, exclude_zeros):
    """Middle of the largest step between neighbouring values, within two quantiles.

    Infinite where all values there are the same (nilearn takes the whole volume then).
    """
    values = np.sort(volume.ravel())
    if exclude_zeros:
        values = values[values != 0]
    low = int(lower_cutoff * len(values))
    high = min(int(upper_cutoff * len(values)), len(values) - 1)
    if high <= low:
        return np.inf
    steps = np.diff(values[low : high + 1])
    if not steps.any():
        return np.inf
    step = steps.argmax() + low
    return 0.5 * (values[step] + values[step + 1])


def _border(volume, size):
    """Values at the ends of all axes that have more than their ends: of a slice, its rim."""
    sides = zip(volume.shape, is_thick(volume.shape, size), strict=True)
    border = np.ones(volume.shape, bool)
    border[tuple(slice(size, n - size) if thick else slice(None) for n, thick in sides)] = False
    return volume[border] if border.any() else volume
