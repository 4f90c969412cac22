"""The online subspace against the SVD of the stack that never exists."""

import tracemalloc
from itertools import chain

import numpy as np
import pytest
from planted import cosines, low_rank

from nbica.decomposition.subspace import GroupSubspace, lead_inplace, left_factors
from nbica.signal.least_squares import gram

N_VOXELS = 600
# Rows are float32, and each merge rounds them once.
FLOAT32 = 1e-5


def group(rng, n_runs, n_components, n_shared=None, spread=0.35):
    """Whitened runs (orthonormal rows) around a shared subspace that decays from run to run."""
    n_shared = n_shared or 3 * n_components
    shared = np.linalg.qr(rng.standard_normal((N_VOXELS, n_shared)))[0].T
    strengths = 1.0 / (1 + np.arange(n_shared) / n_components)
    runs = []
    for _ in range(n_runs):
        own = rng.standard_normal((2 * n_shared, n_shared)) @ (strengths[:, np.newaxis] * shared)
        own += spread * rng.standard_normal((2 * n_shared, N_VOXELS)) / np.sqrt(N_VOXELS)
        runs.append(np.linalg.svd(own, full_matrices=False)[2][:n_components].astype(np.float32))
    return runs


def fit(runs, n_components, **options):
    subspace = GroupSubspace(n_components, **options)
    for run in runs:
        subspace.partial_fit(run)
    return subspace


def exact(runs, n_components):
    _, s, Vt = np.linalg.svd(np.vstack(runs).astype(float), full_matrices=False)
    return s[:n_components], Vt[:n_components]


@pytest.mark.parametrize("n_runs", [1, 2, 5])
def test_exact_while_the_rows_fit(rng, n_runs):
    """Up to 5 x n_components rows, subspace and singular values are those of the stack's SVD."""
    runs = group(rng, n_runs, 8)

    subspace = fit(runs, 8)

    s, Vt = exact(runs, 8)
    assert cosines(subspace.components_, Vt).min() > 1 - FLOAT32
    np.testing.assert_allclose(subspace.singular_values_, s, rtol=FLOAT32)
    np.testing.assert_allclose(subspace.components_ @ subspace.components_.T, np.eye(8), atol=1e-4)


@pytest.mark.parametrize("n_components", [5, 20])
def test_near_the_stack_for_many_runs(rng, n_components):
    """After 60 runs of a decaying spectrum the smallest cosine to the stack's SVD is .999."""
    runs = group(rng, 60, n_components)

    subspace = fit(runs, n_components)

    s, Vt = exact(runs, n_components)
    assert cosines(subspace.components_, Vt).min() > 0.999
    np.testing.assert_allclose(subspace.singular_values_, s, rtol=0.01)


def test_sorted_by_site(rng):
    """Sites that come one after the other, each with dimensions of its own, are all kept."""
    sites = [group(rng, n_runs, 2, n_shared=6) for n_runs in (12, 14, 16)]
    common = group(rng, 42, 3)
    runs = [np.vstack(pair) for pair in zip(common, chain(*sites), strict=True)]

    subspace = fit(runs, 8)

    s, Vt = exact(runs, 9)
    assert s[7] > 1.05 * s[8]  # there is a gap, hence an answer
    assert cosines(subspace.components_, Vt[:8]).min() > 0.999


def test_order_of_runs_does_not_matter(rng):
    """Another order of the runs spans the same subspace, to what is cut off on the way."""
    runs = group(rng, 30, 10)

    forward, backward = fit(runs, 10), fit(runs[::-1], 10)
    shuffled = fit([runs[i] for i in rng.permutation(30)], 10)

    assert cosines(forward.components_, backward.components_).min() > 0.999
    assert cosines(forward.components_, shuffled.components_).min() > 0.999


def test_shared_maps_have_correlation_one(rng):
    """A map that all runs hold has canonical correlation 1, one that a single run holds 1/n."""
    shared = np.linalg.qr(rng.standard_normal((N_VOXELS, 2)))[0].T
    runs = []
    for _ in range(5):
        own = rng.standard_normal((1, N_VOXELS))
        runs.append(np.linalg.qr(np.vstack([shared, own]).T)[0].T.astype(np.float32))

    subspace = fit(runs, 3)

    correlations = subspace.singular_values_**2 / subspace.n_runs_
    np.testing.assert_allclose(correlations[:2], 1, atol=FLOAT32)
    assert correlations[2] == pytest.approx(0.2, abs=0.05)


