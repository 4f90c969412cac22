"""Signs, thresholds and shares of maps."""

import numpy as np
import pytest
from planted import sparse_sources
from scipy.stats import scoreatpercentile

from nbica.maps import canonical_share, check_threshold, flip_signs, threshold_maps


@pytest.fixture
def maps(rng):
    return sparse_sources(rng, 6, 1000).astype(np.float32)


def nilearns_threshold(maps, ratio):
    """The rule of nilearn 0.14's CanICA, word for word."""
    size = np.abs(maps)
    threshold = scoreatpercentile(size, 100.0 - (100.0 / len(maps)) * ratio)
    return np.where(size < threshold, 0, maps)


@pytest.mark.parametrize("ratio", [0.001, 0.1, 0.5, 1.0, 2, 3.0, 5.9, np.float32(2.5)])
def test_thresholds_like_nilearn(maps, ratio):
    """Each ratio keeps the values that nilearn keeps: ratio x n_voxels of them."""
    kept = threshold_maps(maps, ratio)

    np.testing.assert_array_equal(kept, nilearns_threshold(maps, float(ratio)))
    assert np.count_nonzero(kept) == pytest.approx(float(ratio) * 1000, abs=1)
    assert kept.dtype == maps.dtype


def test_auto_keeps_as_many_values_as_voxels(maps):
    """The threshold "auto" is a ratio of 1, and the maps that were passed stay whole."""
    kept = threshold_maps(maps, "auto")

    np.testing.assert_array_equal(kept, threshold_maps(maps, 1))
    assert np.count_nonzero(kept) == 1000
    assert np.count_nonzero(maps) == 6000


@pytest.mark.parametrize("threshold", [None, 6, 6.0, 100, np.inf])
def test_keeps_all(maps, threshold):
    """None and any ratio from the number of maps on keep every value."""
    np.testing.assert_array_equal(threshold_maps(maps, threshold), maps)


@pytest.mark.parametrize(
    "threshold", [0, -1.0, np.nan, True, False, "Auto", "3", (1.0,), [2], 1j], ids=repr
)
def test_unknown_thresholds(threshold):
    """Anything else is refused, with what is expected."""
    with pytest.raises(ValueError, match=r"expected None, 'auto' or a ratio above 0"):
        check_threshold(threshold)


def test_long_tails_become_positive(rng):
    """Maps that were turned upside down come back; the sign of the third moment decides."""
    maps = rng.exponential(size=(5, 400)).astype(np.float32) - 1
    signs = np.array([1, -1, -1, 1, -1], np.float32)[:, np.newaxis]

    flipped = flip_signs(signs * maps)

    np.testing.assert_array_equal(flipped, maps)
    assert flipped.dtype == np.float32


def test_symmetric_and_empty_maps_keep_their_sign():
    """A map without a long tail, or without anything, stays as it is."""
    maps = np.array([[-2.0, 0.0, 2.0], [0.0, 0.0, 0.0]])

    np.testing.assert_array_equal(flip_signs(maps), maps)


def test_share_averages_the_weights(rng):
    """A row of the subspace has its own weight, a rotated one the mean by squared cosines."""
    components = np.linalg.qr(rng.standard_normal((200, 3)))[0].T
    weights = np.array([1.0, 0.5, 0.2])
    between = (components[:1] + components[2:]) / np.sqrt(2)
    outside = rng.standard_normal((1, 200))
    outside -= outside @ components.T @ components

    maps = np.vstack([components, between, outside / np.linalg.norm(outside)])

    np.testing.assert_allclose(
        canonical_share(maps, components, weights), [1.0, 0.5, 0.2, 0.6, 0.0], atol=1e-12
    )
