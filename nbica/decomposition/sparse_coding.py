"""Dictionary learning: few rows as time courses times sparse maps; arrays only.

    minimize  ½ ‖X − D C‖² + α ‖C‖₁   over C and D, whose columns have norm 1 at most

X are rows by voxels, D is the dictionary (a column for each map), C are the maps. Every step goes
through all voxels, a block at a time: maps for this dictionary (a lasso in each voxel, by
coordinate descent, all voxels of a block at once), then the dictionary for these maps. The
objective never rises, and the result depends on the start only. (Online solvers [1]_ update the
dictionary after each of many small random batches; on 20 real runs that made two seeds agree less,
at a higher objective: `benchmarks/`.)

References
----------
.. [1] J. Mairal et al., "Online dictionary learning for sparse coding", ICML 2009, 689-696.
"""

from dataclasses import dataclass

import numpy as np

from nbica.runtime.scratch import voxel_blocks
from nbica.signal.least_squares import gram

# Of the lasso in a voxel: it starts where the last step ended, so few are needed.
_SWEEPS, _SETTLED = 100, 1e-4
# Rounds over the columns in a step, which cost next to nothing. With one, the order of the columns
# has a say: on 20 real runs two seeds then agreed at |r| = .98, with three at 1.0000.
# (Chosen on these runs, as the tolerance was: elsewhere seeds may agree less.)
_ROUNDS = 3


@dataclass(frozen=True, eq=False)
class Factors:
    """Maps, their dictionary, and the way there.

    Attributes
    ----------
    maps : ndarray of float32, shape (n_maps, n_voxels)
        Sparse.
    dictionary : ndarray of shape (n_rows, n_maps)
        Columns of norm 1 at most.
    objective : list of float
        After each step.
    converged : bool
    """

    maps: np.ndarray
    dictionary: np.ndarray
    objective: list
    converged: bool


def learn_dictionary(rows, maps, alpha, max_iter=200, tol=1e-5):
    """Sparse maps of some rows, from where other maps lead.

    Memory is that of the maps. A step takes about 2 n_rows x n_maps multiplications per voxel and
    n_maps² for each of some ten sweeps.

    Parameters
    ----------
    rows : ndarray of float32, shape (n_rows, n_voxels)
    maps : ndarray of shape (n_maps, n_voxels)
        To start from.
    alpha : float
        Price of a map's values: the larger, the sparser.
    max_iter : int
        Steps.
    tol : float
        A step that lowers the objective by less, relative to it, is the last.

    Returns
    -------
    Factors
    """
    D, C = dictionary_of(rows, maps), np.zeros(maps.shape, np.float32)
    A, B, now = encode(rows, D, C, alpha)
    objective, converged = [now], False
    while len(objective) < max_iter and not converged:
        D = improve(D, A, B)
        A, B, now = encode(rows, D, C, alpha)
        converged = objective[-1] - now < tol * now
        objective.append(now)
    return Factors(C, D, objective, converged)


def dictionary_of(rows, maps):
    """Columns of norm 1 that give the rows from the maps, by least squares."""
    overlaps = gram(maps)
    D = (rows @ maps.T).astype(np.float64) @ np.linalg.pinv(overlaps, hermitian=True)
    norms = np.linalg.norm(D, axis=0)
    # An empty map has a column of rounding, which is to stay nothing.
    return D / np.where(norms > 1e-9 * norms.max(), norms, np.inf)


def encode(rows, D, C, alpha):
    """Maps for a dictionary, in place, and what the next dictionary is made of.

    Parameters
    ----------
    rows : ndarray of float32, shape (n_rows, n_voxels)
    D : ndarray of shape (n_rows, n_maps)
    C : ndarray of float32, shape (n_maps, n_voxels)
        Maps to start from; overwritten.
    alpha : float

    Returns
    -------
    A : ndarray of shape (n_maps, n_maps)
        C Cᵀ.
    B : ndarray of shape (n_rows, n_maps)
        X Cᵀ.
    objective : float
    """
    G, Dt = (D.T @ D).astype(np.float32), np.ascontiguousarray(D.T, dtype=np.float32)
    A, B, size, price = np.zeros(G.shape), np.zeros(D.shape), 0.0, 0.0
    for voxels in voxel_blocks(rows.shape[1]):
        X, block = rows[:, voxels], np.ascontiguousarray(C[:, voxels])
        descend(G, Dt @ X, block, alpha)
        C[:, voxels] = block
        A += block @ block.T
        B += X @ block.T
        size += float(np.einsum("rv,rv->", X, X, dtype=np.float64))
        price += float(np.abs(block).sum(dtype=np.float64))
    misfit = size - 2 * np.sum(D * B) + np.sum((D.T @ D) * A)
    return A, B, float(0.5 * misfit + alpha * price)


def descend(G, P, C, alpha):
    """Lasso in every voxel by coordinate descent, in place.

    Parameters
    ----------
    G : ndarray of shape (n_maps, n_maps)
        Dᵀ D.
    P : ndarray of shape (n_maps, n_voxels)
        Dᵀ X.
    C : ndarray of shape (n_maps, n_voxels)
        Where to start; overwritten.
    alpha : float
    """
    used = np.flatnonzero(np.diag(G))
    for _ in range(_SWEEPS):
        change = 0.0
        for j in used:
            pull = P[j] - G[j] @ C + G[j, j] * C[j]
            new = (pull - np.clip(pull, -alpha, alpha)) / G[j, j]
            change = max(change, float(np.abs(new - C[j]).max()))
            C[j] = new
        if change <= _SETTLED * float(np.abs(C).max()):
            return


def improve(D, A, B):
    """Dictionary for given maps, column by column, in rounds; that of an empty map stays.

    Parameters
    ----------
    D : ndarray of shape (n_rows, n_maps)
    A, B : ndarray
        From :func:`encode`.

    Returns
    -------
    ndarray of shape (n_rows, n_maps)
    """
    D = D.copy()
    for j in np.tile(np.flatnonzero(np.diag(A)), _ROUNDS):
        column = D[:, j] + (B[:, j] - D @ A[:, j]) / A[j, j]
        D[:, j] = column / max(np.linalg.norm(column), 1.0)
    return D
