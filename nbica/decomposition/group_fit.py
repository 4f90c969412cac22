"""The way from images to reductions that every group decomposition goes before its own last step.

    with depart(estimator, imgs, confounds) as journey:
        for reduction in journey.reductions():
            subspace.partial_fit(reduction.components)
        journey.arrive(stacklevel=2)
        with journey.stage("ICA"):
            ...

What may be told about parameters alone is told before anything is read; the mask comes next, then
the plan for memory, then the runs one by one. The estimator is asked for its parameters and is
given what was learnt on the way: `masker_`, `mask_img_`, `plan_`, `runs_`, `seconds_`.
"""

import warnings
from collections.abc import Callable
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from threadpoolctl import threadpool_limits

from nbica.decomposition.company import Company
from nbica.decomposition.preflight import (
    check_mask_size,
    confounds_of,
    list_runs,
    make_masker,
    plan_of,
    plan_with_mask_pass,
)
from nbica.decomposition.provenance import input_of, record_of
from nbica.decomposition.reduction import STAGE as REDUCTION
from nbica.decomposition.reduction import identify, reduce_runs
from nbica.decomposition.run_table import (
    row_from_cache,
    row_of_failure,
    row_of_run,
    table_of_runs,
    warn_about_runs,
)
from nbica.decomposition.selection import dimensions_per_run
from nbica.decomposition.unreadable import undamaged, with_header
from nbica.exceptions import CacheWarning, DataError, RunCancelled
from nbica.runtime import machine
from nbica.runtime.cache import key_of, recall
from nbica.runtime.eviction import Keeper
from nbica.runtime.parallel import pair
from nbica.runtime.progress import monitor
from nbica.runtime.stopwatch import Stopwatch
from nbica.runtime.store import open_store
from nbica.signal.confounds import list_confounds


@contextmanager
def depart(estimator, imgs, confounds, *, goes_on=False):
    """Give a Journey; where it is broken off, the estimator has learnt nothing.

    Parameters
    ----------
    estimator : CanICA, or another with its parameters
        Checked already. It may do without `cache_limit` and `on_error`.
    imgs, confounds : as :meth:`canica.CanICA.fit` takes them
    goes_on : bool
        Add to what an earlier journey learnt, which an error leaves as it was.

    Yields
    ------
    Journey
    """
    if not goes_on:
        forget(estimator)
    started = datetime.now(UTC)
    try:
        with monitor(type(estimator).__name__, verbose=estimator.verbose) as report:
            journey = Journey(estimator, report)
            with closing(journey), _telling_what_is_kept(journey):
                journey.set_out(imgs, confounds_of(imgs, confounds))
                yield journey
        estimator.seconds_ = dict(journey.watch.seconds)
        estimator.record_ = record_of(estimator, started, journey.inputs, journey.notes)
    except BaseException as error:  # an interrupt as well: nothing half new is left
        if not (goes_on and isinstance(error, Exception)):
            forget(estimator)
        raise


@contextmanager
def _telling_what_is_kept(journey):
    try:
        yield
    except (KeyboardInterrupt, RunCancelled) as error:
        where = journey.report.event
        error.args = (f"{where.run} was stopped at: {where}{journey.what_is_kept()}",)
        raise


def forget(estimator):
    """Drop what an earlier fit learnt."""
    for name in [name for name in vars(estimator) if name.endswith("_")]:
        delattr(estimator, name)


