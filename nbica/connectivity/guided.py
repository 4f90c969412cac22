"""Networks as one run has them, by ICA that given networks guide; arrays only.

Among all directions w of a run's whitened principal components Z, the search is for the one whose
map y = wᵀZ is both like a network r and as far from Gaussian as can be (GIG-ICA [1]_, MOO-ICAR in
NeuroMark [2]_):

    O(w) = a 2/π arctan(c J(y)) + (1 - a) E[r y],   J(y) = (E[log cosh y] - E[log cosh ν])²

with ν normal, |w| = 1, and a = 1/2, as there. The scale c is such that both terms are alike where
the climb begins, at the map nearest to the network. Each network has a climb of its own; all are
made at once, since they share the passes over the voxels.

References
----------
.. [1] Y. Du, Y. Fan, "Group information guided ICA for fMRI data analysis", NeuroImage 69 (2013),
   157-197.
.. [2] Y. Du et al., "NeuroMark: an automated and adaptive ICA based pipeline to identify
   reproducible fMRI markers of brain disorders", NeuroImage: Clinical 28 (2020), 102375.
"""

import numpy as np

from nbica.runtime.progress import checkpoint
from nbica.runtime.scratch import voxel_blocks

# E[log cosh ν] of a normal ν, by quadrature.
OF_A_NORMAL = 0.37456720747
_LONGEST, _SHORTEST = 1.0, 1e-4
_ARMIJO = 0.02


def guide(white, networks, max_iter=200, tol=1e-7):
    """Maps of a run that are like given networks and independent.

    Costs, for each iteration, 2 n x n_networks multiplications and n_networks hyperbolic functions
    per voxel; memory for the maps and a block of voxels.

    Parameters
    ----------
    white : ndarray of shape (n, n_voxels)
        Rows of mean 0 and variance 1, uncorrelated.
    networks : ndarray of shape (n_networks, n_voxels)
        Any mean and scale will do. One that is constant has no map.
    max_iter : int
    tol : float
        A network is done when its w moves by no more in squared length.

    Returns
    -------
    maps : ndarray of float32, shape (n_networks, n_voxels)
        Rows of mean 0 and variance 1; 0 for a network of which the run holds nothing.
    """
    along = _along(white, networks)
    norms = np.linalg.norm(along, axis=1, keepdims=True)
    W = np.divide(along, norms, out=np.zeros_like(along), where=norms > 1e-6)
    objective = _Objective(white, along, W)
    value, gradient = objective(W)
    steps = np.where(norms[:, 0] > 1e-6, _LONGEST, 0.0)
    for _ in range(max_iter):
        if not (steps > 0).any():
            break
        W_next, slopes = _ahead(W, gradient, steps)
        value_next, gradient_next = objective(W_next)
        is_up = value_next - value >= _ARMIJO * steps * slopes
        moved = ((W_next - W) ** 2).sum(axis=1)
        for new, old in ((W_next, W), (value_next, value), (gradient_next, gradient)):
            old[is_up] = new[is_up]
        steps = np.where(is_up, np.minimum(2.0 * steps, _LONGEST), steps / 2.0)
        steps[(is_up & (moved < tol)) | (steps < _SHORTEST)] = 0.0
    return W.astype(np.float32) @ white


def _ahead(W, gradient, steps):
    """A step of given length along each gradient, and by how much a unit of it should gain."""
    # On the sphere only what is tangent to it counts.
    tangent = gradient - (gradient * W).sum(axis=1, keepdims=True) * W
    slopes = np.linalg.norm(tangent, axis=1)
    direction = tangent / np.maximum(slopes, np.finfo(float).tiny)[:, np.newaxis]
    W = W + steps[:, np.newaxis] * direction
    return W / np.maximum(np.linalg.norm(W, axis=1, keepdims=True), np.finfo(float).tiny), slopes


def _along(white, networks):
    """E[r Zᵀ] of networks of mean 0 and variance 1, a block of voxels at a time."""
    means = networks.mean(axis=1, dtype=float, keepdims=True)
    deviations = networks.std(axis=1, dtype=float, keepdims=True)
    products = np.zeros((len(networks), len(white)))
    for voxels in voxel_blocks(white.shape[1]):
        products += (networks[:, voxels] - means) @ white[:, voxels].T
    is_map = deviations > 1e-6 * np.abs(means)
    return (
        np.divide(products, deviations, out=np.zeros_like(products), where=is_map) / white.shape[1]
    )


class _Objective:
    """O(w) and its gradient, for a w of each network."""

    def __init__(self, white, along, W):
        self._white, self._along = white, along
        likeness = (along * W).sum(axis=1).clip(0.0, 1.0 - 1e-6)
        excess, _ = self._nonlinear(W)
        self._scale = np.tan(np.pi / 2.0 * likeness) / np.maximum(excess**2, 1e-12)

    def __call__(self, W):
        excess, gradient = self._nonlinear(W)
        c, likeness = self._scale, (self._along * W).sum(axis=1)
        value = np.arctan(c * excess**2) / np.pi + likeness / 2.0
        weight = 2.0 * c * excess / (1.0 + (c * excess**2) ** 2) / np.pi
        return value, weight[:, np.newaxis] * gradient + self._along / 2.0

    def _nonlinear(self, W):
        """E[log cosh y] less a normal's, and E[tanh(y) Zᵀ]."""
        checkpoint()
        total, gradient = np.zeros(len(W)), np.zeros(W.shape)
        W, n_voxels = W.astype(np.float32), self._white.shape[1]
        for voxels in voxel_blocks(n_voxels):
            block = self._white[:, voxels]
            y = W @ block
            size = np.abs(y)
            total += (size + np.log1p(np.exp(-2.0 * size))).sum(axis=1, dtype=float)
            gradient += np.tanh(y) @ block.T
        return total / n_voxels - np.log(2.0) - OF_A_NORMAL, gradient / n_voxels
