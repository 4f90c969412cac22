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

from __future__ import annotations

from typing import Self

import numpy as np

from nbica.runtime.checks import as_numbers, check_count
from nbica.signal.least_squares import blocks_of, gram_of_blocks

# Rows of which the Gram matrix is worth float64: of 176 timepoints that takes 0.02 s of a run's
# 0.5 s, of 1200 it would take 3 s of 20. Of 1200, float32 turned the leading 32 components by 6e-7,
# twice what the rounding of the signals to float32 does.
LONG = 512


class GroupSubspace:
    """Leading principal subspace of stacked rows, one run at a time.

    Memory is 2 n_kept x n_voxels x 4 B for any number of runs: rows are gathered until there are as
    many as are kept, then merged in place. A run costs about 5 n_kept x n_rows x n_voxels
    multiplications.

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

    See Also
    --------
    fast_ica : turns the subspace into independent maps.

    Notes
    -----
    Exact (to rounding) while no more than 2 `n_kept` rows were seen, else the approximation of
    MIGP: what a merge cuts off is the least of 5 `n_components` directions, and is lost. Another
    order of the runs then changes the last digits. On 20 real runs, 10 or 20 components and the
    worst of three orders (most unlike first), the smallest cosine to the SVD of the stack was
    .9998; keeping 3 `n_components` it was .9977.

    Examples
    --------
    >>> import numpy as np
    >>> from nbica.decomposition import GroupSubspace
    >>> rng = np.random.default_rng(0)
    >>> shared = rng.normal(size=(3, 500))
    >>> subspace = GroupSubspace(n_components=3)
    >>> for _ in range(4):
    ...     subspace = subspace.partial_fit(rng.normal(size=(5, 3)) @ shared)
    >>> subspace.components_.shape, subspace.n_runs_
    ((3, 500), 4)
    >>> np.allclose(subspace.components_ @ subspace.components_.T, np.eye(3), atol=1e-5)
    True
    """

    def __init__(self, n_components: int, n_kept: int | None = None) -> None:
        self.n_components = n_components
        self.n_kept = n_kept

    def partial_fit(self, rows: np.ndarray) -> Self:
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
        rows = as_numbers("rows", rows, "(n_rows, n_voxels)")
        self._make_room(len(rows), rows.shape[1])
        self._stack[self._n_filled : self._n_filled + len(rows)] = rows
        self._n_filled += len(rows)
        self.n_runs_ = getattr(self, "n_runs_", 0) + 1
        self.n_rows_ = getattr(self, "n_rows_", 0) + len(rows)
        return self

    def _make_room(self, n_rows, n_voxels):
        """Have a stack with so many free rows: by merging those in it, else by a larger one."""
        if not hasattr(self, "_stack"):
            check_count("n_components", self.n_components)
            if self.n_kept is not None:
                check_count("n_kept", self.n_kept)
            # What no row has been written to takes no memory yet.
            self._stack = np.empty((max(2 * self._capacity(), n_rows), n_voxels), np.float32)
            self._n_filled = 0
        if self._stack.shape[1] != n_voxels:
            msg = (
                f"This run has {n_voxels} voxels, those before {self._stack.shape[1]}: "
                "mask every run with the same mask."
            )
            raise ValueError(msg)
        if self._n_filled + n_rows > len(self._stack):
            self._merge()
        if self._n_filled + n_rows > len(self._stack):
            self._stack = np.vstack([self._stack, np.empty((n_rows, n_voxels), np.float32)])

    def _merge(self):
        self._n_filled = lead_inplace(self._stack[: self._n_filled], self._capacity())

    def _capacity(self):
        return max(self.n_components, self.n_kept or 5 * self.n_components)

    @property
    def singular_values_(self) -> np.ndarray:
        """Singular values of the rows so far."""
        return self._leading()[0]

    @property
    def components_(self) -> np.ndarray:
        """Components of the rows so far; to look at them changes nothing."""
        return self._leading()[1]

    def _leading(self):
        if getattr(self, "_led", (None,))[0] != self.n_rows_:
            rows = self._stack[: self._n_filled]
            self._led = (self.n_rows_, *leading_components(rows, self.n_components))
        return self._led[1:]


def leading_components(rows, n_components):
    """Leading singular values and right singular vectors of a matrix with few rows.

    Costs the Gram matrix of the rows and one product with them.

    Parameters
    ----------
    rows : ndarray of float32, shape (n_rows, n_voxels)
    n_components : int
        At most.

    Returns
    -------
    s : ndarray of float64, shape (n,)
    components : ndarray of float32, shape (n, n_voxels)
    """
    s, U, _ = left_factors(lambda: blocks_of(rows), len(rows), n_components)
    turn = np.ascontiguousarray((U / s).T, dtype=np.float32)
    return s, turn @ rows


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
    _, U, _ = left_factors(lambda: blocks_of(stack), len(stack), n_rows)
    turn = np.ascontiguousarray(U.T, dtype=np.float32)
    for block in blocks_of(stack):
        block[: len(turn)] = turn @ block
    return len(turn)


def left_factors(walk, n_rows, n_wanted):
    """Leading singular values and left singular vectors of a matrix with few rows.

    Costs n_rows² x n_voxels multiplications in float64: the square root of a Gram matrix halves the
    digits, and sums of float32 products are other ones on every processor. With more than 512 rows
    they are made in float32, and again in float64 only where the smallest value wanted is so small
    beside the largest that float32 would lose it. The matrix is seen block by block only.

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
    s2, U = _spectrum(gram_of_blocks(walk(), n_rows, np.float64 if n_rows <= LONG else np.float32))
    if n_rows > LONG and s2[:n_wanted].min(initial=np.inf) < 1e-4 * s2.max(initial=0.0):
        s2, U = _spectrum(gram_of_blocks(walk(), n_rows, np.float64))
    n = int((s2[:n_wanted] > 1e-12 * s2.max(initial=0.0)).sum())
    return np.sqrt(s2[:n]), U[:, :n], float(s2.sum())


def _spectrum(G):
    """Eigenvalues and vectors of a Gram matrix, largest first."""
    if not len(G):  # no rows, no values; LAPACK would complain
        return np.zeros(0), np.zeros((0, 0))
    s2, U = np.linalg.eigh(G)
    return np.clip(s2[::-1], 0.0, None), U[:, ::-1]
