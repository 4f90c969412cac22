"""Confounds from the voxels that vary most, as nilearn's `high_variance_confounds` has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nbica.exceptions import DataError
from nbica.image import frames
from nbica.image.files import load_volume
from nbica.image.grid import Grid, whole
from nbica.image.run import load_run
from nbica.runtime.checks import as_flag, check_count, is_number
from nbica.signal.time_operator import trend

if TYPE_CHECKING:
    from nbica.hints import ImageLike


def high_variance_confounds(
    imgs: ImageLike, n_confounds: int = 5, percentile: float = 2.0, detrend: bool = True,
    mask_img: ImageLike | None = None,
) -> np.ndarray:  # fmt: skip
    """Find what the most variable voxels of a run share: a CompCor without anatomy [1]_.

    Memory is three volumes and the signals of `percentile` percent of the voxels; the file is read
    twice.

    Parameters
    ----------
    imgs : path or nibabel image, 4D
    n_confounds : int
        Time courses to return.
    percentile : float
        Percentage of the voxels that count as most variable.
    detrend : bool
        Remove the linear trend first.
    mask_img : path or nibabel image, optional
        Voxels to look at, on the grid of the run.

    Returns
    -------
    ndarray of float64, shape (n_timepoints, n_confounds)
        Orthonormal, the strongest first.

    See Also
    --------
    nbica.signal.clean : removes confounds from signals.

    References
    ----------
    .. [1] Y. Behzadi et al., "A component based noise correction method (CompCor) for BOLD and
       perfusion based fMRI", NeuroImage 37 (2007), 90-101, doi:10.1016/j.neuroimage.2007.04.042.

    Examples
    --------
    >>> from nbica import CanICA, datasets, image
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> confounds = [image.high_variance_confounds(run) for run in cohort.func]
    >>> confounds[0].shape
    (40, 5)
    >>> ica = CanICA(cohort.mask_img, n_components=5, random_state=0)
    >>> ica.fit(cohort.func, confounds=confounds).components_.shape[0]
    5
    """
    check_count("n_confounds", n_confounds)
    detrend = as_flag("detrend", detrend)
    if not is_number(percentile) or not 0 < percentile <= 100:
        msg = f"percentile is {percentile!r}; expected a percentage of the voxels, such as 2."
        raise ValueError(msg)
    run = load_run(imgs)
    inside = _inside(run, mask_img)
    basis = trend(run.n_timepoints) if detrend else np.zeros((run.n_timepoints, 0))
    variances = _mean_squares(run, inside, basis)
    most = variances > np.nanpercentile(variances, 100.0 - percentile)
    signals = np.concatenate([block[:, most] for _, block in _walk(run, inside)])
    signals -= basis @ (basis.T @ signals)
    _, U = np.linalg.eigh(signals @ signals.T)
    return U[:, ::-1][:, :n_confounds].copy()


def _inside(run, mask_img):
    """Which values of a flattened frame count."""
    if mask_img is None:
        return slice(None)
    volume, affine, name = load_volume(mask_img, "The mask image")
    if not run.grid.same_as(Grid(volume.shape, affine)):
        msg = f"{name} is on another grid than {run.name}: {volume.shape}, not {run.grid.shape}."
        raise DataError(msg)
    return volume.T.ravel() != 0


def _walk(run, inside):
    for start, values, _ in frames.iter_blocks(run, run.grid, whole(run.grid)):
        yield start, values.reshape(len(values), -1)[:, inside].astype(np.float64)


def _mean_squares(run, inside, basis):
    """Variance of each voxel over time, without what the basis (orthonormal columns) explains."""
    squares, along, first = 0.0, 0.0, None
    for start, block in _walk(run, inside):
        # Off with the baseline, which a trend would take out anyway: squares of small numbers.
        first = block[0] if first is None and basis.shape[1] else first
        block = block if first is None else block - first
        squares = squares + np.einsum("tv,tv->v", block, block)
        along = along + basis[start : start + len(block)].T @ block
    return (squares - np.einsum("kv,kv->v", along, along)) / run.n_timepoints
