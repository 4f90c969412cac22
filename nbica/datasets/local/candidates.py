"""What finders of local data share: runs looked at, those left out with the reason, a summary."""

import warnings
from numbers import Real
from typing import NamedTuple

import pandas as pd

from nbica.exceptions import DataError, DataWarning
from nbica.image.run import load_run

_MOST_REASONS = 3
LONGEST_T_R = 100.0  # s; no run is slower, milliseconds are meant


class LeftOut(Exception):
    """Why a run is not taken."""


class Found(NamedTuple):
    """A run that is taken.

    `row` is its line in the summary table, `confounds` a DataFrame or None, `kept` the frames that
    scrubbing keeps or None for all.
    """

    path: str
    row: dict
    confounds: object = None
    kept: object = None


def look(candidates, function):
    """Look at each candidate.

    Parameters
    ----------
    candidates : iterable of Path
    function : callable
        Path to Found; raises LeftOut with the reason.

    Returns
    -------
    found : list of Found
    left_out : DataFrame
        Columns path, reason.
    """
    found, left_out = [], []
    for path in candidates:
        try:
            found.append(function(path))
        except LeftOut as reason:
            left_out.append((str(path), str(reason)))
    return found, pd.DataFrame(left_out, columns=["path", "reason"])


def header_of(path):
    """The run at a path, its header read; LeftOut for one that cannot be read."""
    try:
        return load_run(path)
    except (DataError, OSError) as error:
        msg = f"cannot be read: {error}"
        raise LeftOut(msg) from error


def first_t_r(*stated):
    """The first repetition time that can be one, in s; NaN for none.

    Some programs write 2000 s for 2000 ms, and sidecars hold texts.
    """
    return next((float(t_r) for t_r in stated if _can_be(t_r)), float("nan"))


def _can_be(t_r):
    return isinstance(t_r, Real) and not isinstance(t_r, bool) and 0 < t_r < LONGEST_T_R


def check_freedom(n_frames, n_confounds):
    """LeftOut for a run of which confounds would leave nothing."""
    if n_confounds >= n_frames:
        msg = f"{n_confounds} confounds leave nothing of {n_frames} frames"
        raise LeftOut(msg)


def common(values):
    """The value that all have, or None."""
    values = list(values)
    return values[0] if values and all(value == values[0] for value in values) else None


def tell(found, left_out, where, stacklevel=3):
    """Warn of what is left out; a DataError if that is all.

    Parameters
    ----------
    found : list of Found
    left_out : DataFrame
    where : path
    stacklevel : int
        As `warnings.warn` takes it, from the caller.
    """
    if left_out.empty:
        return
    reasons = left_out["reason"].str.partition(" (sub-")[0].value_counts()  # names are in left_out
    some = "; ".join(f"{n} × {reason}" for reason, n in reasons.iloc[:_MOST_REASONS].items())
    more = f"; and {len(reasons) - _MOST_REASONS} other reasons" * (len(reasons) > _MOST_REASONS)
    n_all = len(found) + len(left_out)
    msg = f"{len(left_out)} of {n_all} runs in {where} are left out: {some}{more}"
    if not found:
        msg = f"{msg}. Nothing is left to fit."
        raise DataError(msg)
    warnings.warn(f"{msg}. See left_out.", DataWarning, stacklevel=stacklevel)


def summary(table, left_out):
    """Sentences on what was found."""
    n_subjects = table["subject"].nunique()
    lines = [f"{len(table)} runs of {n_subjects} subjects; {len(left_out)} left out."]
    lines += [f"  left out: {path}: {reason}" for path, reason in left_out.itertuples(index=False)]
    frames = table["n_timepoints"]
    lines.append(f"Frames: {frames.min()} to {frames.max()}.")
    t_rs = sorted(table["t_r"].dropna().unique())
    lines.append(f"Repetition time: {', '.join(f'{t_r:g} s' for t_r in t_rs) or 'unknown'}.")
    return "\n".join(lines)
