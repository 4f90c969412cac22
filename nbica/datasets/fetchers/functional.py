"""Runs to fit: ADHD-200, the development data set, and one subject of the localizer."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pandas as pd

from nbica.datasets import files
from nbica.datasets.download.fetch import fetch
from nbica.datasets.download.plan import make_plan
from nbica.datasets.fetchers.common import bunch, first
from nbica.datasets.registry import dataset
from nbica.exceptions import DataWarning
from nbica.runtime.checks import as_flag, check_one_of

if TYPE_CHECKING:
    from sklearn.utils import Bunch

    from nbica.datasets.download.plan import DownloadPlan
    from nbica.hints import AnyPath

_ADHD_TABLE = "ADHD200_40subs_motion_parameters_and_phenotypics.csv"
_PARTICIPANT_COLUMNS = [
    "participant_id", "Age", "AgeGroup", "Child_Adult", "Gender", "Handedness",
]  # fmt: skip
# As nilearn reduces them.
REDUCED_CONFOUNDS = [
    "trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z", "framewise_displacement",
    "a_comp_cor_00", "a_comp_cor_01", "a_comp_cor_02", "a_comp_cor_03", "a_comp_cor_04",
    "a_comp_cor_05", "csf", "white_matter",
]  # fmt: skip


def fetch_adhd(
    n_subjects: int | None = 30, data_dir: AnyPath | None = None, url: str | None = None,
    resume: bool = True, verbose: int = 1, *, download: bool = True,
) -> Bunch | DownloadPlan:  # fmt: skip
    """Fetch the resting state of up to 40 children and adolescents of ADHD-200, in MNI space.

    One preprocessed archive per subject from NITRC, of unknown size; some (61, 73, 61, 176) voxels
    of 16 bits each, of the order of 50 MB.

    Parameters
    ----------
    n_subjects : int or None
        The first of 40; None takes all.
    data_dir, url, resume, verbose, download
        See :mod:`nbica.datasets.fetchers.common`.

    Returns
    -------
    adhd : sklearn.utils.Bunch
        `func` and `confounds` (lists of paths; the tables are separated by tabs), `phenotypic`
        (DataFrame, one row per subject in the order of `func`; `Subject` holds 7-digit strings),
        `t_r` (s; None where the sites taken differ), `t_rs` (list, as the headers say, 2.0 where
        one says nothing), `description`, `licence`, `citation`.

    Raises
    ------
    DownloadError
        If a file did not come.

    See Also
    --------
    simulate_group : a group without a download.

    Notes
    -----
    nilearn returns `t_r=2.0` for all. Where headers disagree, a DataWarning says so; with
    `t_r=None` a fit takes each run's own.

    Examples
    --------
    >>> from nbica import datasets
    >>> planned = datasets.fetch_adhd(n_subjects=2, download=False)
    >>> planned.table["file"].tolist()
    ['adhd40_metadata.tgz', 'adhd40_0010042.tgz', 'adhd40_0010064.tgz']
    >>> adhd = datasets.fetch_adhd(n_subjects=2)  # doctest: +SKIP
    >>> ica.fit(adhd.func, confounds=adhd.confounds)  # doctest: +SKIP
    """
    entry = dataset("adhd", url)
    ids = first([path[7:14] for path in entry.files if path[7:14].isdecimal()], n_subjects)
    members = [_adhd_members(subject) for subject in ids]
    archives = [
        entry.archive(f"adhd40_{subject}.tgz", *pair)
        for subject, pair in zip(ids, members, strict=True)
    ]
    table = entry.archive("adhd40_metadata.tgz", _ADHD_TABLE)
    plan = make_plan(entry, [table, *archives], data_dir)
    if not as_flag("download", download):
        return plan
    paths = fetch(plan, resume=resume, verbose=verbose)
    func = [paths[run] for run, _ in members]
    t_r, t_rs = _repetition_times(func, usual=2.0)
    return bunch(
        entry,
        func=func,
        confounds=[paths[regressors] for _, regressors in members],
        phenotypic=_adhd_phenotypic(paths[_ADHD_TABLE], ids),
        t_r=t_r,
        t_rs=t_rs,
    )


def fetch_development_fmri(
    n_subjects: int | None = None, reduce_confounds: bool = True, data_dir: AnyPath | None = None,
    resume: bool = True, verbose: int = 1, age_group: Literal["both", "child", "adult"] = "both", *,
    download: bool = True,
) -> Bunch | DownloadPlan:  # fmt: skip
    """Fetch runs of children and adults who watch a short film, preprocessed by fMRIPrep.

    155 runs at 4 mm, two files per subject from OSF, of unknown size; a run is 25 MB when it is
    unpacked, so all are below 4 GB. OSF answers about 100 requests an hour to an anonymous address;
    a longer pause that it asks for ends the call, and another call goes on.

    Parameters
    ----------
    n_subjects : int or None
        Children and adults in the proportion of the whole; 1 is an adult, 2 are one of each. None
        takes all.
    reduce_confounds : bool
        15 columns (motion, framewise displacement, aCompCor, fluid, white matter) instead of all.
    age_group : {"both", "child", "adult"}
        "adults" is accepted too.
    data_dir, resume, verbose, download
        See :mod:`nbica.datasets.fetchers.common`.

    Returns
    -------
    development : sklearn.utils.Bunch
        `func` and `confounds` (lists of paths), `phenotypic` (DataFrame in the order of `func`:
        participant_id, Age, AgeGroup, Child_Adult, Gender, Handedness), `t_r` (2.0 s, which the
        headers do not say: pass it to what needs it), `description`, `licence`, `citation`.

    Raises
    ------
    DownloadError
        If a file did not come.

    See Also
    --------
    fetch_openneuro : the same people's runs before fMRIPrep.

    Examples
    --------
    >>> from nbica import datasets
    >>> planned = datasets.fetch_development_fmri(n_subjects=2, download=False)
    >>> len(planned.items), planned.items[1].file.path
    (5, 'sub-pixar123_task-pixar_space-MNI152NLin2009cAsym_desc-preproc_bold.nii.gz')
    >>> films = datasets.fetch_development_fmri(n_subjects=2)  # doctest: +SKIP
    >>> films.t_r, len(films.func)  # doctest: +SKIP
    """
    age_group = "adult" if age_group == "adults" else age_group
    check_one_of("age_group", age_group, ("both", "child", "adult"))
    entry = dataset("development_fmri")
    ids = _development_ids(entry, n_subjects, age_group)
    pairs = [
        (
            f"{subject}_task-pixar_space-MNI152NLin2009cAsym_desc-preproc_bold.nii.gz",
            f"{subject}_task-pixar_desc-confounds_regressors.tsv",
        )
        for subject in ids
    ]
    wanted = ["participants.tsv", *(path for pair in pairs for path in pair)]
    plan = make_plan(entry, [entry.files[path] for path in wanted], data_dir)
    if not as_flag("download", download):
        return plan
    paths = fetch(plan, resume=resume, verbose=verbose)
    confounds = [paths[table] for _, table in pairs]
    people = pd.read_csv(paths["participants.tsv"], sep="\t", usecols=_PARTICIPANT_COLUMNS)
    return bunch(
        entry,
        func=[paths[run] for run, _ in pairs],
        confounds=_reduced(confounds, plan.folder) if reduce_confounds else confounds,
        phenotypic=people.set_index("participant_id").loc[ids].reset_index(),
        t_r=entry.t_r,
    )


def fetch_localizer_first_level(
    data_dir: AnyPath | None = None, verbose: int = 1, *, resume: bool = True, download: bool = True
) -> Bunch | DownloadPlan:
    """Fetch one run of the functional localizer and its events, in MNI305 space.

    One archive from OSF, of unknown size.

    Parameters
    ----------
    data_dir, resume, verbose, download
        See :mod:`nbica.datasets.fetchers.common`.

    Returns
    -------
    localizer : sklearn.utils.Bunch
        `epi_img` and `events` (paths), `t_r` (2.4 s), `slice_time_ref` (0.5), `template`, and
        `func`, a list with the run, so that it can be fitted; `description`, `licence`,
        `citation`.

    Raises
    ------
    DownloadError
        If the archive did not come.

    See Also
    --------
    simulate_task : a task without a download.

    Examples
    --------
    >>> from nbica import datasets
    >>> planned = datasets.fetch_localizer_first_level(download=False)
    >>> planned.table["file"].tolist()
    ['localizer_first_level.zip']
    >>> localizer = datasets.fetch_localizer_first_level()  # doctest: +SKIP
    """
    entry = dataset("localizer_first_level")
    start = "localizer_first_level/sub-12069_task-localizer_"
    names = (f"{start}space-MNI305.nii.gz", f"{start}events.tsv")
    plan = make_plan(entry, [entry.archive("localizer_first_level.zip", *names)], data_dir)
    if not as_flag("download", download):
        return plan
    paths = fetch(plan, resume=resume, verbose=verbose)
    run, events = (paths[name] for name in names)
    return bunch(
        entry,
        epi_img=run,
        events=events,
        func=[run],
        t_r=entry.t_r,
        slice_time_ref=0.5,
        template="MNI305",
    )


# --- ADHD ---


def _adhd_members(subject):
    start = f"data/{subject}/{subject}"
    return f"{start}_rest_tshift_RPI_voreg_mni.nii.gz", f"{start}_regressors.csv"


def _adhd_phenotypic(path, ids):
    """The rows of the subjects; the file has their ids as integers, without leading zeros."""
    table = pd.read_csv(path)
    table["Subject"] = table["Subject"].map("{:07d}".format)
    return table.set_index("Subject", drop=False).loc[ids].rename_axis(None).reset_index(drop=True)


def _repetition_times(func, usual):
    """The repetition time that all runs have (None if they differ), and that of each."""
    from nbica.image.run import load_run

    t_rs = [load_run(path).t_r or usual for path in func]
    differ = {Path(path).parent.name: t_r for path, t_r in zip(func, t_rs, strict=True)
              if t_r != t_rs[0]}  # fmt: skip
    if not differ:
        return t_rs[0], t_rs
    some = ", ".join(f"{name} {t_r:g} s" for name, t_r in list(differ.items())[:4])
    msg = (
        f"The repetition times of the sites differ: {t_rs[0]:g} s for the first, but {some}"
        f"{' and others' * (len(differ) > 4)}. t_r is None; t_rs has each run's."
    )
    warnings.warn(msg, DataWarning, stacklevel=3)
    return None, t_rs


# --- development ---


def _development_ids(entry, n_subjects, age_group):
    """Subjects in the order adults, children; 122 children come first in the numbering."""
    suffix = "_task-pixar_desc-confounds_regressors.tsv"
    ids = [path.removesuffix(suffix) for path in entry.files if path.endswith(suffix)]
    children, adults = ids[:122], ids[122:]
    if age_group != "both":
        return first(children if age_group == "child" else adults, n_subjects)
    n_subjects = len(first(ids, n_subjects))
    n_children = round(n_subjects * len(children) / len(ids)) if n_subjects > 2 else n_subjects - 1
    return adults[: n_subjects - n_children] + children[:n_children]


def _reduced(confounds, folder):
    return [str(_reduced_table(Path(path), folder)) for path in confounds]


def _reduced_table(path, folder):
    """A table of the reduced columns beside the full one, or in our own folder; made once."""
    name = path.name.replace("desc-confounds", "desc-reducedConfounds")
    beside = path.with_name(name)
    if beside.is_file():
        return beside
    target = files.make_folder(folder) / name
    if not target.is_file():
        table = pd.read_csv(path, sep="\t")
        files.write_table(target, table[REDUCED_CONFOUNDS])
    return target
