"""OpenNeuro data sets, each file with the MD5 that its git-annex publishes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import pandas as pd

from nbica.datasets.download.fetch import fetch
from nbica.datasets.download.plan import make_plan
from nbica.datasets.fetchers.common import bunch, first
from nbica.datasets.registry import dataset as registered
from nbica.runtime.checks import as_flag, check_one_of

if TYPE_CHECKING:
    from sklearn.utils import Bunch

    from nbica.datasets.download.plan import DownloadPlan
    from nbica.hints import AnyPath

_KINDS = {"raw": "_bold.nii.gz", "preprocessed": "_swrf_bold.nii.gz"}
_OFFERS = {"ds000228": ("preprocessed", "raw"), "ds000105": ("raw",)}


def fetch_openneuro(
    dataset: Literal["ds000228", "ds000105"] = "ds000228", n_subjects: int | None = 2,
    kind: Literal["preprocessed", "raw"] | None = None, anat: bool = False,
    data_dir: AnyPath | None = None, resume: bool = True, verbose: int = 1, *,
    download: bool = True,
) -> Bunch | DownloadPlan:  # fmt: skip
    """Fetch files of OpenNeuro and verify them strictly.

    ds000228: 70 to 110 MB per subject preprocessed, 24 to 31 MB raw. ds000105: about 300 MB per
    subject.

    Parameters
    ----------
    dataset : {"ds000228", "ds000105"}
    n_subjects : int or None
        The first of 155 or 6; None takes all.
    kind : {"preprocessed", "raw"}, optional
        By default preprocessed (normalised to MNI and smoothed with SPM8 by the authors) where
        there is such, else raw. Raw runs are in native space: no group fit without registration.
    anat : bool
        Anatomical images too.
    data_dir, resume, verbose, download
        See :mod:`nbica.datasets.fetchers.common`.

    Returns
    -------
    data : sklearn.utils.Bunch
        `func` (list of paths, all runs of a subject together), `subjects` (list of str, one per
        run), `anat` (list of paths, one per subject, if asked for), `phenotypic` (DataFrame, one
        row per run; for ds000105 only participant_id), `t_r` (s), `description`, `licence`,
        `citation`.

    Raises
    ------
    DownloadError
        If a file did not come, or has another MD5.

    See Also
    --------
    find_bids : data sets that were downloaded in another way.

    Examples
    --------
    >>> from nbica import datasets
    >>> planned = datasets.fetch_openneuro("ds000105", n_subjects=1, download=False)
    >>> planned.items[0].file.path
    'sub-1/func/sub-1_task-objectviewing_run-01_bold.nii.gz'
    >>> data = datasets.fetch_openneuro("ds000105", n_subjects=1)  # doctest: +SKIP
    """
    check_one_of("dataset", dataset, tuple(_OFFERS))
    kind = _OFFERS[dataset][0] if kind is None else kind
    check_one_of("kind", kind, _OFFERS[dataset])
    entry = registered(dataset)
    subjects = first(_subjects(entry), n_subjects)
    runs = {subject: _runs(entry, subject, kind) for subject in subjects}
    func = [path for several in runs.values() for path in several]
    of_run = [subject for subject, several in runs.items() for _ in several]
    scans = (
        [f"{subject}/anat/{subject}_T1w.nii.gz" for subject in subjects]
        if as_flag("anat", anat)
        else []
    )
    table = [path for path in ("participants.tsv",) if path in entry.files]
    files = [entry.files[path] for path in (*table, *func, *scans)]
    plan = make_plan(entry, files, data_dir)
    if not as_flag("download", download):
        return plan
    paths = fetch(plan, resume=resume, verbose=verbose)
    people = pd.read_csv(paths[table[0]], sep="\t") if table else pd.DataFrame(
        {"participant_id": subjects}
    )  # fmt: skip
    return bunch(
        entry,
        func=[paths[path] for path in func],
        subjects=of_run,
        phenotypic=people.set_index("participant_id").loc[of_run].reset_index(),
        t_r=entry.t_r,
        **({"anat": [paths[path] for path in scans]} if anat else {}),
    )


def _subjects(entry):
    found = [re.search(r"sub-\w+?(?=/)", path) for path in entry.files]
    return sorted({match[0] for match in found if match})


def _runs(entry, subject, kind):
    is_kind = [
        path.endswith(_KINDS[kind]) and path.startswith("derivatives/") == (kind != "raw")
        for path in entry.files
    ]
    paths = [path for path, fits in zip(entry.files, is_kind, strict=True) if fits]
    return [path for path in paths if f"{subject}/" in path]
