"""Faces and objects (Haxby et al. 2001), whose archives have published sums."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nbica.datasets.download.fetch import fetch
from nbica.datasets.download.plan import make_plan
from nbica.datasets.fetchers.common import bunch, first
from nbica.datasets.registry import dataset
from nbica.runtime.checks import as_flag, as_list

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sklearn.utils import Bunch

    from nbica.datasets.download.plan import DownloadPlan
    from nbica.hints import AnyPath

# Keys of the Bunch, as nilearn names them, and the files of a subject.
_FILES = {
    "func": "bold.nii.gz",
    "session_target": "labels.txt",
    "mask_vt": "mask4_vt.nii.gz",
    "mask_face": "mask8b_face_vt.nii.gz",
    "mask_house": "mask8b_house_vt.nii.gz",
    "mask_face_little": "mask8_face_vt.nii.gz",
    "mask_house_little": "mask8_house_vt.nii.gz",
    "anat": "anat.nii.gz",
}
_WITHOUT_ANAT = 6
_SUMS = "MD5SUMS"


def fetch_haxby(
    data_dir: AnyPath | None = None, subjects: int | Sequence[int] | None = (2,),
    fetch_stimuli: bool = False, url: str | None = None, resume: bool = True, verbose: int = 1, *,
    download: bool = True,
) -> Bunch | DownloadPlan:  # fmt: skip
    """Fetch runs of six subjects who look at faces, houses and objects, in native space.

    About 300 MB per subject to download, and as much again while an archive is unpacked.

    Parameters
    ----------
    subjects : int, sequence of int or None
        A number of subjects, or which of 1 to 6; by default the second. None takes all.
    fetch_stimuli : bool
        The pictures too, in `stimuli`: categories to lists of paths.
    data_dir, url, resume, verbose, download
        See :mod:`nbica.datasets.fetchers.common`.

    Returns
    -------
    haxby : sklearn.utils.Bunch
        Lists of paths, one per subject: `func`, `session_target` (labels and runs per frame),
        `mask_vt`, `mask_face`, `mask_house`, `mask_face_little`, `mask_house_little`, `anat` (None
        for subject 6); `mask` (path), `t_r` (2.5 s), `description`, `licence`, `citation`.

    Raises
    ------
    DownloadError
        If a file did not come, or has not the MD5 of the source's list.
    ValueError
        For a subject that there is not.

    See Also
    --------
    simulate_task : a task of the same form, without a download.

    Examples
    --------
    >>> from nbica import datasets
    >>> planned = datasets.fetch_haxby(subjects=[2], data_dir="data", download=False)
    >>> [path for path in planned.table["file"] if "subj" in path]
    ['subj2-2010.01.14.tar.gz']
    >>> haxby = datasets.fetch_haxby(subjects=[2])  # doctest: +SKIP
    """
    entry = dataset("haxby", url)
    chosen = _chosen(subjects)
    archives = [_archive(entry, number) for number in chosen]
    fetch_stimuli = as_flag("fetch_stimuli", fetch_stimuli)
    if fetch_stimuli:
        archives.append(entry.archive("stimuli-2010.01.14.tar.gz", "stimuli/README"))
    sums = make_plan(entry, [entry.files["mask.nii.gz"], entry.files[_SUMS]], data_dir)
    if not as_flag("download", download):
        return make_plan(entry, [*(item.file for item in sums.items), *archives], data_dir)
    paths = fetch(sums, resume=resume, verbose=verbose)
    archives = _with_sums(archives, paths[_SUMS])
    plan = make_plan(entry, archives, data_dir)
    paths |= fetch(plan, resume=resume, verbose=verbose)
    lists = {
        key: [paths.get(f"subj{number}/{name}") for number in chosen]
        for key, name in _FILES.items()
    }
    stimuli = {"stimuli": _stimuli(paths["stimuli/README"])} if fetch_stimuli else {}
    return bunch(entry, **lists, mask=paths["mask.nii.gz"], t_r=entry.t_r, **stimuli)


def _chosen(subjects):
    if subjects is None or isinstance(subjects, int):
        return first(range(1, 7), subjects)
    subjects = as_list("subjects", subjects)
    unknown = [number for number in subjects if number not in range(1, 7)]
    if unknown:
        msg = f"subjects has {unknown[0]!r}; expected numbers from 1 to 6."
        raise ValueError(msg)
    return list(subjects)


def _archive(entry, number):
    names = [name for name in _FILES.values() if (number, name) != (_WITHOUT_ANAT, "anat.nii.gz")]
    return entry.archive(
        f"subj{number}-2010.01.14.tar.gz", *(f"subj{number}/{name}" for name in names)
    )


def _with_sums(archives, path):
    """The archives with the MD5 that the source's list has for them."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    matches = filter(None, (re.match(r"([0-9a-f]{32}) [ *](.+)", line) for line in lines))
    sums = {match[2].strip(): f"md5:{match[1]}" for match in matches}
    return [replace(archive, hash=sums.get(archive.path)) for archive in archives]


def _stimuli(readme):
    pictures = sorted(Path(readme).parent.rglob("*.jpg"))
    categories = sorted({picture.parent.name for picture in pictures})
    return {
        name: [str(picture) for picture in pictures if picture.parent.name == name]
        for name in categories
    }
