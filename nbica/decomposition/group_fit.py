"""What every group decomposition does before its own last step: from images to reductions.

    with group_fit(estimator, imgs, confounds) as fit:
        for reduction in fit.reductions():
            subspace.partial_fit(reduction.components)
        runs = fit.finish(stacklevel=2)
        with fit.stage("ICA"):
            ...

Parameters were checked before anything is read; the mask comes next, then the plan for memory, then
the runs one by one. The estimator is asked for its parameters and sets its attributes itself.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits

from nbica.decomposition.preflight import (
    check_mask_size,
    fit_to_surfaces,
    make_masker,
    plan_of,
    plan_with_mask_pass,
)
from nbica.decomposition.reduction import REDUCTION, identify, reduce_runs
from nbica.decomposition.run_table import RunLog
from nbica.decomposition.unreadable import (
    readable_to_the_end,
    with_readable_header,
    with_same_space,
)
from nbica.exceptions import CacheWarning, DataError, RunCancelled, WorkerKilled
from nbica.image.copies import with_copies, with_copies_made
from nbica.image.inputs import inputs_of
from nbica.runtime import machine
from nbica.runtime.eviction import CacheLimiter
from nbica.runtime.leftovers import own_folder
from nbica.runtime.progress import monitor, warn
from nbica.runtime.stopwatch import Stopwatch
from nbica.runtime.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sklearn.base import BaseEstimator

    from nbica.decomposition.reduction import Reduction
    from nbica.hints import RunConfounds, Runs


@contextmanager
def group_fit(estimator: BaseEstimator, imgs: Runs, confounds: RunConfounds) -> Iterator[GroupFit]:
    """Prepare a fit of a group of runs and lead through it.

    Costs the headers of the runs, and a mask where there is none: reading all of them. Their frames
    wait in the scratch folder until the mask is known, as far as there is room (`copies.py`).

    Parameters
    ----------
    estimator : CanICA or DictLearning
        Checked already. What it learnt of earlier runs, if it did, is added to.
    imgs, confounds : as :meth:`canica.CanICA.fit` takes them

    Yields
    ------
    GroupFit
    """
    with (
        monitor(type(estimator).__name__, verbose=estimator.verbose) as report,
        ExitStack() as held,
    ):
        store, watch, log = open_store(estimator.memory), Stopwatch(), RunLog.after(estimator)
        with _resume_hint(report, store):
            ready = prepare(estimator, imgs, confounds, store, watch, log, held)
        fit = GroupFit(estimator, ready, report, store, watch, log)
        with _resume_hint(report, store, ready), closing(fit):
            yield fit


@contextmanager
def _resume_hint(report, store, ready=None):
    """Tell who stops a fit where it stood, what is kept of it, and how to go on."""
    try:
        yield
    except (KeyboardInterrupt, RunCancelled) as error:
        where = report.event
        error.args = (f"{where.task} was stopped at: {where}{_what_is_kept(store, ready)}",)
        raise
    except (WorkerKilled, MemoryError) as error:
        # Not of a budget that is too small: nothing was begun then.
        if report.event.stage or isinstance(error, WorkerKilled):
            why = str(error).rstrip(".") or "Memory ran out: lower n_jobs, ram or n_components"
            where = str(report.event) or "mask"
            error.args = (f"{why}. The fit stood at: {where}{_what_is_kept(store, ready)}.",)
        raise


def _what_is_kept(store, ready):
    if store.location is None:
        return ". Nothing is kept without a cache: set memory= to a folder to go on from here"
    if ready is not None and ready.keys:
        kept = n_cached(store, ready.keys)
        return f": {kept} of {ready.n_runs} runs are cached; run again to continue"
    return ": the runs that were done are cached; run again to continue"


def n_cached(store, keys):
    """How many of the reductions with these keys the cache holds."""
    return sum(store.has(REDUCTION.name, key) for key in keys)


# ---- before the first run -----------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Ready:
    """What is settled before the first run is reduced.

    Attributes
    ----------
    masker : NiftiMasker
        Fitted.
    plan : budget.Plan
    tasks : iterable of (Run, dict)
        Each run with its confounds and, where there is a cache, its identity in it.
    names : list of str or None
        Names of the runs; None where they are a generator.
    keys : list of str
        Keys of the runs' reductions in the cache; empty where they are not known before.
    """

    masker: object
    plan: object
    tasks: object
    names: list | None
    keys: list = field(default_factory=list)

    @property
    def n_runs(self):
        """How many runs there are, or None for a generator."""
        return None if self.names is None else len(self.names)


def prepare(estimator, imgs, confounds, store, watch, log, held):
    """Find the runs and the mask, plan, and look into the cache.

    Parameters
    ----------
    estimator, imgs, confounds : as in :func:`group_fit`
    store : store.Store or store.NoStore
    watch : stopwatch.Stopwatch
        Times the stage "mask".
    log : RunLog
        Takes down the runs that cannot be used.
    held : ExitStack
        Keeps the frames that wait for the mask as long as the fit goes on.

    Returns
    -------
    Ready
    """
    masker = getattr(estimator, "masker_", None) or make_masker(estimator)
    inputs = _inputs(estimator, imgs, confounds, masker, log)
    if not hasattr(masker, "mask_img_"):
        with watch.stage("mask"):
            inputs = _fit_masker(estimator, masker, inputs, log, held)
    check_mask_size(masker.n_elements_, estimator.n_components)
    plan = plan_of(estimator, inputs, masker.n_elements_, grid=masker.preparation_.mask.grid)
    tasks = log.noting(inputs.pairs())
    names = None if inputs.n_runs is None else [run.name for run in inputs.runs]
    if names is None:
        log.seen = None
    if names is None or store.location is None:
        return Ready(masker, plan, tasks, names)
    # Names in the cache are known beforehand, so that nothing that is yet to be read is dropped.
    tasks = [_identified(estimator, masker, *task) for task in tasks]
    keys = [task["identity"].key for _, task in tasks if task["identity"]]
    for key in keys:
        store.use(REDUCTION.name, key)
    return Ready(masker, plan, tasks, names, keys)


def _inputs(estimator, imgs, confounds, masker, log):
    """The runs that the fit begins with; those whose header cannot be read may be left out."""
    if estimator.on_error != "skip":
        return inputs_of(imgs, confounds, one_pass=masker.mask_img is not None)
    inputs, failures = with_readable_header(imgs, confounds)
    log.failed(failures)
    if not inputs.runs:
        raise DataError(log.message_for_none())
    return inputs


def _fit_masker(estimator, masker, inputs, log, held):
    """Fit the masker; return the runs that it could be fitted to."""
    if masker.mask_img is not None or inputs.first.on_surfaces:
        return _fitted_to(masker, estimator, inputs, log)
    plan = plan_with_mask_pass(estimator, inputs, masker)
    masker.set_params(n_jobs=plan.n_workers)
    if plan.copies:
        Path(plan.scratch_folder).mkdir(parents=True, exist_ok=True)
        folder = held.enter_context(own_folder(Path(plan.scratch_folder)))
        runs = with_copies(inputs.runs, folder, plan.copies, masker.smoothing_fwhm)
        inputs = replace(inputs, runs=runs)
    inputs = _fitted_to(masker, estimator, inputs, log)
    return replace(inputs, runs=with_copies_made(inputs.runs))


def _fitted_to(masker, estimator, inputs, log):
    """Fit the masker; return the runs that it could be fitted to."""
    if inputs.first.on_surfaces:
        if estimator.on_error == "skip" and masker.mask_img is None:
            inputs, failures = with_same_space(inputs)
            log.failed(failures)
        fit_to_surfaces(masker, estimator, inputs)
        return inputs
    try:
        masker.fit(inputs.runs)
    except (ValueError, OSError, MemoryError, WorkerKilled):
        if estimator.on_error != "skip" or masker.mask_img is not None:
            raise
        readable, failures = readable_to_the_end(inputs, masker.n_jobs)
        if not 0 < readable.n_runs < inputs.n_runs:
            raise
        log.failed(failures)
        masker.fit(readable.runs)
        return readable
    return inputs


def _identified(estimator, masker, run, arguments):
    wanted = estimator.components_per_run()
    try:
        identity = identify(run, masker.preparation_, wanted, arguments["confounds"])
    except (ValueError, OSError):
        if estimator.on_error != "skip":
            raise
        identity = None  # its worker will meet the same error, and report it
    return run, arguments | {"identity": identity}


# ---- the runs, one by one -----------------------------------------------------------------------


class GroupFit:
    """One fit under way.

    Attributes
    ----------
    masker : NiftiMasker
        Fitted.
    plan : budget.Plan
    watch : stopwatch.Stopwatch
    log : RunLog
    started : datetime
    """

    def __init__(self, estimator, ready, report, store, watch, log):
        self.masker, self.plan = ready.masker, ready.plan
        self.watch, self.log, self.started = watch, log, datetime.now(UTC)
        self._estimator, self._ready, self._report, self._store = estimator, ready, report, store
        self._n_wanted = estimator.components_per_run()
        self._keys = ready.keys
        self._limiter = CacheLimiter(store, estimator.cache_limit, ready.keys)
        self._reductions = None

    def stage(self, name):
        """A stage of the fit: shown to those who watch, and timed."""
        self._report.stage(name)
        return self.watch.stage(name)

    def reductions(self) -> Iterator[Reduction]:
        """Each run, reduced, in order.

        Returns
        -------
        generator of Reduction
            With no more components than are wanted of each run. What the consumer does with it is
            timed as "merge".
        """
        self._reductions = self._reduce_runs()
        return self._reductions

    def close(self):
        """End the work on the runs, if it was broken off."""
        if self._reductions is not None:
            self._reductions.close()

    def _reduce_runs(self):
        plan, n_runs = self.plan, self._ready.n_runs
        # Before the first run is read: is there room on the disk, and anything to share out?
        machine.check_disk(plan.scratch_path, plan.scratch)
        if self._keys and n_cached(self._store, self._keys) == n_runs:
            plan = replace(plan, n_workers=1, on_cluster=False)  # nothing to share out
        # One run after the other, in their order, as workers finish them.
        results = reduce_runs(
            self._ready.tasks, self.masker.preparation_, self._n_wanted, self._store, plan,
            self._estimator.on_error,
        )  # fmt: skip
        # One BLAS thread here too: the cores belong to those who reduce.
        with closing(results), self.watch.stage("reduce runs"), threadpool_limits(1, "blas"):
            for name, result in self._report.track(results, n_runs, "reduce runs"):
                reduction = self._log_run(name, result)
                if reduction is not None:
                    # The consumer merges it before it asks for the next one.
                    with self.watch.stage("merge"):
                        yield reduction
                    # Once merged, its entry may leave a cache that is full.
                    self._limiter.added(result.identity and result.identity.key)

    def _log_run(self, name, result):
        """Write down what happened to a run; return its reduction, or None if it failed."""
        if result.identity is None:
            self._keys = []  # what is made of all runs has no name in the cache
        if result.reduction is None:
            self._report.count("skipped")
        else:
            self._report.count("cached" if result.from_cache else "computed")
        n_maps = self._estimator.n_components
        n_needed = 0 if n_maps == "auto" else min(n_maps, self._n_wanted)
        self.log.add(name, result, self._n_wanted, n_needed)
        return result.reduction and result.reduction.leading(self._n_wanted)

    def cached(self, stage, parts, compute):
        """What is made of all runs, from the cache where it is there.

        Parameters
        ----------
        stage : cache.Stage
        parts : list
            Parameters that it depends on, beside the runs and their order.
        compute : callable
            Goes through :meth:`reductions` and gives a dict of arrays.

        Returns
        -------
        dict of ndarray
        """
        if not self._keys or self._estimator.callback is not None:
            return compute()  # a callback is to see every run
        n_runs, names = self._ready.n_runs, self._ready.names
        found = stage.get_or_compute(
            self._store,
            stage.key(parts, self._keys),
            lambda: compute() | {"rows": self.log.rows},
            lambda: bool(self._keys),
            {"run": f"{n_runs} runs", "parameters": str(parts)},
        )
        self.log.notes += found.notes
        rows = found.values.pop("rows")
        if found.from_cache:
            self._report.stage("reduce runs", n_runs)
            self._report.advance(n_runs, f"{n_runs} cached")
            self.log.from_cache(names, rows)
        return found.values

    def run_callback(self, maps):
        """Tell those who watch, and the estimator's callback, that the latest run was merged.

        Parameters
        ----------
        maps : callable
            Gives the group maps of the runs so far.
        """
        row, n_runs = self.log.rows[-1], len(self.log.rows)
        state = GroupState(
            n_runs, self._ready.n_runs, row["path"], row["cached"], self.masker.mask_img_, maps
        )
        self._report.merged(state)
        if self._estimator.callback is not None:
            self._estimator.callback(state)

    def conclude(self, n_components):
        """Say what came of the fit: "20 components of 8 runs"."""
        n_runs = sum(not row["skipped"] for row in self.log.rows)
        runs = "1 run" if n_runs == 1 else f"{n_runs} runs"
        self._report.conclude(f"{n_components} components of {runs}")

    def finish(self, stacklevel):
        """Return the table of runs; warn of what was noticed about some of them.

        Raises
        ------
        DataError
            If none of the runs could be used.
        """
        runs = self.log.table()
        if runs["skipped"].all():
            raise DataError(self.log.message_for_none())
        self.log.warn(stacklevel + 1)
        self._limiter.finish()
        self._limiter.warn(stacklevel + 1)
        if notes := self.log.notes:
            more = f" (and {len(notes) - 3} more)" if len(notes) > 3 else ""
            msg = f"The cache {self._store.location}: {' | '.join(notes[:3])}{more}."
            warn(msg, CacheWarning, stacklevel + 1)
        return runs


@dataclass(frozen=True)
class GroupState:
    """Where a fit stands after a run was merged; what `callback` is called with.

    Attributes
    ----------
    n_runs : int
        Runs merged so far.
    n_total : int or None
        Runs in all; None where they come from a generator.
    name : str
        The latest run.
    from_cache : bool
        Whether its reduction came from the cache.
    mask_img : Nifti1Image
    maps : callable
        Gives, while the callback is called, the maps of the runs so far: ndarray of shape
        (n_components, n_voxels), not thresholded; fewer rows while the runs span fewer dimensions.
        Costs an ICA from one start, some 0.1 s for 20 components.

    See Also
    --------
    nbica.CanICA : calls its `callback` with one.

    Examples
    --------
    >>> from nbica import CanICA, datasets
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> def show(state):
    ...     print(state.n_runs, "of", state.n_total, state.maps().shape[0])
    >>> ica = CanICA(cohort.mask_img, n_components=5, random_state=0, callback=show).fit(cohort)
    1 of 4 5
    2 of 4 5
    3 of 4 5
    4 of 4 5
    """

    n_runs: int
    n_total: int | None
    name: str
    from_cache: bool
    mask_img: object
    maps: Callable
