"""Confounds of one run: arrays, tables and files become one float64 array."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from nbica.runtime.checks import as_array, check_count
from nbica.signal.tables import read_table, without_row_of_numbers

if TYPE_CHECKING:
    from nbica.hints import Confounds


def load_confounds(confounds: Confounds, n_timepoints: int, name: str) -> np.ndarray | None:
    """Return one run's confounds as an array, from whatever they were given as.

    Parameters
    ----------
    confounds : array, DataFrame, path, list of these, or None
        One row per timepoint, one column per confound; a 1-D array is one column; a list is put
        side by side. A path is a table with or without a header, its columns separated by tabs,
        commas, semicolons or spaces; lines that begin with # are comments. All columns are used,
        but not a first one without a name that counts the rows.
    n_timepoints : int
        Rows that the run has.
    name : str
        The run, for error messages.

    Returns
    -------
    ndarray of shape (n_timepoints, n_confounds), float64, or None
        None if there is no column. A NaN in the first row, as fMRIPrep writes for derivatives,
        takes the value of the second row, as in `nilearn.interfaces.fmriprep.load_confounds`.

    Raises
    ------
    ValueError
        For another number of rows, a column that is not numeric, a NaN or Inf anywhere else.
    FileNotFoundError
        For a path that does not exist.

    See Also
    --------
    clean : takes confounds in all these forms itself.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from nbica import signal
    >>> columns = {"trans_x": [0.0, 0.1, 0.3], "trans_x_derivative1": [np.nan, 0.1, 0.2]}
    >>> table = pd.DataFrame(columns)
    >>> signal.load_confounds(table, 3, "sub-01")
    array([[0. , 0.1],
           [0.1, 0.1],
           [0.3, 0.2]])
    >>> signal.load_confounds(table, 4, "sub-01")
    Traceback (most recent call last):
        ...
    ValueError: The confounds of sub-01 have 3 rows but the run has 4 timepoints; ...
    """
    check_count("n_timepoints", n_timepoints)
    if confounds is None:
        return None
    several = confounds if isinstance(confounds, (list, tuple)) else [confounds]
    tables = [_load_table(table, n_timepoints, name) for table in several]
    if not sum(table.shape[1] for table in tables):
        return None
    return np.hstack(tables)


def _load_table(table, n_timepoints, name):
    """One table as an array, its numbers checked and its first row filled."""
    origin = f"The confounds of {name}"
    if isinstance(table, (str, os.PathLike)):
        origin += f" ({table})"
        table = without_row_of_numbers(read_table(table, origin), n_timepoints)
    values, columns = _numbers(table, origin)
    if len(values) != n_timepoints:
        msg = (
            f"{origin} have {len(values)} rows but the run has {n_timepoints} timepoints; give one "
            "row per timepoint, in the order of the runs"
        )
        raise ValueError(msg)
    if len(values) > 1:
        values[0] = np.where(np.isnan(values[0]), values[1], values[0])
    _check_finite(values, columns, origin)
    return values


def _numbers(table, origin):
    """Return a fresh float64 array with two dimensions, and the names of its columns."""
    if hasattr(table, "columns"):
        _check_numeric_columns(table, origin)
        return table.to_numpy(np.float64, copy=True, na_value=np.nan), list(table.columns)
    # What a mask hides is a gap like any other, not the number below it.
    is_masked = isinstance(table, np.ma.MaskedArray)
    values = table.astype(float).filled(np.nan) if is_masked else np.asarray(table)
    if values.ndim not in (1, 2) or values.dtype.kind not in "fiub":
        msg = (
            f"{origin} are {type(table).__name__} of shape {values.shape}, dtype {values.dtype}; a "
            "numeric array (n_timepoints, n_confounds), a DataFrame or a path was expected"
        )
        raise ValueError(msg)
    values = values[:, np.newaxis] if values.ndim == 1 else values
    return values.astype(np.float64), list(range(values.shape[1]))


def _check_numeric_columns(table, origin):
    for column, dtype in table.dtypes.items():
        if dtype.kind not in "fiub":
            msg = f"{origin} have a column that is not numeric: {column!r} ({dtype}); drop it"
            raise ValueError(msg)


def _check_finite(values, columns, origin):
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        row, column = bad[0]
        msg = (
            f"{origin} hold {values[row, column]} in column {columns[column]!r}, row {row} (from "
            f"0), and {len(bad)} such values in all; only NaN in the first row are filled. Fill "
            "them or drop their columns"
        )
        raise ValueError(msg)


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


def check_sample_mask(sample_mask, n_timepoints, name):
    """Frames to keep as indices, or None for all.

    Parameters
    ----------
    sample_mask : array of int, array of n_timepoints bool, or None
    n_timepoints : int
    name : str
        The run, for error messages.

    Raises
    ------
    ValueError
        For what are no frames of the run, are not in order, or none at all.
    """
    if sample_mask is None:
        return None
    found = as_array(sample_mask)
    if found.dtype.kind == "b" and found.shape == (n_timepoints,):
        found = np.flatnonzero(found)
    is_index = found.ndim == 1 and found.dtype.kind in "iu"
    increases = is_index and (np.diff(found.astype(np.int64)) > 0).all()
    if not increases or not len(found) or found[0] < 0 or found[-1] >= n_timepoints:
        what = f"{found.dtype} of shape {found.shape}"
        if found.ndim == 1 and found.size and found.dtype.kind in "iuf":
            what += f", from {found.min()} to {found.max()}"
        msg = (
            f"The sample_mask of {name} is {what}; expected the frames to keep, at least one: "
            f"increasing numbers from 0 to {n_timepoints - 1}, or {n_timepoints} booleans."
        )
        raise ValueError(msg)
    return found.astype(np.int64)
