"""One run, reduced: read, smooth, clean, and keep its principal components.

This is the unit of work of a fit: cached, and run in parallel. It depends on one run and on
parameters only, so its result can be kept and used again with any other runs.
"""

import time
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import joblib
import numpy as np
from threadpoolctl import threadpool_limits

from nbica import images
from nbica.cache import recall
from nbica.confounds import load_confounds
from nbica.group import each_run
from nbica.preparation import PreparedRun
from nbica.subspace import left_factors

# Raised whenever a change here or in what is called changes the numbers.
VERSION = 1

# Components are stored in steps of 32, so that another n_components often finds them in the cache.
STEP = 32


@dataclass(frozen=True, eq=False)
class Reduction:
    """What is kept of a run.

    Attributes
    ----------
    components : ndarray of float32, shape (n_stored, n_voxels)
        Orthonormal rows: the leading right singular vectors of the cleaned signals.
    singular_values : ndarray of float64, shape (n_stored,)
        Their weights, in the unit of the signals times sqrt(n_timepoints x n_voxels).
    total_variance : float
        Sum of squares of all cleaned signals.
    n_timepoints : int
    warnings : tuple of str
        What was noticed about the run.
    seconds : dict of str to float
        What it took to "read", "smooth", "clean" and "reduce" the run, when it was reduced.
    """

    components: np.ndarray
    singular_values: np.ndarray
    total_variance: float
    n_timepoints: int
    warnings: tuple
    seconds: dict

    def leading(self, n_components):
        """The same with no more than so many components."""
        return replace(
            self,
            components=self.components[:n_components],
            singular_values=self.singular_values[:n_components],
        )

    def parked(self, folder):
        """The same with its components in a file of a folder, mapped: it takes no memory."""
        file = Path(folder) / f"{uuid4().hex}.npy"
        np.save(file, self.components)
        return replace(self, components=np.load(file, mmap_mode="r"))

    def discard(self, folder):
        """Remove the file of components that were parked in a folder."""
        if folder is not None and isinstance(self.components, np.memmap):
            Path(self.components.filename).unlink(missing_ok=True)


def principal_components(walk, n_timepoints, n_voxels, n_components):
    """Leading principal components of a run's signals, exactly.

    Costs n_timepoints² x n_voxels multiplications and no copy of the signals: the singular values
    and left vectors come from the n_timepoints x n_timepoints Gram matrix, the right ones from one
    product. For the few hundred timepoints of a run that is five times faster than a randomized
    SVD, and has no randomness.

    Parameters
    ----------
    walk : callable
        Gives, each time it is called, pairs of a slice of voxels and a block of signals, float32
        of shape (n_timepoints, n_block).
    n_timepoints, n_voxels : int
    n_components : int
        At most; a run that spans fewer dimensions gives fewer.

    Returns
    -------
    components : ndarray of float32, shape (n, n_voxels)
        Orthonormal rows by decreasing singular value.
    singular_values : ndarray of float64, shape (n,)
    total_variance : float
        Sum of squares of the signals.
    """
    s, U, total = left_factors(lambda: (b for _, b in walk()), n_timepoints, n_components)
    components = np.empty((len(s), n_voxels), np.float32)
    to_components = np.ascontiguousarray((U / s).T, dtype=np.float32)
    for voxels, block in walk():
        components[:, voxels] = to_components @ block
    return components, s, total


def stored_components(n_components):
    """How many components are stored of a run where so many are wanted: the next multiple of 32."""
    return STEP * -(-n_components // STEP)


def reduce_run(
    run, preparation, n_components, confounds=None, memory=None, scratch_folder=None,
    results_folder=None,
):  # fmt: skip
    """One run, reduced; from the cache where it is there. The unit of parallel work.

    Parameters
    ----------
    run : images.Run
    preparation : Preparation
    n_components : int
        Wanted; rounded up to a multiple of 32.
    confounds : as :class:`preparation.PreparedRun` takes them
    memory : joblib.Memory
    scratch_folder : path, optional
        Keep the cleaned matrix in a file there instead of in RAM; the result is the same.
    results_folder : path, optional
        Hand the components over in a file there; see :meth:`Reduction.parked`.

    Returns
    -------
    reduction : Reduction
    from_cache : bool
    seconds : float
    """
    start = time.perf_counter()
    # With a cache or without: how many are wanted has a say in the last digits of each.
    n_stored = stored_components(n_components)
    confounds = load_confounds(confounds, run.n_timepoints, run.name)
    key = None
    if memory.location is not None:
        key = (images.fingerprint(run), preparation.key(), joblib.hash(confounds), n_stored)
    reduction, from_cache = recall(
        memory, reduced, VERSION, key,
        run=run, preparation=preparation, n_components=n_stored, confounds=confounds,
        scratch_folder=scratch_folder,
    )  # fmt: skip
    if results_folder is not None:
        reduction = reduction.parked(results_folder)
    return reduction, from_cache, time.perf_counter() - start


def reduced(key, version, run, preparation, n_components, confounds, scratch_folder):
    """Read and reduce one run; what the cache remembers by `key` and `version`."""
    del key, version
    # One thread: processes share the cores, and the sums do not depend on how many there are.
    start = time.perf_counter()
    with (
        threadpool_limits(1, "blas"),
        PreparedRun(run, preparation, confounds, scratch_folder) as signals,
    ):
        components, s, total = principal_components(
            signals.walk, signals.n_timepoints, signals.n_voxels, n_components
        )
        notices, seconds = tuple(signals.notices()), dict(signals.watch.seconds)
    seconds["reduce"] = time.perf_counter() - start - sum(seconds.values())
    return Reduction(components, s, total, run.n_timepoints, notices, seconds)


def reduce_runs(pairs, preparation, n_components, memory, plan):
    """Each run with its reduction, in order, made by several processes as they are asked for.

    Reductions that wait to be merged take no memory: workers leave them in files, which are
    removed as soon as the next one is asked for.

    Parameters
    ----------
    pairs : iterable of (run, confounds)
    preparation, n_components, memory
        As in :func:`reduce_run`.
    plan : budget.Plan

    Yields
    ------
    name : str
    result : tuple
        What :func:`reduce_run` returns.
    """
    shared = {
        "preparation": preparation,
        "n_components": n_components,
        "memory": memory,
        "scratch_folder": plan.scratch_path,
    }
    # With a cache they are in files already; a cluster may share no folder.
    in_hand = plan.n_workers == 1 or plan.on_cluster or memory.location is not None
    with nullcontext() if in_hand else TemporaryDirectory(prefix="nbica-") as folder:
        shared["results_folder"] = folder
        with closing(each_run(reduce_run, pairs, plan.n_workers, **shared)) as results:
            for name, result in results:
                yield name, result
                result[0].discard(folder)
