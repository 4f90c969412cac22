"""The runs of a group: with their confounds on the way in, as a table on the way out."""

import os
import warnings
from collections.abc import Iterable
from itertools import zip_longest
from pathlib import Path

import numpy as np
from joblib import delayed

from nbica.exceptions import DataWarning
from nbica.parallel import StoppableParallel

_NOTHING = object()


def list_confounds(confounds, n_runs=None):
    """One entry for each run, from what a user passes as `confounds`.

    Parameters
    ----------
    confounds : iterable with one entry per run; for a single run also its table itself; or None
    n_runs : int, optional
        None where the runs are a generator and are counted as they come.

    Returns
    -------
    iterable or None

    Raises
    ------
    ValueError
        If the numbers differ.
    """
    if confounds is None:
        return None
    if _is_table(confounds):
        confounds = [confounds]
    if n_runs is None:
        return confounds
    confounds = list(confounds)
    if len(confounds) != n_runs:
        msg = (
            f"Got {n_runs} runs and {len(confounds)} confounds; expected a list with one entry "
            "for each run: an array, a DataFrame, a path or None."
        )
        raise ValueError(msg)
    return confounds


def _is_table(confounds):
    is_numbers = isinstance(confounds, np.ndarray) and confounds.dtype.kind in "fiub"
    return (
        isinstance(confounds, str | os.PathLike)
        or not isinstance(confounds, Iterable)
        or hasattr(confounds, "columns")
        or (is_numbers and confounds.ndim < 3)
    )


def pair(runs, confounds):
    """Each run with its confounds; both may be generators.

    Yields
    ------
    run : images.Run
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
        return str(Path(confounds).absolute())
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


STAGES = ["read", "smooth", "clean", "reduce"]


def row_of_run(name, result, n_wanted, fewer_is_fine=False):
    """What happened to one run, as a row of the table; stages that the cache saved took 0 s."""
    reduction = result.reduction
    n_found = len(reduction.components)
    notices = list(reduction.warnings)
    if 0 < n_found < n_wanted and not fewer_is_fine:
        notices.append(f"spans only {n_found} dimensions of the {n_wanted} wanted")
    return {
        "path": name,
        "n_timepoints": reduction.n_timepoints,
        "n_components": min(n_found, n_wanted),
        "cached": result.from_cache,
        "seconds": result.seconds,
        **{stage: 0.0 if result.from_cache else reduction.seconds[stage] for stage in STAGES},
        "skipped": False,
        "warnings": "; ".join(notices),
    }


def row_of_failure(name, error):
    """A run that was left out."""
    row = {"path": name, "n_timepoints": 0, "n_components": 0, "cached": False, "seconds": 0.0}
    return row | dict.fromkeys(STAGES, 0.0) | {"skipped": True, "warnings": f"skipped: {error}"}


def row_from_cache(name, row):
    """The row of a run that was part of a group in the cache, under today's name."""
    return row | dict.fromkeys(STAGES, 0.0) | {"path": name, "cached": True, "seconds": 0.0}


def table_of_runs(rows):
    """What happened to each run, as a DataFrame."""
    import pandas as pd

    return pd.DataFrame(rows)


def warn_about_runs(noticed, n_runs, stacklevel):
    """Say in one warning what was noticed about some of the runs.

    Parameters
    ----------
    noticed : list of (name, text)
        An empty text is nothing to say.
    n_runs : int
    stacklevel : int
        As `warnings.warn` takes it, from the caller.
    """
    noticed = [f"{name}: {text}" for name, text in noticed if text]
    if not noticed:
        return
    more = f" (and {len(noticed) - 5} more)" if len(noticed) > 5 else ""
    msg = f"{len(noticed)} of {n_runs} runs: {' | '.join(noticed[:5])}{more}."
    warnings.warn(msg, DataWarning, stacklevel=stacklevel + 1)