@pytest.mark.parametrize(("n_kept", "expected"), [(None, 40), (60, 60), (2, 8)])
def test_rows_held_do_not_grow(rng, n_kept, expected):
    """However many runs come, twice 5 n_components rows are held, or twice as many as asked."""
    subspace = fit(group(rng, 12, 8), 8, n_kept=n_kept)

    assert len(subspace._stack) == 2 * expected
    assert subspace._n_filled <= 2 * expected
    assert (subspace.n_runs_, subspace.n_rows_) == (12, 96)


def test_a_merge_needs_no_memory_of_its_own(rng):
    """Once the first runs have come, a merge allocates a block of voxels and no rows."""
    runs = [rng.standard_normal((8, 40_000)).astype(np.float32) for _ in range(3)]
    subspace = fit([*runs, *runs], 2)
    tracemalloc.start()

    subspace.partial_fit(runs[0])

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.7 * subspace._stack.nbytes  # a fifth of the voxels is a block


def test_objects_do_not_share_what_they_learnt(rng):
    """A new object starts from nothing, and the rows it was given stay as they were."""
    first, second = group(rng, 2, 4)
    before = first.copy()
    fit([first], 4)

    subspace = fit([second], 4)

    assert cosines(subspace.components_, second).min() > 1 - FLOAT32
    np.testing.assert_array_equal(first, before)


def test_empty_runs_add_nothing(rng):
    """Runs without rows, first, last or alone, are counted and change nothing."""
    run, empty = group(rng, 1, 4)[0], np.zeros((0, N_VOXELS), np.float32)

    alone, around = fit([empty], 4), fit([empty, run, empty], 4)

    assert alone.components_.shape == (0, N_VOXELS)
    assert cosines(around.components_, run).min() > 1 - FLOAT32
    assert (alone.n_runs_, around.n_runs_) == (1, 3)


def test_the_same_run_again_adds_no_dimension(rng):
    """A run seen twice spans what it spans once: rounding is not taken for a dimension."""
    run = group(rng, 1, 6)[0]

    subspace = fit([run, run, run], 10)

    assert subspace.components_.shape == (6, N_VOXELS)
    np.testing.assert_allclose(subspace.singular_values_, np.sqrt(3), rtol=FLOAT32)


def test_other_voxels_are_refused(rng):
    """A run of another mask is an error that says both numbers."""
    subspace = fit(group(rng, 1, 4), 4)

    with pytest.raises(ValueError, match=f"This run has 12 voxels, those before {N_VOXELS}"):
        subspace.partial_fit(np.zeros((4, 12)))


@pytest.mark.parametrize("scale", [1e-15, 1e-6, 1.0, 1e6, 1e15])
def test_scale_does_not_matter(rng, scale):
    """Rows as small as 1e-15 or as large as 1e15 give the same subspace."""
    rows = low_rank(rng, 30, N_VOXELS, 12)

    scaled = rows * np.float32(scale)
    s, U, total = left_factors(lambda: [scaled], len(scaled), 10)

    s_exact, _ = exact([rows], 10)
    np.testing.assert_allclose(s, scale * s_exact, rtol=1e-5)
    assert U.shape == (30, 10)
    assert total == pytest.approx(scale**2 * (rows.astype(float) ** 2).sum(), rel=1e-5)


def test_leading_rows_keep_norms_and_span(rng):
    """The few rows are orthogonal, and their norms are the leading singular values."""
    stack = low_rank(rng, 40, N_VOXELS, 40, decay=0.9)
    s, Vt = exact([stack], 10)

    n_rows = lead_inplace(stack, 10)

    assert n_rows == 10
    np.testing.assert_allclose(np.linalg.norm(stack[:10], axis=1), s, rtol=1e-5)
    assert cosines(stack[:10], Vt).min() > 1 - FLOAT32


def test_gram_over_blocks(rng):
    """The Gram matrix does not notice that it is summed over blocks of voxels."""
    rows = rng.standard_normal((7, 20_001)).astype(np.float32)

    exact_gram = rows.astype(float) @ rows.T.astype(float)

    np.testing.assert_allclose(gram(rows), exact_gram, atol=1e-8)
