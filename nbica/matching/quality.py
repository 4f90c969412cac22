"""What each run was like: its motion, how much of it the components explain, what was noticed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nbica.image.run import iter_runs
from nbica.signal.confounds import list_confounds
from nbica.signal.tables import read_table

if TYPE_CHECKING:
    from pandas import DataFrame
    from sklearn.base import BaseEstimator

    from nbica.hints import AnyPath, RunConfounds, Runs

_TRANSLATIONS = ["trans_x", "trans_y", "trans_z"]
_ROTATIONS = ["rot_x", "rot_y", "rot_z"]
_HEAD_RADIUS = 50.0  # mm
_MUCH = 0.5  # mm from one frame to the next


def framewise_displacement(confounds: DataFrame | AnyPath) -> np.ndarray | None:
    """Compute how far the head moved since the frame before.

    The measure is that of Power et al. [1]_.

    Parameters
    ----------
    confounds : DataFrame or path of a table
        With the column `framewise_displacement`, or fMRIPrep's six motion columns: translations in
        mm and rotations in radians, of a head of radius 50 mm.

    Returns
    -------
    ndarray of shape (n_timepoints,) or None
        In mm, 0 for the first frame; None where the table does not tell.

    Raises
    ------
    FileNotFoundError, DataError
        If there is no such table, or it cannot be read.

    See Also
    --------
    nbica.matching.quality.quality_table : motion of all runs of a fit.

    References
    ----------
    .. [1] J. D. Power et al., "Spurious but systematic correlations in functional connectivity MRI
       networks arise from subject motion", NeuroImage 59 (2012), 2142-2154.

    Examples
    --------
    >>> import pandas as pd
    >>> from nbica import matching
    >>> axes = ["trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z"]
    >>> motion = pd.DataFrame(0.0, index=range(3), columns=axes)
    >>> motion.loc[1:, "trans_z"] = 0.2
    >>> motion.loc[2, "rot_x"] = 0.01
    >>> matching.framewise_displacement(motion).round(3).tolist()
    [0.0, 0.2, 0.5]
    """
    if isinstance(confounds, str | os.PathLike):
        confounds = read_table(confounds, f"The confounds {confounds}")
    if not isinstance(confounds, pd.DataFrame):
        return None
    if "framewise_displacement" in confounds:
        return confounds["framewise_displacement"].fillna(0).to_numpy(dtype=float)
    if not set(_TRANSLATIONS + _ROTATIONS) <= set(confounds):
        return None
    moved = confounds[_TRANSLATIONS].diff().abs().sum(axis=1)
    turned = _HEAD_RADIUS * confounds[_ROTATIONS].diff().abs().sum(axis=1)
    return (moved + turned).to_numpy(dtype=float)


def quality_table(
    estimator: BaseEstimator, imgs: Runs | None = None, confounds: RunConfounds = None
) -> DataFrame:
    """Make a table with a row per run of a fit: what to look at before its maps are trusted.

    Takes one pass over the runs if they are given, else nothing; memory is that of one run.

    Parameters
    ----------
    estimator : fitted CanICA or DictLearning
    imgs : as in `fit`, optional
        The runs of the fit, known by their names; without them the explained variance is left out.
    confounds : as in `fit`, optional
        Tables that tell of motion; arrays do not. In the order of `imgs`, or of the fit.

    Returns
    -------
    DataFrame
        Columns run, n_timepoints, mean_fd and max_fd (mm), moved (share of frames with more than
        0.5 mm), explained (share of the cleaned variance), warnings; NaN where it is not known.

    Raises
    ------
    ValueError
        If there are not as many images or tables as runs.

    See Also
    --------
    framewise_displacement : motion from one frame to the next.

    Examples
    --------
    >>> from nbica import CanICA, datasets
    >>> from nbica.matching.quality import quality_table
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> ica = CanICA(cohort.mask_img, n_components=4, random_state=0).fit(cohort)
    >>> table = quality_table(ica, cohort.func, cohort.confounds)
    >>> table.columns.tolist()
    ['run', 'n_timepoints', 'mean_fd', 'max_fd', 'moved', 'explained', 'warnings']
    >>> bool((table["explained"] > 0).all())
    True
    """
    runs = estimator.runs_
    imgs, tables = as_fitted(estimator, imgs, confounds)
    motion = [framewise_displacement(table) for table in tables]
    explained = [np.nan] * len(runs)
    if imgs is not None:
        explained = _explained(estimator, imgs, tables)
    return pd.DataFrame(
        {
            "run": short_names(runs["path"]),
            "n_timepoints": runs["n_timepoints"].to_numpy(),
            "mean_fd": [_or_nan(np.mean, one) for one in motion],
            "max_fd": [_or_nan(np.max, one) for one in motion],
            "moved": [_or_nan(lambda fd: np.mean(fd > _MUCH), one) for one in motion],
            "explained": explained,
            "warnings": runs["warnings"].to_numpy(),
        }
    )


def short_names(paths):
    """What tells runs apart: of BIDS names the parts that differ, else names or paths of files.

    >>> short_names(["/a/sub-1_task-rest_bold.nii.gz", "/a/sub-2_task-rest_bold.nii.gz"])
    ['sub-1', 'sub-2']
    """
    paths = [Path(path) for path in paths]
    names = [path.name or str(path) for path in paths]
    if len(paths) > 1 and len(set(names)) < len(names) and all(p.is_absolute() for p in paths):
        shared = os.path.commonpath(paths)
        return [str(path.relative_to(shared)) for path in paths]
    parts = [name.split("_") for name in names]
    if len(paths) == 1 or len({len(one) for one in parts}) > 1:
        return names
    differ = [len(set(column)) > 1 for column in zip(*parts, strict=True)]
    kept = ["_".join(part for part, d in zip(one, differ, strict=True) if d) for one in parts]
    return kept if len(set(kept)) == len(kept) else names


def as_fitted(estimator, imgs, confounds):
    """The runs of a fit and their tables in its order, whatever order they are passed in.

    Costs reading headers. Images in memory have no names, and are taken in the order given.

    Parameters
    ----------
    estimator : fitted CanICA or DictLearning
    imgs, confounds : as in `fit`, or None

    Returns
    -------
    runs : list of Run, or None
    tables : list, None where there is no table

    Raises
    ------
    ValueError
        If they are not the runs of the fit, as far as names and lengths tell.
    """
    n_runs = len(estimator.runs_)
    if imgs is None:
        return None, list_confounds(confounds, n_runs) or [None] * n_runs
    runs = list(iter_runs(imgs))
    if len(runs) != n_runs:
        msg = f"Got {len(runs)} images, but the fit had {n_runs} runs; pass those of the fit."
        raise ValueError(msg)
    tables = list_confounds(confounds, n_runs) or [None] * n_runs
    order = _order(list(estimator.runs_["path"]), [run.name for run in runs])
    runs, tables = [runs[i] for i in order], [tables[i] for i in order]
    _check_lengths(runs, estimator.runs_)
    return runs, tables


def _order(fitted, given):
    """Where each run of a fit is among those given: by path, else by the name of the file."""
    for name_of in (_place, lambda path: Path(path).name):
        wanted, there = [name_of(path) for path in fitted], [name_of(path) for path in given]
        if sorted(wanted) == sorted(there):
            places = {name: [i for i, one in enumerate(there) if one == name] for name in there}
            return [places[name].pop(0) for name in wanted]
    known = {Path(path).name for path in fitted}
    stranger = next((path for path in given if Path(path).name not in known), given[0])
    msg = f"{stranger} is none of the runs of the fit, such as {fitted[0]}; pass those."
    raise ValueError(msg)


def _place(path):
    return str(Path(path).resolve())


def _check_lengths(runs, table):
    for run, n_timepoints in zip(runs, table["n_timepoints"], strict=True):
        if n_timepoints not in (0, run.n_timepoints):  # 0: it was skipped
            msg = (
                f"{run.name} has {run.n_timepoints} frames, but had {n_timepoints} in the fit: "
                "pass the runs of the fit, those in memory in its order."
            )
            raise ValueError(msg)


def _explained(estimator, runs, tables):
    return [
        float(estimator.score([run], confounds=[table])) if used else np.nan
        for run, table, used in zip(runs, tables, were_used(estimator), strict=True)
    ]


def were_used(estimator):
    """Which runs of a fit went into it: not those that it skipped."""
    runs = estimator.runs_
    return ~runs["skipped"].to_numpy(bool) if "skipped" in runs else np.ones(len(runs), bool)


def _or_nan(function, values):
    return np.nan if values is None else float(function(values))
