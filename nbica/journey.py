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

from collections.abc import Callable
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import chain

import numpy as np
from threadpoolctl import threadpool_limits

from nbica import budget, images, machine
from nbica.cache import open_memory
from nbica.checks import check_dtype, check_n_components, check_n_jobs
from nbica.group import list_confounds, pair, row_of_run, table_of_runs, warn_about_runs
from nbica.masker import NiftiMasker
from nbica.progress import monitor
from nbica.reduction import reduce_runs, stored_components
from nbica.selection import dimensions_per_run
from nbica.stopwatch import Stopwatch


def check_parameters(estimator):
    """Raise ValueError or TypeError for a parameter of the journey that cannot be."""
    check_n_components(estimator.n_components, getattr(estimator, "do_cca", False))
    check_n_jobs(estimator.n_jobs)
    budget.parse_ram(estimator.ram)
    check_dtype(estimator.dtype)
    open_memory(estimator.memory)


@contextmanager
def depart(estimator, imgs, confounds):
    """Give a Journey; where it is broken off, the estimator has learnt nothing.

    Parameters
    ----------
    estimator : CanICA, or another with its parameters
        Checked already.
    imgs, confounds : as :meth:`canica.CanICA.fit` takes them

    Yields
    ------
    Journey
    """
    forget(estimator)
    confounds = confounds_of(imgs, confounds)
    try:
        with monitor(type(estimator).__name__, verbose=estimator.verbose) as report:
            journey = Journey(estimator, imgs, confounds, report)
            with closing(journey):
                yield journey
        estimator.seconds_ = dict(journey.watch.seconds)
    except BaseException:  # an interrupt as well: nothing half new is left
        forget(estimator)
        raise


def confounds_of(imgs, confounds):
    """The confounds that were passed, else those of a Bunch of runs."""
    if confounds is None and hasattr(imgs, "func"):
        return getattr(imgs, "confounds", None)
    return confounds


def forget(estimator):
    """Drop what an earlier fit learnt."""
    for name in [name for name in vars(estimator) if name.endswith("_")]:
        delattr(estimator, name)


class Journey:
    """One fit on its way: the mask is there, the plan is made, the runs are to come.

    Attributes
    ----------
    report : progress.Progress
    watch : stopwatch.Stopwatch
    """

    def __init__(self, estimator, imgs, confounds, report):
        self.report, self.watch = report, Stopwatch()
        self._estimator = estimator
        masker = make_masker(estimator)
        runs, self._n_runs = _list_runs(imgs, needed_twice=masker.mask_img is None)
        confounds = list_confounds(confounds, self._n_runs)
        with_confounds = confounds is not None
        if masker.mask_img is None:
            first = _plan_with_mask_pass(estimator, runs, with_confounds)
            masker.set_params(n_jobs=first.n_workers)
        with self.watch.stage("mask"):
            estimator.masker_ = masker.fit(runs)
        estimator.mask_img_ = masker.mask_img_
        _check_mask_size(masker.n_elements_, estimator.n_components)
        estimator.plan_, runs = plan_of(estimator, runs, masker.n_elements_, with_confounds)
        self._pairs = pair(runs, confounds)
        self._rows = []
        self._reductions = None

    def stage(self, name):
        """A stage of the fit: told to those who watch, and timed."""
        self.report.stage(name)
        return self.watch.stage(name)

    def reductions(self):
        """Each run, reduced, in order.

        Returns
        -------
        generator of reduction.Reduction
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
        plan, n_wanted = self._estimator.plan_, dimensions_per_run(self._estimator.n_components)
        are_chosen = self._estimator.n_components == "auto"
        machine.check_disk(plan.scratch_path, plan.scratch)
        results = reduce_runs(
            self._pairs,
            self._estimator.masker_.preparation_,
            n_wanted,
            open_memory(self._estimator.memory),
            plan,
        )
        # One BLAS thread here too: the cores belong to those who reduce.
        with closing(results), self.watch.stage("reduce runs"), threadpool_limits(1, "blas"):
            for name, result in self.report.track(results, self._n_runs, "reduce runs"):
                reduction, from_cache, seconds = result
                self.report.count("cached" if from_cache else "computed")
                of_run = (name, reduction, n_wanted, from_cache, seconds)
                self._rows.append(row_of_run(*of_run, fewer_is_fine=are_chosen))
                with self.watch.stage("merge"):
                    yield reduction.leading(n_wanted)

    def tell(self, maps):
        """Call the estimator's callback, if it has one: the latest run was merged.

        Parameters
        ----------
        maps : callable
            Gives the group maps of the runs so far.
        """
        callback, row = self._estimator.callback, self._rows[-1]
        if callback is not None:
            mask_img = self._estimator.mask_img_
            n_runs, n_total = len(self._rows), self._n_runs
            callback(GroupState(n_runs, n_total, row["path"], row["cached"], mask_img, maps))

    def arrive(self, stacklevel):
        """Give the estimator its table of runs, and say what was noticed about some of them."""
        runs = self._estimator.runs_ = table_of_runs(self._rows)
        noticed = list(zip(runs["path"], runs["warnings"], strict=True))
        warn_about_runs(noticed, len(runs), stacklevel=stacklevel + 1)


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


def make_masker(estimator):
    """The masker that an estimator's parameters ask for, not yet fitted."""
    names = set(NiftiMasker().get_params()) - {"mask_img", "runs"}
    own = {name: getattr(estimator, name) for name in names}
    mask = estimator.mask
    if not hasattr(mask, "get_params"):
        return NiftiMasker(mask_img=mask, **own)
    # Where and how to compute remains the estimator's business.
    names -= {"memory", "memory_level", "n_jobs", "verbose", "dtype"}
    theirs = {name: value for name, value in mask.get_params().items() if name in names}
    mask_img = getattr(mask, "mask_img_", None) or mask.mask_img
    return NiftiMasker(mask_img=mask_img, **(own | theirs))