class Journey:
    """One fit on its way.

    Attributes
    ----------
    estimator : CanICA, or another with its parameters
    report : progress.Progress
    watch : stopwatch.Stopwatch
    notes : list of str
        What is to be said about the cache.
    inputs : list of dict
        For the record.
    """

    def __init__(self, estimator, report):
        self.estimator, self.report, self.watch = estimator, report, Stopwatch()
        self.notes = []
        self.inputs = list(getattr(estimator, "record_", {}).get("inputs", []))
        self._store = open_store(estimator.memory)
        earlier = getattr(estimator, "runs_", None)
        self._rows = [] if earlier is None else earlier.to_dict("records")
        self._n_before = len(self._rows)
        self._on_error = getattr(estimator, "on_error", "raise")
        self._reductions, self._keys, self._n_runs = None, [], None
        self._company = Company(self.inputs)

    def set_out(self, imgs, confounds):
        """Find the runs and the mask, and plan: what comes before the first run is reduced."""
        estimator = self.estimator
        masker = getattr(estimator, "masker_", None) or make_masker(estimator)
        is_fitted = hasattr(masker, "mask_img_")
        if self._on_error == "skip":
            imgs, confounds = self._without_failures(with_header(imgs, confounds))
        runs, self._n_runs = list_runs(imgs, needed_twice=masker.mask_img is None)
        confounds = list_confounds(confounds, self._n_runs)
        with_confounds = confounds is not None
        if masker.mask_img is None and not is_fitted:
            first = plan_with_mask_pass(estimator, runs, with_confounds)
            masker.set_params(n_jobs=first.n_workers)
        with self.watch.stage("mask"):
            if not is_fitted:
                runs, confounds = self._fit_masker(masker, runs, confounds)
        estimator.masker_, estimator.mask_img_ = masker, masker.mask_img_
        check_mask_size(masker.n_elements_, estimator.n_components)
        estimator.plan_, runs = plan_of(estimator, runs, masker.n_elements_, with_confounds)
        self._runs = runs if isinstance(runs, list) else None
        self._tasks = self._written_down(pair(runs, confounds))
        self._look_into_the_cache()

    def _fit_masker(self, masker, runs, confounds):
        """Fit the masker; return the runs that it could be fitted to, with their confounds."""
        try:
            masker.fit(runs)
        except (ValueError, OSError):
            if self._on_error != "skip" or masker.mask_img is not None:
                raise
            sifted = undamaged(runs, confounds)
            if not 0 < len(sifted.runs) < len(runs):
                raise
            runs, confounds = self._without_failures(sifted)
            masker.fit(runs)
            self._n_runs = len(runs)
        return runs, confounds

    def _without_failures(self, sifted):
        """Runs that can be used, with their confounds; the others become rows."""
        self._rows += sifted.failures
        return sifted.runs, sifted.confounds

    def _written_down(self, tasks):
        for run, arguments in tasks:
            self.inputs.append(input_of(run, arguments["confounds"]))
            self._company.add(run, self.inputs[-1]["fingerprint"])
            yield run, arguments

    def _look_into_the_cache(self):
        """Know what each run is called there, so that nothing is dropped that is yet to be read."""
        keys = []
        if self._runs is not None and self._store.location is not None:
            self._tasks = [self._identified(*task) for task in self._tasks]
            identities = [arguments["identity"] for _, arguments in self._tasks]
            keys = [identity.key for identity in identities if identity]
            for key in keys:
                self._store.use(REDUCTION, key)
        self._keys = keys
        limit = getattr(self.estimator, "cache_limit", None)
        self._keeper = Keeper(self._store, limit, keys)

    def _identified(self, run, arguments):
        preparation = self.estimator.masker_.preparation_
        try:
            identity = identify(run, preparation, self._n_wanted, arguments["confounds"])
        except (ValueError, OSError):
            if self._on_error != "skip":
                raise
            identity = None  # its worker will meet the same error, and tell of it
        return run, arguments | {"identity": identity}

    @property
    def _n_wanted(self):
        """Components that each run contributes."""
        return dimensions_per_run(self.estimator)

    def stage(self, name):
        """A stage of the fit: told to those who watch, and timed."""
        self.report.stage(name)
        return self.watch.stage(name)

    def reductions(self):
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
        plan = self.estimator.plan_
        machine.check_disk(plan.scratch_path, plan.scratch)
        if self._keys and self._n_cached() == self._n_runs:
            plan = replace(plan, n_workers=1, on_cluster=False)  # nothing to share out
        results = reduce_runs(
            self._tasks,
            self.estimator.masker_.preparation_,
            self._n_wanted,
            self._store,
            plan,
            self._on_error,
        )
        # One BLAS thread here too: the cores belong to those who reduce.
        with closing(results), self.watch.stage("reduce runs"), threadpool_limits(1, "blas"):
            for name, result in self.report.track(results, self._n_runs, "reduce runs"):
                reduction = self._arrived(name, result)
                if reduction is not None:
                    with self.watch.stage("merge"):
                        yield reduction
                    self._keeper.added(result.identity and result.identity.key)

    def _arrived(self, name, result):
        """Write down what happened to a run; return its reduction, or None if it failed."""
        self.notes += [f"{name}: {note}" for note in result.notes]
        if result.identity is None:
            self._keys = []  # what is made of all runs has no name in the cache
        if result.reduction is None:
            row = row_of_failure(name, result.error)
        else:
            fewer_is_fine = self._n_wanted != self.estimator.n_components
            row = row_of_run(name, result, self._n_wanted, fewer_is_fine)
        self._company.look_for_twin(row, len(self._rows), result.reduction)
        self._rows.append(row)
        if result.reduction is None:
            self.report.count("skipped")
            return None
        self.report.count("cached" if result.from_cache else "computed")
        return result.reduction.leading(self._n_wanted)

    def _n_cached(self):
        return sum(self._store.has(REDUCTION, key) for key in self._keys)

    def what_is_kept(self):
        """What is kept of a fit that is broken off, and how to go on: the end of a sentence."""
        if self._store.location is None:
            return ". Nothing is kept without a cache: set memory= to a folder to go on from here"
        if self._keys:
            return f": {self._n_cached()} of {self._n_runs} runs are cached; run again to continue"
        return ": the runs that were done are cached; run again to continue"

    def group_stage(self, stage, version, parts, compute):
        """What is made of all runs, from the cache where it is there.

        Parameters
        ----------
        stage : str
        version : int
            Raised when a change changes the numbers.
        parts : list
            Parameters that it depends on, beside the runs and their order.
        compute : callable
            Goes through :meth:`reductions` and gives a dict of arrays.

        Returns
        -------
        dict of ndarray
        """
        if not self._keys or self.estimator.callback is not None:
            return compute()  # a callback is to see every run
        key = key_of(stage, version, parts, self._keys)

        def with_rows():
            return compute() | {"rows": self._rows}

        about = {"run": f"{self._n_runs} runs", "parameters": str(parts)}
        found = recall(self._store, stage, key, with_rows, lambda: bool(self._keys), about)
        self.notes += found.notes
        rows = found.values.pop("rows")
        if found.from_cache:
            self.report.stage("reduce runs", self._n_runs)
            self.report.advance(self._n_runs, f"{self._n_runs} cached")
            names = [run.name for run in self._runs]
            self._rows = [row_from_cache(*both) for both in zip(names, rows, strict=True)]
        return found.values

    def tell(self, maps):
        """Call the estimator's callback, if it has one: the latest run was merged.

        Parameters
        ----------
        maps : callable
            Gives the group maps of the runs so far.
        """
        callback, row = self.estimator.callback, self._rows[-1]
        if callback is not None:
            mask_img = self.estimator.mask_img_
            n_runs, n_total = len(self._rows), self._n_runs
            callback(GroupState(n_runs, n_total, row["path"], row["cached"], mask_img, maps))

    def arrive(self, stacklevel):
        """Give the estimator its table of runs; say what was noticed about some of them."""
        self._company.compare_repetition_times(self._rows)
        runs = self.estimator.runs_ = table_of_runs(self._rows)
        if runs["skipped"].all():
            msg = f"None of the {len(runs)} runs could be used. The first: {runs['warnings'][0]}"
            raise DataError(msg)
        new = runs[self._n_before :]
        noticed = list(zip(new["path"], new["warnings"], strict=True))
        warn_about_runs(noticed, len(new), stacklevel=stacklevel + 1)
        self._keeper.finish()
        self._keeper.tell(stacklevel=stacklevel + 1)
        if self.notes:
            more = f" (and {len(self.notes) - 3} more)" if len(self.notes) > 3 else ""
            msg = f"The cache {self._store.location}: {' | '.join(self.notes[:3])}{more}."
            warnings.warn(msg, CacheWarning, stacklevel=stacklevel + 1)


@dataclass(frozen=True)
class GroupState:
    """Where a fit stands after a run was merged; what `callback` is called with.

    Attributes
    ----------
    n_runs : int
        Runs merged so far.
    n_total : int or None
        Of so many; None where they come from a generator.
    name : str
        The latest run.
    from_cache : bool
        Whether its reduction came from the cache.
    mask_img : Nifti1Image
    maps : callable
        Gives, while the callback is called, the maps of the runs so far: ndarray of shape
        (n_components, n_voxels), not thresholded; fewer rows while the runs span fewer dimensions.
        Costs an ICA from one start, some 0.1 s for 20 components.
    """

    n_runs: int
    n_total: int | None
    name: str
    from_cache: bool
    mask_img: object
    maps: Callable
