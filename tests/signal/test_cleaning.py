"""Cleaning against nilearn and scipy, and what it promises beyond them."""

import warnings
from itertools import product

import nilearn.signal
import numpy as np
import pytest
from scipy import signal as sp_signal

from nbica.exceptions import DataWarning
from nbica.signal import Cleaning, clean, cleaning
from nbica.signal.cleaning import clean_inplace

N_TIMEPOINTS, N_VOXELS = 120, 37

# Ours against a float64 oracle: one float32 product per step, in units of a standard deviation.
FLOAT32 = 5e-5


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def signals(rng):
    """BOLD-like voxels: a mean near 1000, a drift, fluctuations of 5."""
    return bold(rng, N_TIMEPOINTS, N_VOXELS)


@pytest.fixture
def confounds(rng):
    """Motion-like confounds with a mean."""
    return rng.standard_normal((N_TIMEPOINTS, 6)).cumsum(axis=0) + 20


def bold(rng, n_timepoints, n_voxels, dtype=np.float64):
    drift = np.linspace(0, 20, n_timepoints)[:, np.newaxis]
    mean = rng.uniform(500, 1500, n_voxels)
    noise = 5 * rng.standard_normal((n_timepoints, n_voxels))
    return (mean + drift + noise).astype(dtype)


def oracle(signals, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nilearn.signal.clean(signals, **kwargs)


BANDS = {
    "none": {},
    "low": {"low_pass": 0.1, "t_r": 2.0},
    "high": {"high_pass": 0.01, "t_r": 2.0},
    "band": {"low_pass": 0.1, "high_pass": 0.01, "t_r": 2.0},
}


@pytest.mark.parametrize(
    ("detrend", "standardize", "band", "with_confounds", "standardize_confounds"),
    list(product([True, False], ["zscore_sample", "psc", None], BANDS, *2 * [[True, False]])),
)
def test_equals_nilearn(
    signals, confounds, detrend, standardize, band, with_confounds, standardize_confounds
):
    """Every combination of options gives nilearn's result, in float64 and in float32."""
    options = {
        "detrend": detrend,
        "standardize": standardize,
        "confounds": confounds if with_confounds else None,
        "standardize_confounds": standardize_confounds,
        **BANDS[band],
    }

    expected = oracle(signals, **options)
    ours = clean(signals, **options)
    ours_32 = clean(signals.astype(np.float32), **options)

    scale = np.abs(expected).max()
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-10 * scale)
    # Input rounded to float32 moves voxels of 1000 by up to 6e-5, a standard deviation is 5.
    expected_32 = oracle(signals.astype(np.float32).astype(float), **options)
    atol = FLOAT32 * expected.std(axis=0).max() + 1e-6 * np.abs(expected.mean(axis=0)).max()
    np.testing.assert_allclose(ours_32, expected_32, rtol=0, atol=atol)
    assert ours_32.dtype == np.float32


@pytest.mark.parametrize("band", BANDS)
def test_long_runs_keep_float32_accuracy(rng, band):
    """1200 frames with a mean of 1000 and a standard deviation of 5 lose nothing to float32."""
    signals = bold(rng, 1200, 50, np.float32)
    confounds = rng.standard_normal((1200, 24)).cumsum(axis=0)

    ours = clean(signals, confounds=confounds, **BANDS[band])

    expected = oracle(signals.astype(float), confounds=confounds, **BANDS[band])
    assert np.abs(ours - expected).max() < FLOAT32


def test_true_and_false_are_nilearns_old_spellings(signals):
    """standardize=True is zscore_sample, False is None."""
    np.testing.assert_array_equal(clean(signals, standardize=True), clean(signals))
    np.testing.assert_array_equal(
        clean(signals, standardize=False), clean(signals, standardize=None)
    )


def test_filter_is_scipys(signals):
    """The band-pass is a Butterworth filter of order 5, forwards and backwards."""
    sos = sp_signal.butter(5, [0.01, 0.1], "bandpass", fs=0.5, output="sos")

    ours = clean(signals, detrend=False, standardize=None, **BANDS["band"])

    expected = sp_signal.sosfiltfilt(sos, signals, axis=0)
    np.testing.assert_allclose(ours, expected, atol=1e-10 * np.abs(expected).max())


