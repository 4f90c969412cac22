"""One run, seen through component maps: its time courses, and how much of it they explain."""

from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from scipy import linalg
from threadpoolctl import threadpool_limits

from nbica.preparation import PreparedRun
from nbica.subspace import gram


class Explained(NamedTuple):
    """Sums of squares of one run: in all, in the maps together, in each map alone."""

    total: float
    together: float
    alone: np.ndarray


def project_run(run, preparation, maps, confounds=None, scratch_folder=None):
    """Time courses of the maps in a run, by least squares.

    Peak memory is the cleaned run.

    Parameters
    ----------
    run : images.Run
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
        along, _ = along_maps(signals, maps)
        return (along @ inverse_overlaps(maps)).astype(np.float32), signals.notices()


def explain_run(run, preparation, maps, confounds=None, scratch_folder=None):
    """How much of a run's variance the maps explain, together and each alone.

    Peak memory is the cleaned run. Parameters are those of :func:`project_run`.

    Returns
    -------
    explained : Explained
    warnings : list of str
    """
    norms = np.linalg.norm(maps, axis=1)
    with _prepared(run, preparation, confounds, scratch_folder) as signals:
        along, total = along_maps(signals, maps)
        alone = (along**2).sum(axis=0) / np.where(norms > 0, norms, 1.0) ** 2
        together = np.einsum("ti,ti->", along @ inverse_overlaps(maps), along)
        return Explained(total, float(together), alone), signals.notices()


@contextmanager
def _prepared(*run):
    with threadpool_limits(1, "blas"), PreparedRun(*run) as signals:
        yield signals


def along_maps(signals, maps):
    """Products of signals and maps, (n_timepoints, n_maps), and the signals' sum of squares."""
    along, total = np.zeros((signals.n_timepoints, len(maps))), 0.0
    for voxels, block in signals.walk():
        along += block @ maps[:, voxels].T
        total += float(np.einsum("tv,tv->", block, block, dtype=np.float64))
    return along, total


def inverse_overlaps(maps):
    """Pseudo-inverse: maps that a threshold emptied get a time course of 0 instead of an error.

    Two maps of which float32 cannot tell that they differ share theirs.
    """
    # dask may hand over arrays that are not aligned, for which numpy takes another product.
    overlaps = gram(np.require(maps, requirements=["ALIGNED"]))
    present = np.flatnonzero(np.diag(overlaps))  # exactly 0 for the others, not the rounding of 0
    inverse = np.zeros_like(overlaps)
    inverse[np.ix_(present, present)] = linalg.pinvh(overlaps[np.ix_(present, present)], rtol=1e-12)
    return inverse
