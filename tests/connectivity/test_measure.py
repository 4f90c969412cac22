"""Connectomes: nilearn as oracle, planted covariances, vectors and back, bad input."""

import pickle

import nilearn.connectome
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.covariance import EmpiricalCovariance, GraphicalLasso, LedoitWolf
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nbica.connectivity import (
    ConnectivityMeasure,
    connectomes,
    sym_matrix_to_vec,
    vec_to_sym_matrix,
)
from nbica.connectivity.matrices import geometric_mean
from nbica.exceptions import DataError, NotConvergedWarning

KINDS = ["covariance", "correlation", "partial correlation", "tangent", "precision"]

# Both are float64; eigendecompositions and inverses of 6 x 6 matrices lose some digits.
SAME = 1e-9


@pytest.fixture
def series(rng):
    """Eight subjects of 80 to 87 timepoints, six time courses that go together."""
    return [
        rng.standard_normal((80 + i, 6)) @ rng.standard_normal((6, 6)) + 10 * rng.random(6)
        for i in range(8)
    ]


@pytest.mark.parametrize(("theirs", "ours"), [("zscore_sample", True), (None, False)])
def test_nilearns_words_for_standardizing_are_taken(rng, theirs, ours):
    """They mean what True and False mean."""
    series = [rng.standard_normal((30, 4)) * (1, 2, 3, 4)]

    measured = ConnectivityMeasure(kind="correlation", standardize=theirs).fit_transform(series)

    expected = ConnectivityMeasure(kind="correlation", standardize=ours).fit_transform(series)
    np.testing.assert_array_equal(measured, expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "options",
    [{}, {"vectorize": True}, {"vectorize": True, "discard_diagonal": True}],
    ids=["matrices", "vectors", "no diagonal"],
)
def test_numbers_are_nilearns(series, kind, options):
    """Connectomes, mean, whitening and new subjects are nilearn's, and so is the way back."""
    own = ConnectivityMeasure(kind=kind, **options)
    theirs = nilearn.connectome.ConnectivityMeasure(kind=kind, **options)

    found, expected = own.fit_transform(series[:6]), theirs.fit_transform(series[:6])

    scale = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, atol=SAME * scale)
    np.testing.assert_allclose(own.mean_, theirs.mean_, atol=SAME * np.abs(own.mean_).max())
    np.testing.assert_allclose(
        own.transform(series[6:]), theirs.transform(series[6:]), atol=SAME * scale
    )
    if kind == "tangent":
        np.testing.assert_allclose(own.whitening_, theirs.whitening_, atol=SAME)
    if not options.get("discard_diagonal") or "correlation" in kind:
        back, again = own.inverse_transform(found), theirs.inverse_transform(expected)
        np.testing.assert_allclose(back, again, atol=SAME * np.abs(again).max())


@pytest.mark.parametrize("estimator", [EmpiricalCovariance(), LedoitWolf(), GraphicalLasso(0.1)])
def test_any_covariance_estimator(series, estimator):
    """Whatever estimates a covariance in scikit-learn gives what nilearn makes of it."""
    series = [rows / rows.std(axis=0) for rows in series[:2]]

    found = connectomes(series, "partial", estimator)

    theirs = nilearn.connectome.ConnectivityMeasure(clone(estimator), "partial correlation")
    np.testing.assert_allclose(found, theirs.fit_transform(series), atol=SAME)


def test_graphical_lasso_finds_who_is_connected(rng):
    """Of a chain, partial correlations are found between neighbours, and fewer others than so."""
    precision = np.eye(6) + np.diag(np.full(5, -0.45), 1) + np.diag(np.full(5, -0.45), -1)
    courses = rng.multivariate_normal(np.zeros(6), np.linalg.inv(precision), 200)

    lasso = connectomes([courses], "partial", "graphical lasso")[0]
    shrunk = connectomes([courses], "partial")[0]

    neighbours = np.eye(6, k=1, dtype=bool)
    others = np.triu(np.ones((6, 6), bool), k=2)
    assert lasso[neighbours].min() > 0.2
    assert np.abs(lasso[others]).mean() < np.abs(shrunk[others]).mean()
    assert (np.abs(lasso[others]) < 1e-3).sum() >= 5  # zeros, as coordinate descent leaves them


def test_connectomes_in_one_call(series):
    """Matrices by default; vectors without the diagonal where that is 1 for everybody."""
    assert connectomes(series).shape == (8, 6, 6)
    assert connectomes(series, vectorize=True).shape == (8, 15)
    assert connectomes(series, "tangent", vectorize=True).shape == (8, 21)
    np.testing.assert_array_equal(connectomes(series)[:, range(6), range(6)], 1)


def test_tangent_is_displacement_from_the_mean(series):
    """Displacements sum to nothing, and lead back from the mean to each covariance."""
    measure = ConnectivityMeasure(kind="tangent").fit(series)

    displaced = measure.transform(series)

    np.testing.assert_allclose(
        displaced.mean(axis=0), 0, atol=1e-5
    )  # tolerance of the mean: n² tol
    covariances = connectomes(series, "covariance")
    np.testing.assert_allclose(
        measure.inverse_transform(displaced), covariances, atol=SAME * np.abs(covariances).max()
    )


