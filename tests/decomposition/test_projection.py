"""Time courses and explained variance of one run, against numpy's least squares."""

import numpy as np
import pytest
from planted import brain_mask, mask_image, network_maps, run_image, run_signals

from nbica.decomposition.projection import explain_run, project_run
from nbica.image.run import load_run
from nbica.masking import load_mask
from nbica.masking.preparation import Preparation, prepare
from nbica.signal import Cleaning

# Signals are float32; a least squares of five maps that overlap little loses one digit.
FLOAT32 = 1e-5

MASK = brain_mask()
MAPS = network_maps(MASK).astype(np.float32)


@pytest.fixture
def run(rng):
    return load_run(run_image(run_signals(rng, MAPS, 40)[0], MASK))


@pytest.fixture
def preparation():
    return Preparation(load_mask(mask_image()), None, Cleaning())


@pytest.fixture
def signals(run, preparation):
    return prepare(run, preparation)[0].astype(float)


def test_time_courses_are_least_squares(run, preparation, signals):
    """The time courses are those of numpy's lstsq, also of maps neither unit nor orthogonal."""
    courses, notices = project_run(run, preparation, 3 * MAPS)

    expected = np.linalg.lstsq(3 * MAPS.T.astype(float), signals.T)[0].T
    np.testing.assert_allclose(courses, expected, atol=FLOAT32 * np.abs(expected).max())
    assert courses.dtype == np.float32
    assert notices == []


def test_explained_variance_is_that_of_the_projection(run, preparation, signals):
    """Together and alone, the sums of squares are those of the projected signals."""
    explained, _ = explain_run(run, preparation, MAPS)

    maps = MAPS.astype(float)
    fitted = signals @ np.linalg.pinv(maps) @ maps
    alone = [((signals @ m) ** 2).sum() / (m @ m) for m in maps]
    assert explained.total == pytest.approx((signals**2).sum(), rel=FLOAT32)
    assert explained.together == pytest.approx((fitted**2).sum(), rel=FLOAT32)
    np.testing.assert_allclose(explained.alone, alone, rtol=FLOAT32)
    assert explained.alone.max() < explained.together < explained.total


def test_empty_and_repeated_maps(run, preparation):
    """A map that a threshold emptied has a time course of 0; one given twice shares its own."""
    maps = np.vstack([MAPS[:2], np.zeros_like(MAPS[:1]), MAPS[1:2]])

    courses, _ = project_run(run, preparation, maps)
    explained, _ = explain_run(run, preparation, maps)

    two, _ = project_run(run, preparation, MAPS[:2])
    scale = np.abs(two).max()
    np.testing.assert_array_equal(courses[:, 2], 0)
    np.testing.assert_allclose(courses[:, 1], two[:, 1] / 2, atol=FLOAT32 * scale)
    np.testing.assert_allclose(courses[:, 3], two[:, 1] / 2, atol=FLOAT32 * scale)
    assert explained.alone[2] == 0
    assert explained.together == pytest.approx(
        explain_run(run, preparation, MAPS[:2])[0].together, rel=FLOAT32
    )


def test_alignment_in_memory_changes_no_bit(run, preparation):
    """Maps as a cluster may hand them over, at an odd address, give the same time courses."""
    odd = np.empty(MAPS.nbytes + 1, np.uint8)[1:].view(np.float32).reshape(MAPS.shape)
    odd[:] = MAPS

    assert not odd.flags.aligned
    assert np.array_equal(
        project_run(run, preparation, MAPS)[0], project_run(run, preparation, odd)[0]
    )
