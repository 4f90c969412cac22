"""Which values of a map stand out: a Gaussian between two Gamma tails, fitted to its histogram.

Arrays only. It is the mixture by which MELODIC thresholds its maps [1]_.

References
----------
.. [1] C. Beckmann, S. Smith, "Probabilistic independent component analysis for functional magnetic
   resonance imaging", IEEE Transactions on Medical Imaging 23 (2004), 137-152.
"""

import numpy as np
from scipy.special import gammaln, ndtri

_BINS = 400
_STEPS = 200
# A tail begins where few of the Gaussian's values are, else it would be another middle.
_LEAST_MEAN = 2.0


def tail_probability(values, tol=1e-6):
    """Probability that each value of a map is of a tail and not of the Gaussian.

    Costs a histogram, and up to 200 steps of expectation and maximization on its 400 bins: 0.05 s.

    Parameters
    ----------
    values : ndarray of shape (n_voxels,)
    tol : float
        Mean change of the bins' probabilities at which the steps end.

    Returns
    -------
    ndarray of shape (n_voxels,)
        0 for a map that is constant.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> values = np.concatenate([rng.standard_normal(5000), 8 + rng.standard_normal(200)])
    >>> kept = tail_probability(values) > 0.5
    >>> int(kept[-200:].sum()), bool(kept[:5000].mean() < 0.01)
    (200, True)
    """
    middle = np.median(values)
    width = np.median(np.abs(values - middle)) / -ndtri(0.25)
    if not width > 0:
        return np.zeros(len(values))
    z = (values - middle) / width
    counts, edges = np.histogram(z, _BINS)
    x = (edges[1:] + edges[:-1]) / 2.0
    tails = _fit(x, counts / counts.sum(), tol)
    return np.interp(z, x, tails)


def _fit(x, weights, tol):
    """Probability of a tail in each bin."""
    share = np.array([0.9, 0.05, 0.05])
    mean, deviation, tails = 0.0, 1.0, [(4.0, 2.0), (4.0, 2.0)]  # mean and variance of each
    found = np.zeros(len(x))
    for _ in range(_STEPS):
        densities = np.array(
            [
                _normal(x - mean, deviation),
                _gamma(x - mean, *tails[0]),
                _gamma(mean - x, *tails[1]),
            ]
        )
        joint = share[:, np.newaxis] * densities
        of_each = joint / np.maximum(joint.sum(axis=0), np.finfo(float).tiny)
        before, found = found, _outwards(x - mean, of_each[1] + of_each[2])
        held = of_each * weights
        share = held.sum(axis=1)
        mean = held[0] @ x / share[0]
        deviation = np.sqrt(held[0] @ (x - mean) ** 2 / share[0])
        tails = [
            _moments(side * (x - mean), own, deviation)
            for side, own in ((1, held[1]), (-1, held[2]))
        ]
        if np.abs(found - before) @ weights < tol:
            break
    return found


def _normal(x, deviation):
    return np.exp(-0.5 * (x / deviation) ** 2) / (deviation * np.sqrt(2.0 * np.pi))


def _gamma(x, mean, variance):
    shape, scale = mean**2 / variance, variance / mean
    x = np.maximum(x, 0.0) / scale
    with np.errstate(divide="ignore"):  # none at 0
        logarithm = (shape - 1.0) * np.log(x) - x - gammaln(shape)
    return np.exp(logarithm) / scale


def _moments(x, weights, deviation):
    total = weights.sum()
    if total < 1e-12:
        return 4.0 * deviation, 2.0 * deviation**2
    mean = max(weights @ x / total, _LEAST_MEAN * deviation)
    variance = weights @ (x - mean) ** 2 / total
    return mean, max(variance, 0.1 * deviation**2)


def _outwards(x, probability):
    """What is farther out is no less of a tail; where both densities vanish, it is one."""
    up, down = x >= 0, x < 0
    found = probability.copy()
    found[up] = np.maximum.accumulate(found[up])
    found[down] = np.maximum.accumulate(found[down][::-1])[::-1]
    return found
