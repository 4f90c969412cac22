"""FastICA finds planted sources, agrees with scikit-learn's, and survives any input."""

import warnings

import numpy as np
import pytest
import rounding
from planted import mixed, sparse_sources
from scipy import linalg
from sklearn.decomposition import fastica

from nbica.decomposition import ica
from nbica.decomposition.ica import (
    SAME_SUMMIT,
    Restart,
    choose_start,
    fast_ica,
    starts_of,
    whiten,
)
from nbica.exceptions import NotConvergedWarning
from nbica.matching import match


@pytest.fixture
def planted(rng):
    sources = sparse_sources(rng, 6, 5000)
    return sources, mixed(rng, sources)


def silent_ica(*args, **options):
    """fast_ica of data that need not converge; numpy's warnings are errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", NotConvergedWarning)
        return fast_ica(*args, **options)


@pytest.mark.parametrize(("n_sources", "n_voxels"), [(1, 500), (2, 3000), (6, 5000), (45, 12_000)])
def test_finds_planted_sources(rng, n_sources, n_voxels):
    """Laplace sources come back, by the moments and, above 40 of them, over the voxels."""
    sources = sparse_sources(rng, n_sources, n_voxels)

    found = fast_ica(mixed(rng, sources), n_init=2, random_state=0)

    assert np.abs(match(found.maps, sources).correlations).min() > 0.99
    assert all(restart.converged for restart in found.restarts)
    # Maps are float32 products of n_sources terms.
    np.testing.assert_allclose(found.maps @ found.maps.T, np.eye(n_sources), atol=1e-5)
    np.testing.assert_allclose(found.maps.mean(axis=1), 0, atol=1e-7)


def test_equals_scikit_learns_from_the_same_start(planted):
    """From the same start in the same whitened space, the maps are those of fastica."""
    _, components = planted
    white = whiten(components)
    start = np.random.RandomState(5).normal(size=(6, 6))

    restart = ica.climb(ica.cubic_update(white), 6, 5, 200, 1e-4)
    ours = restart.rotation @ white
    _, _, theirs, n_iter = fastica(
        white.T.astype(float), fun="cube", whiten=False, w_init=start, return_n_iter=True
    )

    # Same order and sign, so no matching; float32 products round by 1e-6.
    r = np.einsum("cv,vc->c", ours, theirs) / white.shape[1]
    np.testing.assert_allclose(r, 1, atol=1e-5)
    assert restart.n_iter == n_iter


def test_equals_scikit_learns_with_its_whitening(planted):
    """With scikit-learn's own whitening and start, the maps are the same up to order and sign."""
    _, components = planted

    found = fast_ica(components, random_state=0)
    _, _, theirs = fastica(
        components.T.astype(float), fun="cube", whiten="arbitrary-variance", random_state=0
    )

    # Each stops within tol=1e-4 of the same fixed point.
    assert np.abs(match(found.maps, theirs.T).correlations).min() > 0.999


@pytest.mark.parametrize("k", [1, 2, 5, 12])
def test_both_ways_of_the_update_agree(rng, k):
    """The fourth moments and the pass over the voxels give E[(W x)^3 x^T]."""
    white = whiten(rng.laplace(size=(k, 9000)))
    W = ica.decorrelate(rng.standard_normal((k, k)))

    by_moments = ica._from_moments(ica.fourth_moments(white))(W)
    over_voxels = ica._over_voxels(W, white)

    exact = (W @ white.astype(float)) ** 3 @ white.astype(float).T / white.shape[1]
    # float32 products, summed over blocks in float64, of values up to 6.
    np.testing.assert_allclose(by_moments, exact, atol=1e-5)
    np.testing.assert_allclose(over_voxels, exact, atol=1e-5)


def test_same_seed_same_maps(planted):
    """A seed gives the same bits; a RandomState and a Generator are drawn from."""
    _, components = planted
    first, second = (fast_ica(components, random_state=3) for _ in range(2))
    seeds = [
        [restart.seed for restart in fast_ica(components, 2, random_state).restarts]
        for random_state in (4, np.random.RandomState(4), np.random.default_rng(4), None)
    ]

    np.testing.assert_array_equal(first.maps, second.maps)
    assert len({tuple(pair) for pair in seeds}) == 4


