"""Confound strategies, named as nilearn's `load_confounds` names them: what of a table is used.

A strategy is a name, a preset, or a list of names, columns and patterns such as "a_comp_cor_0?".
Frames that scrubbing removes become one column each that is 1 there: regressed out, such a frame
counts for nothing, and all others are as if it had been left out (spike regression).
"""

import fnmatch

import numpy as np
import pandas as pd

from nbica.datasets.fmriprep_columns import DVARS_LIMIT, FD_LIMIT, MOTION
from nbica.exceptions import DataError

PRESETS = {
    "simple": ["high_pass", "motion", "wm_csf"],
    "scrubbing": ["high_pass", "motion", "wm_csf8", "scrub"],
    "compcor": ["high_pass", "motion", "compcor"],
}
_TISSUES = ("csf", "white_matter")
_BASIC = ("",)
_DERIVATIVES = ("", "_derivative1")
_FULL = ("", "_derivative1", "_power2", "_derivative1_power2")
_FAMILIES = {
    "motion": (MOTION, _FULL),
    "motion24": (MOTION, _FULL),
    "motion12": (MOTION, _DERIVATIVES),
    "motion6": (MOTION, _BASIC),
    "wm_csf": (_TISSUES, _BASIC),
    "wm_csf8": (_TISSUES, _FULL),
    "global_signal": (("global_signal",), _BASIC),
}
_SHORTEST_SEGMENT = 5  # frames that stay between two that go (Power et al. 2014)


def choose(table, strategy, sidecar=None):
    """The confounds of a strategy, and the frames that it keeps.

    Parameters
    ----------
    table : DataFrame of n_timepoints rows
        fMRIPrep's.
    strategy : str or list of str
        "motion" (24 columns; "motion6", "motion12", "motion24"), "high_pass", "wm_csf" (2 columns;
        "wm_csf8"), "global_signal", "compcor" (anatomical, combined mask), "scrub", a preset
        ("simple", "scrubbing", "compcor" with what it needs), a column, or a pattern of columns.
    sidecar : dict, optional
        What fMRIPrep wrote beside the table; tells which components are of the combined mask, and
        "compcor" needs it.

    Returns
    -------
    confounds : DataFrame
        A gap in the first row takes the value of the second.
    kept : ndarray of int, or None
        Frames to keep; None for all. Frames in which the scanner was not yet steady never are.

    Raises
    ------
    DataError
        If the table lacks something, which is named; for a gap in another row.
    """
    names = _names(strategy)
    columns = [column for name in names for column in _columns(name, table, sidecar or {})]
    chosen = _numeric(table, list(dict.fromkeys(columns)))
    if len(chosen) > 1:
        chosen.iloc[0] = chosen.iloc[0].fillna(chosen.iloc[1])
    _check_gaps(chosen)
    removed = _unsteady(table)
    if "scrub" in names:
        removed = removed | outliers(table)
    frames = np.flatnonzero(removed)
    spikes = pd.DataFrame(np.eye(len(table))[:, frames], columns=[f"scrub_{i:04d}" for i in frames])
    kept = np.flatnonzero(~removed) if len(frames) else None
    return pd.concat([chosen.reset_index(drop=True), spikes], axis=1), kept


def outliers(table, fd_limit=FD_LIMIT, dvars_limit=DVARS_LIMIT, shortest=_SHORTEST_SEGMENT):
    """Frames in which the head moved, and those of segments too short between them.

    Parameters
    ----------
    table : DataFrame
        With `framewise_displacement` (mm) and `std_dvars`.
    fd_limit, dvars_limit : float
    shortest : int
        Frames of the shortest segment that stays.

    Returns
    -------
    ndarray of shape (n_timepoints,), bool

    References
    ----------
    Power JD et al. (2014), NeuroImage 84:320-341.
    """
    names = _check_there(["framewise_displacement", "std_dvars"], table, "scrub")
    table = _numeric(table, names)
    _check_gaps(table[1:])  # nothing is known of the step to the first frame
    moved = (table["framewise_displacement"] > fd_limit) | (table["std_dvars"] > dvars_limit)
    moved = moved.to_numpy(copy=True)
    if not moved.any():
        return moved
    edges = np.flatnonzero(np.diff(np.concatenate([[True], moved, [True]]).astype(int)))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        if stop - start < shortest:
            moved[start:stop] = True
    return moved


def _names(strategy):
    """The parts of a strategy; a preset stands for several."""
    if isinstance(strategy, str):
        return PRESETS.get(strategy, [strategy])
    if not isinstance(strategy, list | tuple) or not all(isinstance(s, str) for s in strategy):
        msg = f"confounds is {strategy!r}; expected a strategy, a list of such and columns, or None"
        raise TypeError(msg)
    return list(strategy)


def _columns(name, table, sidecar):
    """Names of the columns that one word of a strategy stands for."""
    if name == "scrub":
        return []
    if name == "high_pass":  # none, where the run is shorter than the waves
        return [column for column in table if column.startswith("cosine")]
    if name == "compcor":
        return _compcor(table, sidecar)
    if name in _FAMILIES:
        bases, kinds = _FAMILIES[name]
        wanted = [f"{base}{kind}" for kind in kinds for base in bases]
    else:
        wanted = fnmatch.filter(table.columns, name) or [name]
    return _check_there(wanted, table, name)


def _compcor(table, sidecar):
    """Anatomical components of white matter and fluid together, those that were retained."""
    found = [column for column in table if column.startswith("a_comp_cor")]
    _check_there(found or ["a_comp_cor_00"], table, "compcor")
    about = {name: sidecar.get(name) for name in found}
    unknown = [name for name, said in about.items() if not _tells_mask(said)]
    if unknown:
        msg = (
            f"'compcor' needs to know which of {len(found)} a_comp_cor columns are of the combined "
            f"mask; no .json beside the table says it of {unknown[0]}. Copy that file too, or name "
            "the columns"
        )
        raise DataError(msg)
    found = [n for n, said in about.items() if said["Mask"] == "combined" and _is_retained(said)]
    return _check_there(found or ["a_comp_cor of the combined mask"], table, "compcor")


def _tells_mask(said):
    return isinstance(said, dict) and isinstance(said.get("Mask"), str)


def _is_retained(said):
    return said.get("Retained", True) not in (False, "False", "false")


def _unsteady(table):
    columns = [column for column in table if column.startswith("non_steady_state")]
    return _numeric(table, columns).to_numpy(dtype=float).any(axis=1)


def _numeric(table, columns):
    """Some columns as numbers; a DataError names the first that holds none."""
    for column in columns:
        if table[column].dtype.kind not in "fiub":
            msg = f"{column} holds something that is not a number"
            raise DataError(msg)
    return table[columns].astype(float)


def _check_there(columns, table, name):
    lacking = [column for column in columns if column not in table]
    if lacking:
        msg = (
            f"{name!r} needs {', '.join(lacking[:4])}{' …' * (len(lacking) > 4)}, not in the table"
        )
        raise DataError(msg)
    return columns


def _check_gaps(chosen):
    bad = np.argwhere(~np.isfinite(chosen.to_numpy()))
    if len(bad):
        row, column = bad[0]
        what = "a gap (n/a)" if np.isnan(chosen.iat[row, column]) else "infinity"
        msg = f"{chosen.columns[column]} has {what} in row {chosen.index[row]}"
        raise DataError(msg)
