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


def test_time_courses_are_least_squares_with_an_intercept(run, preparation, signals):
    """The time courses are those of numpy's lstsq beside a constant map, for any maps."""
    courses, notices = project_run(run, preparation, 3 * MAPS)

    design = np.column_stack([np.ones(MAPS.shape[1]), 3 * MAPS.T.astype(float)])
    expected = np.linalg.lstsq(design, signals.T)[0][1:].T
    np.testing.assert_allclose(courses, expected, atol=FLOAT32 * np.abs(expected).max())
    assert courses.dtype == np.float32
    assert notices == []


def test_a_global_signal_is_in_no_time_course(rng):
    """What all voxels of a frame share changes no time course, though the maps have a mean."""
    as_it_is = Preparation(load_mask(mask_image()), None, Cleaning(False, False, False))
    signals, _ = run_signals(rng, MAPS, 40)
    shared = 10 * rng.standard_normal((40, 1)).astype(np.float32)

    plain, drowned = (
        project_run(load_run(run_image(rows, MASK)), as_it_is, MAPS)[0]
        for rows in (signals, signals + shared)
    )

    assert MAPS.mean(axis=1).min() > 0
    np.testing.assert_allclose(drowned, plain, atol=1e-3 * plain.std())


def test_maps_that_are_constant_have_no_time_course(run, preparation):
    """A map of one value is the intercept itself, and explains nothing beside it."""
    maps = np.vstack([MAPS, np.full_like(MAPS[:1], 0.1)])

    courses, _ = project_run(run, preparation, maps)

    np.testing.assert_array_equal(courses[:, -1], 0)
    np.testing.assert_array_equal(explain_run(run, preparation, maps)[0].alone[-1], 0)


def test_explained_variance_is_that_of_the_projection(run, preparation, signals):
    """Together and alone, the sums of squares are those of the projected signals."""
    explained, _ = explain_run(run, preparation, MAPS)

    maps = MAPS - MAPS.mean(axis=1, dtype=float, keepdims=True)
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
