"""What becomes of a run is what float64 makes of it, on a baseline of a thousand too."""

import numpy as np
import pytest
from nilearn.signal import clean
from scipy import ndimage

from conftest import AFFINE
from nbica.image.run import load_run
from nbica.masking.extract import extract
from nbica.masking.mask import Mask
from nbica.masking.preparation import Preparation, PreparedRun, prepare
from nbica.signal import Cleaning

pytestmark = pytest.mark.exact("measures how many digits are right")

SHAPE, N_TIMEPOINTS, FWHM = (14, 12, 10), 60, 9.0
# The run's own grid, where it is not the mask's: a little turned, and shifted.
TURNED = AFFINE @ np.array(
    [[0.98, 0.05, 0, 0.3], [-0.05, 0.98, 0, 0.4], [0, 0, 1, 0.2], [0, 0, 0, 1]]
)
RAW = Cleaning(detrend=False, standardize=None)


@pytest.fixture
def mask():
    array = np.zeros(SHAPE, bool)
    array[3:11, 3:9, 2:8] = True
    return Mask(array, AFFINE)


@pytest.fixture
def data(rng):
    """A brain of about 1000, fluctuations of 5, a drift, and a first frame that is brighter."""
    data = 5.0 * rng.standard_normal((*SHAPE, N_TIMEPOINTS)) + np.linspace(0, 20, N_TIMEPOINTS)
    data += rng.uniform(600, 1400, (*SHAPE, 1))
    data[..., 0] *= 1.02
    return data.astype(np.float32)


def exact(data, mask, affine, fwhm):
    """Frames of float64, resampled and smoothed by scipy, in the mask."""
    sigma = (fwhm or 0.0) / np.sqrt(8 * np.log(2)) / np.linalg.norm(mask.affine[:3, :3], axis=0)
    to_run = np.linalg.inv(affine) @ mask.affine
    rows = []
    for frame in np.moveaxis(data.astype(float), 3, 0):
        if affine is not mask.affine:
            frame = ndimage.affine_transform(frame, to_run[:3, :3], to_run[:3, 3])
        for axis in range(3 if fwhm else 0):
            frame = ndimage.gaussian_filter1d(frame, sigma[axis], axis, truncate=4.0)
        rows.append(frame[mask.array])
    return np.array(rows)


CASES = [(None, TURNED), (FWHM, AFFINE), (FWHM, TURNED)]
IDS = ["resampled", "smoothed", "both"]


@pytest.mark.parametrize(("fwhm", "affine"), CASES, ids=IDS)
def test_a_baseline_costs_no_digits(make_image, data, mask, fwhm, affine):
    """Cleaned signals are off by a few 1e-6 of their standard deviation, not by 1e-4."""
    affine = mask.affine if affine is AFFINE else affine
    run = load_run(make_image(data, affine))
    preparation = Preparation(mask, fwhm, Cleaning())
    expected = clean(exact(data, mask, affine, fwhm), standardize="zscore_sample")

    ours, _ = prepare(run, preparation)
    with PreparedRun(run, preparation) as signals:
        walked = np.hstack([block.copy() for _, block in signals.walk()])

    np.testing.assert_allclose(ours, expected, rtol=0, atol=5e-6)
    np.testing.assert_array_equal(walked, ours)


@pytest.mark.parametrize(("fwhm", "affine"), CASES, ids=IDS)
def test_a_baseline_that_is_wanted_is_there(make_image, data, mask, fwhm, affine):
    """Signals as they are, filtered ones and percent have the mean they should have."""
    affine = mask.affine if affine is AFFINE else affine
    run = load_run(make_image(data, affine))
    signals = exact(data, mask, affine, fwhm)
    low = {"low_pass": 0.1, "t_r": 2.0}

    raw, _ = prepare(run, Preparation(mask, fwhm, RAW))
    slow, _ = prepare(run, Preparation(mask, fwhm, Cleaning(False, None, **low)))
    percent, _ = prepare(run, Preparation(mask, fwhm, Cleaning(False, "psc")))

    np.testing.assert_allclose(raw, signals, rtol=1e-6)
    np.testing.assert_allclose(extract(run, mask, fwhm).signals, signals, rtol=1e-6)
    kept = clean(signals, detrend=False, standardize=None, **low)
    np.testing.assert_allclose(slow, kept, rtol=1e-6)
    np.testing.assert_allclose(
        percent, clean(signals, detrend=False, standardize="psc"), rtol=0, atol=1e-5
    )


def test_parts_of_a_run_have_their_own_means(make_image, data, mask):
    """Parts that were recorded apart are cleaned as if each were a run."""
    parts = np.repeat([0, 1], [20, N_TIMEPOINTS - 20])
    run = load_run(make_image(data, mask.affine))
    signals = exact(data, mask, mask.affine, FWHM)

    ours, _ = prepare(run, Preparation(mask, FWHM, Cleaning(False, "psc")), parts=parts)

    for part in (parts == 0, parts == 1):
        expected = clean(signals[part], detrend=False, standardize="psc")
        np.testing.assert_allclose(ours[part], expected, rtol=0, atol=1e-5)


def test_one_frame_is_smoothed_as_it_is(make_image, data, mask):
    """A run of one frame keeps its values: there is nothing to clean."""
    run = load_run(make_image(data[..., :1], mask.affine))

    ours, _ = prepare(run, Preparation(mask, FWHM, Cleaning()))

    np.testing.assert_allclose(ours, exact(data[..., :1], mask, mask.affine, FWHM), rtol=5e-7)


def test_voxels_without_signal_are_told_as_before(make_image, data, mask):
    """Where nothing changes over time a smoothed voxel is constant, and exactly 0 once cleaned."""
    data[:8] = 1000.0
    data[:8, ..., 5] = 1000.0
    run = load_run(make_image(data, mask.affine))

    ours, notices = prepare(run, Preparation(mask, 2.0, Cleaning()))

    still = ours.std(axis=0) == 0
    assert notices == [f"{still.sum()} of {mask.n_voxels} voxels are constant"]
    assert still.any()
    assert not ours[:, still].any()


def test_frames_that_are_neither_smoothed_nor_resampled_are_exact(make_image, data, mask):
    """They are the image's own values, to the bit."""
    run = load_run(make_image(data, mask.affine))

    np.testing.assert_array_equal(extract(run, mask).signals, data[mask.array].T)