@pytest.mark.parametrize("band", BANDS)
def test_block_size_changes_nothing(rng, confounds, monkeypatch, band):
    """One voxel at a time, seven at a time or all at once give the same signals."""
    signals = bold(rng, N_TIMEPOINTS, N_VOXELS, np.float32)
    expected = clean(signals, confounds=confounds, **BANDS[band])

    for n_voxels in (1, 7, 4096):
        monkeypatch.setattr(cleaning, "_BLOCK_BYTES", 4 * N_TIMEPOINTS * (n_voxels - 0.5))
        ours = clean(signals, confounds=confounds, **BANDS[band])

        # BLAS may add in another order for another width, and each of its kernels in its own:
        # the last bits of values up to 4, a few times over.
        np.testing.assert_allclose(ours, expected, atol=1e-5)


def test_confounds_are_gone(signals, confounds):
    """What is left is orthogonal to the confounds, the mean and the trend."""
    ours = clean(signals, confounds=confounds)

    nuisance = np.column_stack([confounds, np.ones(N_TIMEPOINTS), np.arange(N_TIMEPOINTS)])
    nuisance /= np.linalg.norm(nuisance, axis=0)
    assert np.abs(nuisance.T @ ours).max() < 1e-10
    np.testing.assert_allclose(ours.std(axis=0, ddof=1), 1)


@pytest.mark.parametrize("detrend", [True, False])
@pytest.mark.parametrize("band", BANDS)
def test_dependent_confounds_count_once(signals, confounds, detrend, band):
    """A copy and a combination of confounds remove nothing more than the originals."""
    more = np.column_stack([confounds, confounds[:, 0], confounds[:, 1] - 2 * confounds[:, 2]])
    options = {"detrend": detrend, **BANDS[band]}

    ours = clean(signals, confounds=more, **options)

    np.testing.assert_allclose(ours, oracle(signals, confounds=confounds, **options), atol=1e-10)


