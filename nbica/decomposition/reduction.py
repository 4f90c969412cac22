"""One run, reduced: read, smooth, clean, and keep its principal components.

This is the unit of work of a fit: cached, and run in parallel. It depends on one run and on
parameters only, so its result can be kept and used again with any other runs.
"""

from __future__ import annotations

import time
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

import joblib
import numpy as np
from threadpoolctl import threadpool_limits

from nbica.decomposition.subspace import left_factors
from nbica.image.copies import remove_copy
from nbica.image.fingerprint import fingerprint as fingerprint_of
from nbica.image.run import ArrayFrames
from nbica.masking.preparation import PreparedRun
from nbica.runtime.cache import Stage
from nbica.runtime.leftovers import own_folder
from nbica.runtime.parallel import each_run, out_of_memory
from nbica.runtime.store import NoStore
from nbica.signal.confounds import load_confounds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nbica.hints import AnyPath, Confounds
    from nbica.image.run import Run
    from nbica.masking.preparation import Preparation
    from nbica.runtime.budget import Plan
    from nbica.runtime.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

REDUCTION = Stage("reduction", version=3)
NO_STORE = NoStore()

# Components are stored in steps of 32, so that another n_components often finds them in the cache.
STEP = 32


@dataclass(frozen=True, eq=False)
class Reduction:
    """What is kept of a run.

    Attributes
    ----------
    components : ndarray of float32, shape (n_stored, n_voxels)
        Orthonormal rows: the leading right singular vectors of the cleaned signals. Between a
        worker and its parent, the Path of a file that holds them; see :meth:`parked`.
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
        """The same with its components in a mapped file of a folder: it takes no memory.

        Components that lie in a file of the cache already stay there.
        """
        if isinstance(self.components, np.memmap):
            return self
        file = Path(folder) / f"{uuid4().hex}.npy"
        np.save(file, self.components)
        return replace(self, components=file)

    def fetched(self, n_components):
        """The same with so many components read from where they were parked; the file goes.

        No process has it mapped by then: Windows removes no file that one has.
        """
        file = self.components
        if not isinstance(file, Path):
            return self
        components = np.array(np.load(file, mmap_mode="r")[:n_components])
        file.unlink()
        return replace(self, components=components).leading(n_components)


def principal_components(
    walk: Callable[[], Iterable], n_timepoints: int, n_voxels: int, n_components: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Compute the leading principal components of a run's signals, exactly.

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

    See Also
    --------
    nbica.decomposition.GroupSubspace : merges the components of several runs.

    Examples
    --------
    >>> import numpy as np
    >>> from nbica.decomposition.reduction import principal_components
    >>> rng = np.random.default_rng(0)
    >>> signals = rng.normal(size=(30, 400)).astype("float32")
    >>> def walk():
    ...     for start in range(0, 400, 100):
    ...         block = slice(start, start + 100)
    ...         yield block, signals[:, block]
    >>> components, singular_values, variance = principal_components(walk, 30, 400, 5)
    >>> components.shape
    (5, 400)
    >>> np.allclose(singular_values, np.linalg.svd(signals, compute_uv=False)[:5], rtol=1e-4)
    True
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


class Identity(NamedTuple):
    """What a run's reduction depends on, as short texts.

    Attributes
    ----------
    fingerprint, confounds : str
        Digests of the run's content and of its table's.
    key : str
        Key of the reduction in a cache: made of these, the mask and the parameters.
    """

    fingerprint: str
    confounds: str
    key: str


class ReducedRun(NamedTuple):
    """A run's reduction and how it came about.

    Attributes
    ----------
    reduction : Reduction or None
        None where the run failed and `on_error` is "skip".
    identity : Identity or None
        None where there is none: the run failed, or a file changed while it was read.
    from_cache : bool
    seconds : float
    notes : tuple of str
        What is to be said about the cache.
    error : str
        Why it failed.
    """

    reduction: Reduction | None
    identity: Identity | None
    from_cache: bool
    seconds: float
    notes: tuple = ()
    error: str = ""


def identify(run, preparation, n_components, confounds=None):
    """What a run's reduction depends on.

    Costs what :func:`image.fingerprint.fingerprint` does, and reads the table of confounds.

    Parameters
    ----------
    run : Run
    preparation : Preparation
    n_components : int
        Wanted.
    confounds : as :class:`preparation.PreparedRun` takes them

    Returns
    -------
    Identity
    """
    fingerprint = fingerprint_of(run)
    table = joblib.hash(load_confounds(confounds, run.n_timepoints, run.name))
    n_stored = stored_components(n_components)
    key = REDUCTION.key(fingerprint, table, preparation.key(), n_stored)
    return Identity(fingerprint, table, key)


def reduce_run(
    run: Run, preparation: Preparation, n_components: int, confounds: Confounds = None,
    identity: Identity | None = None, store: Store | NoStore = NO_STORE,
    scratch_folder: str | None = None, results_folder: AnyPath | None = None,
    on_error: str = "raise",
) -> ReducedRun:  # fmt: skip
    """One run, reduced; from the cache where it is there. The unit of parallel work.

    Parameters
    ----------
    run : Run
    preparation : Preparation
    n_components : int
        Wanted; rounded up to a multiple of 32.
    confounds : as :class:`preparation.PreparedRun` takes them
    identity : Identity, optional
        Where that was made already.
    store : store.Store
    scratch_folder : path, optional
        Keep the cleaned matrix in a file there instead of in RAM; the result is the same.
    results_folder : path, optional
        Hand the components over in a file there; see :meth:`Reduction.parked`.
    on_error : {"raise", "skip"}

    Returns
    -------
    ReducedRun
    """
    start = time.perf_counter()

    @cache
    def table():  # parsed once, and not at all where the cache has the run
        return load_confounds(confounds, run.n_timepoints, run.name)

    try:
        # The key of the reduction: the content of the run, and all that is done to it.
        if store.location is not None and identity is None:
            identity = identify(run, preparation, n_components, table())
        # Read it from the cache, or clean and reduce the run; keep it if nothing changed meanwhile.
        found = REDUCTION.get_or_compute(
            store,
            identity and identity.key,
            lambda: _values_of(run, preparation, n_components, table(), scratch_folder),
            lambda: (
                identity is None or _is_unchanged(identity, run, preparation, n_components, table())
            ),
            about_run(run, preparation, n_components, confounds),
        )
    except (ValueError, OSError, MemoryError) as error:
        if on_error != "skip":
            raise
        reason = out_of_memory(error) if isinstance(error, MemoryError) else str(error)
        return _failed(reason, time.perf_counter() - start)
    # Between processes it travels through a file, where there is a folder for that.
    reduction = Reduction(**found.values | {"warnings": tuple(found.values["warnings"])})
    if results_folder is not None:
        reduction = reduction.parked(results_folder)
    identity = identity if found.key_holds else None
    return ReducedRun(
        reduction, identity, found.from_cache, time.perf_counter() - start, found.notes
    )


def _failed(reason, seconds=0.0):
    return ReducedRun(None, None, False, seconds, (), reason)


def _is_unchanged(identity, run, preparation, n_components, confounds):
    # An image in memory belongs to this process, and would take as long as before.
    in_memory = isinstance(run.frames, ArrayFrames)
    return in_memory or identify(run, preparation, n_components, confounds) == identity


def about_run(run, preparation, n_components, confounds):
    """What a person wants to know of a run's entry in the cache."""
    cleaning = preparation.cleaning
    words = [
        f"{stored_components(n_components)} components",
        f"{preparation.mask.n_voxels} voxels",
        f"fwhm {preparation.smoothing_fwhm}" if preparation.smoothing_fwhm is not None else "",
        "detrend" if cleaning.detrend else "",
        f"standardize {cleaning.standardize}" if cleaning.standardize else "",
        f"{cleaning.high_pass or 0} to {cleaning.low_pass or 'any'} Hz"
        if cleaning.high_pass or cleaning.low_pass
        else "",
        "confounds" if confounds is not None else "",
    ]
    return {"run": run.name, "parameters": ", ".join(filter(None, words))}


