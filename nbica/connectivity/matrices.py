"""Symmetric matrices: as vectors and back, functions of their eigenvalues, their geometric mean."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from nbica.exceptions import NotConvergedWarning
from nbica.runtime.checks import as_array, as_flag

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def sym_matrix_to_vec(symmetric: np.ndarray, discard_diagonal: bool = False) -> np.ndarray:
    """Return the lower triangles of symmetric matrices, row by row.

    Parameters
    ----------
    symmetric : ndarray of shape (..., n, n)
    discard_diagonal : bool
        Leave the diagonal out. Where it stays it is divided by sqrt(2), so that the distance of two
        vectors is that of the matrices, but for a factor.

    Returns
    -------
    ndarray of shape (..., n * (n + 1) / 2), or (..., n * (n - 1) / 2) without the diagonal

    See Also
    --------
    vec_to_sym_matrix : the way back.

    Examples
    --------
    >>> import numpy as np
    >>> from nbica import connectivity
    >>> matrix = np.array([[1.0, 0.5, 0.2], [0.5, 1.0, 0.3], [0.2, 0.3, 1.0]])
    >>> connectivity.sym_matrix_to_vec(matrix, discard_diagonal=True).tolist()
    [0.5, 0.2, 0.3]
    """
    discard_diagonal = as_flag("discard_diagonal", discard_diagonal)
    symmetric = _real(symmetric, "symmetric", 2)
    n = symmetric.shape[-1]
    if symmetric.shape[-2] != n or not _are_symmetric(symmetric):
        msg = f"symmetric has shape {symmetric.shape}; expected symmetric matrices, (..., n, n)."
        raise ValueError(msg)
    rows, columns = np.tril_indices(n, k=-1 if discard_diagonal else 0)
    return symmetric[..., rows, columns] / np.where(rows == columns, np.sqrt(2), 1.0)


def vec_to_sym_matrix(vec: np.ndarray, diagonal: ArrayLike | None = None) -> np.ndarray:
    """Return the symmetric matrices of vectors that :func:`sym_matrix_to_vec` made.

    Parameters
    ----------
    vec : ndarray of shape (..., n_values)
    diagonal : ndarray of shape (..., n), optional
        Given where the vectors hold no diagonal; divided by sqrt(2) as theirs would be.

    Returns
    -------
    ndarray of shape (..., n, n)

    Raises
    ------
    ValueError
        If no triangle has so many values, or the diagonal does not fit.

    See Also
    --------
    sym_matrix_to_vec : the way there.

    Examples
    --------
    >>> import numpy as np
    >>> from nbica import connectivity
    >>> matrix = np.array([[1.0, 0.5, 0.2], [0.5, 1.0, 0.3], [0.2, 0.3, 1.0]])
    >>> vector = connectivity.sym_matrix_to_vec(matrix)
    >>> np.allclose(connectivity.vec_to_sym_matrix(vector), matrix)
    True
    """
    vec = _real(vec, "vec", 1).astype(float)
    n = _side(vec.shape[-1], has_diagonal=diagonal is None)
    symmetric = np.zeros((*vec.shape[:-1], n, n))
    rows, columns = np.tril_indices(n, k=0 if diagonal is None else -1)
    symmetric[..., rows, columns] = vec
    symmetric[..., columns, rows] = vec
    if diagonal is not None:
        symmetric[..., np.arange(n), np.arange(n)] = _checked(diagonal, symmetric.shape[:-1])
    symmetric[..., np.arange(n), np.arange(n)] *= np.sqrt(2)
    return symmetric


def _real(values, name, n_axes):
    found = as_array(values)
    if found.dtype.kind not in "biuf" or found.ndim < n_axes:
        what = f"{found.dtype} of shape {found.shape}"
        msg = f"{name} is {what}; expected real numbers with {n_axes} axes or more."
        raise ValueError(msg)
    return found


def _are_symmetric(matrices):
    rounding = 1e-6 * np.abs(np.nan_to_num(matrices)).max(initial=0)
    return np.allclose(matrices, matrices.swapaxes(-1, -2), rtol=0, atol=rounding, equal_nan=True)


def _side(n_values, *, has_diagonal):
    n = round((np.sqrt(8 * n_values + 1) - 1) / 2)
    if n * (n + 1) // 2 != n_values:
        msg = (
            f"A vector of {n_values} values is not a lower triangle; expected n (n + 1) / 2 "
            "values: 1, 3, 6, 10, …"
        )
        raise ValueError(msg)
    return n if has_diagonal else n + 1


def _checked(diagonal, shape):
    diagonal = _real(diagonal, "diagonal", 1).astype(float)
    if diagonal.shape != shape:
        msg = f"The diagonal has shape {diagonal.shape}; these vectors need {shape}."
        raise ValueError(msg)
    return diagonal


def map_eigenvalues(function, symmetric):
    """Function of symmetric matrices, by their eigenvalues.

    Parameters
    ----------
    function : callable
        Takes an array of eigenvalues.
    symmetric : ndarray of shape (..., n, n)

    Returns
    -------
    ndarray of shape (..., n, n)
    """
    values, vectors = np.linalg.eigh(symmetric)
    return (vectors * function(values)[..., np.newaxis, :]) @ vectors.swapaxes(-1, -2)


def inverse_sqrt(symmetric):
    """Inverse square root of symmetric positive definite matrices."""
    return map_eigenvalues(lambda values: 1 / np.sqrt(values), symmetric)


def geometric_mean(matrices, max_iter=30, tol=1e-7):
    """Matrix nearest to several symmetric positive definite ones, in the affine-invariant metric.

    Time is that of one eigendecomposition of each matrix per iteration; some ten of them.

    Parameters
    ----------
    matrices : ndarray of shape (n_matrices, n, n)
    max_iter : int
    tol : float
        Largest norm of the gradient, divided by n², at which the mean is found.

    Returns
    -------
    ndarray of shape (n, n)

    References
    ----------
    .. [1] P. T. Fletcher, S. Joshi, "Riemannian geometry for the statistical analysis of diffusion
       tensor data", Signal Processing 87 (2007), algorithm 3.
    """
    M, step, smallest = matrices.mean(axis=0), 1.0, np.inf
    for _ in range(max_iter):
        whitening, root = inverse_sqrt(M), map_eigenvalues(np.sqrt, M)
        # The direction from M to the mean of the others, as seen from M.
        gradient = map_eigenvalues(np.log, whitening @ matrices @ whitening).mean(axis=0)
        size = np.linalg.norm(gradient)
        M = root @ map_eigenvalues(lambda values, step=step: np.exp(step * values), gradient) @ root
        if size > smallest:
            step, size = step / 2, smallest
        smallest = size
        if size / M.size < tol:
            return M
    msg = (
        f"The geometric mean was not found in {max_iter} iterations (gradient {size / M.size:.2g}, "
        f"tolerance {tol:.2g}): the matrices may be close to singular."
    )
    warnings.warn(msg, NotConvergedWarning, stacklevel=2)
    return M


def covariance_to_correlation(covariance):
    """Correlations of covariances, with a diagonal of exactly 1; 0 with a constant series.

    Parameters
    ----------
    covariance : ndarray of shape (..., n, n)
    """
    variances = np.diagonal(covariance, axis1=-2, axis2=-1)
    scale = 1 / np.sqrt(np.where(variances > 0, variances, 1.0))
    return _with_ones(covariance * scale[..., np.newaxis] * scale[..., np.newaxis, :])


def precision_to_partial(precision):
    """Partial correlations of precisions (inverse covariances), with a diagonal of exactly 1."""
    return _with_ones(-covariance_to_correlation(precision))


def _with_ones(matrices):
    diagonal = np.arange(matrices.shape[-1])
    matrices[..., diagonal, diagonal] = 1.0
    return matrices
