"""fMRIPrep derivatives as they lie on disk: runs of one task in one space, with their confounds."""

import json
import re
from pathlib import Path

import pandas as pd

from nbica.datasets.local.candidates import (
    Found,
    LeftOut,
    check_freedom,
    common,
    header_of,
    look,
    summary,
    tell,
)
from nbica.datasets.local.confound_strategies import choose
from nbica.exceptions import DataError

# Of one subject: no group can be made of them.
_INDIVIDUAL = ("native", "T1w", "T2w", "boldref", "func")
_TABLE_NAMES = ("timeseries", "regressors")  # fMRIPrep from 20.2 on, and before
_NOT_OF_A_TABLE = ("space", "cohort", "res", "den", "desc")


def find_bids(
    root, task=None, space=None, confounds="motion24", *, subjects=None, sessions=None, res=None
):
    """Preprocessed runs of a BIDS folder, ready for a fit.

    Reads headers and tables only: some milliseconds per run.

    Parameters
    ----------
    root : path
        fMRIPrep's output, or a BIDS data set that has it under `derivatives`.
    task, space, res : str, optional
        Labels, such as "rest", "MNI152NLin2009cAsym", "2". Needed only where there are several;
        without `space`, one that is common to all subjects is taken if there is just one.
    confounds : str, list of str or None
        A strategy under nilearn's names ("motion", "high_pass", "wm_csf", "global_signal",
        "compcor", "scrub"), a preset ("simple", "scrubbing", "compcor"), or a list of such names,
        columns and patterns; see :mod:`nbica.datasets.local.confound_strategies`. "motion24" are
        the six parameters, their derivatives, and the squares of both. None takes none.
    subjects, sessions : list of str, optional
        Labels to take, with or without `sub-` and `ses-`.

    Returns
    -------
    data : sklearn.utils.Bunch
        `func` (list of paths), `confounds` (list of DataFrames, or None), `sample_mask` (list of
        the frames that scrubbing keeps, None for all: what nilearn's maskers take; in `confounds`
        each removed frame has a column of its own, `scrub_…`, to be dropped if sample_mask is
        used), `mask_imgs` (list of paths or None), `t_r` (s, or None where they differ),
        `phenotypic` (DataFrame of participants.tsv, one row per run), `table` (DataFrame, one row
        per run: subject, session, run, n_timepoints, t_r, n_confounds, n_removed, mean_fd),
        `left_out` (DataFrame: path, reason), `description`.

    Raises
    ------
    DataError
        If nothing fits; the message tells what is there.
    ValueError
        If there are several tasks, spaces or resolutions and none is chosen.

    Warns
    -----
    DataWarning
        If runs are left out: unreadable, without confounds, of another length, with gaps.
    """
    from sklearn.utils import Bunch

    root = _derivative(Path(root).expanduser().absolute())
    runs = _list_runs(root)
    chosen = _choose(runs, task=task, space=space, res=res, subjects=subjects, sessions=sessions)
    found, left_out = look(chosen, lambda path: _look(path, confounds))
    tell(found, left_out, root)
    table = pd.DataFrame([run.row for run in found])
    description = f"{_pipeline(root)}\n{summary(table, left_out)}\n{_besides(runs, chosen)}"
    return Bunch(
        func=[run.path for run in found],
        confounds=None if confounds is None else [run.confounds for run in found],
        sample_mask=[run.kept for run in found],
        mask_imgs=[_beside(Path(run.path), "desc-brain_mask.nii.gz") for run in found],
        t_r=common(table["t_r"]),
        phenotypic=_participants(root, table["subject"]),
        table=table,
        left_out=left_out,
        description=description,
    )


def entities(path):
    """The entities of a BIDS name and its suffix: sub, task, … and "suffix"."""
    *pairs, suffix = Path(path).name.partition(".")[0].split("_")
    return dict(pair.split("-", 1) for pair in pairs if "-" in pair) | {"suffix": suffix}


# --- where ---


def _derivative(root):
    """The folder that holds preprocessed runs: this one, or the only such under `derivatives`."""
    if not root.is_dir():
        msg = f"There is no folder {root}."
        raise DataError(msg)
    if _has_runs(root):
        return root
    inside = [folder for folder in sorted((root / "derivatives").glob("*")) if _has_runs(folder)]
    if len(inside) > 1:
        msg = f"{root} has several derivatives with runs: {', '.join(map(str, inside))}. Pass one."
        raise ValueError(msg)
    if not inside:
        n_raw = len(list(_glob(root, "*_bold.nii*")))
        raw = f"; there are {n_raw} runs that are not preprocessed" if n_raw else ""
        msg = (
            f"{root} holds no preprocessed runs (sub-*/[ses-*/]func/*_desc-preproc_bold.nii.gz)"
            f"{raw}. Pass the output folder of fMRIPrep."
        )
        raise DataError(msg)
    return inside[0]


def _glob(root, pattern):
    yield from root.glob(f"sub-*/func/{pattern}")
    yield from root.glob(f"sub-*/ses-*/func/{pattern}")


def _has_runs(folder):
    return any(True for _ in _glob(folder, "*_desc-preproc_bold.*"))


def _list_runs(root):
    """Paths of preprocessed runs and their entities, `space` being "native" where none is named."""
    paths = sorted(_glob(root, "*_desc-preproc_bold.nii*"))
    return {path: {"space": "native", "res": ""} | entities(path) for path in paths}


# --- which ---


