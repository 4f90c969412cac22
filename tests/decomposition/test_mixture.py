"""The mixture of a Gaussian and two tails: a direct fit as oracle, planted networks, nulls."""

import numpy as np
import pytest
from scipy import ndimage, stats

from nbica.decomposition import threshold_maps
from nbica.decomposition.mixture import tail_probability


def test_probability_is_that_of_the_densities(rng):
    """Of values drawn from the mixture, it is that of the densities that they were drawn from."""
    n = 200_000
    part = rng.choice(3, size=n, p=[0.9, 0.07, 0.03])
    tails = [stats.gamma(9, scale=0.6), stats.gamma(16, scale=0.3)]
    values = np.choose(part, [rng.standard_normal(n), tails[0].rvs(n, rng), -tails[1].rvs(n, rng)])

    found = tail_probability(values)

    outer = 0.07 * tails[0].pdf(values) + 0.03 * tails[1].pdf(-values)
    expected = outer / (outer + 0.9 * stats.norm.pdf(values))
    assert np.abs(found - expected).mean() < 0.01
    # Where the two are even.
    assert np.mean((found > 0.5) != (expected > 0.5)) < 0.01


def test_planted_networks_are_kept(rng):
    """Either sign of a network is kept, and little besides."""
    noise = rng.standard_normal(20_000)
    is_network = np.arange(20_000) < 800
    signs = np.where(np.arange(20_000) < 400, 1, -1)
    values = noise + 6 * is_network * signs

    kept = threshold_maps(values[np.newaxis], ("mixture", 0.5))[0] != 0

    assert kept[is_network].mean() > 0.98
    assert kept[~is_network].mean() < 0.005


@pytest.mark.parametrize(("width", "most"), [(0, 0.002), (2 / 2.355, 0.015)])
def test_of_noise_nearly_nothing_is_kept(rng, width, most):
    """Of Gaussian maps, smooth or not, a few in a thousand values are kept, a hundredth at most."""
    maps = ndimage.gaussian_filter(rng.standard_normal((10, 24, 24, 24)), (0, width, width, width))

    rates = [(tail_probability(one.ravel()) > 0.5).mean() for one in maps]

    assert np.mean(rates) < most


def test_a_constant_map_has_no_tails():
    """Nothing of it is kept, and nothing divides by its width."""
    np.testing.assert_array_equal(tail_probability(np.ones(100)), 0)
