"""Seed maps against numpy, and where there is no seed."""

import numpy as np
import pytest

from nbica.connectivity import seed_map
from nbica.exceptions import DataError
from nbica.masking import NiftiMasker

SHAPE = (8, 9, 7)


@pytest.fixture
def data(rng):
    """Noise, and one time course in two far places, in the second with the other sign."""
    data = rng.normal(100, 1, (*SHAPE, 50))
    course = 4 * rng.normal(size=50)
    data[1:3, 2:4, 3:5] += course
    data[6, 6, 2] -= course
    return data.astype(np.float32)


@pytest.fixture
def masker(make_image):
    return NiftiMasker(make_image(np.ones(SHAPE, np.uint8)), detrend=True, standardize=False)


def test_r_is_that_of_numpy(make_image, data, masker):
    """With the mean of the voxels within the radius; the sign of what goes against it is kept."""
    img = make_image(data)
    places = np.indices(SHAPE).reshape(3, -1).T @ img.affine[:3, :3].T + img.affine[:3, 3]
    seed = places.reshape(*SHAPE, 3)[1, 2, 3]
    signals = masker.fit(img).transform(img).astype(float)
    near = np.linalg.norm(places - seed, axis=1) <= 3.1
    expected = np.corrcoef(signals[:, near].mean(axis=1), signals.T)[0, 1:]

    found = seed_map(img, seed, masker, radius=3.1).get_fdata()

    assert near.sum() > 1
    np.testing.assert_allclose(found.ravel(), expected, atol=1e-5)
    assert found[2, 3, 4] > 0.7
    assert found[6, 6, 2] < -0.7


def test_frames_and_confounds_go_on(make_image, data, masker, rng):
    """They are those of the masker."""
    img = make_image(data)
    seed = img.affine[:3, :3] @ [1, 2, 3] + img.affine[:3, 3]
    kept = np.arange(5, 50)

    part = seed_map(img, seed, masker, radius=0, sample_mask=kept)
    alone = seed_map(make_image(data[..., kept]), seed, masker, radius=0)
    confounds = rng.normal(size=(50, 20))
    cleaned = masker.fit(img).transform(img, confounds)
    place = np.ravel_multi_index((1, 2, 3), SHAPE)
    expected = np.corrcoef(cleaned[:, place], cleaned.T)[0, 1:]
    found = seed_map(img, seed, masker, radius=0, confounds=confounds)

    np.testing.assert_allclose(part.get_fdata(), alone.get_fdata(), atol=1e-6)
    np.testing.assert_allclose(found.get_fdata().ravel(), expected, atol=1e-5)


def test_a_seed_outside_of_the_mask_is_refused(make_image, data, masker):
    """How far the brain is, and what a seed is."""
    with pytest.raises(DataError, match="mm from the seed"):
        seed_map(make_image(data), (500, 0, 0), masker)
    with pytest.raises(ValueError, match="three numbers"):
        seed_map(make_image(data), (0, 0), masker)
