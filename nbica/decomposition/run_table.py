"""What happened to each run of a fit, as a table and in one warning."""

import warnings

from nbica.exceptions import DataWarning

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
