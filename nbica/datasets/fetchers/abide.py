"""ABIDE of the Preprocessed Connectomes Project: choose people by a table, then fetch theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from nbica.datasets.download.fetch import fetch
from nbica.datasets.download.plan import make_plan
from nbica.datasets.fetchers.common import bunch, first
from nbica.datasets.registry import dataset
from nbica.runtime.checks import as_flag, as_list, check_one_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sklearn.utils import Bunch

    from nbica.datasets.download.plan import DownloadPlan
    from nbica.hints import AnyPath

_TABLE = "Phenotypic_V1_0b_preprocessed1.csv"
_PIPELINES = ("cpac", "ccs", "dparsf", "niak")
DERIVATIVES = (
    "alff", "degree_binarize", "degree_weighted", "dual_regression", "eigenvector_binarize",
    "eigenvector_weighted", "falff", "func_mask", "func_mean", "func_preproc", "lfcd", "reho",
    "rois_aal", "rois_cc200", "rois_cc400", "rois_dosenbach160", "rois_ez", "rois_ho", "rois_tt",
    "vmhc",
)  # fmt: skip
# What "all raters" means, as in nilearn.
_QUALITY = {
    "qc_rater_1": "OK",
    "qc_anat_rater_2": ["OK", "maybe"],
    "qc_func_rater_2": ["OK", "maybe"],
    "qc_anat_rater_3": "OK",
    "qc_func_rater_3": "OK",
}


def fetch_abide_pcp(
    data_dir: AnyPath | None = None, n_subjects: int | None = None,
    pipeline: Literal["cpac", "ccs", "dparsf", "niak"] = "cpac", band_pass_filtering: bool = False,
    global_signal_regression: bool = False, derivatives: str | Sequence[str] | None = None,
    quality_checked: bool = True, url: str | None = None, verbose: int = 1, *, resume: bool = True,
    download: bool = True, **filters: Any
) -> Bunch | DownloadPlan:  # fmt: skip
    """Fetch autism and control subjects of 20 sites, preprocessed by one of four pipelines.

    A table of 0.4 MB, then one file per person and derivative; sizes are unknown beforehand, runs
    being some 100 MB each: choose a few with `n_subjects`, or with filters.

    Parameters
    ----------
    n_subjects : int or None
        The first that pass; None takes all (871 with quality_checked).
    pipeline : {"cpac", "ccs", "dparsf", "niak"}
    band_pass_filtering, global_signal_regression : bool
        Which of the four versions.
    derivatives : str or list of str, optional
        Kinds of files: "func_preproc" (by default), "func_mask", "rois_cc200" and others.
    quality_checked : bool
        Only those that all raters let pass.
    data_dir, url, resume, verbose, download
        See :mod:`nbica.datasets.fetchers.common`. The plan is complete once the table is here.
    **filters
        Columns of the table and the values wanted, one or a list: `SITE_ID="NYU"`, `DX_GROUP=1`.
        For a column of numbers a tuple (low, high) is a range, ends included.

    Returns
    -------
    abide : sklearn.utils.Bunch
        A key per derivative: lists of paths, for `rois_*` lists of arrays (n_timepoints,
        n_regions); `func`, if runs were asked for, the same list as `func_preproc`; `phenotypic`
        (DataFrame in their order), `description`, `licence`, `citation`.

    Raises
    ------
    DownloadError
        If a file did not come.
    ValueError
        For an unknown pipeline, derivative or column, or if nobody passes.

    See Also
    --------
    fetch_networks_abide : networks of these people.

    Examples
    --------
    What is fetched depends on the table, which comes first:

    >>> from nbica import datasets
    >>> planned = datasets.fetch_abide_pcp(n_subjects=10, SITE_ID="NYU", download=False)
    >>> planned.table["file"].tolist()
    ['Phenotypic_V1_0b_preprocessed1.csv']
    >>> abide = datasets.fetch_abide_pcp(n_subjects=10, SITE_ID="NYU")  # doctest: +SKIP
    """
    check_one_of("pipeline", pipeline, _PIPELINES)
    if derivatives is None:
        derivatives = ["func_preproc"]
    is_one = isinstance(derivatives, str)
    derivatives = [derivatives] if is_one else as_list("derivatives", derivatives)
    for derivative in derivatives:
        check_one_of("derivatives", derivative, DERIVATIVES)
    entry = dataset("abide_pcp", url)
    table = make_plan(
        entry, [entry.files[_TABLE]], data_dir,
        next_step="the table tells whose files are fetched: fetch it, or plan again",
    )  # fmt: skip
    download = as_flag("download", download)
    if not download and table.missing:
        return table
    if download:
        table_path = fetch(table, resume=resume, verbose=verbose)[_TABLE]
    else:
        table_path = table.paths[_TABLE]
    wanted = filters | (_QUALITY if quality_checked else {})
    people = _choose(_read_table(table_path), wanted, n_subjects)
    version = _version(pipeline, band_pass_filtering, global_signal_regression)
    files = {
        derivative: [_file(entry, version, derivative, name) for name in people["FILE_ID"]]
        for derivative in derivatives
    }
    listed = [file for several in files.values() for file in several]
    plan = make_plan(entry, [entry.files[_TABLE], *listed], data_dir)
    if not download:
        return plan
    paths = fetch(plan, resume=resume, verbose=verbose)
    found = {key: [paths[file.path] for file in several] for key, several in files.items()}
    found = {key: _loaded(several) if "rois" in key else several for key, several in found.items()}
    func = {"func": found["func_preproc"]} if "func_preproc" in found else {}
    return bunch(entry, phenotypic=people, **found, **func)


def _read_table(path):
    """The table; its first column, which counts the rows, has no name there and "i" in nilearn."""
    table = pd.read_csv(path)
    return table.rename(columns={table.columns[0]: "i"})


def _version(pipeline, is_filtered, is_global):
    return (
        f"{pipeline}/{'filt' if is_filtered else 'nofilt'}_{'global' if is_global else 'noglobal'}"
    )


def _file(entry, version, derivative, name):
    suffix = "1D" if derivative.startswith("rois") else "nii.gz"
    file = f"{name}_{derivative}.{suffix}"
    return entry.unlisted(f"{version}/{file}", f"Outputs/{version}/{derivative}/{file}")


def _choose(table, filters, n_subjects):
    """The people of the table who have files and pass the filters, in its order."""
    passes = table["FILE_ID"] != "no_filename"
    for column, wanted in filters.items():
        if column not in table:
            msg = f"The table of ABIDE has no column {column!r}; it has {', '.join(table.columns)}."
            raise ValueError(msg)
        passes &= _passes(table[column], wanted)
    if not passes.any():
        msg = f"Nobody of ABIDE passes the filters {filters}."
        raise ValueError(msg)
    rows = table[passes]
    return rows.loc[first(rows.index, n_subjects)].reset_index(drop=True)


def _passes(column, wanted):
    is_range = isinstance(wanted, tuple) and len(wanted) == 2
    if is_range and pd.api.types.is_numeric_dtype(column):
        return column.between(*wanted)
    return column.isin(wanted if isinstance(wanted, (list, tuple, set)) else [wanted])


def _loaded(paths):
    return [np.loadtxt(path, ndmin=2) for path in paths]
