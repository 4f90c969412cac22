"""Signs, thresholds and shares of maps."""

import numpy as np
import pytest
from planted import sparse_sources
from scipy.stats import scoreatpercentile

from nbica.decomposition.ica import fast_ica
from nbica.decomposition.maps import (
    canonical_share,
    check_threshold,
    flip_signs,
    p_cuts,
    threshold_maps,
)
from nbica.image.display import display_threshold


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

    # The value at the cut may fall on either side: numpy and scipy round percentiles differently.
    assert np.count_nonzero(kept != nilearns_threshold(maps, float(ratio))) <= 1
    assert np.count_nonzero(kept) == pytest.approx(float(ratio) * 1000, abs=1)
    assert kept.dtype == maps.dtype


def test_auto_keeps_as_many_values_as_voxels(maps):
    """The threshold "auto" is a ratio of 1, and the maps that were passed stay whole."""
    kept = threshold_maps(maps, "auto")

    np.testing.assert_array_equal(kept, threshold_maps(maps, 1))
    assert np.count_nonzero(kept) == 1000
    assert np.count_nonzero(maps) == 6000


@pytest.mark.parametrize("threshold", [None, 6, 6.0, 100])
def test_keeps_all(maps, threshold):
    """None and any ratio from the number of maps on keep every value."""
    np.testing.assert_array_equal(threshold_maps(maps, threshold), maps)


@pytest.mark.parametrize(
    "threshold",
    [
        0,
        -1.0,
        np.nan,
        True,
        False,
        "Auto",
        "3",
        (1.0,),
        [2],
        1j,
        ("p", 0),
        ("p", 1.0),
        ("q", 0.05),
        ("p", True),
        ("p", 0.1, 2),
    ],
    ids=repr,
)
def test_unknown_thresholds(threshold):
    """Anything else is refused, with what is expected."""
    with pytest.raises(ValueError, match=r"expected None, 'auto' or a ratio above 0"):
        check_threshold(threshold)


@pytest.mark.parametrize("kind", ["p", "robust p"])
@pytest.mark.parametrize("p", [0.05, 0.005])
def test_nominal_rate_on_gaussian_maps(rng, kind, p):
    """Of Gaussian maps, of whatever norm, a fraction p of the voxels is kept."""
    null = rng.standard_normal((20, 20000)).astype(np.float32) * rng.uniform(1, 9, (20, 1))
    null -= null.mean(axis=1, keepdims=True)

    kept = threshold_maps(null, (kind, p)) != 0

    # 4 standard deviations of a proportion over 400 000 voxels; the median's noise adds 1 %.
    assert kept.mean() == pytest.approx(p, abs=4 * np.sqrt(p / kept.size) + 0.02 * p)


def test_rate_of_components_of_noise(rng):
    """ICA of Gaussian noise looks for tails, and still keeps no more than the nominal rate."""
    maps = fast_ica(rng.standard_normal((10, 20000)).astype(np.float32), 3, 0).maps

    kept = threshold_maps(maps, ("p", 0.05)) != 0

    assert 0.045 < kept.mean() < 0.0515


def test_p_cut_is_the_papers(rng):
    """For maps of norm 1 the cut is isf(p / 2) / sqrt(n_voxels)."""
    maps = sparse_sources(rng, 3, 1000)

    np.testing.assert_allclose(p_cuts(maps, "p", 0.05), 1.959964 / np.sqrt(1000), rtol=1e-6)


def test_robust_null_ignores_the_network(rng):
    """A strong network makes the plain null blind to part of it, and the robust one hardly."""
    null = rng.standard_normal((1, 20000))
    network = np.arange(20000) < 400
    maps = null + 15 * network

    plain, robust = (threshold_maps(maps, (kind, 0.05))[0] != 0 for kind in ("p", "robust p"))

    assert plain[~network].mean() < 0.005  # nominal is .05: conservative
    assert robust[~network].mean() == pytest.approx(0.05, abs=0.01)
    assert plain[network].all()
    assert robust[network].all()


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


def test_the_display_threshold_is_a_percentile_of_the_image(rng):
    """Of dense maps in a mask, the median of what 2 percent of each whole image exceed."""
    inside = np.abs(rng.standard_normal((3, 400)))
    images = np.pad(inside, [(0, 0), (0, 1000)])

    threshold = display_threshold(inside, 1400)

    assert threshold == pytest.approx(np.median(np.percentile(images, 98, axis=1)), rel=1e-12)


def test_the_display_threshold_keeps_all_of_sparse_maps(rng):
    """Thresholded maps are cut at half their typical smallest value; empty ones do not count."""
    sparse = rng.uniform(2, 5, (3, 400)) * (rng.uniform(size=(3, 400)) < 0.3)
    sparse[1] = 0
    small = rng.uniform(1, 2, 50)

    least = [row[row > 0].min() for row in sparse[[0, 2]]]
    assert display_threshold(sparse, 1000) == pytest.approx(np.median(least) / 2)
    assert display_threshold([small], 10_000) == pytest.approx(small.min() / 2)
    assert display_threshold([np.zeros(5)], 10) == 0
