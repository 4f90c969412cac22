"""A run's principal components against numpy's SVD in float64, and their place in the cache."""

import tracemalloc

import numpy as np
import pytest
from planted import brain_mask, cosines, low_rank, mask_image, run_image, run_signals

from nbica.decomposition.reduction import STEP, principal_components, reduce_run
from nbica.image.run import load_run
from nbica.masking import load_mask
from nbica.masking.preparation import Preparation
from nbica.runtime.scratch import voxel_blocks
from nbica.runtime.store import Store
from nbica.signal import Cleaning

# float32 data: entries rounded to 6e-8, and components that are float32 themselves.
FLOAT32 = 1e-6


def reduce_signals(signals, n_components):
    """Principal components of an array."""

    def walk():
        return ((voxels, signals[:, voxels]) for voxels in voxel_blocks(signals.shape[1]))

    return principal_components(walk, *signals.shape, n_components)


def decaying(rng, n_timepoints, n_voxels, decay=0.9):
    return low_rank(rng, n_timepoints, n_voxels, min(n_timepoints, n_voxels), decay)


def svd(signals):
    return np.linalg.svd(signals.astype(float), full_matrices=False)


@pytest.mark.parametrize(
    ("n_timepoints", "n_voxels", "n_components"),
    [(60, 500, 20), (60, 500, 60), (40, 9000, 10), (90, 30, 10), (500, 40, 32), (2, 100, 2)],
)
def test_equals_numpys_svd(rng, n_timepoints, n_voxels, n_components):
    """Subspace, singular values and total are those of a float64 SVD, also with few voxels."""
    signals = decaying(rng, n_timepoints, n_voxels)

    components, s, total = reduce_signals(signals, n_components)

    _, s_exact, Vt = svd(signals)
    # By angle and not by vector: singular vectors of close values turn into each other.
    assert cosines(components, Vt[:n_components]).min() > 1 - FLOAT32
    np.testing.assert_allclose(s, s_exact[:n_components], rtol=1e-4)
    np.testing.assert_allclose(components @ components.T, np.eye(n_components), atol=1e-4)
    assert total == pytest.approx((s_exact**2).sum(), rel=FLOAT32)
    assert components.dtype == np.float32


@pytest.mark.parametrize("rank", [1, 5, 12])
@pytest.mark.parametrize("n_timepoints", [12, 50])
def test_rank_is_exact(rng, rank, n_timepoints):
    """Data of a lower rank than wanted give as many components as they have dimensions."""
    signals = low_rank(rng, n_timepoints, 3000, rank)

    components, s, _ = reduce_signals(signals, 20)

    assert len(components) == len(s) == rank
    assert cosines(components, svd(signals)[2][:rank]).min() > 1 - FLOAT32


def test_baseline_a_thousand_times_the_fluctuation(rng):
    """Without detrending, the components behind a huge mean are still found."""
    fluctuation = decaying(rng, 50, 2000).astype(float)
    fluctuation /= fluctuation.std()
    signals = (1000 + fluctuation).astype(np.float32)

    components, s, _ = reduce_signals(signals, 20)

    _, s_exact, Vt = svd(signals)
    # 6e-5 is the rounding of 1000 in float32, in units of the fluctuation.
    assert cosines(components, Vt[:20]).min() > 1 - 1e-5
    np.testing.assert_allclose(s, s_exact[:20], rtol=1e-4)


@pytest.mark.parametrize("shape", [(30, 400), (1, 400), (30, 1)])
def test_constant_zero_gives_nothing(shape):
    """A run that is 0 after cleaning has no components, and raises nothing."""
    components, s, total = reduce_signals(np.zeros(shape, np.float32), 20)

    assert components.shape == (0, shape[1])
    assert s.shape == (0,)
    assert total == 0


def test_fewer_timepoints_than_components(rng):
    """A short run gives as many components as it has timepoints."""
    components, s, _ = reduce_signals(decaying(rng, 7, 300), 20)

    assert components.shape == (7, 300)
    assert (np.diff(s) <= 0).all()


def test_is_deterministic_and_leaves_the_signals(rng):
    """Twice the same signals give the same bits, and the signals stay as they were."""
    signals = decaying(rng, 40, 1000)
    before = signals.copy()

    first, second = reduce_signals(signals, 10), reduce_signals(signals, 10)

    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(signals, before)


def test_makes_no_copy_of_the_signals(rng):
    """What is allocated stays well below the size of the signals."""
    signals = decaying(rng, 100, 1000).repeat(50, axis=1)
    tracemalloc.start()

    reduce_signals(signals, 5)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.3 * signals.nbytes  # the result is 5 % of it, a block 16 %


# ---- with the cache ------------------------------------------------------------------------------


@pytest.fixture
def run(rng):
    mask = brain_mask()
    signals, _ = run_signals(rng, rng.random((3, mask.sum())), 50)
    return load_run(run_image(signals, mask))


@pytest.fixture
def preparation():
    return Preparation(load_mask(mask_image()), None, Cleaning())


def test_what_is_stored_serves_other_numbers_of_components(run, preparation, tmp_path):
    """Reductions are stored in steps of 32 components, and one more than that is made anew."""
    store = Store(tmp_path)

    hits = [
        reduce_run(run, preparation, n_components, store=store).from_cache
        for n_components in (20, 20, 32, 1, 33, 40)
    ]

    assert STEP == 32
    assert hits == [False, True, True, True, False, True]


def test_more_components_begin_with_the_same(run, preparation):
    """The leading components do not depend on how many are stored."""
    few, many = (reduce_run(run, preparation, n_components).reduction for n_components in (10, 40))

    cos = np.abs(np.einsum("cv,cv->c", few.components[:5], many.components[:5]))
    np.testing.assert_allclose(cos, 1, atol=FLOAT32)
    assert len(few.components) == 32
    assert len(many.components) > 40
