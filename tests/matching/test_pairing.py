"""Matching finds planted permutations and signs, with fewer or more maps than references."""

import numpy as np
import pytest

from nbica.matching.pairing import correlate, match


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_finds_permutation_and_signs(rng):
    """Shuffled, flipped, rescaled and shifted references are all found."""
    references = rng.laplace(size=(6, 500))
    order, signs = rng.permutation(6), np.array([1, -1, 1, -1, -1, 1])
    maps = np.empty_like(references)
    maps[order] = 3 * signs[:, np.newaxis] * references + 7

    found = match(maps, references)

    np.testing.assert_array_equal(found.indices, order)
    np.testing.assert_allclose(found.correlations, signs)
    np.testing.assert_array_equal(found.signs, signs)
    assert found.mean == pytest.approx(1)


def test_the_sum_counts_not_the_greedy_choice():
    """The best pair is given up where that helps the whole."""
    e = np.eye(8) - 1 / 8
    references = np.array([e[0], e[0] + 0.9 * e[1]])
    maps = np.array([e[0] + 0.8 * e[1], e[1]])

    found = match(maps, references)

    assert np.abs(correlate(maps, references)).argmax() == 1  # map 0 with reference 1
    np.testing.assert_array_equal(found.indices, [0, 1])


def test_correlations_are_numpys(rng):
    """The correlations are Pearson's."""
    maps, references = rng.standard_normal((4, 50)) + 100, rng.standard_normal((3, 50))

    expected = np.corrcoef(maps, references)[:4, 4:]

    np.testing.assert_allclose(correlate(maps, references), expected, atol=1e-12)


@pytest.mark.parametrize(("n_maps", "n_references"), [(3, 5), (5, 3), (0, 2), (2, 0)])
def test_unequal_numbers(rng, n_maps, n_references):
    """Every map or every reference is used once; what is left over is -1."""
    common = rng.standard_normal((5, 100))

    found = match(common[:n_maps], common[:n_references])

    n_pairs = min(n_maps, n_references)
    np.testing.assert_array_equal(found.indices[:n_pairs], range(n_pairs))
    assert (found.indices[n_pairs:] == -1).all()
    assert not found.correlations[n_pairs:].any()


def test_undefined_rows_correlate_zero(rng):
    """Constant, NaN and infinite maps are like nothing, and warn of nothing."""
    maps = rng.standard_normal((4, 100)).astype(np.float32)
    maps[0], maps[1, 3], maps[2, 4] = 0.1, np.nan, np.inf

    r = correlate(maps, maps)

    assert not r[:3].any()
    assert not r[:, :3].any()
    assert r[3, 3] == pytest.approx(1)


def test_scale_does_not_matter(rng):
    """Maps as small as 1e-200 still correlate."""
    maps = rng.standard_normal((3, 100))

    np.testing.assert_allclose(match(maps * 1e-200, maps).correlations, 1)


def test_labels_name_the_maps(rng):
    """Each map gets its reference's name, the others the given word."""
    common = rng.standard_normal((3, 100))

    found = match(common, common[[2, 0]])

    assert found.labels(["visual", "motor"], 3, "noise?") == ["motor", "noise?", "visual"]
    with pytest.raises(ValueError, match="1 names for 2 references"):
        found.labels(["visual"], 3)


def test_other_voxels_are_refused():
    """Shapes that do not fit are named."""
    with pytest.raises(ValueError, match="maps have 10 voxels but the references have 9"):
        match(np.ones((2, 10)), np.ones((2, 9)))
    with pytest.raises(ValueError, match=r"references have shape \(10,\)"):
        match(np.ones((2, 10)), np.ones(10))
