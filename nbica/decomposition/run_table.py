"""What happened to each run of a fit, as a table and in one warning."""

from nbica.decomposition.provenance import input_of
from nbica.decomposition.run_comparison import RunComparison
from nbica.decomposition.seen_runs import SeenRun
from nbica.exceptions import DataWarning
from nbica.runtime.progress import warn

STAGES = ["read", "smooth", "clean", "reduce"]


class RunLog:
    """What happened to the runs of a fit: becomes its table, its warnings and its record.

    Parameters
    ----------
    rows, inputs : list of dict
        Those of an earlier fit, to which runs are added.
    seen : list of SeenRun
        The runs of that fit.

    Attributes
    ----------
    rows : list of dict
        One per run.
    seen : list of SeenRun, or None
        The runs that went by, to go back to; None once they come from a generator, which may be
        long.
    inputs : list of dict
        What went in, for the record.
    notes : list of str
        What is to be said about the cache.
    """

    def __init__(self, rows=(), inputs=(), seen=()):
        self.rows, self.inputs, self.notes = list(rows), list(inputs), []
        self.seen = None if seen is None else list(seen)
        self._n_before = len(self.rows)
        self._comparison = RunComparison(self.inputs)

    @classmethod
    def after(cls, estimator):
        """A log that goes on where an estimator stands; a new one where it is not fitted."""
        earlier = getattr(estimator, "runs_", None)
        rows = [] if earlier is None else earlier.to_dict("records")
        inputs = getattr(estimator, "record_", {}).get("inputs", [])
        return cls(rows, inputs, getattr(estimator, "_seen_", ()))

    def noting(self, tasks):
        """Write down each run and its confounds as they go by."""
        for run, arguments in tasks:
            self.inputs.append(input_of(run, arguments["confounds"]))
            self._comparison.add(run, self.inputs[-1]["fingerprint"])
            if self.seen is not None:
                self.seen.append(SeenRun.of(run, arguments["confounds"]))
            yield run, arguments

    def failed(self, rows):
        """Add the rows of runs that could not be used."""
        self.rows += rows

    def add(self, name, result, n_wanted, n_needed):
        """Add what became of a run, a :class:`reduction.ReducedRun`."""
        self.notes += [f"{name}: {note}" for note in result.notes]
        if result.reduction is None:
            row = row_of_failure(name, result.error)
        else:
            row = row_of_run(name, result, n_wanted, n_needed)
        self._comparison.look_for_twin(row, len(self.rows), result.reduction)
        self.rows.append(row)

    def from_cache(self, names, rows):
        """Take over the rows of a group that was in the cache, under today's names."""
        self.rows = [row_from_cache(*both) for both in zip(names, rows, strict=True)]

    def table(self):
        """What happened to each run, as a DataFrame; runs with another TR than most are noted."""
        import pandas as pd

        self._comparison.compare_repetition_times(self.rows)
        return pd.DataFrame(self.rows)

    def warn(self, stacklevel):
        """Say in one warning what was noticed about the new runs."""
        new = self.rows[self._n_before :]
        noticed = [(row["path"], row["warnings"]) for row in new]
        warn_about_runs(noticed, len(new), stacklevel + 1)

    def message_for_none(self):
        """Why no run could be used, in a sentence."""
        first = self.rows[0]["warnings"]
        return f"None of the {len(self.rows)} runs could be used. The first: {first}"


def row_of_run(name, result, n_wanted, n_needed):
    """What happened to one run, as a row of the table; stages that the cache saved took 0 s."""
    reduction = result.reduction
    n_found = len(reduction.components)
    notices = list(reduction.warnings)
    if 0 < n_found < n_needed:
        notices.append(f"spans only {n_found} dimensions of the {n_needed} wanted")
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
    warn(msg, DataWarning, stacklevel=stacklevel + 1)