def test_another_basis_gives_the_same_maps(rng, planted):
    """Only the span counts: rotated, rescaled, in Fortran order, in float64."""
    _, components = planted
    other = np.asfortranarray(rng.standard_normal((6, 6)) @ (1e3 * components.astype(float)))

    maps, others = (fast_ica(X, random_state=0).maps for X in (components, other))

    assert np.abs(match(maps, others).correlations).min() > 1 - 1e-4


def test_maps_do_not_depend_on_the_seed_or_on_rounding(rng):
    """Where starts find the same, another seed and other last digits give the same to 1e-4 sd.

    Starts that have converged by `tol` differ by more, since some of these maps are nearly
    Gaussian: where the winner stopped would be left to the seed and to the processor.
    """
    sources = rng.laplace(size=(8, 6000))
    sources[4:] += 1.5 * rng.standard_normal((4, 6000))
    sources[6:] = rng.standard_normal((2, 6000))
    components = mixed(rng, sources)
    others = components * (1 + 1e-6 * rng.standard_normal(components.shape))

    found = fast_ica(components, random_state=0)
    again = fast_ica(others.astype(np.float32), random_state=1)

    paired = match(again.maps, found.maps)
    maps = np.sign(paired.correlations)[:, np.newaxis] * again.maps[paired.indices]
    assert np.abs(maps - found.maps).max() < 1e-4 * found.maps.std()
    white = whiten(components)
    starts = [
        restart.rotation @ white for i, restart in enumerate(found.restarts) if i != found.best
    ]
    r = np.array([match(maps, starts[0]).correlations for maps in starts[1:]])
    assert (1 - np.abs(r)).max() > 1e-6  # 1e-3 sd and more


@pytest.mark.parametrize("random_state", [-1, 2**32, 1.5, "seed", [[1, 2], [3, 4]], {}], ids=repr)
def test_what_is_no_seed(random_state):
    """What cannot be a seed is refused with what can."""
    with pytest.raises(ValueError, match="expected None, a whole number from 0"):
        ica.check_random_state(random_state)


def test_no_convergence_warns_and_stays_in_the_result(rng):
    """Noise that does not settle in three iterations says so, with numbers and a way out."""
    components = mixed(rng, rng.standard_normal((8, 2000)))

    with pytest.warns(NotConvergedWarning, match=r"max_iter=3 .*0 of 4 starts.*Raise max_iter"):
        found = fast_ica(components, n_init=4, random_state=0, max_iter=3)

    assert not any(restart.converged for restart in found.restarts)
    assert {restart.n_iter for restart in found.restarts} == {3}
    assert all(restart.change > 1e-4 for restart in found.restarts)
    assert np.isfinite(found.maps).all()


def test_the_contrast_never_falls(rng):
    """However nearly Gaussian the data, more iterations climb higher, and every start settles."""
    white = whiten(rng.standard_normal((10, 3000)))
    update = ica.cubic_update(white)

    restarts = [ica.climb(update, 10, 0, max_iter, 1e-6) for max_iter in (1, 3, 10, 30, 100, 2000)]

    contrasts = np.array([restart.contrast for restart in restarts])
    assert (np.diff(contrasts) >= -ica.ROUNDING * contrasts[1:]).all()
    assert restarts[-1].converged


@pytest.mark.parametrize("change", ["turned", "in another order", "with other signs", "all three"])
def test_the_basis_of_the_subspace_does_not_matter(rng, change):
    """Another basis is the same start: the same whitened maps, iterations and maps."""
    components = np.linalg.qr(mixed(rng, sparse_sources(rng, 8, 4000)).T)[0].T
    turn = linalg.qr(rng.standard_normal((8, 8)))[0]
    others = {
        "turned": turn @ components,
        "in another order": components[::-1],
        "with other signs": -components,
        "all three": -(turn @ components)[::-1],
    }

    one, other = (fast_ica(basis, 4, 0) for basis in (components, others[change]))

    np.testing.assert_allclose(whiten(others[change]), whiten(components), atol=1e-5)
    assert [r.n_iter for r in one.restarts] == [r.n_iter for r in other.restarts]
    assert one.best == other.best
    np.testing.assert_allclose(other.maps, one.maps, atol=1e-6)
    np.testing.assert_allclose(other.stability, one.stability, atol=1e-5)


