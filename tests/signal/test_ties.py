"""What is equal but for its last digits is decided by index, on every processor."""

import numpy as np
import pytest

from nbica.decomposition.maps import flip_signs, threshold_maps
from nbica.matching.pairing import match
from nbica.signal.ties import KNOWN, first_of_largest, in_order, places
from nbica.viewer.state import rounded as two_digits


@pytest.fixture
def rounded(rng):
    """A function: values as another processor would have them."""
    return lambda values: values * (1 + 0.1 * KNOWN * rng.uniform(-1, 1, np.shape(values)))


def test_the_first_of_equals_is_the_largest(rng, rounded):
    """Of values that are equal but for rounding the first is taken, of others the largest."""
    values = rng.permutation(np.repeat([3.0, 7.0, -8.0], 20)).reshape(6, 10)

    for _ in range(20):
        assert first_of_largest(rounded(values)) == values.argmax()
    distinct = rng.standard_normal(100)
    assert first_of_largest(distinct) == distinct.argmax()


def test_equals_share_a_place(rng, rounded):
    """Places are those of the values without rounding; a value of 0 is a value like others."""
    values = rng.choice([5.0, 4.0, 0.0, -1.0], 60)

    for _ in range(20):
        np.testing.assert_array_equal(
            places(rounded(values)), np.searchsorted([-5, -4, 0, 1], -values)
        )


def test_places_of_nothing():
    """No values have no places, and one has the first."""
    assert places([]).tolist() == []
    assert places([0.0]).tolist() == [0]


def test_equals_are_told_apart_by_what_counts_less_and_by_their_index(rng, rounded):
    """The order is that of numpy's stable sort of values without rounding."""
    first, second = rng.choice([0.5, 1.0], 40), rng.choice([1.0, 2.0, 3.0], 40)

    for _ in range(20):
        found = in_order(rounded(first), rounded(second))
        np.testing.assert_array_equal(found, np.lexsort((-second, -first)))


def test_how_much_is_known_may_differ():
    """Stabilities that differ by less than a thousandth are equal, shares that do are not."""
    stability, share = [0.9990, 0.9995, 1.0, 0.9], [0.5, 0.5002, 0.4, 0.9]

    assert in_order(stability, share, within=(1e-3, KNOWN)).tolist() == [1, 0, 2, 3]


def test_symmetric_maps_keep_their_sign(rng, rounded):
    """A map without a longer tail is as it was; one with a negative tail is turned."""
    half = rng.laplace(size=500)
    symmetric, tailed = np.concatenate([half, -half]), rng.exponential(size=1000)
    maps = np.array([symmetric, -symmetric, -tailed, tailed, np.zeros(1000)])

    for _ in range(20):
        signs = np.sign(np.einsum("cv,cv->c", flip_signs(rounded(maps)), maps))
        assert signs.tolist() == [1, 1, -1, 1, 0]


def test_what_is_as_large_as_the_cut_is_kept(rounded):
    """Equal values at the threshold are kept all, and not those that rounding made larger."""
    maps = np.array([[5.0, 2, 2, 2, 1, 1, 1, 1], [4.0, 2, 2, 0, 0, 0, 0, 0]])

    for _ in range(20):
        kept = threshold_maps(rounded(maps), 0.5) != 0
        np.testing.assert_array_equal(kept, maps >= 2)


def test_copies_of_a_map_are_paired_by_their_index(rng, rounded):
    """Which of two equal maps is paired does not hang on their last digits."""
    maps = rng.standard_normal((3, 400))
    copies = np.vstack([maps, maps])

    for _ in range(20):
        assert match(rounded(copies), maps).indices.tolist() == match(copies, maps).indices.tolist()


def test_a_viewers_threshold_has_two_digits(rounded):
    """Half of a peak of 1 is 0.5 on any processor; other thresholds are cut, not rounded."""
    for exact in (0.5, 0.1, 0.02, 3.0, 250.0):
        assert {two_digits(float(rounded(exact))) for _ in range(20)} == {exact}
    assert [two_digits(value) for value in (0.0, 0.0199, 0.4988, 2.999, 257.3)] == [
        0.0, 0.019, 0.49, 2.9, 250.0,
    ]  # fmt: skip
