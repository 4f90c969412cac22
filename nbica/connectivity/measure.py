"""Connectomes: how the time courses of one subject go together, for many subjects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.covariance import GraphicalLassoCV, LedoitWolf
from sklearn.utils.validation import check_is_fitted

from nbica.connectivity.matrices import (
    covariance_to_correlation,
    geometric_mean,
    inverse_sqrt,
    map_eigenvalues,
    precision_to_partial,
    sym_matrix_to_vec,
    vec_to_sym_matrix,
)
from nbica.exceptions import DataError
from nbica.runtime.checks import as_array, as_flag, as_list, check_flags, check_one_of
from nbica.signal.cleaning import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from nbica.hints import Confounds

KINDS = {
    "covariance": lambda covariances: covariances,
    "correlation": covariance_to_correlation,
    "partial correlation": lambda covariances: precision_to_partial(np.linalg.inv(covariances)),
    "precision": np.linalg.inv,
    # Displacements from the mean, which `transform` knows.
    "tangent": lambda covariances: covariances,
}
_SHORT = {"partial": "partial correlation"}
_ESTIMATORS = {"ledoit-wolf": LedoitWolf, "graphical lasso": GraphicalLassoCV}


def connectomes(
    time_courses: Sequence[np.ndarray],
    kind: Literal["correlation", "partial", "tangent", "precision", "covariance"] = "correlation",
    estimator: str | BaseEstimator = "ledoit-wolf", vectorize: bool = False,
) -> np.ndarray:  # fmt: skip
    """Compute the connectivity matrix of each subject in one call.

    Costs n_timepoints x n² multiplications per subject with Ledoit-Wolf; the graphical lasso, with
    its cross-validation, a second or so. To learn from some subjects and apply to others, or inside
    a Pipeline, take :class:`ConnectivityMeasure`, which this calls.

    Parameters
    ----------
    time_courses : list of ndarray, each of shape (n_timepoints, n)
        One per subject, as `CanICA.transform` gives them; lengths may differ.
    kind : {"correlation", "partial", "tangent", "precision", "covariance"}
    estimator : {"ledoit-wolf", "graphical lasso"} or an estimator with `fit` and `covariance_`
    vectorize : bool
        Lower triangles without the diagonal (with it for "tangent", "precision" and "covariance",
        where it says something) instead of matrices.

    Returns
    -------
    ndarray of shape (n_subjects, n, n), or (n_subjects, n_values)

    See Also
    --------
    ConnectivityMeasure : learns from some subjects, for others.

    Examples
    --------
    >>> import numpy as np
    >>> from nbica import connectivity
    >>> rng = np.random.default_rng(0)
    >>> time_courses = [rng.normal(size=(100, 4)) for _ in range(3)]
    >>> connectivity.connectomes(time_courses).shape
    (3, 4, 4)
    >>> connectivity.connectomes(time_courses, kind="tangent", vectorize=True).shape
    (3, 10)
    """
    check_kind(kind)
    vectorize = as_flag("vectorize", vectorize)
    says_nothing = _SHORT.get(kind, kind) in ("correlation", "partial correlation")
    measure = ConnectivityMeasure(
        estimator, kind=kind, vectorize=vectorize, discard_diagonal=says_nothing
    )
    return measure.fit_transform(time_courses)


class ConnectivityMeasure(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):
    """Functional connectivity of subjects as a scikit-learn transformer.

    Costs n_timepoints x n² multiplications and an n x n matrix per subject; "tangent" adds some ten
    eigendecompositions of each. Names, defaults and numbers are those of nilearn 0.14's class.

    Parameters
    ----------
    cov_estimator : estimator, "ledoit-wolf", "graphical lasso" or None
        With `fit` and `covariance_`, as in :mod:`sklearn.covariance`. None is Ledoit-Wolf [1]_,
        which shrinks just as much as so many timepoints need. "graphical lasso" is
        `GraphicalLassoCV`, a sparse precision [2]_; its one penalty for all pairs wants time
        courses of one scale.
    kind : {"covariance", "correlation", "partial correlation", "tangent", "precision"}
        "partial" is short for "partial correlation". "tangent" is the displacement of a subject
        from the geometric mean of those that were fitted [3]_.
    vectorize : bool
        Give lower triangles, as features for a classifier, instead of matrices.
    discard_diagonal : bool
        Without the diagonal, where vectorized.
    standardize : bool, None or "zscore_sample"
        Time courses of variance 1 before the estimate, for "correlation"; None is False, and
        "zscore_sample" is True.
    verbose : int
        Accepted so that scripts port.

    Attributes
    ----------
    cov_estimator_ : estimator
    mean_ : ndarray of shape (n, n)
        Over subjects; for "tangent" the geometric mean of covariances.
    whitening_ : ndarray of shape (n, n) or None
        For "tangent", the inverse square root of the mean.
    n_features_in_ : int
        Time courses per subject.

    See Also
    --------
    connectomes : the same in one call.
    classify_groups : tells groups apart by connectivity.

    References
    ----------
    .. [1] O. Ledoit, M. Wolf, "A well-conditioned estimator for large-dimensional covariance
       matrices", Journal of Multivariate Analysis 88 (2004), 365-411.
    .. [2] J. Friedman, T. Hastie, R. Tibshirani, "Sparse inverse covariance estimation with the
       graphical lasso", Biostatistics 9 (2008), 432-441.
    .. [3] G. Varoquaux et al., "Detection of brain functional-connectivity difference in
       post-stroke patients using group-level covariance modeling", MICCAI 2010, 200-208.

    Examples
    --------
    >>> import numpy as np
    >>> from nbica.connectivity import ConnectivityMeasure
    >>> rng = np.random.default_rng(0)
    >>> time_courses = [rng.normal(size=(100, 4)) for _ in range(3)]
    >>> measure = ConnectivityMeasure(kind="tangent").fit(time_courses[:2])
    >>> displacements = measure.transform(time_courses[2:])
    >>> displacements.shape, measure.inverse_transform(displacements).shape
    ((1, 4, 4), (1, 4, 4))
    """

    def __init__(
        self, cov_estimator: BaseEstimator | str | None = None, kind: str = "covariance",
        vectorize: bool = False, discard_diagonal: bool = False,
        standardize: bool | str | None = True, verbose: int = 0,
    ) -> None:  # fmt: skip
        self.cov_estimator = cov_estimator
        self.kind = kind
        self.vectorize = vectorize
        self.discard_diagonal = discard_diagonal
        self.standardize = standardize
        self.verbose = verbose

    def fit(self, X: Sequence[np.ndarray], y: object = None) -> Self:
        """Learn the mean over subjects.

        Parameters
        ----------
        X : list of ndarray, each of shape (n_timepoints, n)
        y : None

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For an unknown `kind`, or an estimator that is none.
        DataError
            For time courses that are not such arrays, naming the subject.
        """
        self._learn(X)
        return self

    def transform(self, X: Sequence[np.ndarray], confounds: Confounds = None) -> np.ndarray:
        """Connectivity of each subject.

        Parameters
        ----------
        X : list of ndarray, each of shape (n_timepoints, n)
        confounds : array of shape (n_subjects, n_confounds), DataFrame, path or None
            Values of the subjects, such as motion: what they explain is removed from the vectors,
            which `nbica.signal.clean` does with its defaults. Needs `vectorize`.

        Returns
        -------
        ndarray of shape (n_subjects, n, n), or of their lower triangles if `vectorize`
        """
        check_is_fitted(self)
        return self._finished(self._measured(check_series(X, self.n_features_in_)), confounds)

    def fit_transform(
        self, X: Sequence[np.ndarray], y: object = None, confounds: Confounds = None
    ) -> np.ndarray:
        """Fit and transform the same subjects, estimating each covariance once.

        Raises
        ------
        DataError
            Also for a single subject with "tangent": it would be its own mean.
        """
        measured = self._learn(X)
        if self.kind == "tangent" and len(measured) < 2:
            msg = "kind='tangent' is a displacement from the mean of a group; got one subject."
            raise DataError(msg)
        return self._finished(measured, confounds)

    def inverse_transform(
        self, connectivities: np.ndarray, diagonal: ArrayLike | None = None
    ) -> np.ndarray:
        """Return matrices for connectivities, and covariances for tangent displacements.

        Parameters
        ----------
        connectivities : ndarray of shape (n_subjects, n, n) or (n_subjects, n_values)
        diagonal : ndarray of shape (n_subjects, n), optional
            The diagonal, where vectors hold none, divided by sqrt(2) as `sym_matrix_to_vec` does;
            by default 1 for correlations and partial correlations.

        Returns
        -------
        ndarray of shape (n_subjects, n, n)

        Raises
        ------
        ValueError
            Where a diagonal is missing, or the values make no triangle.
        """
        check_is_fitted(self)
        matrices = np.asarray(connectivities, dtype=float)
        if matrices.ndim == 2:
            matrices = vec_to_sym_matrix(matrices, self._diagonal_of(matrices, diagonal))
        if self.kind != "tangent":
            return matrices
        root = np.linalg.inv(self.whitening_)
        return root @ map_eigenvalues(np.exp, matrices) @ root

    def _learn(self, X):
        """Learn the mean over subjects and, for tangents, the whitening; return all matrices."""
        self._check_kind()
        self.cov_estimator_ = _estimator_of(self.cov_estimator)
        series = check_series(X)
        measured = self._measured(series)
        self.n_features_in_ = series[0].shape[1]
        if self.kind == "tangent":
            _check_definite(measured)
            self.mean_ = geometric_mean(measured)
            self.whitening_ = inverse_sqrt(self.mean_)
        else:
            mean = measured.mean(axis=0)
            self.mean_, self.whitening_ = (mean + mean.T) / 2, None
        return measured

    def _check_kind(self):
        check_kind(self.kind)
        check_flags(vectorize=self.vectorize, discard_diagonal=self.discard_diagonal)
        if self.standardize not in (None, "zscore_sample"):  # nilearn's words for False and True
            as_flag("standardize", self.standardize)

    def _measured(self, series):
        standardize = self.standardize and self.kind == "correlation"
        covariances = _estimated(series, self.cov_estimator_, standardize)
        return KINDS[_SHORT.get(self.kind, self.kind)](covariances)

    def _finished(self, measured, confounds=None):
        """Matrices as the user asked for them: displaced, as vectors, without confounds."""
        if confounds is not None and not self.vectorize:
            msg = "confounds are removed from vectors: set vectorize=True, or leave them out."
            raise ValueError(msg)
        if self.kind == "tangent":
            measured = map_eigenvalues(np.log, self.whitening_ @ measured @ self.whitening_)
        if not self.vectorize:
            return measured
        vectors = sym_matrix_to_vec(measured, self.discard_diagonal)
        return vectors if confounds is None else clean(vectors, confounds=confounds)

    def _diagonal_of(self, vectors, diagonal):
        """The diagonal that vectors without one had, given or known to be 1."""
        if diagonal is not None or not self.discard_diagonal:
            return diagonal
        if _SHORT.get(self.kind, self.kind) not in ("correlation", "partial correlation"):
            msg = (
                f"The diagonals of kind={self.kind!r} were discarded and cannot be guessed: pass "
                "diagonal=..., or vectorize with discard_diagonal=False."
            )
            raise ValueError(msg)
        return np.full((len(vectors), self.n_features_in_), 1 / np.sqrt(2))

    def __sklearn_is_fitted__(self):
        """Tell scikit-learn whether `fit` has ended."""
        return hasattr(self, "mean_")


class Given(BaseEstimator):
    """In the place of an estimator: takes a covariance that was estimated before."""

    def fit(self, X):
        """Keep it."""
        self.covariance_ = X
        return self


def check_kind(kind):
    """Raise ValueError unless it is a kind of connectome."""
    check_one_of("kind", kind, [*KINDS, *_SHORT])


def covariances_of(time_courses, kind):
    """Covariances of which `ConnectivityMeasure(Given(), kind, standardize=False)` is made."""
    return _estimated(check_series(time_courses), _estimator_of(None), kind == "correlation")


def _estimated(series, estimator, standardize):
    if standardize:
        series = [_standardized(rows) for rows in series]
    # One estimator for all: it keeps nothing from one fit to the next.
    return np.stack([estimator.fit(rows).covariance_ for rows in series])


def _estimator_of(estimator):
    """The covariance estimator that a parameter stands for."""
    if estimator is None:
        return LedoitWolf(store_precision=False)
    if isinstance(estimator, str) and estimator in _ESTIMATORS:
        return _ESTIMATORS[estimator]()
    if not hasattr(estimator, "fit"):
        names = ", ".join(map(repr, _ESTIMATORS))
        msg = (
            f"The covariance estimator is {estimator!r}; expected {names}, or an object with `fit` "
            "and `covariance_`, as in sklearn.covariance."
        )
        raise ValueError(msg)
    return clone(estimator)


def check_series(X, n_expected=None):
    """Time courses of subjects as a list of float64 arrays, or a DataError that names one."""
    X = [X] if isinstance(X, np.ndarray) and X.ndim == 2 else as_list("time_courses", X)
    if not X:
        msg = "No time courses: expected a list with one array (n_timepoints, n) per subject."
        raise DataError(msg)
    series = [as_array(rows) for rows in X]
    n_expected = n_expected or (series[0].shape[-1] if series[0].ndim else "n")
    for number, rows in enumerate(series):
        if rows.dtype.kind not in "biuf":
            msg = f"Subject {number} has time courses of {rows.dtype}; expected numbers."
            raise DataError(msg)
        if rows.ndim != 2 or rows.shape[1] != n_expected or len(rows) < 2:
            msg = (
                f"Subject {number} has time courses of shape {rows.shape}; expected "
                f"(n_timepoints, {n_expected}), with two timepoints or more."
            )
            raise DataError(msg)
        if not np.isfinite(rows).all():
            msg = f"The time courses of subject {number} hold NaN or infinite values."
            raise DataError(msg)
    return [rows.astype(np.float64, copy=False) for rows in series]


def _standardized(rows):
    rows = rows - rows.mean(axis=0)
    deviations = rows.std(axis=0, ddof=1)
    return rows / np.where(deviations < np.finfo(float).eps, 1.0, deviations)


def _check_definite(covariances):
    smallest = np.linalg.eigvalsh(covariances)[:, 0]
    if smallest.min() <= 0:
        msg = (
            f"The covariance of subject {int(smallest.argmin())} is not positive definite, which "
            "kind='tangent' needs: a time course may be constant or a copy of another."
        )
        raise DataError(msg)