def test_directions_that_are_missing_leave_the_others_alone(rng):
    """A basis with a row too many spans the same maps."""
    components = mixed(rng, sparse_sources(rng, 5, 3000))
    one_too_many = np.vstack([components, components[:1] + components[1:2]])

    assert len(whiten(one_too_many)) == 5
    assert match(fast_ica(one_too_many, 3, 0).maps, fast_ica(components, 3, 0).maps).mean > 0.9999


def start_of(contrast, converged=True):
    return Restart(np.eye(2), 0, 10, converged, 0.0, contrast)


def test_of_starts_as_high_the_first_that_converged_is_kept():
    """What separates starts of one summit is where they stopped, which processors disagree on."""
    starts = [start_of(9.0), start_of(10.0, converged=False), start_of(9.9999), start_of(10.00001)]

    assert choose_start(starts) == 2
    assert choose_start(starts[:2]) == 1
    assert choose_start(starts[::-1]) == 0


def test_the_highest_restart_is_kept(rng):
    """Of all starts, the maps are those of the one with the highest contrast: |kurtosis|."""
    components = mixed(rng, rng.standard_normal((8, 1000)))

    found = fast_ica(components, n_init=6, random_state=0, max_iter=1000)

    contrasts = [restart.contrast for restart in found.restarts]
    z = found.maps.astype(float) * np.sqrt(1000)
    assert contrasts[found.best] > (1 - SAME_SUMMIT) * np.max(contrasts)
    assert np.abs((z**4).mean(axis=1) - 3).sum() == pytest.approx(max(contrasts), rel=1e-4)


def test_stability_tells_sources_from_noise(rng):
    """Sources are found again by every start, directions of noise are not; all within [0, 1]."""
    sources = np.vstack([sparse_sources(rng, 3, 4000), rng.standard_normal((6, 4000)) / 63])

    found = silent_ica(mixed(rng, sources), random_state=0)

    is_source = np.abs(found.maps @ sources[:3].T).max(axis=1) > 0.9
    assert is_source.sum() == 3
    assert found.stability[is_source].min() > 0.99
    assert found.stability[~is_source].mean() < 0.95
    assert found.stability.min() >= 0
    assert found.stability.max() <= 1


def test_consensus_is_what_starts_agree_on(rng):
    """The consensus finds planted sources as the best start does, orthogonal and of norm 1."""
    sources = sparse_sources(rng, 6, 4000)
    components = mixed(rng, sources)

    best, consensus = (fast_ica(components, 5, 0, consensus=c) for c in (False, True))

    assert match(consensus.maps, sources).mean > 0.99
    assert match(consensus.maps, best.maps).mean > 0.9999
    np.testing.assert_allclose(consensus.maps @ consensus.maps.T, np.eye(6), atol=1e-5)


# ---- any input -----------------------------------------------------------------------------------


def orthonormal_with_zeros(rng, k, n_voxels):
    """Exactly orthonormal, with exact zeros: where scikit-learn's whitening yields NaN."""
    rows = np.zeros((k, n_voxels))
    for row, voxels in zip(rows, np.array_split(rng.permutation(n_voxels), k), strict=True):
        row[voxels] = len(voxels) ** -0.5
    return rows


def constant_rows(rng, k, n_voxels):
    rows = rng.laplace(size=(k, n_voxels))
    rows[rng.integers(k)] = 0.1
    return rows


def rank_deficient(rng, k, n_voxels):
    rows = rng.laplace(size=(k, n_voxels))
    rows[-1] = rows[0] * 2 if k > 1 else rows[-1]
    return rows


def huge_mean(rng, k, n_voxels):
    return rng.laplace(size=(k, n_voxels)) + 1e4


