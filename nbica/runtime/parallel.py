"""A loop over several processes that looks at the stop flag while it waits."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from contextlib import closing, nullcontext
from functools import partial
from itertools import chain, zip_longest
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any

from joblib import Parallel, delayed, effective_n_jobs
from joblib.externals.loky.process_executor import ShutdownExecutorError, TerminatedWorkerError
from joblib.parallel import get_active_backend

from nbica.exceptions import IgnoredWarning, WorkerKilled
from nbica.runtime.leftovers import own_folder
from nbica.runtime.progress import checkpoint, warn

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable


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


def each_run(
    function: Callable, tasks: Iterable, n_workers: int = 1, if_killed: Callable | None = None,
    **shared: Any
) -> Generator[tuple[str, Any], None, None]:  # fmt: skip
    """Do something with each run, in order, by several processes as results are asked for.

    Parameters
    ----------
    function : callable
        Called as `function(run, **arguments, **shared)`. It and what it imports are all that a
        worker process loads.
    tasks : iterable of (run, arguments)
        From :func:`pair`.
    n_workers : int
        As joblib takes it.
    if_killed : callable, optional
        Called as `if_killed(reason)` for what is to stand for the result of a run whose worker was
        killed. Who was in hand when a worker is killed is done again, one at a time, to find which
        run it is.
    **shared
        The same for all runs.

    Yields
    ------
    name : str
    result : what `function` returns

    Raises
    ------
    WorkerKilled
        If a worker was killed and there is no `if_killed`.
    MemoryError
        If a run takes more than there is; it names the run.

    Notes
    -----
    While it waits it looks at the stop flag of the run that is under way. Where it is closed or
    fails before its end, the workers are ended.
    """
    tasks, given_out = iter(tasks), deque()
    n_workers = effective_n_jobs(n_workers)
    folder = nullcontext() if n_workers == 1 else own_folder(Path(gettempdir()))
    with folder as folder:
        work = partial(_with_name, function, folder=folder, shared=shared)
        while True:
            try:
                yield from _each_result(work, tasks, given_out, n_workers)
                return
            except TerminatedWorkerError as error:
                if if_killed is None:
                    raise WorkerKilled(_why_killed(given_out, folder)) from error
                yield from _one_at_a_time(work, given_out, if_killed)
            except RuntimeError as error:
                if not _is_end_of_shared_workers(error):
                    raise
                tasks = chain(list(given_out), tasks)
                given_out.clear()


def _is_end_of_shared_workers(error):
    """Whether another fit of this process was stopped, and with it the workers that both share."""
    return isinstance(error, ShutdownExecutorError) or (
        type(error) is RuntimeError and isinstance(error.__context__, ShutdownExecutorError)
    )


def _each_result(work, tasks, given_out, n_workers):
    """Results in order; `given_out` holds the tasks that were begun and have given none yet."""

    def jobs():
        for task in tasks:
            given_out.append(task)
            yield delayed(work)(*task)

    with closing(in_order(jobs(), n_workers)) as results:
        for result in results:
            given_out.popleft()
            yield result


def _one_at_a_time(work, given_out, if_killed):
    """Results of tasks of which one has ended a process; each in a process apart from this one."""
    again = deque(given_out)
    given_out.clear()
    for run, arguments in again:
        try:
            yield from _each_result(work, iter([(run, arguments)]), deque(), n_workers=2)
        except TerminatedWorkerError:
            yield run.name, if_killed(f"its worker process was killed. {_WHY_KILLED}")


def in_order(jobs, n_workers):
    """Results of joblib's jobs, one by one and in order; workers end where it is closed.

    Backends of joblib that cannot hand results over one by one are replaced by its own.
    """
    backend, _ = get_active_backend()
    if getattr(backend, "supports_return_generator", False):
        return StoppableParallel(n_jobs=n_workers, return_as="generator")(jobs)
    if n_workers != 1:
        name = type(backend).__name__.removesuffix("Backend").lower()
        msg = (
            f"joblib's backend {name!r} cannot hand results over one by one, which keeps a fit "
            "within its memory: joblib's own processes ('loky') do the work instead. Say "
            "parallel_config(backend='loky') to choose them."
        )
        warn(msg, IgnoredWarning, stacklevel=2)
    return StoppableParallel(n_jobs=n_workers, backend="loky", return_as="generator")(jobs)


_WHY_KILLED = "Most often the system does that when memory runs out: lower n_jobs or ram"


def _why_killed(given_out, folder):
    begun = {file.name for file in Path(folder).iterdir()}
    names = [run.name for run, _ in given_out if _mark(run) in begun]
    names = names or [run.name for run, _ in given_out]
    return (
        f"A worker process was killed at {' or '.join(names)}. {_WHY_KILLED}, so that fewer runs "
        "are in memory at once. on_error='skip' leaves out a run that kills its worker each time."
    )


def _mark(run):
    return hashlib.sha256(run.name.encode(errors="surrogateescape")).hexdigest()


def _with_name(function, run, arguments, folder, shared):
    """A run's name and result; while it is in hand there is a file that says so."""
    mark = None if folder is None else Path(folder, _mark(run))
    try:
        if mark is not None and mark.parent.is_dir():  # a cluster may share no folder
            mark.touch()
        # The name of an image in memory is enough: its data need not come back.
        result = run.name, function(run, **arguments, **shared)
        if mark is not None:
            mark.unlink(missing_ok=True)
    except MemoryError as error:
        msg = f"{run.name}: {out_of_memory(error)}"
        raise MemoryError(msg) from error
    return result


def out_of_memory(error):
    """What a MemoryError of a run is to say."""
    return f"memory ran out ({str(error).rstrip('.') or 'MemoryError'}): lower n_jobs or ram"
