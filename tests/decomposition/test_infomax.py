"""Infomax from a start, and how many components of a run: scipy as oracle, planted sources."""

import numpy as np
import pytest
from planted import estimator, mixed, write_cohort
from scipy import optimize
from sklearn.base import clone

from nbica.decomposition.ica import fast_ica, whiten
from nbica.decomposition.infomax import infomax
from nbica.exceptions import NotConvergedWarning
from nbica.matching import match


def loss(W, X):
    """What Infomax minimizes, as its paper has it."""
    return 2 * np.log(2 * np.cosh(W @ X / 2)).mean(axis=1).sum() - np.linalg.slogdet(W)[1]


@pytest.fixture
def sources(rng):
    """Networks side by side: where one is another is not, which correlates their maps."""
    owner = rng.integers(7, size=3000)
    sources = np.array([rng.gamma(2.0, size=3000) * (owner == number) for number in range(5)])
    sources += 0.1 * rng.standard_normal(sources.shape)
    sources -= sources.mean(axis=1, keepdims=True)
    return sources / np.linalg.norm(sources, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def cohort_of_three(tmp_path_factory):
    """Three runs with five networks; nobody writes to it."""
    return write_cohort(tmp_path_factory.mktemp("cohort"), n_runs=3)


def test_minimum_is_scipys(rng, sources):
    """From the same start, the unmixing matrix is that of scipy's BFGS on the same likelihood."""
    X = whiten(mixed(rng, sources)).astype(float)
    start = fast_ica(X, 2, 0).restarts[0].rotation

    found = infomax(X, start)

    def gradient(w):
        W = w.reshape(5, 5)
        return (np.tanh(W @ X / 2) @ X.T / X.shape[1] - np.linalg.inv(W).T).ravel()

    expected = optimize.minimize(
        lambda w: loss(w.reshape(5, 5), X), start.ravel(), jac=gradient, options={"gtol": 1e-9}
    )
    assert found.converged
    np.testing.assert_allclose(found.W, expected.x.reshape(5, 5), atol=1e-6)


def test_correlated_networks_are_found_better(rng, sources):
    """Maps of Infomax need not be orthogonal: correlated networks are nearer than by FastICA."""
    components = mixed(rng, sources)

    fastica, infomax = (
        fast_ica(components, 3, 0, algorithm=name) for name in ("fastica", "infomax")
    )

    errors = [1 - match(found.maps, sources).mean for found in (fastica, infomax)]
    assert errors[1] < 0.7 * errors[0]
    np.testing.assert_allclose(np.linalg.norm(infomax.maps, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(infomax.maps.mean(axis=1), 0, atol=1e-6)
    assert infomax.polish.n_iter < 100


def test_another_seed_and_basis_give_the_same_maps(rng, sources):
    """No random number is drawn, and only the span counts."""
    components = mixed(rng, sources)
    other = np.asfortranarray(rng.standard_normal((5, 5)) @ components.astype(float))

    first, second = (
        fast_ica(X, random_state=seed, algorithm="infomax").maps
        for X, seed in ((components, 0), (other, 1))
    )

    assert np.abs(match(first, second).correlations).min() > 1 - 1e-6


def test_gaussian_maps_end_somewhere(rng):
    """Without any source the descent ends, lower than it began, at finite maps."""
    X = whiten(rng.standard_normal((6, 2000)))

    found = infomax(X, np.eye(6))

    assert np.isfinite(found.W).all()
    assert loss(found.W, X) < loss(np.eye(6), X)
    assert found.n_iter < 200


def test_who_stops_early_is_told(rng, sources):
    """A descent that is cut short warns, with the knob to turn."""
    components = mixed(rng, sources)
    start = fast_ica(components, 2, 0).restarts[0].rotation

    assert not infomax(whiten(components), start, max_iter=2).converged
    with pytest.warns(NotConvergedWarning, match="max_iter=8"):
        fast_ica(components, 2, 0, max_iter=8, tol=0.1, algorithm="infomax")


def test_a_fit_with_infomax(cohort_of_three):
    """The estimator goes on from FastICA's maps, nearby, and keeps where the starts ended."""
    cohort, options = cohort_of_three, {"n_init": 3}
    plain = estimator(**options).fit(cohort.func, confounds=cohort.confounds)
    polished = clone(plain).set_params(algorithm="infomax")
    polished.fit(cohort.func, confounds=cohort.confounds)

    r = np.abs(match(polished.components_, plain.components_).correlations)
    assert 0.9 < r.min() < r.max() < 1 - 1e-6
    assert match(polished.components_, cohort.maps).mean > 0.8
    np.testing.assert_array_equal(polished.rotations_, plain.rotations_)
    assert polished.rotations_.shape == (3, 5, 5)
    with pytest.raises(ValueError, match="expected one of 'fastica', 'infomax'"):
        clone(plain).set_params(algorithm="picard").fit(cohort.func)


def test_first_level_components_are_a_parameter(cohort_of_three, tmp_path):
    """So many are taken of each run, in the plan and the cache too; None is what it was before."""
    cohort = cohort_of_three
    fits = {
        n: estimator(n_pca_components=n, do_cca=True, memory=tmp_path).fit(cohort.func)
        for n in (None, 5, 20)
    }

    taken = {n: list(ica.runs_["n_components"]) for n, ica in fits.items()}
    assert taken == {None: [5] * 3, 5: [5] * 3, 20: [20] * 3}
    np.testing.assert_array_equal(fits[None].components_, fits[5].components_)
    assert np.abs(fits[20].components_ - fits[5].components_).max() > 1e-3
    # Of one content of a cache, each is itself again.
    again = estimator(n_pca_components=20, do_cca=True, memory=tmp_path).fit(cohort.func)
    np.testing.assert_array_equal(again.components_, fits[20].components_)
    assert again.runs_["cached"].all()


def test_first_level_components_with_auto(cohort_of_three):
    """They are the most that "auto" can choose; what is no number is refused."""
    ica = estimator(n_components="auto", n_pca_components=12).fit(cohort_of_three.func)

    assert len(ica.component_spectrum_.correlations) == 12
    assert 1 <= ica.n_components_ <= 12
    with pytest.raises(ValueError, match="n_pca_components is 0"):
        estimator(n_pca_components=0).fit(cohort_of_three.func)
