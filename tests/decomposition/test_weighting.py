"""How much a run's components count: shares of signal, and what they do for a group."""

import numpy as np
import pytest
from nilearn.image import index_img
from planted import brain_mask as mask_of_brain
from planted import cosines, estimator, network_maps, run_image, run_signals, write_cohort
from sklearn.base import clone

from nbica import CanICA
from nbica.connectivity import back_reconstruct
from nbica.decomposition.reduction import reduce_run
from nbica.decomposition.weighting import signal_shares, weighted_rows
from nbica.exceptions import DataWarning
from nbica.image.run import load_run
from nbica.matching.pairing import match


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_cohort(tmp_path_factory.mktemp("cohort"), n_runs=4)


@pytest.mark.slow
def test_shares_are_those_of_planted_signals(rng):
    """Three signals in white noise: shares are the signals' parts of variance."""
    n_timepoints, n_voxels = 100, 40_000
    strengths = np.array([30.0, 10.0, 3.0])
    courses = np.linalg.qr(rng.standard_normal((n_timepoints, 3)))[0] * strengths
    signal = courses @ rng.standard_normal((3, n_voxels))
    variances = np.linalg.svd(
        signal + rng.standard_normal(signal.shape), compute_uv=False
    )[:32] ** 2  # fmt: skip
    total = (strengths**2).sum() * n_voxels + n_timepoints * n_voxels

    shares = signal_shares(variances, total, n_timepoints)

    # Noise over 40 000 voxels: its 100 variances spread by 10 %, and the largest count as signal.
    np.testing.assert_allclose(shares[:3], strengths**2 / (strengths**2 + 1), atol=0.02)
    assert shares[3:].max() < 0.15


def test_half_of_a_short_run_counts(rng):
    """Where all components are at hand, the weaker half of them tells the noise, and is little."""
    variances = np.sort(rng.chisquare(500, 40))[::-1]

    shares = signal_shares(variances, variances.sum(), 40)

    assert ((shares[:20] >= 1e-3) & (shares[:20] < 0.3)).all()
    np.testing.assert_array_equal(shares[20:], 1e-3)


def test_finds_weak_networks_in_fewer_runs(tmp_path):
    """In noise in which an equal say fails, components weighted by signal find the networks."""
    mask, rng = mask_of_brain(), np.random.default_rng(3)
    maps = network_maps(mask)
    runs = [run_image(run_signals(rng, maps, 60, noise=6.0)[0], mask) for _ in range(6)]

    found = {
        way: match(estimator(do_cca=way, smoothing_fwhm=8.0).fit(runs).components_, maps).mean
        for way in (True, "weighted")
    }

    assert found["weighted"] > found[True] + 0.1


def test_streams_caches_and_goes_back_as_the_others_do(cohort, tmp_path):
    """One process or two, with a cache or without; subjects' maps add up to the group's."""
    ica = estimator(do_cca="weighted").fit(cohort.func, confounds=cohort.confounds)
    again = estimator(do_cca="weighted", memory=tmp_path, n_jobs=2)
    again.fit(cohort.func, confounds=cohort.confounds)
    equal = estimator(memory=tmp_path).fit(cohort.func, confounds=cohort.confounds)

    assert np.array_equal(ica.components_, again.components_)
    assert not np.array_equal(ica.components_, equal.components_)
    assert cosines(ica.components_, equal.components_).min() > 0.8
    assert (ica.canonical_correlations_ <= 1 + 1e-6).all()
    assert list(ica.runs_["n_components"]) == [15] * 4
    total = sum(s.maps.astype(float) for s in back_reconstruct(ica, cohort.func, cohort.confounds))
    total -= total.mean(axis=1, keepdims=True)
    scale = np.abs(ica.components_).max()
    # Four runs have 60 rows, of which the merge keeps 25: the group subspace is not quite exact.
    np.testing.assert_allclose(total, ica.components_, atol=1e-2 * scale)


def test_what_cannot_be_is_said(cohort):
    """An unknown way, and "auto" without canonical correlations."""
    with pytest.raises(ValueError, match="do_cca is 'wheighted'; expected True, False or"):
        estimator(do_cca="wheighted").fit(cohort.func)
    with pytest.raises(ValueError, match="with do_cca=True or 'weighted' has"):
        estimator(do_cca=False, n_components="auto").fit(cohort.func)


def test_auto_counts_equal_components_and_weights_them_by_signal(cohort, tmp_path):
    """The number and the null are those of equal weights, the subspace that of the weighted rows.

    Oracle: the singular vectors of the stack of all runs' weighted components.
    """
    equal = estimator(n_components="auto").fit(cohort.func, confounds=cohort.confounds)
    ica = estimator(n_components="auto", do_cca="weighted", memory=tmp_path)
    ica.fit(cohort.func, confounds=cohort.confounds)

    found, expected = ica.component_spectrum_, equal.component_spectrum_
    assert ica.n_components_ == equal.n_components_ == 5
    np.testing.assert_array_equal(found.correlations, expected.correlations)
    np.testing.assert_array_equal(found.null, expected.null)
    runs = zip(map(load_run, cohort.func), cohort.confounds, strict=True)
    rows = [
        weighted_rows(reduce_run(run, ica.masker_.preparation_, 64, table).reduction, "signal")
        for run, table in runs
    ]
    span = np.linalg.svd(np.vstack(rows).astype(float), full_matrices=False)[2][:5]
    assert cosines(ica.components_, span - span.mean(axis=1, keepdims=True)).min() > 0.9999
    total = sum(s.maps.astype(float) for s in back_reconstruct(ica, cohort.func, cohort.confounds))
    total -= total.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(total, ica.components_, atol=1e-4 * np.abs(ica.components_).max())


def test_default_weights_and_says_where_a_run_is_short(cohort):
    """The default takes three times as many components; a run with too few for the maps is told."""
    ica = CanICA(mask=cohort.mask_img, n_components=5, smoothing_fwhm=None, n_init=2)
    ica.fit(cohort.func[:3], confounds=cohort.confounds[:3])

    assert ica.components_per_run() == 15
    assert list(ica.runs_["n_components"]) == [15] * 3
    short = [index_img(img, slice(0, 12)) for img in cohort.func[:3]]
    with pytest.warns(DataWarning, match="spans only 10 dimensions of the 11 wanted"):
        clone(ica).set_params(n_components=11, max_iter=500).fit(short)
    one = clone(ica).set_params(n_components=8).fit(short[:1])
    assert one.n_components_ == 8
