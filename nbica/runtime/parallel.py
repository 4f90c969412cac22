"""A loop over several processes that looks at the stop flag while it waits."""

import os
from itertools import zip_longest
from pathlib import Path

from joblib import Parallel, delayed

from nbica.runtime.progress import checkpoint


class StoppableParallel(Parallel):
    """joblib's Parallel; while it waits for a result it heeds the run that is under way.

    The overridden methods are none that joblib documents. Were they gone one day, a fit would still
    stop: when the item that it waits for is done.
    """

    def _wait_retrieval(self):
        checkpoint()
        return super()._wait_retrieval()

    def _warn_exit_early(self):
        """Say nothing of results that are given up: that is what stopping means."""


_NOTHING = object()


def pair(runs, confounds):
    """Each run with its confounds; both may be generators.

    Yields
    ------
    run : Run
    arguments : dict
        With "confounds", as :func:`each_run` passes them on.

    Raises
    ------
    ValueError
        If one of them ends before the other.
    """
    if confounds is None:
        yield from ((run, {"confounds": None}) for run in runs)
        return
    confounds = map(_absolute, confounds)
    for n_pairs, (run, table) in enumerate(zip_longest(runs, confounds, fillvalue=_NOTHING)):
        if run is _NOTHING or table is _NOTHING:
            fewer, more = ("runs", "confounds") if run is _NOTHING else ("confounds", "runs")
            msg = (
                f"Got {n_pairs} {fewer} but at least {n_pairs + 1} {more}; expected one entry of "
                "confounds (or None) for each run."
            )
            raise ValueError(msg)
        yield run, {"confounds": table}


def _absolute(confounds):
    """Paths as they are found from anywhere: a worker of a cluster has another working folder."""
    if isinstance(confounds, list | tuple):
        return [_absolute(table) for table in confounds]
    if isinstance(confounds, str | os.PathLike):
        return str(Path(confounds).expanduser().absolute())
    return confounds


def each_run(function, tasks, n_workers=1, **shared):
    """Do something with each run, in order, by several processes as results are asked for.

    Parameters
    ----------
    function : callable
        Called as `function(run, **arguments, **shared)`. It and what it imports are all that a
        worker process loads.
    tasks : iterable of (run, arguments)
        From :func:`pair`.
    n_workers : int
    **shared
        The same for all runs.

    Returns
    -------
    generator of (name, result)
        While it waits it looks at the stop flag of the run that is under way. Where it is closed or
        fails before its end, the workers are ended.
    """
    jobs = (delayed(_with_name)(function, run, **arguments, **shared) for run, arguments in tasks)
    return StoppableParallel(n_jobs=n_workers, return_as="generator")(jobs)


def _with_name(function, run, **arguments):
    # Of an image in memory the name is enough: its data need not come back.
    return run.name, function(run, **arguments)
