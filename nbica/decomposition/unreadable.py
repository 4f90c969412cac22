"""`on_error="skip"`: the runs that can be used apart from those that cannot, before a fit.

A run that fails later, in its worker, is left out by `reduction.reduce_run`.
"""

from typing import NamedTuple

from nbica.decomposition.run_table import row_of_failure
from nbica.image.frames import mean_volume
from nbica.image.inputs import Inputs, confounds_of
from nbica.image.run import is_one, iter_runs
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
    return _readable(imgs, tables, str, lambda img: list(iter_runs([img])))


def readable_to_the_end(inputs):
    """Runs that can be read to their end.

    Costs reading all of them.

    Parameters
    ----------
    inputs : Inputs
        With a list of runs.

    Returns
    -------
    ReadableRuns
    """

    def read(run):
        mean_volume(run)
        return [run]

    return _readable(inputs.runs, inputs.confounds, lambda run: run.name, read)


def _readable(items, confounds, name_of, runs_of):
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
