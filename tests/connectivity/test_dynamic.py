"""Changing connectivity: numpy as oracle, planted states, the rates of its nulls."""

from itertools import pairwise, permutations

import numpy as np
import pytest
from scipy.signal import lfilter

from nbica import plotting
from nbica.connectivity import compare_groups, dynamic_connectivity, sliding_windows
from nbica.connectivity.dynamic import window_weights
from nbica.connectivity.surrogates import phase_randomized
from nbica.exceptions import DataError

BLOCKS = [slice(0, 3), slice(3, 6), slice(1, 4)]


def runs_in_states(rng, n_runs=6, n_timepoints=160, coupling=0.8):
    """Runs that stay 30 to 50 frames in one of three states, and the state of each frame."""
    runs, states = [], []
    for _ in range(n_runs):
        of_frames = np.repeat(rng.integers(3, size=8), rng.integers(30, 50, size=8))[:n_timepoints]
        series = rng.standard_normal((n_timepoints, 6))
        for t, state in enumerate(of_frames):
            series[t, BLOCKS[state]] += np.sqrt(coupling / (1 - coupling)) * rng.standard_normal()
        runs.append(series)
        states.append(of_frames)
    return runs, states


def stationary(rng, n_runs=6, n_timepoints=150):
    """Runs of smooth, correlated time courses whose connectivity is constant."""
    mixing = np.eye(6) + 0.3 * rng.standard_normal((6, 6))
    noise = rng.standard_normal((n_runs, n_timepoints + 50, 6)) @ mixing
    return list(lfilter([1], [1, -0.7], noise, axis=1)[:, 50:])


# ---- windows and surrogates ---------------------------------------------------------------------


def test_windows_are_numpys_weighted_correlations(rng):
    """Each matrix is that of numpy's covariance with the window's weights."""
    series = rng.standard_normal((60, 4))
    weights = window_weights(10, 2.0)

    found = sliding_windows(series, 10, 2.0, step=3)

    assert len(weights) == 18
    assert weights.sum() == pytest.approx(1)
    np.testing.assert_allclose(weights, weights[::-1])
    for number, start in enumerate(range(0, 60 - 18 + 1, 3)):
        covariance = np.cov(series[start : start + 18].T, aweights=weights)
        d = np.sqrt(np.diag(covariance))
        np.testing.assert_allclose(found[number], covariance / np.outer(d, d), atol=1e-12)
    assert len(found) == number + 1


def test_plain_windows_are_plain_correlations(rng):
    """Without a taper each matrix is numpy's corrcoef; a constant course correlates with none."""
    series = np.column_stack([rng.standard_normal((30, 2)), np.ones(30)])

    found = sliding_windows(series, 20, 0.0)

    np.testing.assert_allclose(found[4][:2, :2], np.corrcoef(series[4:24, :2].T))
    np.testing.assert_array_equal(found[:, 2], 0)


@pytest.mark.parametrize("n_timepoints", [80, 81])
def test_surrogates_keep_what_is_constant(rng, n_timepoints):
    """Means, covariances and covariances at every (circular) lag stay; the courses do not."""
    series = lfilter([1], [1, -0.5], rng.standard_normal((n_timepoints, 3)), axis=0) + 5

    again = phase_randomized(series, rng)

    np.testing.assert_allclose(again.mean(axis=0), series.mean(axis=0))
    for lag in (0, 1, 7):
        lagged = [x.T @ np.roll(x, lag, axis=0) for x in (series, again)]
        np.testing.assert_allclose(*lagged)
    assert np.abs(np.corrcoef(series[:, 0], again[:, 0])[0, 1]) < 0.5


# ---- states -------------------------------------------------------------------------------------


def test_planted_states_are_found(rng):
    """Three states come back, with their sequences, and stand out of the surrogates."""
    runs, of_frames = runs_in_states(rng)

    found = dynamic_connectivity(runs, 3, n_surrogates=19)

    assert found.p("separation") == found.p("mean_variability") == 0.05
    n_windows = len(found.sequences[0])
    middles = np.concatenate([states[16 : 16 + n_windows] for states in of_frames])
    sequence = np.concatenate(found.sequences)

    def agreement(order):
        return np.mean(np.take(order, sequence) == middles)

    order = max(permutations(range(3)), key=agreement)
    assert agreement(order) > 0.85
    for number, state in enumerate(order):
        inside = np.zeros((6, 6), bool)
        inside[BLOCKS[state], BLOCKS[state]] = True
        off = ~np.eye(6, dtype=bool)
        r = found.states[number]
        assert r[inside & off].min() > 0.4 > 0.35 > np.abs(r[~inside & off]).max()


