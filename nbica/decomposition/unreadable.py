"""`on_error="skip"`: runs apart from those that cannot be used, before the first is reduced.

A run that fails later, in its worker, is left out by `reduction.reduce_run`.
"""

from typing import NamedTuple

from nbica.decomposition.run_table import row_of_failure
from nbica.image.frames import mean_volume
from nbica.image.run import is_one, iter_runs
from nbica.signal.confounds import list_confounds


class Sifted(NamedTuple):
    """Runs that can be used, with their confounds (or None for all), and rows of the others."""

    runs: list
    confounds: list | None
    failures: list


def with_header(imgs, confounds):
    """Runs whose header can be read.

    Costs one header per run.

    Parameters
    ----------
    imgs, confounds : as :meth:`canica.CanICA.fit` takes them
        A glob pattern or a list may stand for several runs, which share the confounds of its place.

    Returns
    -------
    Sifted
    """
    imgs = list(getattr(imgs, "func", [imgs] if is_one(imgs) else imgs))
    tables = list_confounds(confounds, len(imgs))
    return _sift(imgs, tables, str, lambda img: list(iter_runs([img])))


def undamaged(runs, confounds):
    """Runs that can be read to their end.

    Costs reading all of them.

    Parameters
    ----------
    runs : list of Run
    confounds : list with one entry per run, or None

    Returns
    -------
    Sifted
    """

    def read(run):
        mean_volume(run)
        return [run]

    return _sift(runs, confounds, lambda run: run.name, read)


def _sift(items, confounds, name_of, runs_of):
    runs, tables, failures = [], [], []
    for item, table in zip(items, confounds or [None] * len(items), strict=True):
        try:
            found = runs_of(item)
        except (ValueError, OSError) as error:
            failures.append(row_of_failure(name_of(item), error))
        else:
            runs += found
            tables += [table] * len(found)
    return Sifted(runs, None if confounds is None else tables, failures)
