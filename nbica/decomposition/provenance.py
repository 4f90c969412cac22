"""The record of a fit: what went in, with what, when, and what was said; enough to run it again."""

import hashlib
import json
import os
import platform
import warnings
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import joblib
import nibabel as nib
import numpy as np

import nbica
from nbica.exceptions import DataError
from nbica.image.fingerprint import fingerprint
from nbica.image.run import ArrayFrames, load_run

_PACKAGES = ("numpy", "scipy", "scikit-learn", "nibabel", "joblib")
_PATHS = ("mask", "memory")


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
        "estimator": type(estimator).__name__,
        "parameters": _parameters(estimator),
        "versions": {"nbica": nbica.__version__, "python": platform.python_version()}
        | {name: version(name) for name in _PACKAGES},
        "started": started.isoformat(timespec="seconds"),
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": estimator.seconds_,
        "mask": {"n_voxels": int(estimator.masker_.n_elements_),
                 "hash": estimator.masker_.preparation_.key()[0],
                 "content": content_of(estimator.mask)},
        "inputs": inputs,
        "runs": runs.to_dict("records"),
        "warnings": [*said, *notes],
    }  # fmt: skip


def input_of(run, confounds):
    """What is remembered of a run: its path and confounds, and what the content of both was."""
    in_memory = isinstance(run.frames, ArrayFrames)
    return {
        "path": None if in_memory else _paths_of(run),
        "name": run.name,
        "fingerprint": None if in_memory else fingerprint(run),
        "confounds": described(confounds),
        "confounds_hash": content_of(confounds),
        "sample_mask": None if run.kept is None else run.kept.tolist(),
    }


def _paths_of(run):
    """The path of a run; of a brain in two files, both."""
    paths = getattr(run.frames, "paths", ())
    return list(paths) if len(paths) > 1 else str(Path(run.name).absolute())


def _parameters(estimator):
    """Parameters as JSON can hold them; paths as they are found from any folder."""
    given = estimator.get_params(deep=False)
    paths = {name: Path(given[name]) for name in _PATHS if isinstance(given[name], str)}
    return {name: described(value) for name, value in (given | paths).items()}


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
    if isinstance(value, nib.filebasedimages.FileBasedImage) and value.get_filename():
        return str(Path(value.get_filename()).absolute())
    if isinstance(value, (type, np.dtype)):
        return np.dtype(value).name
    return {"not kept": type(value).__name__}


def read_record(path):
    """A record from its file.

    Raises
    ------
    FileNotFoundError
    DataError
        If the file holds none.
    """
    path = Path(path).expanduser()
    if path.exists() and not path.is_file():
        msg = f"{path} is not the record of a fit: it is not a file."
        raise DataError(msg)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        msg = f"There is no record {path}."
        raise FileNotFoundError(msg) from error
    except (ValueError, RecursionError) as error:
        msg = f"{path} is not the record of a fit: it is not JSON ({error})."
        raise DataError(msg) from error


def repeat(record, **parameters):
    """Fit again what a record tells of.

    A record may come from anybody: it names one of two estimators, their parameters and files;
    nothing else that it says is looked up or run.

    Parameters
    ----------
    record : dict
    **parameters
        Parameters of the estimator to change; needed for those that a record cannot hold, such
        as images in memory.

    Returns
    -------
    The fitted estimator.

    Warns
    -----
    NbicaWarning
        If a file is not what it was: an image, a table of confounds, the mask.

    Raises
    ------
    DataError
        If it is no record of an estimator of nbica, or a run or a parameter was in memory only,
        naming it.
    """
    # Only what the record can say in full is fitted again.
    _check_form(record)
    estimator = _estimator(record["estimator"])
    chosen = record["parameters"] | parameters
    unknown = sorted(set(chosen) - set(estimator.get_params()))
    if unknown:
        msg = f"{record['estimator']} has no parameter {unknown[0]!r}, which the record gives."
        raise DataError(msg)
    lost = [name for name, value in chosen.items() if _is_lost(value)]
    lost += ["callback"] * (record["parameters"].get("callback") is not None)
    lost += [f"the run {one.get('name')}" for one in record["inputs"] if _is_lost_run(one)]
    if lost:
        msg = f"The record does not hold what was in memory only: {', '.join(lost)}."
        raise DataError(msg)
    # The same files, with the tables and frames that belonged to them.
    _warn_of_changes(record, chosen.get("mask"))
    imgs = [one["path"] for one in record["inputs"]]
    tables = [one["confounds"] for one in record["inputs"]]
    confounds = tables if any(table is not None for table in tables) else None
    kept = [one.get("sample_mask") for one in record["inputs"]]
    kept = kept if any(mask is not None for mask in kept) else None
    return estimator.set_params(**chosen).fit(imgs, confounds=confounds, sample_mask=kept)


def _check_form(record):
    parts = {"estimator": str, "parameters": dict, "inputs": list}
    is_record = isinstance(record, dict) and all(
        isinstance(record.get(name), kind) for name, kind in parts.items()
    )
    runs = record["inputs"] if is_record else []
    if not runs or not all(isinstance(one, dict) and _has_form(one) for one in runs):
        msg = (
            "This is not the record of a fit: expected what nbica wrote as record.json, or "
            "`record_`."
        )
        raise DataError(msg)


def _has_form(one):
    confounds = one.get("confounds")
    several = confounds if isinstance(confounds, list) else [confounds]
    are_tables = all(table is None or isinstance(table, str | dict) for table in several)
    path = one.get("path")
    are_paths = isinstance(path, list) and all(isinstance(part, str) for part in path)
    return are_tables and (are_paths or isinstance(path, str | None))


def _estimator(word):
    """A new estimator by its word in a fixed table; nothing is imported by a name from a file."""
    if word == "CanICA":
        from nbica.decomposition.canica import CanICA as estimator
    elif word == "DictLearning":
        from nbica.decomposition.dict_learning import DictLearning as estimator
    else:
        msg = f"The record is of {word!r}; CanICA and DictLearning can be fitted again."
        raise DataError(msg)
    return estimator()


def _is_lost(value):
    several = value if isinstance(value, list) else [value]
    return any(isinstance(one, dict) and "not kept" in one for one in several)


def _is_lost_run(one):
    return one["path"] is None or _is_lost(one["confounds"])


def _warn_of_changes(record, mask):
    changed = [path for path, before, now in _files(record, mask) if before != now]
    if changed:
        msg = f"{len(changed)} files are not as the record tells: {changed[:3]}."
        warnings.warn(msg, nbica.NbicaWarning, stacklevel=3)


def _files(record, mask):
    """Each file, what was known of its content, and what it is now."""
    for one in record["inputs"]:
        yield one["path"], one.get("fingerprint"), fingerprint(load_run(one["path"]))
        yield str(one["confounds"]), one.get("confounds_hash"), content_of(one["confounds"])
    about = record.get("mask")
    if mask == record["parameters"].get("mask"):
        yield str(mask), about.get("content") if isinstance(about, dict) else None, content_of(mask)


def content_of(value):
    """What the files are that a parameter names, as a short text; None where it names none."""
    if isinstance(value, list | tuple):
        return [content_of(one) for one in value]
    if isinstance(value, nib.filebasedimages.FileBasedImage):
        value = value.get_filename()
    if not isinstance(value, str | os.PathLike):
        return None
    path = Path(value).expanduser()
    if not path.is_file():
        return None  # whoever reads it says why
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:32]
