"""The span shared by many runs, learnt one run at a time; arrays only.

Stack the reductions of all runs, rows by voxels, and take the leading right singular vectors: that
is the group step of CanICA [1]_. The stack grows with the runs; here it never exists. What is kept
is a short stack of weighted rows with the same leading singular vectors, and each run is merged
into it (an incremental PCA, as MIGP [2]_), by way of the small Gram matrix of its rows.

With rows of norm 1 (each run's whitened principal components) the singular vectors are those of a
generalised canonical correlation analysis across runs, and squared singular values divided by the
number of runs are its correlations: 1 for a map that every run contains, 1/n_runs for one that a
single run contains.

References
----------
.. [1] G. Varoquaux et al., "A group model for stable multi-subject ICA on fMRI datasets",
   NeuroImage 51 (2010), section on the group model.
.. [2] S. Smith et al., "Group-PCA for very large fMRI datasets", NeuroImage 101 (2014).
"""

import numpy as np
from scipy import linalg

from nbica.scratch import voxel_blocks


class GroupSubspace:
    """Leading principal subspace of stacked rows, one run at a time.

    Memory is (n_kept + n_rows) x n_voxels x 4 B for any number of runs: merges happen in place. One
    costs about 1.5 (n_kept + n_rows)² x n_voxels multiplications.

    Parameters
    ----------
    n_components : int
        Rank of the subspace.
    n_kept : int, optional
        Weighted rows kept between runs, at least `n_components`; 5 `n_components` by default.

    Attributes
    ----------
    components_ : ndarray of float32, shape (n_components, n_voxels)
        Orthonormal rows, by decreasing singular value. Fewer than asked for where the rows seen
        span fewer dimensions.
    singular_values_ : ndarray of float64, shape (n_components,)
    n_runs_ : int
    n_rows_ : int
        Rows seen in all.

    Notes
    -----
    Exact (to rounding) while no more than `n_kept` rows were seen, else the approximation of MIGP:
    what a merge cuts off is the least of 5 `n_components` directions, and is lost. Another order
    of the runs then changes the last digits. On 20 real runs, 10 or 20 components and the worst of
    three orders (most unlike first), the smallest cosine to the SVD of the stack was .9998; keeping
    3 `n_components` it was .9977.

    Not taken: merging several runs at once. It would save a third of the time of a stage that
    takes a few per cent of a fit, and the result would depend on how many.
    """

    def __init__(self, n_components, n_kept=None):
        self.n_components = n_components
        self.n_kept = n_kept

    def partial_fit(self, rows):
        """Merge the rows of one run.

        Parameters
        ----------
        rows : ndarray of shape (n_rows, n_voxels)
            Weighted by how much they count; read, not changed.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the number of voxels is not that of the runs before.
        """
        n_kept = getattr(self, "_n_kept", 0)
        self._make_room(n_kept + len(rows), rows.shape[1])
        stack = self._stack[: n_kept + len(rows)]
        stack[n_kept:] = rows
        self._n_kept = lead_inplace(stack, self._capacity())
        self.n_runs_ = getattr(self, "n_runs_", 0) + 1
        self.n_rows_ = getattr(self, "n_rows_", 0) + len(rows)
        return self

    def _make_room(self, n_rows, n_voxels):
        """Have a stack of at least so many rows; those that are kept come first in it."""
        before = getattr(self, "_stack", np.empty((0, n_voxels), np.float32))
        if before.shape[1] != n_voxels:
            msg = (
                f"This run has {n_voxels} voxels, those before {before.shape[1]}: "
                "mask every run with the same mask."
            )
            raise ValueError(msg)
        if n_rows > len(before) or not hasattr(self, "_stack"):
            # What no row has been written to takes no memory yet.
            self._stack = np.empty((n_rows + self._capacity(), n_voxels), np.float32)
            self._stack[: len(before)] = before

    def _capacity(self):
        return max(self.n_components, self.n_kept or 5 * self.n_components)

    @property
    def singular_values_(self):
        """Norms of the leading weighted rows."""
        return np.sqrt(_squared_norms(self._leading()))

    @property
    def components_(self):
        """The leading weighted rows, at norm 1."""
        leading = self._leading()
        norms = np.sqrt(_squared_norms(leading))
        return leading / norms[:, np.newaxis].astype(np.float32)

    def _leading(self):
        return self._stack[: min(self._n_kept, self.n_components)]


def lead_inplace(stack, n_rows):
    """Turn a stack so that few weighted rows have its leading singular vectors and values.

    Costs the Gram matrix of the stack and one product with it; memory is one block of voxels.

    Parameters
    ----------
    stack : ndarray of float32, shape (n_stacked, n_voxels)
        Overwritten: the first rows become orthogonal, by decreasing norm; their norms are the
        singular values. The others are left undefined.
    n_rows : int

    Returns
    -------
    int
        How many rows count: at most `n_rows`, less where directions are only rounding.
    """
    _, U, _ = left_factors(lambda: _blocks(stack), len(stack), n_rows)
    turn = np.ascontiguousarray(U.T, dtype=np.float32)
    for block in _blocks(stack):
        block[: len(turn)] = turn @ block
    return len(turn)


def left_factors(walk, n_rows, n_wanted):
    """Leading singular values and left singular vectors of a matrix with few rows.

    Costs n_rows² x n_voxels multiplications in float32; twice that, again, in float64 where the
    smallest value wanted is so small beside the largest that float32 products would lose it (the
    square root of a Gram matrix halves the digits). The matrix is seen block by block only.

    Parameters
    ----------
    walk : callable
        Gives, each time it is called, the blocks of voxels of the matrix, float32 of shape
        (n_rows, n_block).
    n_rows : int
    n_wanted : int

    Returns
    -------
    s : ndarray of float64, shape (n,)
        Decreasing. n is at most `n_wanted`, less where the rest is the rounding of float32 data.
    U : ndarray of float64, shape (n_rows, n)
    total : float
        Sum of squares of all rows.
    """
    s2, U = _spectrum(_gram(walk(), n_rows))
    if s2[:n_wanted].min(initial=np.inf) < 1e-4 * s2.max(initial=0.0):
        s2, U = _spectrum(_gram(walk(), n_rows, np.float64))
    n = int((s2[:n_wanted] > 1e-12 * s2.max(initial=0.0)).sum())
    return np.sqrt(s2[:n]), U[:, :n], float(s2.sum())


def gram(rows, dtype=np.float32):
    """Products of all pairs of rows: blocks of voxels in `dtype`, summed in float64."""
    return _gram(_blocks(rows), len(rows), dtype)


def _gram(blocks, n_rows, dtype=np.float32):
    G = np.zeros((n_rows, n_rows))
    for block in blocks:
        block = block.astype(dtype, copy=False)
        G += block @ block.T
    return G


def _blocks(rows):
    for voxels in voxel_blocks(rows.shape[1]):
        yield rows[:, voxels]


def _spectrum(G):
    """Eigenvalues and vectors of a Gram matrix, largest first."""
    s2, U = linalg.eigh(G)
    return np.clip(s2[::-1], 0.0, None), U[:, ::-1]


def _squared_norms(rows):
    return np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
