"""Split halves: planted networks come back, noise does not, and no image is read twice."""

import nilearn.decomposition
import numpy as np
import pytest
from planted import estimator, write_cohort
from planted import mask_image as planted_mask

from nbica.exceptions import DataError
from nbica.matching import match, split_half
from nbica.matching.reproducibility import compare, random_halves

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Six runs with five networks."""
    return write_cohort(tmp_path_factory.mktemp("cohort"))


def test_networks_come_back_and_noise_does_not(cohort, n_reads):
    """Five planted networks are reproduced, a sixth component is not; each run is read once."""
    ica = estimator(n_components=6).fit(cohort.func, confounds=cohort.confounds)
    is_network = np.isin(np.arange(6), match(ica.components_, cohort.maps).indices)
    n_reads.clear()

    found = split_half(ica, cohort.func, n_splits=3, confounds=cohort.confounds)

    assert sorted(n_reads) == sorted(cohort.func)
    assert found.reproducibility.shape == (3, 6)
    assert found.per_component[is_network].min() > 0.7  # three runs a half
    assert found.per_component[~is_network].max() < 0.4
    assert (found.t < found.reproducibility.max(axis=1)).all()
    assert ica.memory is None


def test_out_of_the_cache(cohort, tmp_path, n_reads):
    """With a memory that knows the runs, halves read no image; the splits depend on their seed."""
    ica = estimator(memory=str(tmp_path)).fit(cohort.func)
    n_reads.clear()

    first, again, other = (
        split_half(ica, cohort.func, n_splits=2, random_state=seed) for seed in (0, 0, 1)
    )

    assert not n_reads
    np.testing.assert_array_equal(first.t, again.t)
    assert not np.array_equal(first.t, other.t)
    assert repr(first).startswith("<2 split halves of 6 runs: e 0.")


def test_takes_nilearns_estimator_too(cohort):
    """The same splits judge another estimator."""
    theirs = nilearn.decomposition.CanICA(
        mask=planted_mask(), n_components=5, smoothing_fwhm=None, threshold=None, random_state=0,
        n_init=3, memory_level=1,
    )  # fmt: skip
    ours = split_half(estimator(), cohort.func, n_splits=2)

    found = split_half(theirs, cohort.func, n_splits=2)

    # The same group model on the same halves; theirs is a randomized SVD of each run.
    np.testing.assert_allclose(found.e, ours.e, atol=0.01)


def test_measures_are_the_papers(rng):
    """For orthonormal maps, e is the energy of the overlap and t the mean |r| of pairs."""
    basis = np.linalg.qr(rng.standard_normal((300, 6)) - 0)[0].T
    basis = np.linalg.qr((basis - basis.mean(axis=1, keepdims=True)).T)[0].T
    one, same, half = basis[:2], -basis[[1, 0]], basis[[1, 2]]

    found = compare([(one, same), (one, half), (one, basis[2:4])], basis[:2], 8)

    np.testing.assert_allclose(found.e, [1, 0.5, 0], atol=1e-12)
    np.testing.assert_allclose(found.t, [1, 0.5, 0], atol=1e-12)
    np.testing.assert_allclose(found.per_component[1], 2 / 3, atol=1e-12)


def test_halves_share_no_run():
    """Halves are disjoint and hold all runs; of an odd number, one has one more."""
    for first, second in random_halves(7, 5):
        assert (len(first), len(second)) == (3, 4)
        assert sorted([*first, *second]) == list(range(7))


def test_three_runs_are_too_few(cohort):
    """Fewer than four runs are refused, with their number."""
    with pytest.raises(DataError, match="Got 3 runs"):
        split_half(estimator(), cohort.func[:3])
    with pytest.raises(ValueError, match="n_splits is 0"):
        split_half(estimator(), cohort.func, n_splits=0)
