"""Infomax: maps that are likeliest to be independent with logistic densities; arrays only.

Infomax [1]_ looks among all unmixing matrices W, not only the orthogonal ones, for that which makes
whitened maps x likeliest, where the values of each map y = W x have a logistic density:

    L(W) = Σ E[2 log(2 cosh(y / 2))] - log |det W|      (the less, the likelier)

Its relative gradient is E[ψ(y) yᵀ] - 1 with ψ(y) = tanh(y / 2). Most implementations descend along
it in small steps from a random start (the natural gradient). Here the start is given, such as where
FastICA ended, and a step is a quasi-Newton one (L-BFGS, its first guess the Hessian at
independence, as in Picard [2]_): some tens of passes over the voxels, and no random number.

References
----------
.. [1] A. Bell, T. Sejnowski, "An information-maximization approach to blind separation and blind
   deconvolution", Neural Computation 7 (1995), 1129-1159.
.. [2] P. Ablin, J.-F. Cardoso, A. Gramfort, "Faster independent component analysis by
   preconditioning with Hessian approximations", IEEE Transactions on Signal Processing 66 (2018),
   4040-4049.
"""

from typing import NamedTuple

import numpy as np

from nbica.runtime.progress import checkpoint
from nbica.runtime.scratch import voxel_blocks

_REMEMBERED = 7
_HALVINGS = 12
# Least eigenvalue of the Hessian of a pair of maps; two that are nearly Gaussian have none.
_LEAST = 0.01
# Likelihoods that differ by less, as a part, are equal: then the gradient tells what is lower.
_ROUNDING = 1e-12


class Unmixing(NamedTuple):
    """Where a descent ended.

    Attributes
    ----------
    W : ndarray of shape (k, k)
        Rows are the unmixing vectors in whitened space, of maps in the scale of the density.
    n_iter : int
    converged : bool
    change : float
        Largest entry of the relative gradient: 0 at the optimum.
    """

    W: np.ndarray
    n_iter: int
    converged: bool
    change: float


class _Place(NamedTuple):
    W: np.ndarray
    loss: float
    gradient: np.ndarray
    curvature: np.ndarray


def infomax(white, start, max_iter=200, tol=1e-8):
    """Descend from a start to the nearest unmixing matrix that is likeliest.

    Costs, for each of some 30 to 90 iterations, 2 k² multiplications and k exponentials per voxel
    in float64 (20 x 47 000: 0.05 s); memory is one block of voxels.

    Parameters
    ----------
    white : ndarray of shape (k, n_voxels)
        Rows of mean 0 and variance 1, uncorrelated.
    start : ndarray of shape (k, k)
    max_iter : int
    tol : float
        Largest entry of the relative gradient at which the descent ends. At 1e-5, maps of 20 real
        runs were still 2e-3 standard deviations off where two are nearly Gaussian.

    Returns
    -------
    Unmixing

    Examples
    --------
    Two mixed sources, from no rotation at all:

    >>> sources = np.random.default_rng(0).laplace(size=(2, 5000))
    >>> X = np.array([[1.0, 0.5], [0.2, 1.0]]) @ (sources - sources.mean(axis=1, keepdims=True))
    >>> found = infomax(X, np.eye(2))
    >>> np.abs(np.corrcoef(found.W @ X, sources)[:2, 2:]).max(axis=1).round(2)
    array([1., 1.])
    """
    here, steps, n_iter = _look(np.array(start, float), white), [], 0
    while np.abs(here.gradient).max() >= tol and n_iter < max_iter:
        n_iter += 1
        D = _direction(here, steps)
        if np.sum(D * here.gradient) >= 0.0:  # what is remembered leads uphill
            steps, D = [], _direction(here, [])
        there, length = _downhill(here, D, white)
        if there is None and not steps:
            break  # no lower to rounding
        if there is None:
            steps = []
            continue
        steps = [*steps, (length * D, there.gradient - here.gradient)][-_REMEMBERED:]
        here = there
    change = float(np.abs(here.gradient).max())
    return Unmixing(here.W, n_iter, change < tol, change)


def _look(W, white):
    """Loss, relative gradient and curvature at W, a block of voxels at a time."""
    checkpoint()
    k, n_voxels = white.shape
    total, products, slopes, squares, own = 0.0, np.zeros((k, k)), *np.zeros((3, k))
    for voxels in voxel_blocks(n_voxels):
        y = W @ white[:, voxels]
        size = np.abs(y)
        tail = np.exp(-size)
        total += size.sum() + 2.0 * np.log1p(tail).sum()
        psi = np.copysign((1.0 - tail) / (1.0 + tail), y)
        slope = 0.5 * (1.0 - psi * psi)
        products += psi @ y.T
        slopes += slope.sum(axis=1)
        squares += np.einsum("cv,cv->c", y, y)
        own += np.einsum("cv,cv,cv->c", slope, y, y, optimize=False)
    loss = total / n_voxels - np.linalg.slogdet(W)[1]
    curvature = np.outer(slopes, squares) / n_voxels**2
    np.fill_diagonal(curvature, own / n_voxels)
    return _Place(W, loss, products / n_voxels - np.eye(k), _regular(curvature))


def _regular(curvature):
    """Curvatures such that no pair of maps, with the Hessian [[h_ij, 1], [1, h_ji]], has a flat."""
    least = (curvature + curvature.T - np.sqrt((curvature - curvature.T) ** 2 + 4.0)) / 2.0
    lift = np.maximum(_LEAST - least, 0.0)
    np.fill_diagonal(lift, 0.0)
    return curvature + lift


def _direction(here, steps):
    """Minus the gradient through the inverse of the Hessian, as the steps so far tell of it."""
    q, weights = here.gradient.copy(), []
    for step, change in reversed(steps):
        weights.append(np.sum(step * q) / np.sum(step * change))
        q -= weights[-1] * change
    z = _solve(here.curvature, q)
    for (step, change), weight in zip(steps, reversed(weights), strict=True):
        z += step * (weight - np.sum(change * z) / np.sum(step * change))
    return -z


def _solve(curvature, q):
    """Inverse of the Hessian at independence, pair by pair of maps."""
    pairs = curvature * curvature.T - 1.0
    np.fill_diagonal(pairs, 1.0)
    z = (curvature.T * q - q.T) / pairs
    np.fill_diagonal(z, np.diag(q) / (1.0 + np.diag(curvature)))
    return z


def _downhill(here, D, white):
    """The first of ever shorter steps that goes down, and its length; None if there is none."""
    length = 1.0
    for _ in range(_HALVINGS):
        there = _look(here.W + length * D @ here.W, white)
        if _is_lower(there, here):
            return there, length
        length /= 2.0
    return None, 0.0


def _is_lower(there, here):
    fall, known = here.loss - there.loss, _ROUNDING * max(1.0, abs(here.loss))
    is_flatter = np.linalg.norm(there.gradient) < np.linalg.norm(here.gradient)
    return fall > known or (fall > -known and is_flatter)