@pytest.mark.parametrize("standardize_confounds", [True, False])
def test_a_constant_and_a_trend_among_confounds_do_no_harm(
    signals, confounds, standardize_confounds
):
    """ADHD200's confounds hold both; detrending leaves rounding, which must not count."""
    trend = 1e3 * np.arange(N_TIMEPOINTS)
    padded = np.column_stack([confounds, np.full(N_TIMEPOINTS, 7.3), trend])
    options = {"standardize_confounds": standardize_confounds}

    ours = clean(signals, confounds=padded, **options)

    np.testing.assert_allclose(ours, clean(signals, confounds=confounds, **options), atol=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("standardize", ["zscore_sample", "psc"])
@pytest.mark.parametrize("detrend", [True, False])
@pytest.mark.parametrize("band", BANDS)
def test_constant_voxels_become_exact_zeros(rng, confounds, dtype, standardize, detrend, band):
    """A constant of 1234.5678 is no signal, whatever float32 makes of its mean."""
    signals = bold(rng, N_TIMEPOINTS, N_VOXELS, dtype)
    signals[:, [2, 5, 6]] = [1234.5678, 0, -1e-6]
    cleaning = Cleaning(detrend=detrend, standardize=standardize, **BANDS[band])

    n_constant = clean_inplace(signals, cleaning, confounds)

    assert n_constant == 3
    assert not signals[:, [2, 5, 6]].any()
    assert np.isfinite(signals).all()
    assert signals[:, [0, 1, 3, 4]].any(axis=0).all()


def test_constant_voxels_are_counted_and_kept_when_nothing_is_asked_for(signals):
    """Without detrending and standardizing, a constant stays what it is."""
    signals[:, 3] = 12
    expected = signals.copy()

    n_constant = clean_inplace(signals, Cleaning(detrend=False, standardize=None))

    assert n_constant == 1
    np.testing.assert_allclose(signals, expected, rtol=1e-14)


def test_a_voxel_that_is_a_confound_is_constant_afterwards(rng, confounds):
    """What the confounds explain to rounding is zero, not noise of unit variance."""
    signals = bold(rng, N_TIMEPOINTS, N_VOXELS, np.float32)
    signals[:, 4] = 1000 + confounds[:, 1]

    n_constant = clean_inplace(signals, Cleaning(), confounds)

    assert n_constant == 1
    assert not signals[:, 4].any()


def test_nan_stays_in_its_voxel(signals):
    """A NaN spoils its own voxel and no other."""
    broken = signals.copy()
    broken[3, 8], broken[4, 9] = np.nan, np.inf

    ours = clean(broken)

    others = np.delete(np.arange(N_VOXELS), [8, 9])
    assert np.isnan(ours[:, [8, 9]]).all()
    np.testing.assert_allclose(ours[:, others], clean(signals)[:, others], atol=1e-12)


def test_input_is_left_alone_and_integers_become_floats(rng):
    """The result is a new array; int16 images give float32."""
    signals = rng.integers(0, 1000, (N_TIMEPOINTS, N_VOXELS)).astype(np.int16)
    before = signals.copy()

    ours = clean(signals)

    np.testing.assert_array_equal(signals, before)
    assert ours.dtype == np.float32


def test_psc_without_a_mean_warns_and_is_zero(signals):
    """Percent of a mean of 0 are meaningless."""
    signals[:, 0] -= signals[:, 0].mean()

    with pytest.warns(DataWarning, match="1 voxels have a mean of 0"):
        ours = clean(signals, standardize="psc")

    assert not ours[:, 0].any()
    assert ours[:, 1].any()


def test_one_frame_is_left_as_it_is():
    """A single volume has no time course to clean."""
    with pytest.warns(DataWarning, match="One timepoint cannot be detrended"):
        ours = clean(np.array([[1.0, 2.0]]))

    np.testing.assert_array_equal(ours, [[1, 2]])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"standardize": "zscore"}, "standardize='zscore' is unknown; use one of True, False"),
        ({"low_pass": 0.1}, r"pass t_r=\.\.\."),
        ({"low_pass": -0.1, "t_r": 2}, "low_pass=-0.1 must be a positive number"),
        ({"high_pass": 0, "t_r": 2}, "high_pass=0 must be a positive number"),
        ({"high_pass": "0.1", "t_r": 2}, "high_pass='0.1' must be a positive number"),
        ({"t_r": 0}, "t_r=0 must be a positive number"),
        ({"low_pass": 0.3, "t_r": 2}, "low_pass=0.3 Hz is not below 0.25 Hz"),
        ({"high_pass": 0.01, "t_r": 2000}, "check that t_r is in seconds"),
        ({"low_pass": 0.01, "high_pass": 0.1, "t_r": 2}, "high_pass=0.1 must lie below"),
    ],
)
def test_wrong_options_say_the_way_out(options, message):
    """Each wrong option is named with what was found and what is allowed."""
    with pytest.raises(ValueError, match=message):
        Cleaning(**options).check()


def test_wrong_signals_say_the_way_out():
    """Shape, dtype and too short runs are named."""
    with pytest.raises(ValueError, match=r"signals have shape \(5,\)"):
        clean(np.zeros(5))
    with pytest.raises(TypeError, match="int16; in-place cleaning needs float32"):
        clean_inplace(np.zeros((5, 2), np.int16), Cleaning())
    with pytest.raises(ValueError, match="10 timepoints are too few for the band-pass"):
        clean(np.zeros((10, 2)), low_pass=0.1, t_r=2)


def test_confounds_that_leave_nothing_are_refused(rng):
    """As many confounds as timepoints would return rounding."""
    with pytest.raises(ValueError, match="span all 20 timepoints"):
        clean(rng.standard_normal((20, 3)), confounds=rng.standard_normal((20, 18)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_small_changes_of_large_whole_numbers_are_signal(rng, dtype):
    """10⁷ ± 3 is what float32 holds exactly: it varies, as in nilearn; 10⁷ and a trend does not."""
    signals = (10**7 + rng.integers(-3, 4, (60, 5))).astype(dtype)
    signals[:, 4] = 10**7 + 4 * np.arange(60)

    ours = clean(signals)

    expected = nilearn.signal.clean(
        signals.astype(float), standardize="zscore_sample", detrend=True
    )
    np.testing.assert_allclose(ours[:, :4], expected[:, :4], atol=1e-4)
    assert not ours[:, 4].any()
