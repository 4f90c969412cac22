"""Confounds of one run: arrays, tables and files become one float64 array."""

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np


def load_confounds(confounds, n_timepoints, name):
    """Return one run's confounds as an array, from whatever they were given as.

    Parameters
    ----------
    confounds : array, DataFrame, path, list of these, or None
        One row per timepoint, one column per confound; a 1-D array is one column; a list is put
        side by side. A path is a table with or without a header, its columns separated by tabs,
        commas, semicolons or spaces; all its columns are used.
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
    """
    if confounds is None:
        return None
    several = confounds if isinstance(confounds, (list, tuple)) else [confounds]
    tables = [_load_table(table, n_timepoints, name) for table in several]
    if not sum(table.shape[1] for table in tables):
        return None
    return np.hstack(tables)


def _load_table(table, n_timepoints, name):
    origin = f"The confounds of {name}"
    if isinstance(table, (str, os.PathLike)):
        origin += f" ({table})"
        table = _read_table(Path(table).expanduser(), origin)
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


def _read_table(path, origin):
    import pandas as pd

    if not Path(path).is_file():
        msg = f"{origin} were not found: there is no such file"
        raise FileNotFoundError(msg)
    try:
        first = Path(path).read_text(encoding="utf-8-sig").partition("\n")[0]
    except UnicodeDecodeError as error:
        msg = f"{origin} are no text; a table was expected. Were images passed as confounds?"
        raise ValueError(msg) from error
    # By what the first line holds, not by the suffix: the .csv files of ADHD200 hold tabs.
    separator = next((mark for mark in "\t,;" if mark in first), r"\s+")
    header = None if _is_number(first.replace(",", " ").replace(";", " ").split()[:1]) else "infer"
    return pd.read_csv(path, sep=separator, header=header, encoding="utf-8-sig")


def _is_number(fields):
    try:
        return bool([float(field) for field in fields])
    except ValueError:
        return False


def _numbers(table, origin):
    """Return a fresh float64 array with two dimensions, and the names of its columns."""
    if hasattr(table, "columns"):
        _check_numeric_columns(table, origin)
        return table.to_numpy(dtype=np.float64, copy=True), list(table.columns)
    values = np.asarray(table)
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
