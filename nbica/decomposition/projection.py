"""One run, seen through component maps: its time courses, and how much of it they explain.

Each frame is fitted by the maps and an intercept, as FSL's dual regression does it [1]_. Maps that
a threshold has cut have a mean; without an intercept whatever all voxels share, a global signal,
would be in every time course.

References
----------
.. [1] L. Nickerson et al., "Using dual regression to investigate network shape and amplitude in
   functional connectivity analyses", Frontiers in Neuroscience 11 (2017), 115.
"""

from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from nbica.masking.preparation import PreparedRun
from nbica.signal.least_squares import inverse_overlaps, less_their_means


class Explained(NamedTuple):
    """Sums of squares of one run: in all, in the maps together, in each map alone."""

    total: float
    together: float
    alone: np.ndarray


def project_run(run, preparation, maps, confounds=None, scratch_folder=None):
    """Time courses of the maps in a run, by least squares with an intercept in each frame.

    Peak memory is the cleaned run and a copy of the maps.

    Parameters
    ----------
    run : Run
    preparation : preparation.Preparation
    maps : ndarray of shape (n_maps, n_voxels)
    confounds : as :class:`preparation.PreparedRun` takes them
    scratch_folder : path, optional
        Keep the cleaned matrix in a file there instead of in RAM.

    Returns
    -------
    time_courses : ndarray of float32, shape (n_timepoints, n_maps)
    warnings : list of str
    """
    with _prepared(run, preparation, confounds, scratch_folder) as signals:
        return fit_frames(signals, maps).courses.astype(np.float32), signals.notices()


def explain_run(run, preparation, maps, confounds=None, scratch_folder=None):
    """How much of a run's variance the maps explain, together and each alone.

    What the intercept takes, the mean of each frame, counts as not explained. Cost and parameters
    are those of :func:`project_run`.

    Returns
    -------
    explained : Explained
    warnings : list of str
    """
    norms = np.linalg.norm(less_their_means(maps), axis=1)
    with _prepared(run, preparation, confounds, scratch_folder) as signals:
        along, courses, total = fit_frames(signals, maps)
        alone = (along**2).sum(axis=0) / np.where(norms > 0, norms, 1.0) ** 2
        together = np.einsum("ti,ti->", courses, along)
        return Explained(total, float(together), alone), signals.notices()


@contextmanager
def _prepared(*run):
    with threadpool_limits(1, "blas"), PreparedRun(*run) as signals:
        yield signals


class Fit(NamedTuple):
    """Frames fitted by maps.

    `along` are products of signals and maps less their means, `courses` the coefficients, both of
    shape (n_timepoints, n_maps) and float64; `total` is the signals' sum of squares.
    """

    along: np.ndarray
    courses: np.ndarray
    total: float


def fit_frames(signals, maps):
    """Least squares of each frame on the maps and an intercept; walks the signals once.

    Parameters
    ----------
    signals : preparation.PreparedRun
    maps : ndarray of shape (n_maps, n_voxels)

    Returns
    -------
    Fit
    """
    maps = less_their_means(maps)
    along, total = along_maps(signals, maps)
    return Fit(along, along @ inverse_overlaps(maps), total)


def along_maps(signals, maps):
    """Products of signals and maps, (n_timepoints, n_maps), and the signals' sum of squares."""
    along, total = np.zeros((signals.n_timepoints, len(maps))), 0.0
    for voxels, block in signals.walk():
        along += block @ maps[:, voxels].T
        total += float(np.einsum("tv,tv->", block, block, dtype=np.float64))
    return along, total
