"""Seed maps: what goes together with a place, voxel by voxel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from nbica.exceptions import DataError
from nbica.runtime.checks import as_numbers, is_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nibabel import Nifti1Image
    from sklearn.base import BaseEstimator

    from nbica.hints import Confounds, ImageLike, SampleMask


def seed_map(
    img: ImageLike, seed: Sequence[float], masker: BaseEstimator, radius: float = 8.0,
    confounds: Confounds = None, sample_mask: SampleMask = None,
) -> Nifti1Image:  # fmt: skip
    """Correlate each voxel with the mean time course around a place.

    Memory is that of `masker.transform`: n_timepoints x n_voxels x 4 B. Time is that of reading the
    run.

    Parameters
    ----------
    img : path or nibabel image
        One run.
    seed : (x, y, z)
        In mm.
    masker : NiftiMasker, or a fitted CanICA or DictLearning
        Says which voxels there are and how they are smoothed and cleaned; one that is not fitted
        is fitted to the run.
    radius : float
        In mm: voxels whose middle is no farther are the seed; the nearest at least.
    confounds, sample_mask
        As `masker.transform` takes them.

    Returns
    -------
    Nifti1Image
        Pearson's r, from -1 to 1; constant voxels have 0.

    Raises
    ------
    DataError
        If no voxel of the mask is within the radius, or a voxel's size, of the seed.

    See Also
    --------
    dual_regression : maps of whole networks instead of a place.

    Examples
    --------
    >>> from nbica import NiftiMasker, connectivity, datasets
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> masker = NiftiMasker(cohort.mask_img, standardize=True, detrend=True)
    >>> r_img = connectivity.seed_map(cohort.func[0], (0, -52, 18), masker, radius=12)
    >>> r_img.shape, bool(r_img.get_fdata().max() <= 1)
    ((13, 16, 14), True)
    """
    masker = getattr(masker, "masker_", masker)
    if isinstance(masker, type) or not hasattr(masker, "inverse_transform"):
        msg = f"masker is {masker!r}; expected a NiftiMasker, or a fitted CanICA."
        raise TypeError(msg)
    if not is_number(radius) or radius < 0:
        msg = f"radius is {radius!r}; expected a number of mm from 0 on."
        raise ValueError(msg)
    if not hasattr(masker, "preparation_"):
        masker = clone(masker).fit(img)
    check_is_fitted(masker)
    near = _voxels_near(masker.preparation_.mask, seed, radius)
    signals = masker.transform(img, confounds, sample_mask)
    signals = signals - signals.mean(axis=0)
    course = signals[:, near].mean(axis=1)
    norms = np.linalg.norm(signals, axis=0) * np.linalg.norm(course)
    r = np.divide(course @ signals, norms, out=np.zeros_like(norms), where=norms > 0)
    return masker.inverse_transform(r.clip(-1, 1))


def _voxels_near(mask, seed, radius):
    """Columns of the voxels of a mask around a place."""
    seed = as_numbers("seed", seed, "(3,)").astype(float)
    if seed.shape != (3,) or not np.isfinite(seed).all():
        msg = f"seed has shape {seed.shape}; expected three numbers: x, y, z in mm."
        raise ValueError(msg)
    places = np.argwhere(mask.array) @ mask.affine[:3, :3].T + mask.affine[:3, 3]
    apart = np.linalg.norm(places - seed, axis=1)
    voxel_size = np.linalg.norm(mask.affine[:3, :3], axis=0).max()
    if apart.min() > max(radius, voxel_size):
        msg = (
            f"The nearest voxel of the mask is {apart.min():.1f} mm from the seed {seed.tolist()}, "
            f"farther than radius={radius:g}: is it in the brain, and in mm?"
        )
        raise DataError(msg)
    return np.flatnonzero(apart <= max(radius, apart.min()))