def exact_zeros(rng, k, n_voxels):
    return rng.laplace(size=(k, n_voxels)) * (rng.random((k, n_voxels)) < 0.05)


def gaussian(rng, k, n_voxels):
    return rng.standard_normal((k, n_voxels))


def float32_in_fortran_order(rng, k, n_voxels):
    return np.asfortranarray(rng.laplace(size=(k, n_voxels)).astype(np.float32))


def signs_only(rng, k, n_voxels):
    return rng.choice([-1.0, 1.0], size=(k, n_voxels))


SIZES = [(1, 2), (1, 50), (2, 3), (3, 3), (5, 40), (8, 8), (12, 13), (20, 300), (42, 60)]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(
    "make",
    [
        orthonormal_with_zeros, constant_rows, rank_deficient, huge_mean, exact_zeros, gaussian,
        float32_in_fortran_order, signs_only,
    ],
)  # fmt: skip
def test_fuzz(make, size):
    """Whatever comes, maps are finite, of norm 1 and orthogonal; only constants are an error."""
    k, n_voxels = size
    for seed in range(4):
        rng = np.random.default_rng(seed)
        components = make(rng, k, n_voxels) * 10.0 ** rng.integers(-12, 12)
        if whiten(components).shape[0] == 0:
            with pytest.raises(ValueError, match="are constant"):
                fast_ica(components)
            continue

        found = silent_ica(components, n_init=2, random_state=seed, max_iter=20)

        assert np.isfinite(found.maps).all()
        assert np.isfinite(found.stability).all()
        # A mean 1e4 times the rest leaves 1e-3 of it after rounding to float32, and 1e-2 where a
        # processor is played that rounds by ten units in the last place.
        n_found, atol = len(found.maps), 2e-2 if rounding.seed() else 2e-3
        np.testing.assert_allclose(found.maps @ found.maps.T, np.eye(n_found), atol=atol)
        assert n_found <= min(k, n_voxels)


@pytest.mark.parametrize("scale", [1e-300, 1e-40, 1e40, 1e300])
def test_extreme_scales(planted, scale):
    """Components beyond the range of float32 give the same maps."""
    _, components = planted

    found = fast_ica(components * np.float64(scale), random_state=0)

    expected = fast_ica(components, random_state=0)
    assert np.abs(match(found.maps, expected.maps).correlations).min() > 1 - 1e-4


@pytest.mark.parametrize(
    ("components", "message"),
    [
        (np.zeros((3, 100)), "All 3 components are constant"),
        (np.full((2, 50), 7.5), "All 2 components are constant"),
        (np.full((2, 50), np.nan), "expected finite numbers"),
        (np.array([[1.0, np.inf, 2.0]]), "expected finite numbers"),
        (np.zeros((0, 100)), r"shape \(0, 100\)"),
        (np.zeros((3, 0)), r"shape \(3, 0\)"),
        (np.zeros(100), r"shape \(100,\)"),
    ],
    ids=["zeros", "constant", "NaN", "Inf", "no components", "no voxels", "one dimension"],
)
def test_nothing_to_separate(components, message):
    """Constant, non-finite and empty input is refused in words."""
    with pytest.raises(ValueError, match=message):
        fast_ica(components)


def test_dependent_rows_give_fewer_maps(rng):
    """As many maps come out as the centred rows have dimensions."""
    sources = sparse_sources(rng, 4, 3000)
    components = rng.standard_normal((7, 4)) @ sources

    found = fast_ica(components, random_state=0)

    assert found.maps.shape == (4, 3000)
    assert np.abs(match(found.maps, sources).correlations).min() > 0.99


@pytest.mark.parametrize(
    ("n_init", "n_components", "expected"),
    [("auto", 10, 30), ("auto", 40, 30), ("auto", 41, 10), (1, 10, 1), (50, 60, 50)],
)
def test_starts_are_many_where_they_cost_little(n_init, n_components, expected):
    """Thirty on the moments, ten over the voxels, and as many as asked for in any case."""
    assert starts_of(n_init, n_components) == expected