def test_geometric_mean_of_commuting_matrices(rng):
    """Of matrices with the same eigenvectors it is the geometric mean of the eigenvalues."""
    Q = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    values = rng.uniform(0.1, 10, (5, 4))
    matrices = np.stack([(Q * v) @ Q.T for v in values])

    expected = (Q * np.exp(np.log(values).mean(axis=0))) @ Q.T
    np.testing.assert_allclose(geometric_mean(matrices), expected, atol=1e-6)  # 16 x its tol
    with pytest.warns(NotConvergedWarning, match="in 1 iterations"):
        geometric_mean(matrices, max_iter=1)


@pytest.mark.parametrize("discard_diagonal", [False, True])
def test_vectors_and_back(rng, discard_diagonal):
    """Triangles are nilearn's, keep distances, and give the matrices again."""
    matrices = rng.standard_normal((3, 5, 5))
    matrices += matrices.swapaxes(1, 2)

    vectors = sym_matrix_to_vec(matrices, discard_diagonal)

    theirs = nilearn.connectome.sym_matrix_to_vec(matrices, discard_diagonal)
    np.testing.assert_allclose(vectors, theirs)
    diagonal = np.diagonal(matrices, axis1=1, axis2=2) / np.sqrt(2) if discard_diagonal else None
    np.testing.assert_allclose(vec_to_sym_matrix(vectors, diagonal), matrices)
    if not discard_diagonal:
        squares = (matrices**2).sum(axis=(1, 2)) / 2
        np.testing.assert_allclose((vectors**2).sum(axis=1), squares)


def test_bad_triangles_are_refused():
    """Numbers of values that make no triangle, and diagonals that do not fit, say what would."""
    with pytest.raises(ValueError, match="1, 3, 6, 10"):
        vec_to_sym_matrix(np.zeros(4))
    with pytest.raises(ValueError, match=r"need \(3,\)"):
        vec_to_sym_matrix(np.zeros(3), np.zeros(2))


def test_a_discarded_diagonal_is_asked_for(series):
    """Precisions need it back, as vectors would hold it; with it they are what they were."""
    measure = ConnectivityMeasure(kind="precision", vectorize=True, discard_diagonal=True)
    vectors = measure.fit_transform(series)

    with pytest.raises(ValueError, match="pass diagonal"):
        measure.inverse_transform(vectors)
    expected = connectomes(series, "precision")
    diagonal = np.diagonal(expected, axis1=1, axis2=2) / np.sqrt(2)
    np.testing.assert_allclose(measure.inverse_transform(vectors, diagonal), expected)


def test_a_constant_time_course_is_connected_with_nothing(series):
    """It correlates 0 with all others, without a warning or a NaN."""
    series[0][:, 2] = 7.0

    found = connectomes(series[:1], "correlation")[0]

    np.testing.assert_array_equal(np.delete(found[2], 2), 0)
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda series: [], "No time courses"),
        (lambda series: [series[0], series[1][:, :4]], r"Subject 1 .*\(n_timepoints, 6\)"),
        (lambda series: [series[0], series[1][0]], "Subject 1"),
        (lambda series: [series[0], series[1][:1]], "two timepoints"),
        (lambda series: [series[0] * np.nan], "subject 0 hold NaN"),
    ],
    ids=["none", "widths", "1d", "short", "nan"],
)
def test_bad_time_courses_name_the_subject(series, spoil, message):
    """Time courses that cannot be used are refused with the number of the subject."""
    with pytest.raises(DataError, match=message):
        connectomes(spoil(series))


def test_bad_options_say_what_may_be(series):
    """An unknown kind or estimator, a lone tangent, and too early a transform are refused."""
    with pytest.raises(ValueError, match="'partial correlation'"):
        connectomes(series, "corelation")
    with pytest.raises(ValueError, match="'graphical lasso'"):
        connectomes(series, estimator="oas")
    with pytest.raises(DataError, match="one subject"):
        connectomes(series[:1], "tangent")
    with pytest.raises(NotFittedError):
        ConnectivityMeasure().transform(series)
    with pytest.raises(DataError, match=r"expected \(n_timepoints, 6\)"):
        ConnectivityMeasure().fit(series).transform([series[0][:, :3]])
    copies = [np.column_stack([rows, rows[:, :1]]) for rows in series]
    with pytest.raises(DataError, match="not positive definite"):
        connectomes(copies, "tangent", EmpiricalCovariance())


def test_follows_scikit_learns_rules(series):
    """Parameters are kept as given, a copy is unfitted, a pickle is fitted, a Pipeline takes it."""
    measure = ConnectivityMeasure(LedoitWolf(), kind="tangent", vectorize=True)
    assert measure.get_params(deep=False)["cov_estimator"] is measure.cov_estimator
    fitted = clone(measure).fit(series)
    assert not hasattr(clone(fitted), "mean_")

    again = pickle.loads(pickle.dumps(fitted))

    np.testing.assert_array_equal(again.transform(series), fitted.transform(series))
    scaled = make_pipeline(measure, StandardScaler()).fit_transform(series)
    assert scaled.shape == (8, 21)
    assert make_pipeline(measure).set_params(connectivitymeasure__kind="precision")
