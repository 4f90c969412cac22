"""The dictionary solver: scikit-learn's lasso as oracle, the objective only falls, odd input."""

import numpy as np
import pytest
from sklearn.decomposition import dict_learning_online, sparse_encode

from nbica.decomposition.sparse_coding import dictionary_of, encode, improve, learn_dictionary
from nbica.runtime import scratch

# Rows and maps are float32; a lasso that starts cold ends within its own tolerance of 1e-4.
SETTLED = 1e-3


@pytest.fixture
def planted(rng):
    """Rows (30, 3000) of sparse maps (6, 3000), of which a tenth is not 0, with noise."""
    maps = rng.laplace(size=(6, 3000)) * (rng.random((6, 3000)) < 0.1)
    courses = rng.standard_normal((30, 6))
    rows = courses / np.linalg.norm(courses, axis=0) @ maps * 10
    return (rows + 0.3 * rng.standard_normal(rows.shape)).astype(np.float32), maps


def rough(rng, maps):
    """Maps to start from: the truth, mixed and with noise."""
    mixing = np.eye(len(maps)) + 0.2 * rng.standard_normal((len(maps), len(maps)))
    return mixing @ maps + 0.1 * rng.standard_normal(maps.shape)


def test_maps_are_scikit_learns_lasso(rng, planted):
    """For a dictionary the maps are those of scikit-learn, and so are sums and objective."""
    rows, maps = planted
    D = dictionary_of(rows, rough(rng, maps))
    C = np.zeros(maps.shape, np.float32)

    A, B, objective = encode(rows, D, C, alpha=2.0)

    expected = sparse_encode(
        rows.T.astype(float), D.T, algorithm="lasso_cd", alpha=2.0, max_iter=5000
    ).T
    np.testing.assert_allclose(C, expected, atol=SETTLED * np.abs(expected).max())
    np.testing.assert_allclose(A, expected @ expected.T, atol=SETTLED * A.max())
    np.testing.assert_allclose(B, rows @ expected.T, atol=SETTLED * np.abs(B).max())
    left = 0.5 * ((rows - D @ expected) ** 2).sum() + 2.0 * np.abs(expected).sum()
    assert objective == pytest.approx(left, rel=1e-5)


def test_the_objective_never_rises(rng, planted):
    """Each step lowers it, up to the rounding of float32, and columns keep to norm 1."""
    rows, maps = planted

    found = learn_dictionary(rows, rough(rng, maps), alpha=2.0, tol=1e-9, max_iter=40)

    objective = np.array(found.objective)
    assert (np.diff(objective) <= 1e-6 * objective[0]).all()
    assert np.linalg.norm(found.dictionary, axis=0).max() <= 1 + 1e-12
    assert objective[-1] < 0.9 * objective[0]


@pytest.mark.filterwarnings("ignore:Objective did not converge")  # the peer's
def test_planted_maps_come_back_at_a_better_objective_than_online(rng, planted):
    """The truth is found, and scikit-learn's online solver from the same start ends no lower."""
    rows, maps = planted
    start = rough(rng, maps)

    found = learn_dictionary(rows, start, alpha=2.0)

    r = [abs(np.corrcoef(a, b)[0, 1]) for a, b in zip(found.maps, maps, strict=True)]
    assert found.converged
    assert min(r) > 0.97
    _, D = dict_learning_online(
        rows.T, 6, alpha=2.0, batch_size=20, method="cd", max_iter=150, random_state=0,
        dict_init=dictionary_of(rows, start).T.astype(np.float32), return_code=True,
    )  # fmt: skip
    theirs = encode(rows, D.T.astype(float), np.zeros(maps.shape, np.float32), 2.0)[2]
    assert found.objective[-1] <= theirs * (1 + 1e-4)


def test_blocks_change_nothing(rng, planted, monkeypatch):
    """Maps do not depend on how many voxels are worked on at once, but for rounding."""
    rows, maps = planted
    start = rough(rng, maps)
    whole = learn_dictionary(rows, start, 2.0, max_iter=5)
    monkeypatch.setattr(scratch, "BLOCK", 700)

    parts = learn_dictionary(rows, start, 2.0, max_iter=5)

    np.testing.assert_allclose(parts.maps, whole.maps, atol=SETTLED * np.abs(whole.maps).max())


def test_an_empty_map_keeps_its_column(planted):
    """A map that the price emptied leaves its column as it was, and nothing is NaN."""
    rows, maps = planted
    D = np.linalg.qr(np.random.default_rng(1).standard_normal((30, 6)))[0]
    A, B = np.diag([1.0, 2, 0, 1, 1, 1]), np.ones((30, 6))

    improved = improve(D, A, B)

    np.testing.assert_array_equal(improved[:, 2], D[:, 2])
    nothing = learn_dictionary(rows, maps, alpha=1e6)
    assert not nothing.maps.any()
    assert np.isfinite(nothing.objective).all()


def test_a_map_of_zeros_to_start_from(rng, planted):
    """It has no column to start from and stays empty; the others are found."""
    rows, maps = planted
    start = rough(rng, maps)
    start[3] = 0

    found = learn_dictionary(rows, start, 2.0)

    assert not found.maps[3].any()
    assert np.isfinite(found.dictionary).all()
    assert (np.delete(found.maps, 3, axis=0) != 0).any(axis=1).all()
