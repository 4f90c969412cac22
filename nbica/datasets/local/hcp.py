"""Resting-state runs of a Human Connectome Project tree, as it is unpacked or synchronised."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from nbica.datasets.fmriprep_columns import MOTION
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
from nbica.exceptions import DataError
from nbica.runtime.checks import as_flag, as_list, as_path, check_one_of
from nbica.runtime.placeholders import placeholder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sklearn.utils import Bunch

    from nbica.hints import AnyPath

RUNS = ("REST1_LR", "REST1_RL", "REST2_LR", "REST2_RL")
T_R = 0.72  # s
FULL_LENGTH = 1200  # frames
_RESULTS = "MNINonLinear/Results"
_N_MOTION = {"motion6": 6, "motion12": 12, "motion24": 24}
_WHAT = ("volumes in MNI152NLin6Asym", "grayordinates of fsLR 32k")
_LICENCE = (
    "WU-Minn HCP Open Access Data Use Terms: register, acknowledge, and share only under the same "
    "terms."
)
_CITATION = "Van Essen DC et al. (2013). The WU-Minn Human Connectome Project. NeuroImage 80:62-79"


def find_hcp(
    root: AnyPath, runs: Sequence[str] = RUNS,
    confounds: Literal["motion6", "motion12", "motion24"] | None = None, *,
    subjects: Sequence[str | int] | None = None, min_timepoints: int = 0, cleaned: bool = True,
    kind: Literal["volume", "cifti"] = "volume",
) -> Bunch:  # fmt: skip
    """Find the runs of an HCP tree, ready for a fit.

    Reads headers only. A full run is 1 GB on disk, on grayordinates 0.4 GB; a fit streams it.

    Parameters
    ----------
    root : path
        The folder that holds the subjects' folders, or one subject's.
    runs : list of str
        Some of REST1_LR, REST1_RL, REST2_LR, REST2_RL.
    confounds : {None, "motion6", "motion12", "motion24"}
        By default none: ICA-FIX has already regressed 24 motion parameters out of the cleaned
        runs, and filters applied one after the other bring back what another one removed (Lindquist
        et al. 2019). Paths of the tables are in `motion` in any case.
    subjects : list of str or int, optional
        Subjects to take.
    min_timepoints : int
        Leave out shorter runs; by default they are taken, and noted.
    cleaned : bool
        Runs after ICA-FIX (`hp2000_clean`); False takes those before it.
    kind : {"volume", "cifti"}
        "cifti" takes the runs on grayordinates (`_Atlas…dtseries.nii`): those registered by all
        modalities (`_Atlas_MSMAll`) where the tree has any, else by folding.

    Returns
    -------
    data : sklearn.utils.Bunch
        `func` (list of paths), `confounds` (list of DataFrames, or None), `motion` (list of paths
        or None), `t_r` (s), `phenotypic` and `table` (DataFrame, one row per run: subject, session,
        run, n_timepoints, t_r, n_confounds, is_short, mean_rms in mm), `incomplete` (dict of
        subjects to the runs that they lack), `left_out` (DataFrame: path, reason), `description`,
        `licence`, `citation`. Of CIFTI also `surf_mesh`, the midthickness surfaces of the first
        subject that has them (left, right), or None: for figures, and for smoothing.

    Raises
    ------
    DataError
        If there is no such tree, or no run is left.
    ValueError
        For an unknown run or kind of confounds.

    Warns
    -----
    DataWarning
        If runs are left out.

    See Also
    --------
    find_bids : runs that fMRIPrep wrote.

    Examples
    --------
    >>> from pathlib import Path
    >>> import nibabel as nib
    >>> import numpy as np
    >>> from nbica import datasets
    >>> folder = Path("HCP/100307/MNINonLinear/Results/rfMRI_REST1_LR")
    >>> folder.mkdir(parents=True)
    >>> img = nib.Nifti1Image(np.ones((4, 4, 4, 1200), "float32"), np.eye(4))
    >>> img.header.set_zooms((1, 1, 1, 0.72))
    >>> nib.save(img, folder / "rfMRI_REST1_LR_hp2000_clean.nii.gz")
    >>> data = datasets.find_hcp("HCP", runs=["REST1_LR"])
    >>> data.table[["subject", "session", "run", "n_timepoints"]].values.tolist()
    [['100307', 'REST1', 'LR', 1200]]
    """
    from nbica.datasets.dataset import Dataset

    _check(runs, confounds, kind)
    root = as_path("root", root).absolute()
    cleaned = as_flag("cleaned", cleaned)
    people = _subjects(root, subjects)
    ending = _ending(people, runs, kind, "_hp2000_clean" if cleaned else "")
    wanted = [_path(folder, run, ending) for folder in people for run in runs]
    there = [path for path in wanted if _is_named(path)]
    _check_there(there, people, root, ending)
    found, left_out = look(there, lambda path: _look(path, confounds, min_timepoints))
    tell(found, left_out, root)
    table = pd.DataFrame([run.row for run in found])
    incomplete = _incomplete(people, runs, ending)
    more = {} if kind == "volume" else {"surf_mesh": _mesh_of(people, ending)}
    return Dataset(
        **more,
        func=[run.path for run in found],
        confounds=None if confounds is None else [run.confounds for run in found],
        motion=[_motion_path(Path(run.path)) for run in found],
        t_r=common(table["t_r"]),
        phenotypic=table[["subject"]].rename(columns={"subject": "participant_id"}),
        table=table,
        incomplete=incomplete,
        left_out=left_out,
        description=_describe(root, table, left_out, incomplete, ending),
        licence=_LICENCE,
        citation=_CITATION,
    )


def _check(runs, confounds, kind):
    check_one_of("kind", kind, ("volume", "cifti"))
    for run in as_list("runs", runs):
        check_one_of("runs", run, RUNS)
    if confounds is not None:
        check_one_of("confounds", confounds, _N_MOTION)


def _subjects(root, wanted):
    """Folders of the subjects, in the order of their numbers."""
    if not root.is_dir():
        msg = f"There is no folder {root}."
        raise DataError(msg)
    inside = root / "HCP_1200"  # as the bucket has it
    root = inside if inside.is_dir() else root
    if (root / _RESULTS).is_dir():
        return [root]
    folders = {path.name: path for path in sorted(root.iterdir()) if (path / _RESULTS).is_dir()}
    if wanted is None:
        return list(folders.values())
    wanted = [wanted] if isinstance(wanted, str | int) else as_list("subjects", wanted)
    lacking = [str(subject) for subject in wanted if str(subject) not in folders]
    if lacking:
        msg = f"There is no subject {lacking[0]} in {root}; there are {len(folders)} others."
        raise DataError(msg)
    return [folders[str(subject)] for subject in wanted]


def _is_named(path):
    """Whether there is a file, or a link to one that is not here: it is told apart when read."""
    return path.is_symlink() or path.is_file()


def _path(folder, run, ending):
    return folder / _RESULTS / f"rfMRI_{run}" / f"rfMRI_{run}{ending}"


def _ending(people, runs, kind, cleaned):
    """How the names of the wanted files end."""
    if kind == "volume":
        return f"{cleaned}.nii.gz"
    endings = [f"_Atlas{registered}{cleaned}.dtseries.nii" for registered in ("_MSMAll", "")]
    is_there = any(_is_named(_path(folder, run, endings[0])) for folder in people for run in runs)
    return endings[0] if is_there else endings[1]


def _mesh_of(people, ending):
    """Midthickness surfaces of the first subject that has both."""
    registered = "_MSMAll" if "_MSMAll" in ending else ""
    for folder in people:
        meshes = folder / "MNINonLinear" / "fsaverage_LR32k"
        both = [
            meshes / f"{folder.name}.{side}.midthickness{registered}.32k_fs_LR.surf.gii"
            for side in "LR"
        ]
        if all(path.is_file() for path in both):
            return tuple(map(str, both))
    return None


def _check_there(there, people, root, ending):
    if there:
        return
    of_cifti = ending.endswith(".dtseries.nii")
    other, kind = ("*.nii.gz", "volume") if of_cifti else ("*.dtseries.nii", "cifti")
    n_others = sum(1 for folder in people for _ in folder.glob(f"{_RESULTS}/rfMRI_REST*/{other}"))
    also = f" There are {n_others} files {other}: kind={kind!r} takes those." if n_others else ""
    msg = (
        f"{root} holds no <subject>/{_RESULTS}/rfMRI_REST1_LR/rfMRI_REST1_LR{ending} or similar; "
        f"{len(people)} subjects' folders were looked into.{also}"
    )
    raise DataError(msg)


def _look(path, confounds, min_timepoints):
    """A run with its row of the table and its confounds, or the reason to leave it out."""
    run = header_of(path)
    if run.n_timepoints < min_timepoints:
        msg = f"{run.n_timepoints} frames, fewer than {min_timepoints}"
        raise LeftOut(msg)
    columns = None if confounds is None else _motion(path, confounds, run.n_timepoints)
    label = re.fullmatch(r"rfMRI_(REST\d)_(\w\w)", path.parent.name)
    row = {
        "subject": path.parents[3].name,
        "session": label[1],
        "run": label[2],
        "n_timepoints": run.n_timepoints,
        "t_r": round(first_t_r(run.t_r, T_R), 6),
        "n_confounds": 0 if columns is None else columns.shape[1],
        "is_short": run.n_timepoints < FULL_LENGTH,
        "mean_rms": _mean_rms(path),
    }
    return Found(str(path), row, columns)


def _motion_path(path):
    table = path.with_name("Movement_Regressors.txt")
    return str(table) if _is_named(table) else None


def _motion(path, kind, n_timepoints):
    """Motion parameters: six in mm and degrees, six derivatives, and the squares of these."""
    table = _motion_path(path)
    if table is None:
        msg = "no Movement_Regressors.txt beside it"
        raise LeftOut(msg)
    try:
        values = np.loadtxt(table, ndmin=2)
    except (ValueError, OSError) as error:
        msg = f"its Movement_Regressors.txt cannot be read: {placeholder(table) or error}"
        raise LeftOut(msg) from error
    if values.shape != (n_timepoints, 12):
        msg = f"its Movement_Regressors.txt has shape {values.shape} for {n_timepoints} frames"
        raise LeftOut(msg)
    check_freedom(n_timepoints, _N_MOTION[kind])
    names = [f"{name}{suffix}" for suffix in ("", "_derivative1") for name in MOTION]
    names += [f"{name}_power2" for name in names]
    columns = pd.DataFrame(np.hstack([values, values**2]), columns=names)
    return columns.iloc[:, : _N_MOTION[kind]]


def _mean_rms(path):
    """Mean relative motion that the pipeline measured, in mm."""
    try:
        text = path.with_name("Movement_RelativeRMS_mean.txt").read_text(encoding="utf-8")
        return float(text)
    except (OSError, ValueError):
        return float("nan")


def _incomplete(people, runs, ending):
    lacking = {
        folder.name: [run for run in runs if not _is_named(_path(folder, run, ending))]
        for folder in people
    }
    return {subject: several for subject, several in lacking.items() if several}


def _describe(root, table, left_out, incomplete, ending):
    short = table[table["is_short"]]
    lines = [
        f"HCP resting state, {_WHAT[ending.startswith('_Atlas')]} (*{ending}), in {root}.",
        summary(table, left_out),
        f"{len(short)} runs are shorter than {FULL_LENGTH} frames.",
        *(
            f"  {row.subject} {row.session}_{row.run}: {row.n_timepoints}"
            for row in short.itertuples()
        ),
        f"{len(incomplete)} subjects lack runs.",
        *(f"  {subject}: {', '.join(several)}" for subject, several in incomplete.items()),
        f"Licence: {_LICENCE}",
        f"Please cite: {_CITATION}",
    ]
    return "\n".join(lines)
