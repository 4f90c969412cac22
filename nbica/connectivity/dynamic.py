"""Connectivity that changes within a run: sliding windows, states, and what chance gives.

Windowed correlations vary even where nothing changes, since they are estimates from few frames; and
k-means finds as many states as it is asked for, in noise as well. So all that is measured here
stands beside the same of surrogates whose connectivity is constant.

References
----------
.. [1] E. Allen et al., "Tracking whole-brain connectivity dynamics in the resting state", Cerebral
   Cortex 24 (2014), 663-676: tapered windows, states by k-means.
.. [2] R. Hindriks et al., "Can sliding-window correlations reveal dynamic functional connectivity
   in resting-state fMRI?", NeuroImage 127 (2016), 242-256: surrogates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from nbica.connectivity.matrices import sym_matrix_to_vec, vec_to_sym_matrix
from nbica.connectivity.measure import check_series
from nbica.connectivity.subject_maps import courses_of
from nbica.connectivity.surrogates import phase_randomized
from nbica.exceptions import DataError
from nbica.runtime.checks import check_count
from nbica.runtime.progress import checkpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbica.connectivity.subject_maps import SubjectMaps

# A correlation of 1, such as of a time course with its copy, has no Fisher z.
_LARGEST_R = 1 - 1e-9


@dataclass(frozen=True, eq=False)
class Dynamics:
    """What was measured of changing connectivity; of a group or of one surrogate of it.

    Attributes
    ----------
    states : ndarray of shape (n_states, n, n)
        Correlations at the centers of the clusters of windows, the most frequent first.
    sequences : list of ndarray of int, each of shape (n_windows,)
        Number of the state of each window, run by run.
    occupancy : ndarray of shape (n_runs, n_states)
        Share of a run's windows in each state.
    dwell_times : ndarray of shape (n_runs, n_states)
        Mean length of a stay, in frames; 0 in states where a run never was.
    transitions : ndarray of shape (n_runs, n_states, n_states)
        From the state of the row to that of the column: share of the windows in the row's that are
        followed by one in the column's. 0 where there was none.
    variability : ndarray of shape (n_runs, n, n)
        Standard deviation of Fisher's z over the windows.
    separation : float
        Share of the windows' variance that states explain: what k-means maximizes.
    """

    states: np.ndarray
    sequences: list
    occupancy: np.ndarray
    dwell_times: np.ndarray
    transitions: np.ndarray
    variability: np.ndarray
    separation: float

    @property
    def mean_variability(self) -> float:
        """Over runs and pairs."""
        return float(sym_matrix_to_vec(self.variability, discard_diagonal=True).mean())


@dataclass(frozen=True, eq=False)
class DynamicConnectivity(Dynamics):
    """Connectivity that changes, and surrogates in which it does not.

    Attributes
    ----------
    null : list of Dynamics
        The same of each surrogate group. Their states are their own: the first of a surrogate is
        its most frequent one.
    window, step : int
        In frames.

    See Also
    --------
    dynamic_connectivity : makes one.

    Examples
    --------
    >>> import numpy as np
    >>> from nbica.connectivity import dynamic_connectivity
    >>> runs = [np.random.default_rng(seed).standard_normal((80, 4)) for seed in range(4)]
    >>> found = dynamic_connectivity(runs, n_states=2, n_surrogates=3)
    >>> found.states.shape, found.transitions.shape, len(found.null)
    ((2, 4, 4), (4, 2, 2), 3)
    """

    null: tuple = ()
    window: int = 0
    step: int = 1

    def p(self, name: str) -> float:
        """How often surrogates of constant connectivity have as much of something.

        Parameters
        ----------
        name : {"mean_variability", "separation"}

        Returns
        -------
        float
            One-sided; of n surrogates 1 / (n + 1) at best.
        """
        theirs = np.array([getattr(one, name) for one in self.null])
        return float((1 + (theirs >= getattr(self, name)).sum()) / (1 + len(theirs)))

    def __repr__(self) -> str:
        runs = "1 run" if len(self.occupancy) == 1 else f"{len(self.occupancy)} runs"
        beside = ""
        if self.null:
            chance = np.mean([one.separation for one in self.null])
            beside = f", surrogates {chance:.2f} (p = {self.p('separation'):.3f})"
        return (
            f"<{len(self.states)} states of {runs} explain {self.separation:.2f} of the windows' "
            f"variance{beside}>"
        )


def sliding_windows(
    time_courses: np.ndarray, window: int = 22, taper: float = 3.0, step: int = 1
) -> np.ndarray:
    """Correlations in windows that slide along a run, frames near their ends counting less.

    Costs n_windows x window x n² multiplications, and memory for the result and as many windows.

    Parameters
    ----------
    time_courses : ndarray of shape (n_timepoints, n)
    window : int
        Length of a rectangle, in frames; by default that of Allen et al. [1]_, 44 s with a `t_r`
        of 2 s.
    taper : float
        Standard deviation of the Gaussian that the rectangle is convolved with, in frames; 0 for
        none.
    step : int
        Frames from one window to the next.

    Returns
    -------
    ndarray of shape (n_windows, n, n)
        Of time courses that are constant in a window, 0.

    See Also
    --------
    dynamic_connectivity : the states of such windows, beside chance.

    References
    ----------
    .. [1] E. Allen et al., "Tracking whole-brain connectivity dynamics in the resting state",
       Cerebral Cortex 24 (2014), 663-676. Their L1 penalty is left out.

    Examples
    --------
    >>> import numpy as np
    >>> from nbica.connectivity import sliding_windows
    >>> courses = np.random.default_rng(0).standard_normal((100, 4))
    >>> sliding_windows(courses).shape
    (67, 4, 4)
    """
    X = np.asarray(time_courses, dtype=float)
    weights = window_weights(window, taper)
    if X.ndim != 2 or len(X) < len(weights):
        msg = (
            f"A window of {window} frames with a taper of {taper:g} takes {len(weights)}; the time "
            f"courses have shape {X.shape}: shorten the window."
        )
        raise DataError(msg)
    parts = np.lib.stride_tricks.sliding_window_view(X, len(weights), axis=0)[::step]
    parts = parts - (parts @ weights)[..., np.newaxis]
    covariances = (parts * weights) @ np.swapaxes(parts, 1, 2)
    deviations = np.sqrt(np.einsum("wii->wi", covariances))
    deviations[deviations <= 1e-12 * np.abs(X).max(axis=0)] = 0.0  # constant, to rounding
    scale = deviations[:, :, np.newaxis] * deviations[:, np.newaxis]
    return np.divide(covariances, scale, out=np.zeros_like(covariances), where=scale > 0)


def window_weights(window, taper):
    """Weights of the frames of a window, of sum 1: a rectangle convolved with a Gaussian.

    >>> window_weights(4, 0.0)
    array([0.25, 0.25, 0.25, 0.25])
    >>> len(window_weights(22, 3.0))
    34
    """
    check_count("window", window, at_least=2)
    reach = int(np.ceil(2.0 * taper))
    gaussian = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (taper or 1.0)) ** 2)
    weights = np.convolve(np.ones(window), gaussian)
    return weights / weights.sum()


def dynamic_connectivity(
    time_courses: Sequence[np.ndarray | SubjectMaps], n_states: int = 5, window: int = 22,
    taper: float = 3.0, step: int = 1, n_surrogates: int = 20, random_state: int = 0,
) -> DynamicConnectivity:  # fmt: skip
    """States of connectivity within runs, beside those of runs whose connectivity is constant.

    Costs, for the runs and as often again for each of `n_surrogates`, their windows (see
    :func:`sliding_windows`) and ten starts of k-means on n_windows x n (n - 1) / 2 numbers: half a
    second for 20 runs of 150 frames and 20 networks. Memory is that of the windows of all runs.

    Parameters
    ----------
    time_courses : list of ndarray, each of shape (n_timepoints, n), or of SubjectMaps
        One per run. Detrended, and best filtered below 0.15 Hz, as windows are short.
    n_states : int
        Clusters of the windows of all runs, by k-means on Fisher's z.
    window, taper, step
        Of the windows, in frames.
    n_surrogates : int
        Phase-randomized copies of the group, see :func:`surrogates.phase_randomized`: 19 are the
        fewest that can give p = .05; 0 are none.
    random_state : int

    Returns
    -------
    DynamicConnectivity
        Each of its arrays over runs goes into :func:`compare_groups` as it is.

    Raises
    ------
    DataError
        If a run is shorter than a window, or its time courses cannot be used.

    See Also
    --------
    compare_groups : takes each of the measures.
    nbica.plotting.plot_states : shows them.

    Notes
    -----
    Surrogates keep the variances, and the correlations over the whole run and at every lag. Who
    finds as much in them has found no dynamics. Of 150 simulated groups without dynamics .05 had
    p <= .05 by "separation", and .08 by "mean_variability". In 20 real runs at rest five states
    explain .16 of the windows' variance, and .17 of the surrogates'; windows vary a little more
    (.23, not .21).

    Examples
    --------
    >>> import numpy as np
    >>> from nbica.connectivity import dynamic_connectivity
    >>> rng = np.random.default_rng(0)
    >>> runs = [rng.standard_normal((120, 4)) for _ in range(6)]
    >>> found = dynamic_connectivity(runs, n_states=3, n_surrogates=19)
    >>> found.occupancy.shape, found.p("separation") > 0.05
    ((6, 3), True)
    """
    check_count("n_states", n_states)
    check_count("step", step)
    check_count("n_surrogates", n_surrogates, at_least=0)
    runs = check_series(courses_of(time_courses))
    rng = np.random.default_rng(random_state)
    seed = int(rng.integers(2**31))

    def measured(runs):
        checkpoint()
        return _measure(
            [sliding_windows(X, window, taper, step) for X in runs], n_states, step, seed
        )

    null = tuple(
        Dynamics(**measured([phase_randomized(X, rng) for X in runs])) for _ in range(n_surrogates)
    )
    return DynamicConnectivity(**measured(runs), null=null, window=window, step=step)


def _measure(windows, n_states, step, seed):
    """Attributes of Dynamics, of each run's windows."""
    z = [np.arctanh(np.clip(_vectors(one), -_LARGEST_R, _LARGEST_R)) for one in windows]
    stacked = np.vstack(z)
    if len(stacked) < n_states:
        msg = f"{len(stacked)} windows cannot be in {n_states} states: lower n_states."
        raise DataError(msg)
    with threadpool_limits(1):  # small arrays: threads would wait for each other
        clusters = KMeans(n_states, n_init=10, random_state=seed).fit(stacked)
    order = np.argsort(-np.bincount(clusters.labels_, minlength=n_states), kind="stable")
    labels = np.argsort(order)[clusters.labels_]
    sequences = np.split(labels, np.cumsum([len(one) for one in z])[:-1])
    total = ((stacked - stacked.mean(axis=0)) ** 2).sum()
    n = windows[0].shape[1]
    return {
        "states": _matrices(np.tanh(clusters.cluster_centers_[order]), n, 1.0),
        "sequences": sequences,
        "occupancy": np.array([_shares(one, n_states) for one in sequences]),
        "dwell_times": step * np.array([_dwell_times(one, n_states) for one in sequences]),
        "transitions": np.array([_transitions(one, n_states) for one in sequences]),
        "variability": _matrices(np.array([one.std(axis=0) for one in z]), n, 0.0),
        "separation": float(1.0 - clusters.inertia_ / (total or 1.0)),
    }


def _vectors(matrices):
    return sym_matrix_to_vec(matrices, discard_diagonal=True)


def _matrices(vectors, n, diagonal):
    return vec_to_sym_matrix(vectors, np.full((len(vectors), n), diagonal) / np.sqrt(2))


def _shares(sequence, n_states):
    return np.bincount(sequence, minlength=n_states) / len(sequence)


def _dwell_times(sequence, n_states):
    """Mean length of the stays in each state, in windows."""
    starts = np.flatnonzero(np.diff(sequence, prepend=-1))
    lengths = np.diff(starts, append=len(sequence))
    n_stays = np.bincount(sequence[starts], minlength=n_states)
    return np.bincount(sequence[starts], lengths, n_states) / np.maximum(n_stays, 1)


def _transitions(sequence, n_states):
    counts = np.zeros((n_states, n_states))
    np.add.at(counts, (sequence[:-1], sequence[1:]), 1.0)
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
