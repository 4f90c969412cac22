"""One linear map from a run's grid to smooth frames in a mask's box, beside its two steps."""

import numpy as np
import pytest
from planted import AFFINES

from nbica.image import oblique, spatial
from nbica.image.filtering import filter_between
from nbica.image.grid import Grid
from nbica.image.spatial import Box

SHAPE = (14, 15, 12)
SOURCE = Grid(SHAPE, np.diag([4.0, 4, 4, 1]))
BOX = Box(slice(3, 11), slice(2, 12), slice(3, 9))


def grids():
    """Grids around the same place as the source's, by name."""
    for name, affine in AFFINES.items():
        affine = affine.copy()
        middle = (np.array(SHAPE) - 1) / 2
        affine[:3, 3] = SOURCE.affine[:3, :3] @ middle - affine[:3, :3] @ middle + 0.7
        yield name, Grid(SHAPE, affine)
    yield "same", SOURCE


@pytest.mark.parametrize(("name", "grid"), list(grids()), ids=[name for name, _ in grids()])
@pytest.mark.parametrize("fwhm", [None, (7.0, 0.0, 9.0)], ids=["", "smooth"])
def test_a_filter_is_resampling_and_smoothing(rng, name, grid, fwhm):
    """In the voxels of a mask it gives what one step after the other gives in the whole volume."""
    frames = rng.standard_normal((3, *SHAPE[::-1])).astype(np.float32)
    mask = rng.random(BOX.shape) > 0.7
    sigma = spatial.smoothing_sigma(fwhm, grid.affine)
    everything = Box(*(slice(0, n) for n in SHAPE))
    where = spatial.voxel_map(SOURCE.affine, grid.affine, everything)
    resampled = frames if name == "same" else spatial.resample_block(frames, *where, SHAPE)
    smoothers = spatial.smoothers(SHAPE, sigma, everything, everything)
    expected = spatial.smooth_block(resampled, smoothers)[:, BOX.z, BOX.y, BOX.x]

    found = filter_between(SOURCE, grid, BOX, sigma, mask)
    ours = found.apply(frames[:, found.box.z, found.box.y, found.box.x])

    assert ours.shape == expected.shape
    assert np.abs(expected).max() > 0.2
    np.testing.assert_allclose(ours[:, mask.T], expected[:, mask.T], rtol=0, atol=2e-6)


@pytest.mark.parametrize("order", [1, 3])
def test_stretches_and_what_is_remembered_change_no_bit(rng, monkeypatch, order):
    """Large images are resampled plane by plane, by short stretches, to the same numbers."""
    frames = rng.standard_normal((5, *SHAPE[::-1])).astype(np.float32)
    where = spatial.voxel_map(np.eye(4), AFFINES["oblique"] / 4, Box(*map(slice, [0] * 3, SHAPE)))
    expected = oblique.resample(frames, *where, SHAPE, order)
    monkeypatch.setattr(oblique, "_STRETCH", 50)
    monkeypatch.setattr(oblique, "_REMEMBERED", 500)

    ours = oblique.resample(frames, *where, SHAPE, order)

    assert np.count_nonzero(ours) > 1000
    np.testing.assert_array_equal(ours, expected)


def test_only_what_is_wanted_is_computed(rng):
    """The rest is 0."""
    frames = rng.standard_normal((2, *SHAPE[::-1])).astype(np.float32)
    where = spatial.voxel_map(np.eye(4), AFFINES["oblique"] / 4, Box(*map(slice, [0] * 3, SHAPE)))
    wanted = rng.random(SHAPE[::-1]) > 0.5
    expected = oblique.resample(frames, *where, SHAPE, 3) * wanted

    ours = oblique.resample(frames, *where, SHAPE, 3, wanted)

    np.testing.assert_array_equal(ours, expected)