@pytest.mark.slow
def test_rates_on_nulls_are_nominal(rng):
    """Where nothing changes, each p is 1 / 10 or less in about a tenth of studies."""
    n_studies = 120
    p = np.array(
        [
            [found.p("separation"), found.p("mean_variability")]
            for found in (
                dynamic_connectivity(stationary(rng), 3, step=4, n_surrogates=9, random_state=seed)
                for seed in range(n_studies)
            )
        ]
    )

    rates = (p <= 0.1).mean(axis=0)
    # Three standard errors of 120 studies.
    assert rates.max() < 0.1 + 3 * np.sqrt(0.09 / n_studies)


def test_measures_are_those_of_a_loop(rng):
    """Occupancy, dwell times and transitions are counted right from the sequences."""
    runs, _ = runs_in_states(rng, n_runs=3)
    found = dynamic_connectivity(runs, 4, step=2, n_surrogates=0)

    assert (np.diff(np.bincount(np.concatenate(found.sequences))) <= 0).all()
    for run, sequence in enumerate(found.sequences):
        for state in range(4):
            stays, length = [], 0
            for here, after in zip(sequence, [*sequence[1:], -1], strict=True):
                length += here == state
                if here == state != after:
                    stays.append(length)
                    length = 0
            mean = 2 * np.mean(stays) if stays else 0
            assert found.dwell_times[run, state] == pytest.approx(mean)
            assert found.occupancy[run, state] == pytest.approx(np.mean(sequence == state))
            followed = [b for a, b in pairwise(sequence) if a == state]
            shares = [followed.count(b) / max(1, len(followed)) for b in range(4)]
            np.testing.assert_allclose(found.transitions[run, state], shares)


def test_groups_are_compared_by_every_measure(rng):
    """Groups that differ in one state differ in its occupancy; each measure is taken as it is."""
    one, _ = runs_in_states(rng, n_runs=10, coupling=0.8)
    other = [rng.standard_normal((160, 6)) for _ in range(10)]
    groups = np.repeat(["a", "b"], 10)
    found = dynamic_connectivity(one + other, 3, n_surrogates=0)

    results = {
        name: compare_groups(getattr(found, name), groups, n_permutations=500)
        for name in ("occupancy", "dwell_times", "transitions", "variability")
    }

    assert results["occupancy"].p.min() < 0.01
    assert results["variability"].p.shape == (6, 6)
    difference = results["transitions"].difference
    means = [found.transitions[groups == name].mean(axis=0) for name in "ab"]
    np.testing.assert_allclose(difference, means[0] - means[1])


def test_the_same_seed_gives_the_same(rng):
    """States, sequences and surrogates depend on the data and the seed only."""
    runs = stationary(rng, 3)

    one, other = (dynamic_connectivity(runs, 3, n_surrogates=2, random_state=1) for _ in "12")

    np.testing.assert_array_equal(one.states, other.states)
    assert [o.separation for o in one.null] == [o.separation for o in other.null]
    assert repr(one).startswith("<3 states of 3 runs explain")


def test_what_cannot_be(rng):
    """Errors say what was found and the way out."""
    with pytest.raises(DataError, match="takes 34; the time courses have shape"):
        dynamic_connectivity([rng.standard_normal((30, 3))])
    with pytest.raises(DataError, match="2 windows cannot be in 5 states"):
        dynamic_connectivity([rng.standard_normal((35, 3))], n_surrogates=0)
    with pytest.raises(ValueError, match="n_states is 0"):
        dynamic_connectivity([rng.standard_normal((60, 3))], 0)
    with pytest.raises(ValueError, match="n_surrogates is -1; expected a whole number from 0"):
        dynamic_connectivity([rng.standard_normal((60, 3))], n_surrogates=-1)


# ---- the picture --------------------------------------------------------------------------------


@pytest.mark.parametrize(("n_states", "n_surrogates"), [(2, 0), (3, 4), (7, 2)])
def test_picture_shows_each_state_and_chance(rng, n_states, n_surrogates):
    """A matrix per state, the sequences, and two measures beside their surrogates."""
    found = dynamic_connectivity(stationary(rng, 3), n_states, n_surrogates=n_surrogates)

    figure = plotting.plot_states(found, domains=list("aabbcc"), title="states")

    images = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    squares = [image for image in images if image.shape == (6, 6)]
    assert len(squares) == n_states
    np.testing.assert_array_equal(squares[0], found.states[0])
    if n_surrogates:
        dots = next(axes.lines[0] for axes in figure.axes if axes.lines)
        np.testing.assert_array_equal(dots.get_xdata(), [one.separation for one in found.null])
    assert len(figure.axes) == n_states + 2 + 2 * (n_surrogates > 0)