def _check_mask_size(n_voxels, n_components):
    if n_components != "auto" and n_voxels < n_components:
        msg = (
            f"n_components is {n_components}, but the mask has only {n_voxels} voxels: lower "
            "n_components or widen the mask."
        )
        raise ValueError(msg)


def _list_runs(imgs, needed_twice):
    """Runs, and how many; a generator stays one where a single pass is enough."""
    runs = images.iter_runs(imgs)
    if images.is_iterator(imgs) and not needed_twice:
        return runs, None
    runs = list(runs)
    return runs, len(runs)


def plan_before(estimator, imgs, confounds=None):
    """Plan for a fit that was not begun; reads headers only."""
    runs = list(images.iter_runs(imgs))
    with_confounds = confounds_of(imgs, confounds) is not None
    masker = make_masker(estimator)
    if masker.mask_img is None:
        return _plan_with_mask_pass(estimator, runs, with_confounds)
    return plan_of(estimator, runs, masker.fit().n_elements_, with_confounds)[0]


def _plan_with_mask_pass(estimator, runs, with_confounds):
    third = int(np.prod(runs[0].grid.shape) / 3)  # what a mask usually keeps
    return plan_of(estimator, runs, third, with_confounds, mask_pass=True)[0]


def plan_of(estimator, runs, n_voxels, with_confounds=False, mask_pass=False):
    """Plan for runs, and the runs; of a generator the first speaks for all."""
    listed, n_runs = runs, None
    if isinstance(runs, list):
        n_runs = len(runs)
    else:
        listed = [next(runs)]
        runs = chain(listed, runs)
    workload = budget.workload_of(
        listed,
        n_runs,
        n_voxels,
        dimensions_per_run(estimator.n_components),
        stored_components(dimensions_per_run(estimator.n_components)),
        smooth=bool(np.any(estimator.smoothing_fwhm)),
        confounds=with_confounds,
        band_pass=estimator.low_pass is not None or estimator.high_pass is not None,
        mask_pass=mask_pass,
    )
    location = open_memory(estimator.memory).location
    return budget.plan_for(workload, estimator.n_jobs, estimator.ram, location), runs