def _values_of(run, preparation, n_components, confounds, scratch_folder):
    """Read and reduce one run; what the cache keeps."""
    # One thread: processes share the cores, and the sums do not depend on how many there are.
    start = time.perf_counter()
    with (
        threadpool_limits(1, "blas"),
        PreparedRun(run, preparation, confounds, scratch_folder) as signals,
    ):
        # With a cache or without: how many are wanted has a say in the last digits of each.
        components, s, total = principal_components(
            signals.walk, signals.n_timepoints, signals.n_voxels, stored_components(n_components)
        )
        notices, seconds = list(signals.notices()), dict(signals.watch.seconds)
    remove_copy(run)
    seconds["reduce"] = time.perf_counter() - start - sum(seconds.values())
    return {
        "components": components,
        "singular_values": s,
        "total_variance": total,
        "n_timepoints": run.n_kept,
        "warnings": notices,
        "seconds": seconds,
    }


def reduce_runs(
    tasks: Iterable, preparation: Preparation, n_components: int, store: Store | NoStore,
    plan: Plan, on_error: str = "raise",
) -> Iterator[tuple[str, ReducedRun]]:  # fmt: skip
    """Each run with its reduction, in order, made by several processes as they are asked for.

    Reductions that wait to be merged take no memory: workers leave them in files, of which the
    components that are wanted are read when they are asked for.

    Parameters
    ----------
    tasks : iterable of (run, dict)
        With the run's `confounds` and, where it is known, its `identity`.
    preparation, n_components, store, on_error
        As in :func:`reduce_run`.
    plan : budget.Plan

    Yields
    ------
    name : str
    result : ReducedRun
    """
    shared = {
        "preparation": preparation,
        "n_components": n_components,
        "store": store,
        "scratch_folder": plan.scratch_path,
        "on_error": on_error,
    }
    # A cluster may share no folder.
    in_hand = plan.n_workers == 1 or plan.on_cluster
    # Results of other processes wait in a folder, so that memory holds those in hand only.
    with nullcontext() if in_hand else own_folder(Path(gettempdir())) as folder:
        shared["results_folder"] = folder
        if_killed = _failed if on_error == "skip" else None
        with closing(each_run(reduce_run, tasks, plan.n_workers, if_killed, **shared)) as results:
            for name, result in results:
                if result.reduction is not None:
                    result = result._replace(reduction=result.reduction.fetched(n_components))
                yield name, result
