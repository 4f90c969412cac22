"""Two groups compared by permutation: every edge or voxel at once, corrected for all."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from nbica.connectivity.matrices import sym_matrix_to_vec, vec_to_sym_matrix
from nbica.connectivity.tfce import enhance
from nbica.exceptions import DataError, DataWarning
from nbica.masking.mask import load_mask
from nbica.runtime.checks import as_list, check_count, check_one_of, check_seed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from nbica.hints import ImageLike
    from nbica.masking.mask import Mask

# Statistics of so many permutations are in memory at once.
_CHUNK_BYTES = 32e6
# A relabelling that changes nothing counts as one that reached what was observed.
_SAME = 1 - 1e-9


@dataclass(frozen=True)
class GroupComparison:
    """The values in which two groups differ.

    Attributes
    ----------
    groups : tuple of two labels
        Differences are those of the first minus the second.
    difference : ndarray
        Difference of the means, in the unit and the shape of one subject's values; with confounds,
        what is left of it once they are accounted for.
    t : ndarray
        Student's, for equal variances.
    p : ndarray
        Two-sided, corrected for all values. By "max" it is the chance that any value anywhere would
        differ as much if the labels meant nothing; by "fdr" the largest share of false ones among
        all values with no larger p, on average.
    p_uncorrected : ndarray
        Two-sided, each value by itself.
    largest : ndarray of shape (n_permutations,)
        The null distribution: largest |t| of each permutation, sorted.
    correction : {"max", "fdr", "tfce"}
        What `p` is corrected by.
    tfce : ndarray or None
        With "tfce", t enhanced by its clusters; `largest` is of these.

    See Also
    --------
    compare_groups : makes one.

    Examples
    --------
    >>> import numpy as np
    >>> from nbica import connectivity
    >>> rng = np.random.default_rng(0)
    >>> matrices = rng.normal(size=(12, 4, 4))
    >>> matrices += matrices.transpose(0, 2, 1)
    >>> found = connectivity.compare_groups(matrices, ["a", "b"] * 6, n_permutations=200)
    >>> found.t.shape, found.largest.shape
    ((4, 4), (200,))
    >>> bool((found.p >= found.p_uncorrected)[np.tril_indices(4, -1)].all())
    True
    """

    groups: tuple
    difference: np.ndarray
    t: np.ndarray
    p: np.ndarray
    p_uncorrected: np.ndarray
    largest: np.ndarray
    correction: str = "max"
    tfce: np.ndarray | None = None

    def __repr__(self):
        first, second = self.groups
        return (
            f"<{first} - {second}: largest |t| = {np.abs(self.t).max():.2f}, smallest corrected "
            f"p = {self.p.min():.4f} ({self.correction}), {len(self.largest)} permutations>"
        )


def compare_groups(
    values: np.ndarray, groups: Sequence, confounds: ArrayLike | None = None,
    n_permutations: int = 10000, random_state: int | np.random.Generator | None = 0,
    correction: Literal["max", "fdr", "tfce"] = "max", mask_img: ImageLike | Mask | None = None,
) -> GroupComparison:  # fmt: skip
    """Compare two groups of subjects, value by value, by permutation of their labels.

    Costs n_permutations x n_subjects x n_values multiplications, and at most 32 MB beside the
    values. The largest |t| over all values, for each permutation, is the null distribution of the
    corrected p [1]_: their family-wise error is what it says, however the values are correlated.

    Parameters
    ----------
    values : ndarray of shape (n_subjects, n_values) or (n_subjects, n, n)
        Such as vectorized connectomes or subjects' maps. Of symmetric matrices the lower triangle
        is compared, without the diagonal; of others, such as transitions, all values; the results
        are matrices again.
    groups : sequence of n_subjects labels
        Labels of two kinds.
    confounds : ndarray of shape (n_subjects, n_confounds) or (n_subjects,), optional
        What else sets subjects apart (age, motion): covariates of a linear model beside the groups
        and a mean; permutations are those of its residuals without the groups [2]_.
    n_permutations : int
    random_state : int, Generator or None
    correction : {"max", "fdr", "tfce"}, default="max"
        What is kept to 5 % where p < .05: how often a study of groups that do not differ finds
        anything at all, or the share of false ones among what is found, by Benjamini and Hochberg
        [3]_ on the p of permutations. "fdr" finds more where much differs, and some of it is
        false. With few permutations no p can be small enough if few of many values differ: see the
        warning. "tfce" is "max" of maps whose t is enhanced where neighbors agree [4]_: it finds
        what is wide and weak. It costs 0.1 s for each permutation at 4 mm: 1000 will do.
    mask_img : path, nibabel image or Mask, optional
        With "tfce": the mask whose voxels the values are, in its order.

    Returns
    -------
    GroupComparison

    Warns
    -----
    DataWarning
        If there are so few labellings, or permutations for "fdr", that no p could be small.

    Raises
    ------
    DataError
        If there are not two groups of two subjects or more, one label per subject, or if the
        confounds explain the groups.

    See Also
    --------
    classify_groups : whether new subjects can be told apart.

    References
    ----------
    .. [1] T. Nichols, A. Holmes, "Nonparametric permutation tests for functional neuroimaging",
       Human Brain Mapping 15 (2002), 1-25.
    .. [2] D. Freedman, D. Lane, "A nonstochastic interpretation of reported significance levels",
       Journal of Business & Economic Statistics 1 (1983), 292-298.
    .. [3] Y. Benjamini, Y. Hochberg, "Controlling the false discovery rate", Journal of the Royal
       Statistical Society B 57 (1995), 289-300.
    .. [4] S. Smith, T. Nichols, "Threshold-free cluster enhancement", NeuroImage 44 (2009), 83-98.

    Examples
    --------
    >>> import numpy as np
    >>> from nbica import connectivity
    >>> rng = np.random.default_rng(0)
    >>> values = rng.normal(size=(20, 50))
    >>> values[:10, 7] += 3
    >>> groups = ["patient"] * 10 + ["control"] * 10
    >>> found = connectivity.compare_groups(values, groups, n_permutations=500)
    >>> found.groups, np.flatnonzero(found.p < 0.05).tolist()
    (('control', 'patient'), [7])
    """
    check_one_of("correction", correction, ("max", "fdr", "tfce"))
    check_seed(random_state)
    check_count("n_permutations", n_permutations)
    # Symmetric matrices are compared by the values below their diagonal.
    values = as_real("values", values)
    names, is_first = check_groups(groups, len(values))
    is_square = values.ndim == 3 and values.shape[1] == values.shape[2]
    is_symmetric = is_square and _are_symmetric(values)
    rows = values.reshape(len(values), -1) if is_square else values
    if is_symmetric:
        rows = sym_matrix_to_vec(values, discard_diagonal=True)
    if rows.ndim != 2 or not rows.size or not np.isfinite(rows).all():
        msg = (
            f"values have shape {values.shape}; expected (n_subjects, n_values) or "
            "(n_subjects, n, n), one value or more, all finite."
        )
        raise DataError(msg)
    _warn_of_few(is_first)
    # Student's t as the groups are, and its largest value under each shuffle of the labels.
    design = _Design(is_first, confounds)
    difference, t = design.estimate(rows)
    enhanced = _enhancement(correction, mask_img, rows.shape[1])
    largest, at_least = _permute(design, rows, np.abs(t), n_permutations, random_state, enhanced)
    tfce = enhanced(t[np.newaxis])[0]
    n_above = n_permutations - np.searchsorted(largest, _SAME * np.abs(tfce), side="left")
    # The labels as they are count as one of the permutations: no p is 0.
    p, p_uncorrected = ((1 + n) / (1 + n_permutations) for n in (n_above, at_least))
    if correction == "fdr":
        _warn_of_few_permutations(n_permutations, len(p))
        p = false_discovery_rates(p_uncorrected)
    # Matrices come back as matrices, with a diagonal that says nothing.
    results = (difference, t, p, p_uncorrected)
    if is_square and not is_symmetric:
        results = [r.reshape(values.shape[1:]) for r in results]
    elif is_square:
        diagonals = (0.0, 0.0, 1.0, 1.0)
        results = [_square(r, d, len(values[0])) for r, d in zip(results, diagonals, strict=True)]
    tfce = tfce if correction == "tfce" else None
    return GroupComparison(names, *results, largest, correction, tfce)


def _are_symmetric(matrices):
    """Whether matrices are, to what products of float32 are known to."""
    known = 1e-5 * np.nanmax(np.abs(matrices), initial=0.0)
    return np.allclose(matrices, matrices.swapaxes(1, 2), rtol=0.0, atol=known, equal_nan=True)


def _enhancement(correction, mask_img, n_values):
    """What is made of t before the largest of it is taken."""
    if correction != "tfce":
        return lambda t: t
    if mask_img is None:
        msg = "correction='tfce' needs to know which voxels are neighbors: pass mask_img."
        raise ValueError(msg)
    mask = load_mask(mask_img).array
    if mask.sum() != n_values:
        msg = f"The mask has {mask.sum()} voxels and the values have {n_values}; pass their mask."
        raise DataError(msg)
    return lambda t: enhance(t, mask)


def false_discovery_rates(p):
    """Smallest rate of false discoveries at which each value is one, by Benjamini and Hochberg.

    >>> false_discovery_rates(np.array([0.01, 0.04, 0.03, 0.5])).round(3)
    array([0.04 , 0.053, 0.053, 0.5  ])
    """
    order = np.argsort(p)[::-1]
    rates = p[order] * len(p) / np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum.accumulate(rates)
    return np.minimum(adjusted, 1.0)


def as_labels(name, labels):
    """Labels as an array; a ValueError for what is no list of them."""
    labels = as_list(name, labels)
    if not all(np.isscalar(label) for label in labels):
        msg = f"{name} is {labels!r}; expected a list of names or numbers."
        raise ValueError(msg)
    return np.asarray(labels)


def as_real(name, values):
    """One number or several for each subject as float64; a ValueError for what is none."""
    try:
        found = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        found = np.empty(())
    if not found.ndim:
        msg = f"{name} is a {type(values).__name__}; expected an array with a row for each subject."
        raise ValueError(msg)
    return found


def check_groups(groups, n_subjects):
    """Labels of two groups, sorted, and which subjects have the first.

    Raises
    ------
    DataError
    """
    groups = as_labels("groups", groups)
    if groups.shape != (n_subjects,):
        msg = (
            f"groups has shape {groups.shape}; expected one label for each of {n_subjects} subjects"
        )
        raise DataError(msg)
    names, sizes = np.unique(groups, return_counts=True)
    if len(names) != 2 or sizes.min() < 2:
        found = ", ".join(f"{name}: {size}" for name, size in zip(names, sizes, strict=True))
        msg = f"Found the groups {found}; expected two groups of at least two subjects."
        raise DataError(msg)
    return tuple(names.tolist()), groups == names[0]


class _Design:
    """The difference of two groups beside nuisances: a mean, and confounds where there are any."""

    def __init__(self, is_first, confounds):
        n_subjects = len(is_first)
        nuisance = np.ones((n_subjects, 1))
        if confounds is not None:
            confounds = as_real("confounds", confounds)
            if confounds.ndim > 2 or len(confounds) != n_subjects:
                msg = f"confounds have shape {confounds.shape}; expected {n_subjects} rows."
                raise ValueError(msg)
            nuisance = np.column_stack([nuisance, confounds])
        Q, R = np.linalg.qr(nuisance)
        self._Q = Q[:, np.abs(np.diag(R)) > 1e-10 * np.abs(R).max()]
        self._contrast = self._residuals(is_first.astype(float))
        self.degrees = n_subjects - 1 - self._Q.shape[1]
        self._size = np.linalg.norm(self._contrast)
        if self.degrees < 1 or self._size < 1e-6:
            msg = "The confounds leave nothing of the difference of the groups to be tested."
            raise DataError(msg)

    def _residuals(self, rows):
        return rows - self._Q @ (self._Q.T @ rows)

    def estimate(self, rows):
        """Difference and t of every value."""
        residuals = self.prepared(rows)
        t = self.statistics(residuals, np.arange(len(rows))[np.newaxis])[0]
        return self._contrast @ residuals / self._size**2, t

    def prepared(self, rows):
        """What the nuisances do not explain; a value that they explain wholly becomes 0."""
        residuals = self._residuals(rows)
        total = np.linalg.norm(rows, axis=0)
        return np.where(np.linalg.norm(residuals, axis=0) < 1e-12 * total, 0.0, residuals)

    def statistics(self, residuals, orders):
        """T of every value, for permutations of the residuals; shape (n_orders, n_values)."""
        inverse = np.argsort(orders, axis=1)
        explained = ((self._contrast / self._size)[inverse]) @ residuals
        left = (residuals**2).sum(axis=0) - explained**2
        # The nuisances explain something of permuted residuals again (not so the mean).
        for column in self._Q.T[1:]:
            left -= (column[inverse] @ residuals) ** 2
        left = np.sqrt(np.maximum(left, 0) / self.degrees)
        return np.divide(explained, left, out=np.zeros_like(explained), where=left > 0)


def _permute(design, rows, observed, n_permutations, random_state, enhanced):
    """Sorted largest enhanced |t| of each permutation; how many reached each observed |t|."""
    rng = np.random.default_rng(random_state)
    n_subjects, n_values = rows.shape
    residuals = design.prepared(rows)
    largest, at_least = np.empty(n_permutations), np.zeros(n_values, dtype=int)
    n_chunk = max(1, int(_CHUNK_BYTES / (4 * 8 * n_values)))
    for start in range(0, n_permutations, n_chunk):
        n = min(n_chunk, n_permutations - start)
        orders = rng.permuted(np.tile(np.arange(n_subjects), (n, 1)), axis=1)
        t = design.statistics(residuals, orders)
        largest[start : start + n] = np.abs(enhanced(t)).max(axis=1)
        at_least += (np.abs(t) >= _SAME * observed).sum(axis=0)
    return np.sort(largest), at_least


def _warn_of_few(is_first):
    n_ways = math.comb(len(is_first), int(is_first.sum()))
    if n_ways < 100:
        msg = (
            f"{len(is_first)} subjects can be labelled in only {n_ways} ways: no p below "
            f"{1 / n_ways:.2g} can be expected."
        )
        warnings.warn(msg, DataWarning, stacklevel=3)


def _warn_of_few_permutations(n_permutations, n_values):
    n_least = math.ceil(n_values / (0.05 * (1 + n_permutations)))
    if n_least > 1:
        msg = (
            f"With {n_permutations} permutations the smallest p is {1 / (1 + n_permutations):.1g}: "
            f"fewer than {n_least} of {n_values} values cannot be found at a false discovery rate "
            "of .05. Raise n_permutations."
        )
        warnings.warn(msg, DataWarning, stacklevel=3)


def _square(vector, diagonal, n):
    return vec_to_sym_matrix(vector, np.full(n, diagonal) / np.sqrt(2))
