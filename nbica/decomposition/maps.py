"""Finishing touches on component maps: sign, order, threshold; arrays only."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
from scipy.special import ndtri

from nbica.decomposition.mixture import tail_probability
from nbica.exceptions import DataWarning, IgnoredWarning
from nbica.runtime.checks import as_numbers, is_number
from nbica.signal.ties import KNOWN

KINDS = ("p", "robust p", "mixture")
# Skewness below which a map is symmetric: processors disagree by less than 1e-5.
SYMMETRIC = 1e-4


def flip_signs(maps):
    """Maps whose long tail is positive: each row times the sign of its third moment.

    The sign of an ICA map is arbitrary. nilearn makes the largest |value| positive; the third
    moment says the same of nearly every map, and does not hang on one voxel. A map whose skewness
    is less than 1e-4 has no longer tail, and keeps the sign with which it came.
    """
    third = np.einsum("cv,cv,cv->c", maps, maps, maps, dtype=np.float64, optimize=False)
    second = np.einsum("cv,cv->c", maps, maps, dtype=np.float64)
    least = SYMMETRIC * second**1.5 / np.sqrt(max(maps.shape[1], 1))
    return maps * np.where(third < -least, -1, 1).astype(maps.dtype)[:, np.newaxis]


def canonical_share(maps, components, weights):
    """How much each map holds of what the group shares.

    Parameters
    ----------
    maps : ndarray of shape (n_maps, n_voxels)
        Rows of norm 1.
    components : ndarray of shape (n_components, n_voxels)
        Orthonormal rows: the group subspace.
    weights : ndarray of shape (n_components,)
        Weight of each row of the subspace, such as its canonical correlation.

    Returns
    -------
    ndarray of shape (n_maps,)
        The weights, averaged by the squared cosines between map and rows.
    """
    return (maps @ components.T).astype(np.float64) ** 2 @ weights


def threshold_maps(
    maps: np.ndarray, threshold: float | Literal["auto"] | tuple[str, float] | None
) -> np.ndarray:
    """Set small values of maps to zero.

    Costs one pass over the maps.

    Parameters
    ----------
    maps : ndarray of shape (n_maps, n_voxels)
    threshold : None, "auto", float, ("p", p), ("robust p", p) or ("mixture", p)
        None keeps all. A ratio r keeps the r x n_voxels largest |values| of all maps together (all
        of them from a ratio of n_maps on), as nilearn's CanICA does; "auto" is a ratio of 1: as
        many values as voxels. ("p", 0.05) keeps of each map what a Gaussian map of its norm exceeds
        in 5 % of the voxels, see :func:`p_cuts`; ("robust p", 0.05) with the width of the map's
        bulk instead of its norm. ("mixture", 0.5) keeps what is likelier of a tail of the map's
        histogram than of its Gaussian middle, as MELODIC does, see
        :func:`mixture.tail_probability`: 0.05 s for a map.

    Returns
    -------
    ndarray of shape (n_maps, n_voxels)

    See Also
    --------
    fast_ica : gives whole maps.

    Notes
    -----
    In maps of five simulated cohorts ("p", 0.01) agreed best with the planted networks (Dice .67 to
    .79; "auto" .48 to .75, ("p", 0.05) .57 to .76, mixture .44 to .60), and had .0000 to .0005 of
    the voxels outside. The mixture is the most sensitive of them: it kept .97 to 1.00 of the
    networks (("p", 0.01) .78 to .98) and .002 to .012 of the voxels outside. Of pure noise it keeps
    .000, .001 to .006 and .013 where that is smooth over 0, 2 and 4 voxels, but .08 where it is
    heavy-tailed.

    Values that are as large as the cut, to a millionth of it, are kept. Where values crowd at the
    cut, which of them are kept may still differ by a voxel or two between processors; see
    `nbica.signal.ties`.

    Examples
    --------
    >>> import numpy as np
    >>> from nbica.decomposition import threshold_maps
    >>> maps = np.array([[0.1, -3.0, 0.2, 1.0], [0.1, 0.2, 0.3, 2.0]])
    >>> threshold_maps(maps, 0.5).tolist()
    [[0.0, -3.0, 0.0, 0.0], [0.0, 0.0, 0.0, 2.0]]
    >>> int(np.count_nonzero(threshold_maps(maps, "auto")))
    4
    """
    threshold = check_threshold(threshold)
    maps = as_numbers("maps", maps, "(n_maps, n_voxels)")
    size = np.abs(maps)
    if isinstance(threshold, tuple) and threshold[0] == "mixture":
        tails = np.array([tail_probability(row) for row in maps])
        return np.where(tails > threshold[1], maps, np.zeros((), maps.dtype))
    if isinstance(threshold, tuple):
        cut = p_cuts(maps, *threshold)[:, np.newaxis]
    elif threshold is None or threshold >= len(maps):
        return maps
    else:
        cut = np.percentile(size, 100.0 - 100.0 * threshold / len(maps))
    return np.where(size < cut * (1.0 - KNOWN), np.zeros((), maps.dtype), maps)


def p_cuts(maps, kind, p):
    """What |values| a Gaussian map exceeds with probability p: isf(p / 2) standard deviations [1]_.

    Parameters
    ----------
    maps : ndarray of shape (n_maps, n_voxels)
        Rows of mean 0.
    kind : {"p", "robust p"}
        Standard deviation of the null: of the whole map (its norm / sqrt(n_voxels), so that a
        network widens it and the test is conservative, as the paper says), or that of a Gaussian
        with the map's median |value| (closer to the nominal rate in maps with strong networks; too
        liberal where a map is heavy-tailed everywhere).
    p : float

    Returns
    -------
    ndarray of shape (n_maps,)

    References
    ----------
    .. [1] G. Varoquaux et al., "ICA-based sparse features recovery from fMRI datasets", IEEE ISBI
       2010, arXiv:1006.2302: exact specificity under a Gaussian null.
    """
    if kind == "robust p":
        deviations = np.median(np.abs(maps), axis=1) / -ndtri(0.25)
    else:
        deviations = np.linalg.norm(maps, axis=1) / np.sqrt(maps.shape[1])
    return -ndtri(p / 2.0) * deviations


def check_threshold(threshold):
    """A threshold in one form: None, a ratio, or a pair of a kind and a p-value.

    Raises
    ------
    ValueError
        If it is neither None, "auto", a number above 0, nor such a pair.
    """
    if threshold is None:
        return None
    if isinstance(threshold, str) and threshold == "auto":
        return 1.0
    if isinstance(threshold, tuple | list) and len(threshold) == 2:
        kind, p = threshold
        if isinstance(kind, str) and kind in KINDS and is_number(p) and 0 < p < 1:
            return kind, float(p)
    if not is_number(threshold) or not threshold > 0:
        msg = (
            f"threshold is {threshold!r}; expected None, 'auto' or a ratio above 0 (of the values "
            "of all maps together, the ratio x n_voxels largest are kept), or a pair such as "
            f"('p', 0.05), its kind one of {', '.join(map(repr, KINDS))}."
        )
        raise ValueError(msg)
    return float(threshold)


def check_ratio(threshold, n_maps, stacklevel):
    """Raise ValueError for a ratio of more values than all maps have; warn where it keeps all."""
    ratio = check_threshold(threshold)
    if not isinstance(ratio, float) or isinstance(threshold, str) or ratio < n_maps:
        return
    if ratio > n_maps:
        msg = (
            f"threshold is {threshold!r}: {ratio:g} x n_voxels values, of which {n_maps} maps have "
            f"only {n_maps} x n_voxels. Give a ratio below {n_maps}, or None to keep all."
        )
        raise ValueError(msg)
    msg = f"threshold={threshold!r} keeps all values of {n_maps} maps, as None does."
    warnings.warn(msg, IgnoredWarning, stacklevel=stacklevel + 1)


def warn_of_empty(maps, threshold, stacklevel):
    """Say how many maps a threshold leaves nothing of."""
    n_empty = int((~maps.any(axis=1)).sum())
    if n_empty:
        msg = f"threshold={threshold!r} leaves nothing of {n_empty} of {len(maps)} maps: lower it."
        warnings.warn(msg, DataWarning, stacklevel=stacklevel + 1)
