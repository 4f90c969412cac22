"""The record of a fit: what went in, with what, when, and what was said; enough to run it again."""

import platform
import warnings
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import joblib
import nibabel as nib
import numpy as np

import nbica
from nbica.image.fingerprint import fingerprint
from nbica.image.run import ArrayFrames, load_run

_PACKAGES = ("numpy", "scipy", "scikit-learn", "nibabel", "joblib")


def record_of(estimator, started, inputs, notes):
    """The record of a fit, as it is saved to JSON.

    Parameters
    ----------
    estimator : fitted estimator
    started : datetime
    inputs : list of dict
        One per run, as :func:`input_of` gives it.
    notes : list of str
        What was said beside the warnings of the runs.

    Returns
    -------
    dict
        estimator, parameters, versions, started, ended, seconds, inputs, runs, warnings.
    """
    runs = estimator.runs_
    said = [f"{row.path}: {row.warnings}" for row in runs.itertuples() if row.warnings]
    return {
        "estimator": f"{type(estimator).__module__}.{type(estimator).__name__}",
        "parameters": {k: described(v) for k, v in estimator.get_params(deep=False).items()},
        "versions": {"nbica": nbica.__version__, "python": platform.python_version()}
        | {name: version(name) for name in _PACKAGES},
        "started": started.isoformat(timespec="seconds"),
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": estimator.seconds_,
        "mask": {"n_voxels": int(estimator.masker_.n_elements_),
                 "hash": estimator.masker_.preparation_.key()[0]},
        "inputs": inputs,
        "runs": runs.to_dict("records"),
        "warnings": [*said, *notes],
    }  # fmt: skip


def input_of(run, confounds):
    """What is remembered of a run: its path, the fingerprint of a file, and its confounds."""
    in_memory = isinstance(run.frames, ArrayFrames)
    return {
        "path": None if in_memory else str(Path(run.name).absolute()),
        "name": run.name,
        "fingerprint": None if in_memory else fingerprint(run),
        "confounds": described(confounds),
    }


def described(value):
    """A parameter as JSON can hold it: itself where that is possible, else a few words on it."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value.expanduser().absolute())
    if isinstance(value, list | tuple):
        return [described(item) for item in value]
    if isinstance(value, dict):
        return {str(key): described(item) for key, item in value.items()}
    if isinstance(value, joblib.Memory):
        return described(value.location)
    if isinstance(value, nib.spatialimages.SpatialImage) and value.get_filename():
        return str(Path(value.get_filename()).absolute())
    if isinstance(value, (type, np.dtype)):
        return np.dtype(value).name
    return {"not kept": type(value).__name__}


def repeat(record, **parameters):
    """Fit again what a record tells of.

    Parameters
    ----------
    record : dict
    **parameters
        Of the estimator, to have them otherwise; needed for those that a record cannot hold, such
        as images in memory.

    Returns
    -------
    The fitted estimator.

    Warns
    -----
    UserWarning
        If a file is not what it was.

    Raises
    ------
    ValueError
        If a run or a parameter was in memory only, naming it.
    """
    module, _, name = record["estimator"].rpartition(".")
    chosen = record["parameters"] | parameters
    lost = [name for name, value in chosen.items() if _is_lost(value)]
    lost += [f"the run {one['name']}" for one in record["inputs"] if _is_lost_run(one)]
    if lost:
        msg = f"The record does not hold what was in memory only: {', '.join(lost)}."
        raise ValueError(msg)
    _warn_of_changes(record["inputs"])
    imgs = [one["path"] for one in record["inputs"]]
    tables = [one["confounds"] for one in record["inputs"]]
    estimator = getattr(import_module(module), name)(**chosen)
    return estimator.fit(imgs, confounds=tables if any(tables) else None)


def _is_lost(value):
    return isinstance(value, dict) and "not kept" in value


def _is_lost_run(one):
    return one["path"] is None or _is_lost(one["confounds"])


def _warn_of_changes(inputs):
    runs = [(one, load_run(one["path"])) for one in inputs]
    changed = [one["path"] for one, run in runs if fingerprint(run) != one["fingerprint"]]
    if changed:
        msg = f"{len(changed)} of {len(inputs)} files are not what they were: {changed[:3]}."
        warnings.warn(msg, nbica.NbicaWarning, stacklevel=3)
