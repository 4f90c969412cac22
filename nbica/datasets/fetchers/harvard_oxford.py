"""The Harvard-Oxford atlas in the tree of an FSL installation, and its split into hemispheres."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np
import pandas as pd

from nbica.datasets.download.fetch import fetch
from nbica.datasets.download.plan import make_plan
from nbica.datasets.fetchers.atlases import deterministic
from nbica.datasets.fetchers.common import bunch
from nbica.datasets.registry import dataset
from nbica.runtime.checks import as_flag, check_one_of

if TYPE_CHECKING:
    from sklearn.utils import Bunch

    from nbica.datasets.download.plan import DownloadPlan
    from nbica.hints import AnyPath

_TABLES = {
    "cort": "HarvardOxford-Cortical.xml",
    "cortl": "HarvardOxford-Cortical-Lateralized.xml",
    "sub": "HarvardOxford-Subcortical.xml",
}
NAMES = tuple(
    f"{part}-{kind}-{resolution}mm"
    for part in _TABLES
    for kind in ("maxprob-thr0", "maxprob-thr25", "maxprob-thr50", "prob")
    for resolution in (1, 2)
)
# Slips in the table that FSL ships.
_SPELLING = {"Ventrical": "Ventricle", "Operculum": "Opercular"}
_ONE_SIDED = 0.05  # a region with less than this share on one side is not split


def fetch_atlas_harvard_oxford(
    atlas_name: str, data_dir: AnyPath | None = None, symmetric_split: bool = False,
    resume: bool = True, verbose: int = 1, *, download: bool = True,
) -> Bunch | DownloadPlan:  # fmt: skip
    """Fetch the cortical and subcortical regions of FSL, as integers or as probabilities.

    One archive with all 24 variants, of unknown size; the image returned is in memory, 7 MB at 1
    mm, probabilities about 50 times that.

    Parameters
    ----------
    atlas_name : str
        "cort-maxprob-thr25-2mm", for instance: cort, cortl (lateralized) or sub; maxprob-thr0,
        -thr25, -thr50 or prob; 1mm or 2mm.
    symmetric_split : bool
        Names for left and right, of a maxprob atlas.
    data_dir : path, optional
        `data_dir="/usr/share"` finds the atlas of an FSL in /usr/share/fsl.
    resume, verbose, download
        See :mod:`nbica.datasets.fetchers.common`.

    Returns
    -------
    harvard_oxford : sklearn.utils.Bunch
        `maps` (image, axes in RAS order), `filename` (path), `labels` ("Background" first; for
        probabilities too, so that map i has label i + 1), `lut` (DataFrame: index, name),
        `atlas_type`, `template`, `description`, `licence`, `citation`.

    Raises
    ------
    DownloadError
        If the archive did not come.
    ValueError
        For an unknown name, or a split of probabilities.

    See Also
    --------
    nbica.NiftiLabelsMasker : takes the mean time course of each region.

    Examples
    --------
    >>> from nbica import datasets
    >>> name = "cort-maxprob-thr25-2mm"
    >>> datasets.fetch_atlas_harvard_oxford(name, download=False).table["file"].tolist()
    ['HarvardOxford.tgz']
    >>> regions = datasets.fetch_atlas_harvard_oxford(name, symmetric_split=True)  # doctest: +SKIP
    """
    import nibabel as nib

    check_one_of("atlas_name", atlas_name, NAMES)
    is_probabilistic = "-prob-" in atlas_name
    symmetric_split = as_flag("symmetric_split", symmetric_split)
    if is_probabilistic and symmetric_split:
        msg = f"{atlas_name} holds probabilities, which are not split; take a maxprob atlas."
        raise ValueError(msg)
    if symmetric_split:
        atlas_name = atlas_name.replace("cort-max", "cortl-max")
    entry = dataset("atlas_harvard_oxford")
    part = atlas_name.partition("-")[0]
    maps = f"data/atlases/HarvardOxford/HarvardOxford-{atlas_name}.nii.gz"
    table = f"data/atlases/{_TABLES[part]}"
    plan = make_plan(entry, [entry.archive("HarvardOxford.tgz", maps, table)], data_dir)
    if not as_flag("download", download):
        return plan
    paths = fetch(plan, resume=resume, verbose=verbose)
    img = nib.as_closest_canonical(nib.load(paths[maps]))
    names = _names(paths[table])
    if symmetric_split and part == "sub":
        img, names = _split_image(img, names)
    lut = pd.DataFrame({"index": range(len(names)), "name": names})
    if is_probabilistic:
        return bunch(
            entry, maps=img, labels=names, lut=lut, filename=paths[maps],
            atlas_type="probabilistic", template="MNI152NLin6Asym",
        )  # fmt: skip
    return deterministic(entry, img, lut, filename=paths[maps])


def split(values, names):
    """Give the regions of both halves labels of their own, left before right.

    Parameters
    ----------
    values : ndarray of shape (nx, ny, nz), int
        x from left to right.
    names : list of str
        By value.

    Returns
    -------
    ndarray, list of str
    """
    is_left = (np.arange(values.shape[0]) < values.shape[0] // 2)[:, np.newaxis, np.newaxis]
    divided, new_names = np.zeros_like(values), [names[0]]
    for value, name in enumerate(names[1:], start=1):
        region = values == value
        for side, half in _sides(region, is_left):
            divided[half] = len(new_names)
            new_names.append(f"{side}{name}")
    return divided, new_names


def _sides(region, is_left):
    """A region, as one or as two halves; an empty one keeps its name and label."""
    n_left, n_voxels = np.count_nonzero(region & is_left), np.count_nonzero(region)
    if not _ONE_SIDED * n_voxels <= n_left <= (1 - _ONE_SIDED) * n_voxels or not n_voxels:
        return [("", region)]
    return [("Left ", region & is_left), ("Right ", region & ~is_left)]


def _split_image(img, names):
    import nibabel as nib

    values, names = split(np.asanyarray(img.dataobj).astype(np.int16), names)
    return nib.Nifti1Image(values, img.affine), names


def _names(path):
    """Names by voxel value: the table counts from 0, the image from 1."""
    labels = {
        int(label.get("index")) + 1: _spelt((label.text or "").strip())
        for label in ElementTree.parse(Path(path)).iter("label")
    }
    return ["Background", *(labels[index] for index in sorted(labels))]


def _spelt(name):
    for wrong, right in _SPELLING.items():
        name = name.replace(wrong, right)
    return name
