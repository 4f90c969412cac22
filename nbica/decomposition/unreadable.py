"""`on_error="skip"`: the runs that can be used apart from those that cannot, before a fit.

A run that fails later, in its worker, is left out by `reduction.reduce_run`.
"""

from contextlib import closing
from typing import NamedTuple

from nbica.decomposition.run_table import row_of_failure
from nbica.exceptions import DataError
from nbica.image.frames import mean_volume
from nbica.image.inputs import Inputs, confounds_of
from nbica.image.run import is_one, iter_runs
from nbica.masking.surfaces import check_same_space
from nbica.runtime.parallel import each_run, out_of_memory
from nbica.signal.confounds import list_confounds


class ReadableRuns(NamedTuple):
    """The inputs that can be used, and a row of the table of runs for each of the others."""

    inputs: Inputs
    failures: list


def with_readable_header(imgs, confounds):
    """Runs whose header can be read.

    Costs one header per run.

    Parameters
    ----------
    imgs, confounds : as :meth:`canica.CanICA.fit` takes them
        A glob pattern or a list may stand for several runs, which share the confounds of its place.

    Returns
    -------
    ReadableRuns
    """
    confounds = confounds_of(imgs, confounds)
    imgs = list(getattr(imgs, "func", [imgs] if is_one(imgs) else imgs))
    tables = list_confounds(confounds, len(imgs))
    return _readable(
        list(enumerate(imgs, start=1)),
        tables,
        lambda numbered: str(numbered[1]),
        lambda numbered: list(iter_runs([numbered[1]], first=numbered[0])),
    )


def with_same_space(inputs):
    """Runs of the same grayordinates as the first; costs nothing.

    Parameters
    ----------
    inputs : Inputs
        With a list of runs.

    Returns
    -------
    ReadableRuns
    """

    def checked(run):
        check_same_space([run], inputs.first.grid)
        return [run]

    return _readable(inputs.runs, inputs.confounds, lambda run: run.name, checked)


def readable_to_the_end(inputs, n_workers=1):
    """Runs that can be read to their end.

    Costs reading all of them.

    Parameters
    ----------
    inputs : Inputs
        With a list of runs.
    n_workers : int

    Returns
    -------
    ReadableRuns
    """
    with closing(each_run(_try_to_read, inputs.pairs(), n_workers, if_killed=DataError)) as found:
        errors = dict(zip(map(id, inputs.runs), (error for _, error in found), strict=True))

    def read(run):
        if errors[id(run)] is not None:
            raise errors[id(run)]
        return [run]

    return _readable(inputs.runs, inputs.confounds, lambda run: run.name, read)


def _try_to_read(run, confounds):
    """The error that reading a run ends with, or None."""
    del confounds
    try:
        mean_volume(run)
    except (ValueError, OSError) as error:
        return error
    except MemoryError as error:
        return DataError(out_of_memory(error))
    return None


def _readable(items, confounds, name_of, runs_of):
    """Runs whose headers can be read with their tables, and a row for each of the others."""
    runs, tables, failures = [], [], []
    for item, table in zip(items, confounds or [None] * len(items), strict=True):
        try:
            found = runs_of(item)
        except (ValueError, OSError) as error:
            failures.append(row_of_failure(name_of(item), error))
        else:
            runs += found
            tables += [table] * len(found)
    tables = None if confounds is None else tables
    first = runs[0] if runs else None
    return ReadableRuns(Inputs(runs, tables, len(runs), first), failures)
