"""Masks computed: from the data of one or several runs, or from a template.

The rules are nilearn's, so that a script gives the same mask in both; here a run is read block by
block and only its mean is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from nbica.exceptions import DataError
from nbica.image import spatial
from nbica.image.files import checked_affine, load_volume, open_image
from nbica.image.fingerprint import fingerprint
from nbica.image.frames import mean_volume
from nbica.image.grid import Grid, target_grid, volume_on_grid
from nbica.image.notices import warn_of
from nbica.image.run import is_one, iter_runs
from nbica.image.series import runs_of_images
from nbica.image.space import space_of
from nbica.image.template import template_file
from nbica.masking.mask import Mask, checked_opening, intersect, is_thick, mask_to_image, tidy
from nbica.runtime.cache import Stage
from nbica.runtime.checks import as_flag, check_count, check_n_jobs, is_number
from nbica.runtime.parallel import each_run
from nbica.runtime.store import open_store
from nbica.signal.ties import KNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nibabel import Nifti1Image
    from numpy.typing import ArrayLike

    from nbica.hints import ImageLike, Images, MemoryLike

MEAN = Stage("mean", version=1)


def compute_epi_mask(
    epi_img: Images, lower_cutoff: float = 0.2, upper_cutoff: float = 0.85, connected: bool = True,
    opening: int | bool = 2, exclude_zeros: bool = False, ensure_finite: bool = True,
    target_affine: ArrayLike | None = None, target_shape: Sequence[int] | None = None,
    memory: MemoryLike = None, verbose: int = 0, threshold: float = 0.5, n_jobs: int = 1,
) -> Nifti1Image:  # fmt: skip
    """Compute the brain mask of functional images from the gap in the histogram of their mean.

    Reads each run once; memory is one volume per run. The grey values of a mean EPI image fall
    into two groups, brain and background: the largest gap between two neighbouring values, within
    two quantiles, parts them. As nilearn's `compute_epi_mask` and `compute_multi_epi_mask`, after
    Nichols' heuristic (T. Nichols, personal communication quoted there).

    Parameters
    ----------
    epi_img : path, image, or list of these
        With several runs, a mask of each is made and they are intersected; of 3D images, one of
        their mean.
    lower_cutoff, upper_cutoff : float
        Quantiles of the mean image between which the gap is sought.
    connected : bool
        Keep the largest connected component only.
    opening : int or False
        Voxels of erosion and dilation that cut thin bridges to the skull; in a stack of 2 x opening
        slices or fewer, such as a single slice, within the slices only.
    exclude_zeros : bool
        Leave zeros out of the histogram (images that were already masked).
    ensure_finite, verbose
        Accepted so that scripts port; what is not finite counts as 0.
    target_affine, target_shape
        Grid of the mask; by default that of the first run.
    memory : None, path or joblib.Memory
        Where the runs' mean images are kept.
    threshold : float in [0, 1]
        Fraction of the runs' masks that a voxel must be in; 1 is the intersection.
    n_jobs : int
        Runs read at once, each by a process of its own.

    Returns
    -------
    Nifti1Image of uint8

    Raises
    ------
    DataError
        If a mask comes out empty, naming the run.

    See Also
    --------
    compute_background_mask : for images that have a constant background.
    compute_brain_mask : from a template.

    Examples
    --------
    >>> from nbica import datasets, masking
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> mask_img = masking.compute_epi_mask(cohort.func)
    >>> mask_img.shape, mask_img.get_data_dtype().name
    ((13, 16, 14), 'uint8')
    """
    del ensure_finite, verbose
    checked_opening(opening)
    exclude_zeros = as_flag("exclude_zeros", exclude_zeros)
    _check_cutoffs(lower_cutoff, upper_cutoff)

    def of_mean(mean):
        smooth = spatial.smooth_volume(mean, np.eye(4), 1.0) if opening else mean
        return smooth >= _histogram_gap(smooth, lower_cutoff, upper_cutoff, exclude_zeros)

    why = (
        "Its mean image shows no gap between brain and background. Is it an EPI image whose mean "
        "was not removed? Pass a mask, exclude_zeros=True for images with wide margins of 0, or "
        "mask_strategy='background' for images that are 0 outside."
    )
    means = _means(epi_img, n_jobs, open_store(memory))
    target = (target_affine, target_shape)
    return _mask_of_means(means, of_mean, why, opening, connected, target, threshold)


def compute_background_mask(
    data_imgs: Images, border_size: int = 2, connected: bool | None = None,
    opening: int | bool | None = None, target_affine: ArrayLike | None = None,
    target_shape: Sequence[int] | None = None, memory: MemoryLike = None, verbose: int = 0,
    threshold: float = 0.5, n_jobs: int = 1,
) -> Nifti1Image:  # fmt: skip
    """Compute the brain mask of images whose background has one constant value.

    Reads each run once; memory is one volume per run. The background is the median at the border
    of the mean image. As nilearn's `compute_background_mask` for one image, and its
    `compute_multi_background_mask` for a list; values that are not finite count as 0.

    Parameters
    ----------
    data_imgs : path, image, or list of these
    border_size : int
        Voxels that make the border.
    connected : bool, optional
        Keep the largest connected component only; by default for a list of images.
    opening : int or False, optional
        Voxels of erosion and dilation; by default 2 for a list of images and none for one.
    target_affine, target_shape, memory, verbose, threshold, n_jobs
        As in :func:`compute_epi_mask`.

    Returns
    -------
    Nifti1Image of uint8

    Raises
    ------
    DataError
        If a mask comes out empty, naming the run.

    See Also
    --------
    compute_epi_mask : for functional images as they are recorded.

    Examples
    --------
    >>> import numpy as np
    >>> import nibabel as nib
    >>> from nbica import masking
    >>> data = np.zeros((10, 10, 10), "float32")
    >>> data[3:7, 3:7, 3:7] = 100
    >>> mask_img = masking.compute_background_mask(nib.Nifti1Image(data, np.eye(4)))
    >>> int(mask_img.get_fdata().sum())
    64
    """
    del verbose
    is_list = not is_one(runs_of_images(data_imgs))
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
    means = _means(data_imgs, n_jobs, open_store(memory))
    target = (target_affine, target_shape)
    return _mask_of_means(means, of_mean, why, opening, connected, target, threshold)


def compute_brain_mask(
    target_img: ImageLike, threshold: float = 0.5, connected: bool = True, opening: int | bool = 2,
    memory: MemoryLike = None, verbose: int = 0,
    mask_type: Literal["whole-brain", "gm", "wm"] = "whole-brain",
    template_img: ImageLike | None = None,
) -> Nifti1Image:  # fmt: skip
    """Compute the mask of a template (a probability map or a brain) on the grid of an image.

    Costs one resampling of the template. As nilearn's `compute_brain_mask`.

    Parameters
    ----------
    target_img : path or image
        Gives the grid.
    threshold : float
        Values from it on are brain.
    connected, opening
        As in :func:`compute_epi_mask`.
    memory, verbose
        Accepted so that scripts port.
    mask_type : {"whole-brain", "gm", "wm"}
        The brain, its grey or its white matter, in MNI152 as nilearn's wheel has it.
    template_img : path or image, optional
        3D, in place of MNI152; scaled to a maximum of 1 before the threshold.

    Returns
    -------
    Nifti1Image of uint8

    Raises
    ------
    DataError
        If nothing of the template lies in the image's field of view.

    See Also
    --------
    compute_epi_mask : from the images themselves.

    Examples
    --------
    >>> from nbica import datasets, masking
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> brain_img = masking.compute_brain_mask(cohort.mask_img)
    >>> grey_img = masking.compute_brain_mask(cohort.mask_img, threshold=0.2, mask_type="gm")
    >>> bool(grey_img.get_fdata().sum() < brain_img.get_fdata().sum())
    True
    """
    target, name = open_image(target_img, "The target image")
    grid = Grid(tuple(target.shape[:3]), checked_affine(target, name), space_of(target))
    del memory, verbose
    return brain_mask_on(grid, template_img, threshold, connected, opening, mask_type)


def brain_mask_on(
    grid, template_img=None, threshold=0.5, connected=True, opening=2, mask_type="whole-brain"
):
    """As :func:`compute_brain_mask`, on a Grid."""
    if not is_number(threshold):
        msg = f"threshold is {threshold!r}; expected a number, such as 0.5."
        raise ValueError(msg)
    if template_img is None:
        template_img = template_file(mask_type)
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


def _check_cutoffs(lower_cutoff, upper_cutoff):
    are_numbers = is_number(lower_cutoff) and is_number(upper_cutoff)
    if not are_numbers or not 0 <= lower_cutoff < upper_cutoff <= 1:
        msg = (
            f"lower_cutoff is {lower_cutoff!r} and upper_cutoff {upper_cutoff!r}; expected "
            "fractions from 0 to 1, the first the smaller."
        )
        raise ValueError(msg)


def _means(imgs, n_jobs, memory):
    """Each run with its mean, in order; runs are read by several processes."""
    check_n_jobs(n_jobs)
    runs = list(iter_runs(runs_of_images(imgs)))
    tasks = ((run, {}) for run in runs)
    means = (mean for _, mean in each_run(_recalled_mean, tasks, n_jobs, store=memory))
    return zip(runs, means, strict=True)


def _recalled_mean(run, store):
    def key():
        return MEAN.key(fingerprint(run))

    about = {"run": run.name, "parameters": "mean over time"}
    found = MEAN.get_or_compute_once(store, key, lambda: {"mean": mean_volume(run)}, about)
    return found.values["mean"]


def _mask_of_means(means, of_mean, why_empty, opening, connected, target, threshold):
    """The mask, as an image, of what the masks of all runs have in common."""
    masks = _masks_of_means(means, of_mean, why_empty, opening, connected, target)
    return mask_to_image(intersect(masks, threshold, connected))


def _masks_of_means(means, of_mean, why_empty, opening, connected, target):
    """A mask of each run's mean image, on one grid; an empty one is an error that says why."""
    grid = None
    for run, mean in means:
        grid = grid or target_grid(run.grid, *target)
        found = of_mean(volume_on_grid(mean, run.grid.affine, grid))
        mask = tidy(found, opening, connected)
        if not mask.any():
            if found.any():
                why_empty = (
                    f"opening={opening} takes away all of the {found.sum()} voxels that were "
                    "found: try a smaller opening, 0 for none."
                )
            msg = f"The mask of {run.name} is empty. {why_empty}"
            raise DataError(msg)
        warn_of(run, list(filter(None, [run.notice])), stacklevel=5)
        yield Mask(mask, grid.affine, grid.space)


def _histogram_gap(volume, lower_cutoff, upper_cutoff, exclude_zeros):
    """Middle of the largest step between neighbouring values, within two quantiles.

    Among steps that are as large, to a millionth of the values, it takes the first. Infinite where
    all values there are the same (nilearn takes the whole volume then).
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
    step = np.argmax(steps >= steps.max() - KNOWN * np.abs(values).max()) + low
    return 0.5 * (values[step] + values[step + 1])


def _border(volume, size):
    """Values at the ends of all axes that have more than their ends: of a slice, its rim."""
    sides = zip(volume.shape, is_thick(volume.shape, size), strict=True)
    border = np.ones(volume.shape, bool)
    border[tuple(slice(size, n - size) if thick else slice(None) for n, thick in sides)] = False
    return volume[border] if border.any() else volume
