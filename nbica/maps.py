"""Finishing touches on component maps: sign, order, threshold; arrays only."""

import numpy as np


def flip_signs(maps):
    """Maps whose long tail is positive: each row times the sign of its third moment.

    The sign of an ICA map is arbitrary. nilearn makes the largest |value| positive; the third
    moment says the same of nearly every map, and does not hang on one voxel.
    """
    third = np.einsum("cv,cv,cv->c", maps, maps, maps, dtype=np.float64, optimize=False)
    return maps * np.where(third < 0, -1, 1).astype(maps.dtype)[:, np.newaxis]


def canonical_share(maps, components, weights):
    """How much each map holds of what the group shares.

    Parameters
    ----------
    maps : ndarray of shape (n_maps, n_voxels)
        Rows of norm 1.
    components : ndarray of shape (n_components, n_voxels)
        Orthonormal rows: the group subspace.
    weights : ndarray of shape (n_components,)
        Of each row of the subspace, such as its canonical correlation.

    Returns
    -------
    ndarray of shape (n_maps,)
        The weights, averaged by the squared cosines between map and rows.
    """
    return (maps @ components.T).astype(np.float64) ** 2 @ weights


def threshold_maps(maps, threshold):
    """Set to zero what is small over all maps together, as nilearn's CanICA does.

    Parameters
    ----------
    maps : ndarray of shape (n_maps, n_voxels)
    threshold : None, "auto" or float
        None keeps all. A ratio r keeps the r x n_voxels largest |values| of all maps together (all
        of them from a ratio of n_maps on); "auto" is a ratio of 1: as many values as voxels.

    Returns
    -------
    ndarray of shape (n_maps, n_voxels)
    """
    ratio = check_threshold(threshold)
    if ratio is None or ratio >= len(maps):
        return maps
    size = np.abs(maps)
    cut = np.percentile(size, 100.0 - 100.0 * ratio / len(maps))
    return np.where(size < cut, np.zeros((), maps.dtype), maps)


def check_threshold(threshold):
    """The ratio that a threshold stands for, or None.

    Raises
    ------
    ValueError
        If it is neither None, "auto" nor a number above 0.
    """
    if threshold is None:
        return None
    if isinstance(threshold, str) and threshold == "auto":
        return 1.0
    is_number = isinstance(threshold, int | float | np.number) and not isinstance(threshold, bool)
    if not is_number or not threshold > 0:
        msg = (
            f"threshold is {threshold!r}; expected None, 'auto' or a ratio above 0: of the values "
            "of all maps together, the ratio x n_voxels largest are kept."
        )
        raise ValueError(msg)
    return float(threshold)
