"""How much each principal component of a run counts in the group; arrays only.

Counted equally, they make the group step of CanICA, a generalised canonical correlation analysis,
which gives a run's last component, half noise, the say of its first. Counted by their standard
deviation they make a PCA of all runs, in which the loudest run or artefact wins. Counted by the
share of signal in them, neither happens, and more of them can be taken: a component of variance λ
in noise of variance σ² is signal to 1 - σ²/λ, the posterior mean of probabilistic PCA [1]_ and the
Wiener filter's gain.

Chosen on simulated cohorts, confirmed once on real runs (`benchmarks split_half`).

References
----------
.. [1] M. Tipping, C. Bishop, "Probabilistic principal component analysis", J. Royal Statistical
   Society B 61 (1999), 611-622.
"""

from numbers import Real

import numpy as np

# Principal components of each run that are weighted by signal, for each component wanted.
_TAKEN = 3
# Share of signal of what is noise.
_LEAST = 1e-3


def weighting_of(do_cca):
    """Return "equal", "deviation" or "signal" for nilearn's parameter and what we added to it.

    Raises
    ------
    ValueError
        For what is neither true, false nor "weighted".
    """
    if isinstance(do_cca, str) and do_cca == "weighted":
        return "signal"
    if not isinstance(do_cca, bool | np.bool_ | Real) or do_cca not in (0, 1):
        msg = f"do_cca is {do_cca!r}; expected True, False or 'weighted'."
        raise ValueError(msg)
    return "equal" if do_cca else "deviation"


def rows_per_run(n_components, weighting):
    """How many principal components each run contributes where so many maps are wanted."""
    return _TAKEN * n_components if weighting == "signal" else n_components


def weighted_rows(reduction, weighting):
    """A run's principal components as they count in the group.

    Parameters
    ----------
    reduction : Reduction
        With as many components as :func:`rows_per_run`, or fewer.
    weighting : {"equal", "deviation", "signal"}
        Equally, by standard deviation, or by the share of signal; see :func:`weighting_of`.

    Returns
    -------
    ndarray of float32, shape (n_rows, n_voxels)
    """
    if weighting == "signal":
        shares = signal_shares(
            reduction.singular_values**2, reduction.total_variance, reduction.n_timepoints
        )
        weights = np.sqrt(shares)
    elif weighting == "equal":
        return reduction.components
    else:
        weights = reduction.singular_values
    return reduction.components[: len(weights)] * weights[:, np.newaxis].astype(np.float32)


def signal_shares(variances, total, n_timepoints):
    """Share of signal in each of a run's leading principal components.

    Parameters
    ----------
    variances : ndarray of shape (n,)
        Decreasing.
    total : float
        Variance of all the run's components.
    n_timepoints : int
        As many components there are at most. At most the stronger half of them can be signal; the
        mean variance of the others tells the noise.

    Returns
    -------
    ndarray of shape (n,)
        From 0.001 to 1, decreasing: what is noise counts for next to nothing, but it counts, so
        that a few short runs have as many dimensions as they are asked for.

    Examples
    --------
    >>> signal_shares(np.array([9.0, 3.0, 1.0, 1.0]), total=14.0, n_timepoints=4).round(3)
    array([0.889, 0.667, 0.001, 0.001])
    """
    taken = variances[: max(1, n_timepoints // 2)]
    noise = max(0.0, total - taken.sum()) / max(1, n_timepoints - len(taken))
    shares = np.full(len(variances), _LEAST)
    shares[: len(taken)] = 1.0 - noise / np.maximum(taken, np.finfo(float).tiny)
    return np.clip(shares, _LEAST, 1.0)
