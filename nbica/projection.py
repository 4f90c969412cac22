"""One run, seen through component maps: its time courses, and how much of it they explain."""

from typing import NamedTuple

import numpy as np
from scipy import linalg
from threadpoolctl import threadpool_limits

from nbica.masking import prepare


class Explained(NamedTuple):
    """Sums of squares of one run: in all, in the maps together, in each map alone."""

    total: float
    together: float
    alone: np.ndarray


def project_run(run, preparation, maps, confounds=None):
    """Time courses of the maps in a run, by least squares.

    Peak memory is the cleaned run.

    Parameters
    ----------
    run : images.Run
    preparation : masking.Preparation
    maps : ndarray of shape (n_maps, n_voxels)
    confounds : as :func:`masking.prepare` takes them

    Returns
    -------
    time_courses : ndarray of float32, shape (n_timepoints, n_maps)
    warnings : list of str
    """
    with threadpool_limits(1, "blas"):
        signals, notices = prepare(run, preparation, confounds)
        return ((signals @ maps.T) @ _inverse_overlaps(maps)).astype(np.float32), notices


def explain_run(run, preparation, maps, confounds=None):
    """How much of a run's variance the maps explain, together and each alone.

    Peak memory is the cleaned run. Parameters are those of :func:`project_run`.

    Returns
    -------
    explained : Explained
    warnings : list of str
    """
    with threadpool_limits(1, "blas"):
        signals, notices = prepare(run, preparation, confounds)
        norms = np.linalg.norm(maps, axis=1)
        along = (signals @ maps.T).astype(np.float64)
        alone = (along**2).sum(axis=0) / np.where(norms > 0, norms, 1.0) ** 2
        together = np.einsum("ti,ti->", along @ _inverse_overlaps(maps), along)
        total = np.einsum("tv,tv->", signals, signals, dtype=np.float64)
    return Explained(float(total), float(together), alone), notices


def _inverse_overlaps(maps):
    """Pseudo-inverse: maps that a threshold emptied get a time course of 0 instead of an error."""
    return linalg.pinvh((maps @ maps.T).astype(np.float64))