def _choose(runs, *, task, space, res, subjects, sessions):
    """Paths of one task, space and resolution."""
    runs = _of(runs, "sub", subjects)
    runs = _of(runs, "ses", sessions)
    runs = _narrowed(runs, "task", task)
    runs = _narrowed(runs, "space", space or _common_space(runs))
    return list(_narrowed(runs, "res", res))


def _of(runs, entity, wanted):
    if wanted is None:
        return runs
    labels = [str(label).removeprefix(f"{entity}-") for label in wanted]
    there = _labels(runs, entity)
    lacking = [label for label in labels if label not in there]
    if lacking:
        msg = f"There are no runs of {entity}-{lacking[0]}; there are {', '.join(sorted(there))}."
        raise DataError(msg)
    return {path: names for path, names in runs.items() if names.get(entity) in labels}


def _narrowed(runs, entity, wanted):
    """The runs with one label of an entity: the wanted, or the only one."""
    there = _labels(runs, entity)
    counted = ", ".join(f"{label or 'none'} ({n} runs)" for label, n in there.items())
    if wanted is not None and str(wanted) not in there:
        msg = f"There are no runs of {entity} {wanted!r}; there are {counted}."
        raise DataError(msg)
    if wanted is None and len(there) > 1:
        msg = f"There are several of {entity}: {counted}. Choose one with {entity}=..."
        raise ValueError(msg)
    label = str(wanted) if wanted is not None else next(iter(there))
    return {path: names for path, names in runs.items() if names.get(entity, "") == label}


def _labels(runs, entity):
    labels = [names.get(entity, "") for names in runs.values()]
    return {label: labels.count(label) for label in sorted(set(labels))}


def _common_space(runs):
    there = _labels(runs, "space")
    standard = [label for label in there if label not in _INDIVIDUAL]
    if standard:
        return standard[0] if len(standard) == 1 else None
    msg = (
        f"All runs are in a space of their own subject ({', '.join(there)}); a group needs a "
        "common one: run fMRIPrep with --output-spaces MNI152NLin2009cAsym."
    )
    raise DataError(msg)


# --- one run ---


def _look(path, strategy):
    names, run = entities(path), header_of(path)
    table, sidecar = _read_table(path)
    row = {
        "subject": f"sub-{names['sub']}",
        "session": names.get("ses", ""),
        "run": names.get("run", ""),
        "n_timepoints": run.n_timepoints,
        "t_r": _read_json(path).get("RepetitionTime") or run.t_r,
        "n_confounds": 0,
        "n_removed": 0,
        "mean_fd": float("nan") if table is None else _mean_displacement(table),
    }
    if strategy is None:
        return Found(str(path), row)
    if table is None:
        msg = "no table of confounds beside it"
        raise LeftOut(msg)
    confounds, kept = _confounds(table, strategy, sidecar, run.n_timepoints)
    row |= {
        "n_confounds": confounds.shape[1],
        "n_removed": 0 if kept is None else run.n_timepoints - len(kept),
    }
    return Found(str(path), row, confounds, kept)


def _confounds(table, strategy, sidecar, n_timepoints):
    if len(table) != n_timepoints:
        msg = f"its table has {len(table)} rows for {n_timepoints} frames"
        raise LeftOut(msg)
    try:
        confounds, kept = choose(table, strategy, sidecar)
    except DataError as error:
        raise LeftOut(str(error)) from error
    check_freedom(n_timepoints, confounds.shape[1])
    return confounds, kept


def _read_table(path):
    """The table of confounds of a run and its sidecar, or None and nothing."""
    kept = {k: v for k, v in entities(path).items() if k not in (*_NOT_OF_A_TABLE, "suffix")}
    start = "_".join(f"{key}-{value}" for key, value in kept.items())
    for name in _TABLE_NAMES:
        table = path.with_name(f"{start}_desc-confounds_{name}.tsv")
        if table.is_file():
            try:
                return pd.read_csv(table, sep="\t", na_values="n/a"), _read_json(table)
            except (ValueError, OSError) as error:
                msg = f"its table of confounds cannot be read: {error}"
                raise LeftOut(msg) from error
    return None, {}


def _read_json(path):
    """The sidecar of a file; nothing where there is none."""
    sidecar = path.with_name(f"{path.name.partition('.')[0]}.json")
    try:
        content = json.loads(sidecar.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _mean_displacement(table):
    return table.get("framewise_displacement", pd.Series(dtype=float)).mean()


def _beside(path, ending):
    other = path.with_name(re.sub(r"desc-preproc_bold\.nii(\.gz)?$", ending, path.name))
    return str(other) if other.is_file() else None


# --- the whole ---


def _participants(root, subjects):
    """Rows of participants.tsv, one per run; only the ids where there is no such file."""
    places = (root, root.parent, root.parent.parent)
    for path in (folder / "participants.tsv" for folder in places):
        if path.is_file():
            people = pd.read_csv(path, sep="\t", dtype={"participant_id": str})
            people = people.drop_duplicates("participant_id").set_index("participant_id")
            return people.reindex(list(subjects)).reset_index()
    return pd.DataFrame({"participant_id": list(subjects)})


def _pipeline(root):
    described = _read_json(root / "dataset_description.nii")
    makers = described.get("GeneratedBy") or [{}]
    first = makers[0] if isinstance(makers[0], dict) else {}
    name, version = first.get("Name", "an unnamed pipeline"), first.get("Version", "")
    return f"Runs preprocessed by {' '.join([name, version]).strip()}, in {root}."


def _besides(runs, chosen):
    others = len(runs) - len(chosen)
    tasks, spaces = (", ".join(_labels(runs, entity)) for entity in ("task", "space"))
    return f"Not asked for: {others} other images (tasks: {tasks}; spaces: {spaces})."
