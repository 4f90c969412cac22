"""Templates: the ICBM 2009a that nilearn knows, and the MNI152 of TemplateFlow, hash-pinned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from nbica.datasets.download.fetch import fetch
from nbica.datasets.download.plan import make_plan
from nbica.datasets.fetchers.common import bunch
from nbica.datasets.registry import dataset
from nbica.runtime.checks import as_flag, check_one_of

if TYPE_CHECKING:
    from sklearn.utils import Bunch

    from nbica.datasets.download.plan import DownloadPlan
    from nbica.hints import AnyPath

_ICBM = {
    "csf": "csf_tal_nlin_sym_09a",
    "gm": "gm_tal_nlin_sym_09a",
    "wm": "wm_tal_nlin_sym_09a",
    "pd": "pd_tal_nlin_sym_09a",
    "t1": "t1_tal_nlin_sym_09a",
    "t2": "t2_tal_nlin_sym_09a",
    "t2_relax": "t2_relx_tal_nlin_sym_09a",
    "eye_mask": "t1_tal_nlin_sym_09a_eye_mask",
    "face_mask": "t1_tal_nlin_sym_09a_face_mask",
    "mask": "t1_tal_nlin_sym_09a_mask",
}
_TEMPLATEFLOW = {
    "t1": "T1w",
    "brain": "desc-brain_T1w",
    "mask": "desc-brain_mask",
    "gm": "label-GM_probseg",
    "wm": "label-WM_probseg",
    "csf": "label-CSF_probseg",
}


def fetch_icbm152_2009(
    data_dir: AnyPath | None = None, url: str | None = None, resume: bool = True, verbose: int = 1,
    *, download: bool = True,
) -> Bunch | DownloadPlan:  # fmt: skip
    """Fetch the ICBM 152 template: nonlinear, symmetric, 2009a, at 1 mm.

    One archive, of unknown size.

    Parameters
    ----------
    data_dir, url, resume, verbose, download
        See :mod:`nbica.datasets.fetchers.common`.

    Returns
    -------
    icbm : sklearn.utils.Bunch
        Paths: `t1`, `t2`, `t2_relax`, `pd`, `gm`, `wm`, `csf`, `eye_mask`, `face_mask`, `mask`;
        `description`, `licence`, `citation`.

    Raises
    ------
    DownloadError
        If the archive did not come.

    See Also
    --------
    fetch_templateflow : the templates of fMRIPrep and FSL.

    Examples
    --------
    >>> from nbica import datasets
    >>> datasets.fetch_icbm152_2009(download=False).table["file"].tolist()
    ['mni_icbm152_nlin_sym_09a.zip']
    >>> icbm = datasets.fetch_icbm152_2009()  # doctest: +SKIP
    >>> plotting.plot_anat(icbm.t1)  # doctest: +SKIP
    """
    entry = dataset("icbm152_2009", url)
    names = {
        key: f"mni_icbm152_nlin_sym_09a/mni_icbm152_{name}.nii.gz" for key, name in _ICBM.items()
    }
    archive = entry.archive("mni_icbm152_nlin_sym_09a.zip", *names.values())
    plan = make_plan(entry, [archive], data_dir)
    if not as_flag("download", download):
        return plan
    paths = fetch(plan, resume=resume, verbose=verbose)
    return bunch(entry, **{key: paths[name] for key, name in names.items()})


def fetch_templateflow(
    template: Literal["MNI152NLin2009cAsym", "MNI152NLin6Asym"] = "MNI152NLin2009cAsym",
    resolution_mm: Literal[1, 2] = 2, data_dir: AnyPath | None = None, resume: bool = True,
    verbose: int = 1, *, download: bool = True,
) -> Bunch | DownloadPlan:  # fmt: skip
    """Fetch the MNI152 template of TemplateFlow, the space of fMRIPrep's runs.

    5 MB at 2 mm and 37 MB at 1 mm for the default; each file has a published MD5.

    Parameters
    ----------
    template : {"MNI152NLin2009cAsym", "MNI152NLin6Asym"}
        fMRIPrep's default, and the one of FSL.
    resolution_mm : {1, 2}
    data_dir, resume, verbose, download
        See :mod:`nbica.datasets.fetchers.common`.

    Returns
    -------
    template : sklearn.utils.Bunch
        Paths: `t1`, `brain` (t1 without the skull), `mask`, and, for MNI152NLin2009cAsym, `gm`,
        `wm`, `csf` (probabilities); `template`, `description`, `licence`, `citation`.

    Raises
    ------
    DownloadError
        If a file did not come, or has another MD5.

    See Also
    --------
    fetch_icbm152_2009 : the template of 2009a.

    Examples
    --------
    >>> from nbica import datasets
    >>> planned = datasets.fetch_templateflow(resolution_mm=2, download=False)
    >>> planned.table["file"][0], len(planned.items)
    ('tpl-MNI152NLin2009cAsym_res-02_T1w.nii.gz', 6)
    >>> template = datasets.fetch_templateflow()  # doctest: +SKIP
    >>> view_img(ica.components_img_, template.brain)  # doctest: +SKIP
    """
    check_one_of("template", template, ("MNI152NLin2009cAsym", "MNI152NLin6Asym"))
    check_one_of("resolution_mm", resolution_mm, (1, 2))
    entry = dataset("templateflow")
    start = f"tpl-{template}_res-{resolution_mm:02d}_"
    names = {key: f"{start}{name}.nii.gz" for key, name in _TEMPLATEFLOW.items()}
    names = {key: name for key, name in names.items() if name in entry.files}
    plan = make_plan(entry, [entry.files[name] for name in names.values()], data_dir)
    if not as_flag("download", download):
        return plan
    paths = fetch(plan, resume=resume, verbose=verbose)
    return bunch(entry, **{key: paths[name] for key, name in names.items()}, template=template)
