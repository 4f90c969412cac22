"""fMRIPrep derivatives as they lie on disk: runs of one task in one space, with their confounds."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from nbica.datasets.local.bids_files import (
    hemispheres_of,
    mask_of,
    on_surfaces,
    read_json,
    table_of,
)
from nbica.datasets.local.bids_names import (
    ENTITIES,
    check_labels,
    entities,
    labels_of,
)
from nbica.datasets.local.bids_names import (
    choose as choose_runs,
)
from nbica.datasets.local.candidates import (
    Found,
    LeftOut,
    check_freedom,
    common,
    first_t_r,
    header_of,
    look,
    summary,
    tell,
)
from nbica.datasets.local.confound_strategies import choose
from nbica.exceptions import DataError, DataWarning
from nbica.runtime.checks import as_path
from nbica.signal.tables import read_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sklearn.utils import Bunch

    from nbica.hints import AnyPath


def find_bids(
    root: AnyPath, task: str | None = None, space: str | None = None,
    confounds: str | Sequence[str] | None = "motion24", *, subjects: Sequence[str] | None = None,
    sessions: Sequence[str] | None = None, res: str | None = None, **labels: str
) -> Bunch:  # fmt: skip
    """Find the preprocessed runs of a BIDS folder, ready for a fit.

    Reads headers and tables only: some milliseconds per run.

    Parameters
    ----------
    root : path
        fMRIPrep's output, or a BIDS data set that has it under `derivatives`.
    task, space, res : str, optional
        Labels, such as "rest", "MNI152NLin2009cAsym", "2". Needed only where there are several;
        without `space`, one that is common to all subjects is taken if there is just one. "fsLR"
        takes CIFTI runs, "fsaverage5" and the like pairs of GIFTI; both have to be named.
    confounds : str, list of str or None
        A strategy under nilearn's names ("motion", "high_pass", "wm_csf", "global_signal",
        "compcor", "scrub"), a preset ("simple", "scrubbing", "compcor"), or a list of such names,
        columns and patterns; see :mod:`nbica.datasets.local.confound_strategies`. "motion24" are
        the six parameters, their derivatives, and the squares of both. None takes none.
    subjects, sessions : list of str or int, optional
        Labels to take, with or without `sub-` and `ses-`; 1 is also "01".
    **labels : str
        Values of other entities, where there are several: `cohort` of a template, `den` of
        surfaces, `echo` (by
        default the combination of all), `part`, `rec`, `dir`, `acq`, `run`, `ce`, `chunk`, and
        `desc` (by default "preproc"; others are those of other pipelines).

    Returns
    -------
    data : sklearn.utils.Bunch
        `func` (list of paths; of pairs for GIFTI), `confounds` (list of DataFrames, or None),
        `sample_mask` (list of the frames that scrubbing keeps, None for all: what nilearn's maskers
        take; in `confounds`
        each removed frame has a column of its own, `scrub_…`, to be dropped if sample_mask is
        used), `mask_imgs` (list of paths or None), `t_r` (s, or None where they differ),
        `phenotypic` (DataFrame of participants.tsv, one row per run), `table` (DataFrame, one row
        per run: subject, session, run, n_timepoints, t_r, n_confounds, n_removed, mean_fd, and
        other entities in which runs differ),
        `left_out` (DataFrame: path, reason), `description`.

    Raises
    ------
    DataError
        If nothing fits; the message tells what is there.
    ValueError
        If there are several tasks, spaces, cohorts or resolutions, or several files of the same
        acquisition, and none is chosen.
    TypeError
        For an entity that BIDS does not have.

    Warns
    -----
    DataWarning
        If runs are left out: unreadable, without confounds, of another length, with gaps. If the
        repetition time of some cannot be.

    See Also
    --------
    find_hcp : runs of a Human Connectome Project tree.
    nbica.CanICA : takes what is found as it is.

    Examples
    --------
    The simulated cohort lies on disk as fMRIPrep would write it:

    >>> from nbica import datasets
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> data = datasets.find_bids(cohort.data_dir, subjects=["01", "02"], confounds="motion24")
    >>> len(data.func), data.t_r, data.confounds[0].shape
    (2, 2.0, (40, 24))
    >>> data.table["subject"].tolist()
    ['sub-01', 'sub-02']
    """
    from nbica.datasets.dataset import Dataset

    check_labels(labels)
    desc = str(labels.pop("desc", "preproc"))
    surfaces = on_surfaces(space)
    root = _derivative(as_path("root", root).absolute(), desc, surfaces)
    runs = _list_runs(root, desc, surfaces)
    chosen = choose_runs(
        runs, task=task, space=space, res=res, subjects=subjects, sessions=sessions, labels=labels
    )
    found, left_out = look(chosen, lambda path: _look(path, confounds))
    tell(found, left_out, root)
    table = pd.concat([pd.DataFrame([run.row for run in found]), _differing(found)], axis=1)
    _warn_of_unknown_times(table["t_r"], found)
    description = f"{_pipeline(root)}\n{summary(table, left_out)}\n{_besides(runs, chosen)}"
    return Dataset(
        func=[hemispheres_of(Path(run.path)) for run in found],
        confounds=None if confounds is None else [run.confounds for run in found],
        sample_mask=[run.kept for run in found],
        mask_imgs=[mask_of(Path(run.path)) for run in found],
        t_r=common(table["t_r"]),
        phenotypic=_participants(root, table["subject"]),
        table=table,
        left_out=left_out,
        description=description,
    )


# --- where ---


def _derivative(root, desc, surfaces):
    """The folder that holds preprocessed runs: this one, or the only such under `derivatives`."""
    if not root.is_dir():
        msg = f"There is no folder {root}."
        raise DataError(msg)
    if _list_runs(root, desc, surfaces):
        return root
    below = sorted((root / "derivatives").glob("*"))
    inside = [folder for folder in below if _list_runs(folder, desc, surfaces)]
    if len(inside) > 1:
        msg = f"{root} has several derivatives with runs: {', '.join(map(str, inside))}. Pass one."
        raise ValueError(msg)
    if not inside:
        raise DataError(_message_for_none(root, desc, surfaces))
    return inside[0]


def _message_for_none(root, desc, surfaces):
    if surfaces:
        return (
            f"{root} holds no runs on surfaces (sub-*/[ses-*/]func/*_space-fsLR*_bold.dtseries.nii "
            "or *_hemi-L_space-fsaverage*_bold.func.gii). Run fMRIPrep with --cifti-output, or "
            "--output-spaces fsaverage5."
        )
    there = [path for folder in (root, *(root / "derivatives").glob("*")) for path in _bold(folder)]
    derived = {
        path: names for path, names in _named(there).items() if names["space"] or names.get("desc")
    }
    raw = len(there) - len(derived)
    others = ", ".join(
        f"{n} of desc={label!r}" if label else f"{n} without desc"
        for label, n in labels_of(derived, "desc").items()
    )
    parts = [
        f"; there are {raw} runs that are not preprocessed" if raw else "",
        f"; there are runs of other pipelines: {others}, which desc=... takes" if derived else "",
    ]
    return (
        f"{root} holds no preprocessed runs (sub-*/[ses-*/]func/*_desc-{desc}_bold.nii.gz)"
        f"{''.join(parts)}. Pass the output folder of fMRIPrep."
    )


def _bold(folder):
    """Images by name: of a run that is being copied or has a checksum beside it only the image."""
    for pattern in ("sub-*/func/*_bold.nii*", "sub-*/ses-*/func/*_bold.nii*"):
        yield from (
            path for path in folder.glob(pattern) if path.name.endswith((".nii", ".nii.gz"))
        )


def _bold_on_surfaces(folder):
    """CIFTI runs, and left hemispheres of GIFTI runs, by name."""
    for pattern in ("*_bold.dtseries.nii", "*_hemi-L_*_bold.func.gii", "*_hemi-L_bold.func.gii"):
        yield from folder.glob(f"sub-*/func/{pattern}")
        yield from folder.glob(f"sub-*/ses-*/func/{pattern}")


def _named(paths):
    """Entities of paths, `space` and `res` being empty where none is named."""
    return {path: {"space": "", "res": ""} | entities(path) for path in sorted(paths)}


def _list_runs(folder, desc, surfaces=False):
    """Paths of preprocessed runs and their entities, `space` being "native" where none is named.

    On surfaces fMRIPrep names no `desc`.
    """
    if surfaces:
        named = _named(set(_bold_on_surfaces(folder)))
        return {path: names for path, names in named.items() if names.get("desc", desc) == desc}
    named = {
        path: names
        for path, names in _named(_bold(folder)).items()
        if names.get("desc", "") == desc
    }
    return {path: names | {"space": names["space"] or "native"} for path, names in named.items()}


# --- one run ---


def _look(path, strategy):
    """A run with its row of the table and its confounds, or the reason to leave it out."""
    _check_name(path)
    names, run = entities(path), header_of(hemispheres_of(path))
    table, sidecar, reason = table_of(path)
    row = {
        "subject": f"sub-{names['sub']}",
        "session": names.get("ses", ""),
        "run": names.get("run", ""),
        "n_timepoints": run.n_timepoints,
        "t_r": first_t_r(read_json(path).get("RepetitionTime"), run.t_r),
        "n_confounds": 0,
        "n_removed": 0,
        "mean_fd": float("nan") if table is None else _mean_displacement(table),
    }
    if strategy is None:
        return Found(str(path), row)
    if table is None:
        raise LeftOut(reason)
    confounds, kept = _confounds(table, strategy, sidecar, run.n_timepoints)
    row |= {
        "n_confounds": confounds.shape[1],
        "n_removed": 0 if kept is None else run.n_timepoints - len(kept),
    }
    return Found(str(path), row, confounds, kept)


def _confounds(table, strategy, sidecar, n_timepoints):
    """Confounds by a strategy, and the frames that are kept, if they fit the run."""
    if len(table) != n_timepoints:
        msg = f"its table has {len(table)} rows for {n_timepoints} frames"
        raise LeftOut(msg)
    try:
        confounds, kept = choose(table, strategy, sidecar)
    except DataError as error:
        raise LeftOut(str(error)) from error
    check_freedom(n_timepoints, confounds.shape[1])
    return confounds, kept


def _check_name(path):
    folder = next(part for part in reversed(path.parts[:-1]) if part.startswith("sub-"))
    if not path.name.startswith(f"{folder}_"):
        msg = f"its name does not begin with its folder's, {folder}_"
        raise LeftOut(msg)
    if path.name.endswith(".nii") and path.with_name(f"{path.name}.gz").exists():
        msg = "it is there a second time, as .nii.gz"
        raise LeftOut(msg)


def _mean_displacement(table):
    column = table.get("framewise_displacement", pd.Series(dtype=float))
    return pd.to_numeric(column, errors="coerce").mean()


# --- the whole ---


def _differing(found):
    """Entities by which runs differ, beside those that the table has anyway."""
    names = pd.DataFrame([entities(run.path) for run in found]).fillna("")
    columns = [name for name in ENTITIES if name in names and name not in ("run", "desc")]
    return names[[name for name in columns if names[name].nunique() > 1]]


def _warn_of_unknown_times(t_rs, found):
    unknown = [run.path for run, t_r in zip(found, t_rs, strict=True) if t_r != t_r]
    if unknown:
        msg = (
            f"The repetition time of {len(unknown)} of {len(found)} runs is unknown, such as of "
            f"{unknown[0]}: neither a .json beside it nor its header has one between 0 and 100 s. "
            "Pass t_r=..., in seconds, where it matters."
        )
        warnings.warn(msg, DataWarning, stacklevel=3)


def _participants(root, subjects):
    """Rows of participants.tsv, one per run; only the ids where there is none that can be read."""
    places = (root, root.parent, root.parent.parent)
    for path in (folder / "participants.tsv" for folder in places):
        if path.is_file():
            people = _people(path)
            return pd.DataFrame({"participant_id": list(subjects)}).merge(people, "left")
    return pd.DataFrame({"participant_id": list(subjects)})


def _people(path):
    """A table of participants, `sub-` before each of their ids."""
    try:
        people = read_table(path, f"the participants in {path}", {"participant_id": str})
        ids = people["participant_id"].astype(str)
    except (ValueError, OSError, KeyError) as error:
        msg = f"{path} is left out: {error}. It needs a column participant_id."
        warnings.warn(msg, DataWarning, stacklevel=4)
        return pd.DataFrame({"participant_id": pd.Series(dtype=str)})
    ids = "sub-" + ids.str.removeprefix("sub-")
    if ids.duplicated().any():
        msg = f"{path} has more than one row of {ids[ids.duplicated()].iloc[0]}: the first counts."
        warnings.warn(msg, DataWarning, stacklevel=4)
    return people.assign(participant_id=ids).drop_duplicates("participant_id")


def _pipeline(root):
    described = read_json(root / "dataset_description.nii")
    makers = described.get("GeneratedBy")
    first = makers[0] if isinstance(makers, list) and makers and isinstance(makers[0], dict) else {}
    name, version = first.get("Name", "an unnamed pipeline"), first.get("Version", "")
    return f"Runs preprocessed by {f'{name} {version}'.strip()}, in {root}."


def _besides(runs, chosen):
    others = len(runs) - len(chosen)
    tasks, spaces = (", ".join(labels_of(runs, entity)) for entity in ("task", "space"))
    return f"Not asked for: {others} other images (tasks: {tasks}; spaces: {spaces})."
