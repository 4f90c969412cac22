"""The number of components: planted networks are counted, noise and smoothness are not."""

import numpy as np
import pytest
from planted import brain_mask
from scipy.ndimage import gaussian_filter

from nbica.decomposition.selection import ComponentSpectrum, Null, choose, orthonormal
from nbica.decomposition.subspace import GroupSubspace, leading_components

MASK = brain_mask((20, 22, 18))


def blobs(rng, n_maps, width=1.3, apart=3.0):
    """Gaussian blobs at random places of the mask, not on top of each other."""
    voxels = np.argwhere(MASK)
    peaks = []
    while len(peaks) < n_maps:
        peak = voxels[rng.integers(len(voxels))]
        if all(np.linalg.norm(peak - other) > apart for other in peaks):
            peaks.append(peak)
    distances = np.array([((voxels - peak) ** 2).sum(axis=1) for peak in peaks])
    return np.exp(-0.5 * distances / width**2).reshape(n_maps, len(voxels))


def noise(rng, n_timepoints, fwhm):
    """Smooth noise of variance 1 in every voxel; `fwhm` in voxels."""
    frames = rng.standard_normal((n_timepoints, *MASK.shape))
    if fwhm:
        frames = gaussian_filter(frames, (0, *[fwhm / 2.355] * 3))
    return frames[:, MASK] / frames[:, MASK].std()


def spectrum_of(rng, maps, n_runs=8, n_timepoints=120, fwhm=0.0, strength=(3, 5)):
    """Runs with networks of their own strengths and courses, seen by the group stage."""
    subspace, null = GroupSubspace(64, 128), Null(MASK)
    for _ in range(n_runs):
        courses = rng.standard_normal((n_timepoints, len(maps)))
        signals = courses * rng.uniform(*strength, len(maps)) @ maps
        signals += noise(rng, n_timepoints, fwhm)
        signals -= signals.mean(axis=0)
        signals /= signals.std(axis=0)
        rows = orthonormal(leading_components(signals.astype(np.float32), 64)[1])
        subspace.partial_fit(rows)
        null.partial_fit(rows)
    return choose(subspace, null)


@pytest.mark.slow
@pytest.mark.parametrize("n_planted", [5, 10, 20, 40])
def test_counts_planted_networks(n_planted):
    """As many components as networks, within one, in noise of 1.5 voxels FWHM."""
    for seed in range(3):
        rng = np.random.default_rng(seed)

        found = spectrum_of(rng, blobs(rng, n_planted), fwhm=1.5).n_components

        assert abs(found - n_planted) <= 1


@pytest.mark.parametrize(
    ("n_planted", "options"),
    [(40, {"fwhm": 1.5, "n_runs": 12, "strength": (2, 6)}), (20, {"fwhm": 2.0})],
    ids=str,
)
def test_counts_where_networks_leave_little_room_for_noise(n_planted, options):
    """A null with the same amplitude everywhere counts two to five too many here."""
    rng = np.random.default_rng(100)

    found = spectrum_of(rng, blobs(rng, n_planted), **options).n_components

    assert abs(found - n_planted) <= 1


@pytest.mark.parametrize("fwhm", [0.0, 1.5])
def test_noise_shares_nothing(fwhm):
    """Runs of noise, white or smooth, hold no component; the null is close to what they share."""
    nothing = np.zeros((0, MASK.sum()))

    found = spectrum_of(np.random.default_rng(0), nothing, fwhm=fwhm)

    assert found.n_components == 0
    assert found.correlations[0] == pytest.approx(found.null[0], rel=0.08)
    assert not found.is_capped


def test_the_null_is_the_same_each_time(rng):
    """The null has a seed of its own: the same runs share the same, whoever asks."""
    rows = orthonormal(rng.standard_normal((10, MASK.sum())).astype(np.float32))
    null = Null(MASK).partial_fit(rows).partial_fit(rows[:6])

    np.testing.assert_array_equal(null.correlations(), null.correlations())
    assert len(null.correlations()) == 8  # dimensions of the mean run


def test_a_wave_has_its_power_at_its_frequency():
    """A plane wave in the span of the rows is found at its frequency, and hardly elsewhere."""
    x = np.indices((32, 32, 32))[0]
    wave = np.cos(2 * np.pi * 8 * x / 32).ravel()[np.newaxis]

    power = Null(np.ones((32, 32, 32), bool))._spectrum(wave / np.linalg.norm(wave), [1.0])

    assert power[8, 0, 0] == pytest.approx(power[24, 0, 0])
    assert power[8, 0, 0] == power.max()
    assert power[8, 0, 0] > 1e4 * np.median(power)


def test_spectrum_counts_what_exceeds_the_bar():
    """A correlation counts above 1.1 times the largest of the null."""
    found = ComponentSpectrum(np.array([0.9, 0.5, 0.43, 0.1]), np.array([0.4, 0.3]), 8)

    assert found.bar == pytest.approx(0.44)
    assert found.n_components == 2
    assert repr(found) == "<2 of 4 canonical correlations over 8 runs exceed 0.440>"
    assert ComponentSpectrum(np.array([0.9, 0.8]), np.array([0.4]), 8).is_capped


def test_orthonormal_rows_are_centred(rng):
    """Rows become orthonormal and of mean 0 with the same span; a constant map is dropped."""
    rows = rng.standard_normal((3, 200)).astype(np.float32)

    found = orthonormal(np.vstack([rows, np.ones((1, 200), np.float32)]))

    assert found.shape == (3, 200)
    np.testing.assert_allclose(found @ found.T, np.eye(3), atol=1e-5)
    np.testing.assert_allclose(found.mean(axis=1), 0, atol=1e-6)
