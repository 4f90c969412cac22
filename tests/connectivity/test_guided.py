"""Guided ICA: a direct solver as oracle, planted truth, and what streaming must not change."""

import nibabel as nib
import numpy as np
import pytest
from planted import brain_mask, estimator, mask_image, mixed, run_image, sparse_sources
from planted import write_cohort as write_planted
from scipy import integrate, optimize, stats

from nbica import NiftiMasker
from nbica.connectivity import dual_regression, guided_ica
from nbica.connectivity.guided import OF_A_NORMAL, guide
from nbica.masking import unmask


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_planted(tmp_path_factory.mktemp("cohort"), n_runs=3)


@pytest.fixture(scope="module")
def ica(cohort):
    return estimator().fit(cohort.func, confounds=cohort.confounds)


def whitened(rng, n_sources=6, n_voxels=4000):
    sources = sparse_sources(rng, n_sources, n_voxels) * np.sqrt(n_voxels)
    white = mixed(rng, sources)
    white = white - white.mean(axis=1, keepdims=True)
    U, _, Vt = np.linalg.svd(white, full_matrices=False)
    return sources, ((U @ Vt) * np.sqrt(n_voxels)).astype(np.float32)


def published(white, network):
    """O(w) of the paper, by its definition, and the w at which the climb begins."""
    network = (network - network.mean()) / network.std()
    of_normal = integrate.quad(lambda x: np.log(np.cosh(x)) * stats.norm.pdf(x), -12, 12)[0]

    def negentropy(y):
        return (np.mean(np.log(np.cosh(y))) - of_normal) ** 2

    start = white @ network
    start /= np.linalg.norm(start)
    likeness = np.mean(network * (start @ white))
    c = np.tan(np.pi / 2 * likeness) / negentropy(start @ white)

    def objective(w):
        y = w / np.linalg.norm(w) @ white
        return np.arctan(c * negentropy(y)) / np.pi + np.mean(network * y) / 2

    return objective, start


def test_maps_are_where_a_direct_solver_ends(rng):
    """Each map is that of scipy's minimize on the published objective, from the same start."""
    sources, white = whitened(rng)
    networks = 5 + 0.1 * (sources[:3] + rng.standard_normal((3, sources.shape[1])))

    maps = guide(white, networks.astype(np.float32))

    for network, found in zip(networks, maps, strict=True):
        objective, start = published(white.astype(float), network)
        best = optimize.minimize(lambda w, f=objective: -f(w), start).x
        expected = best / np.linalg.norm(best) @ white
        assert np.corrcoef(found, expected)[0, 1] > 0.9999
        assert objective(found @ white.T) == pytest.approx(objective(best), abs=1e-5)
    np.testing.assert_allclose(maps.std(axis=1), 1, rtol=1e-4)


def test_the_constant_of_a_normal():
    """E[log cosh ν] is what an integral gives."""
    value = integrate.quad(lambda x: np.log(np.cosh(x)) * stats.norm.pdf(x), -12, 12)[0]
    assert pytest.approx(value, abs=1e-10) == OF_A_NORMAL


def test_independence_mends_a_guide_that_is_wrong(rng):
    """A noisy network with another mixed in leads to the true source, where projection does not."""
    sources, white = whitened(rng)
    wrong = sources[:1] + 0.8 * sources[1:2] + 2 * rng.standard_normal((1, sources.shape[1]))

    found = guide(white, wrong)[0]

    projected = (wrong @ white.T) @ white
    assert abs(np.corrcoef(found, sources[0])[0, 1]) > 0.95
    assert abs(np.corrcoef(projected, sources[0])[0, 1]) < 0.85


def test_a_network_of_nothing_has_no_map(rng):
    """A network that is constant, or 0 everywhere, has a map of 0, and others are as without it."""
    sources, white = whitened(rng)
    networks = np.vstack([sources[:1], np.zeros_like(sources[:1]), np.full_like(sources[:1], 3.1)])

    maps = guide(white, networks)

    assert not maps[1:].any()
    np.testing.assert_allclose(maps[0], guide(white, sources[:1])[0], atol=1e-5)


def test_own_maps_are_nearer_to_the_truth_than_dual_regressions(rng, cohort, ica):
    """A subject whose networks lie aside of the group's, in noise: r with what was planted."""
    mask = brain_mask()
    volumes = np.zeros((len(cohort.maps), *mask.shape))
    volumes[:, mask] = cohort.maps
    moved = np.roll(volumes, 1, axis=2)[:, mask]
    signals = 1000 + 2 * rng.standard_normal((150, len(moved))) @ moved
    signals += rng.standard_normal(signals.shape)
    img = run_image(signals.astype(np.float32), mask)
    networks = unmask(cohort.maps.astype(np.float32), mask_image())
    masker = NiftiMasker(mask_img=mask_image(), standardize=True, detrend=True)

    (guided,) = guided_ica(img, networks, mask=masker)

    template = estimator().fit(cohort.func)
    template.components_ = cohort.maps.astype(np.float32)
    (regressed,) = dual_regression(template, img)
    r_guided, r_regressed = (
        np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(maps, moved, strict=True)])
        for maps in (guided.maps, regressed.maps)
    )
    assert r_guided > r_regressed
    np.testing.assert_array_equal(guided.time_courses, regressed.time_courses)


def test_a_fit_guides_as_its_images_do(cohort, ica):
    """Networks as a fit or as a 4D image and its masker give the same, one map for each."""
    image = nib.Nifti1Image(ica.components_img_.get_fdata(dtype=np.float32), mask_image().affine)

    of_fit = list(guided_ica(cohort.func, ica, cohort.confounds))
    of_image = guided_ica(cohort.func, image, cohort.confounds, mask=ica.masker_)

    assert [subject.name for subject in of_fit] == cohort.func
    for one, other in zip(of_fit, of_image, strict=True):
        assert one.maps.shape == ica.components_.shape
        np.testing.assert_allclose(one.maps, other.maps, atol=1e-4)


def test_processes_and_cache_change_nothing(cohort, ica, tmp_path, n_reads):
    """Two workers and a cache give the same bits; a second time no run is read."""
    expected = list(guided_ica(cohort.func, ica, cohort.confounds))

    kept = list(guided_ica(cohort.func, ica, cohort.confounds, memory=tmp_path, n_jobs=2))
    n_reads.clear()
    again = list(guided_ica(cohort.func, ica, cohort.confounds, memory=tmp_path))

    assert n_reads == []
    for one, two, three in zip(expected, kept, again, strict=True):
        assert np.array_equal(one.maps, two.maps)
        assert np.array_equal(one.maps, three.maps)
        assert np.array_equal(one.time_courses, three.time_courses)
    next(guided_ica(cohort.func, ica, cohort.confounds, memory=tmp_path, n_components=10))
    assert n_reads == cohort.func[:1]  # for the time courses: the reduction is there


def test_images_without_a_mask_are_refused(cohort, ica):
    """What is missing is said before anything is read."""
    with pytest.raises(ValueError, match="pass a mask too"):
        guided_ica(cohort.func, ica.components_img_)
    with pytest.raises(ValueError, match="n_components is 0"):
        guided_ica(cohort.func, ica, n_components=0)
