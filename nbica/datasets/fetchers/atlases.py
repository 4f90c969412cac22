"""Atlases: regions and networks with their names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import pandas as pd

from nbica.datasets.download.fetch import fetch
from nbica.datasets.download.plan import make_plan
from nbica.datasets.fetchers.common import bunch
from nbica.datasets.registry import dataset
from nbica.runtime.checks import as_flag, check_one_of

if TYPE_CHECKING:
    from sklearn.utils import Bunch

    from nbica.datasets.download.plan import DownloadPlan
    from nbica.hints import AnyPath

_LABELS_OF_ABIDE = {
    1: "anterior default mode",
    2: "primary visual",
    5: "salience",
    6: "posterior default mode",
    7: "auditory",
    9: "left frontoparietal",
    12: "right frontoparietal",
    13: "lateral visual",
    14: "lateral sensorimotor",
    15: "cerebellum",
    18: "primary sensorimotor",
    19: "dorsal attention",
    21: "language",
    27: "occipital visual",
}


def fetch_networks_abide(
    data_dir: AnyPath | None = None, resume: bool = True, verbose: int = 1, *, download: bool = True
) -> Bunch | DownloadPlan:
    """Fetch fourteen named resting-state networks of a group ICA of ABIDE, to label maps by.

    18 MB to download, hash-pinned; the image returned takes 50 MB of memory.

    Parameters
    ----------
    data_dir, resume, verbose, download
        See :mod:`nbica.datasets.fetchers.common`.

    Returns
    -------
    networks : sklearn.utils.Bunch
        `maps` (4D image (91, 109, 91, 14), 2 mm, z-like), `labels` (list of str, in the order of
        the maps), `filenames` (paths of the 3D maps), `atlas_type` ("probabilistic"), `template`,
        `description`, `licence`, `citation`.

    Raises
    ------
    DownloadError
        If a map did not come.

    See Also
    --------
    nbica.matching.label : names one's own components after such networks.

    References
    ----------
    Schielen SJC, groupICAonABIDE, doi:10.5281/zenodo.15100690 (CC0).

    Examples
    --------
    >>> from nbica import datasets
    >>> planned = datasets.fetch_networks_abide(download=False)
    >>> len(planned.items), planned.items[0].file.path
    (14, 'component01.nii.gz')
    >>> networks = datasets.fetch_networks_abide()  # doctest: +SKIP
    >>> matching.label(ica.components_img_, networks)  # doctest: +SKIP
    """
    import nibabel as nib

    entry = dataset("networks_abide")
    plan = make_plan(entry, list(entry.files.values()), data_dir)
    if not as_flag("download", download):
        return plan
    paths = fetch(plan, resume=resume, verbose=verbose)
    filenames = [paths[f"component{number:02d}.nii.gz"] for number in _LABELS_OF_ABIDE]
    return _probabilistic(
        entry,
        nib.concat_images(filenames),
        list(_LABELS_OF_ABIDE.values()),
        template="MNI152",
        filenames=filenames,
    )


def fetch_atlas_msdl(
    data_dir: AnyPath | None = None, url: str | None = None, resume: bool = True, verbose: int = 1,
    *, download: bool = True,
) -> Bunch | DownloadPlan:  # fmt: skip
    """Fetch 39 probabilistic regions learnt from resting-state data, with names and networks.

    One small archive, of unknown size; the image unpacked is 10 MB as float32.

    Parameters
    ----------
    data_dir, url, resume, verbose, download
        See :mod:`nbica.datasets.fetchers.common`.

    Returns
    -------
    msdl : sklearn.utils.Bunch
        `maps` (path, (40, 48, 35, 39)), `labels` and `networks` (lists of str), `region_coords`
        (list of (x, y, z), mm), `atlas_type`, `template`, `description`, `licence`, `citation`.

    Raises
    ------
    DownloadError
        If the archive did not come.

    See Also
    --------
    nbica.NiftiMapsMasker : takes the time courses of these regions.

    Examples
    --------
    >>> from nbica import datasets
    >>> datasets.fetch_atlas_msdl(download=False).table["file"].tolist()
    ['MSDL_rois.zip']
    >>> msdl = datasets.fetch_atlas_msdl()  # doctest: +SKIP
    >>> masker = NiftiMapsMasker(msdl.maps)  # doctest: +SKIP
    """
    entry = dataset("atlas_msdl", url)
    names = ("MSDL_rois/msdl_rois_labels.csv", "MSDL_rois/msdl_rois.nii")
    plan = make_plan(entry, [entry.archive("MSDL_rois.zip", *names)], data_dir)
    if not as_flag("download", download):
        return plan
    paths = fetch(plan, resume=resume, verbose=verbose)
    table = pd.read_csv(paths[names[0]]).rename(columns=str.strip)
    return _probabilistic(
        entry,
        paths[names[1]],
        table["name"].str.strip().tolist(),
        region_coords=table[["x", "y", "z"]].to_numpy().tolist(),
        networks=table["net name"].str.strip().tolist(),
    )


def fetch_atlas_smith_2009(
    data_dir: AnyPath | None = None, url: str | None = None, resume: bool = True, verbose: int = 1,
    mirror: Literal["origin", "nitrc"] = "origin", dimension: Literal[10, 20, 70] = 10,
    resting: bool = True, *, download: bool = True,
) -> Bunch | DownloadPlan:  # fmt: skip
    """Fetch ICA components of resting-state data, or of the activations in BrainMap.

    One file, of unknown size: 2 mm maps, some MB.

    Parameters
    ----------
    mirror : {"origin", "nitrc"}
        Which of the two hosts is asked first; the other is asked if it fails.
    dimension : {10, 20, 70}
    resting : bool
        False takes BrainMap's.
    data_dir, url, resume, verbose, download
        See :mod:`nbica.datasets.fetchers.common`.

    Returns
    -------
    smith : sklearn.utils.Bunch
        `maps` (path, (91, 109, 91, dimension)), `atlas_type`, `template`, `description`,
        `licence`, `citation`. The maps have no names.

    Raises
    ------
    DownloadError
        If the file did not come.

    See Also
    --------
    fetch_networks_abide : networks that have names.

    Examples
    --------
    >>> from nbica import datasets
    >>> datasets.fetch_atlas_smith_2009(dimension=20, download=False).table["file"].tolist()
    ['rsn20.nii.gz']
    >>> smith = datasets.fetch_atlas_smith_2009(dimension=20)  # doctest: +SKIP
    """
    check_one_of("dimension", dimension, (10, 20, 70))
    check_one_of("mirror", mirror, ("origin", "nitrc"))
    entry = dataset("atlas_smith_2009", url)
    start = "PNAS_Smith09_" if dimension == 10 else ""
    name = f"{start}{'rsn' if as_flag('resting', resting) else 'bm'}{dimension}.nii.gz"
    plan = make_plan(entry, [_in_order(entry.files[name], mirror)], data_dir)
    if not as_flag("download", download):
        return plan
    paths = fetch(plan, resume=resume, verbose=verbose)
    return _probabilistic(entry, paths[name])


def fetch_atlas_difumo(
    dimension: Literal[64, 128, 256, 512, 1024] = 64, resolution_mm: Literal[2, 3] = 2,
    data_dir: AnyPath | None = None, resume: bool = True, verbose: int = 1, *,
    download: bool = True,
) -> Bunch | DownloadPlan:  # fmt: skip
    """Fetch dictionaries of functional modes (DiFuMo), fine-grained probabilistic regions.

    One archive per dimension, of unknown size: from some MB to more than 1 GB for 1024 at 2 mm.

    Parameters
    ----------
    dimension : {64, 128, 256, 512, 1024}
    resolution_mm : {2, 3}
    data_dir, resume, verbose, download
        See :mod:`nbica.datasets.fetchers.common`.

    Returns
    -------
    difumo : sklearn.utils.Bunch
        `maps` (path, 4D with `dimension` maps), `labels` (DataFrame: component, difumo_names,
        yeo_networks7, yeo_networks17, gm, wm, csf), `atlas_type`, `template`, `description`,
        `licence`, `citation`.

    Raises
    ------
    DownloadError
        If the archive did not come.

    See Also
    --------
    fetch_atlas_msdl : fewer regions, with coordinates.

    Examples
    --------
    >>> from nbica import datasets
    >>> datasets.fetch_atlas_difumo(dimension=128, download=False).table["file"].tolist()
    ['difumo_128.zip']
    >>> difumo = datasets.fetch_atlas_difumo(dimension=128)  # doctest: +SKIP
    >>> names = difumo.labels["difumo_names"]  # doctest: +SKIP
    """
    check_one_of("dimension", dimension, (64, 128, 256, 512, 1024))
    check_one_of("resolution_mm", resolution_mm, (2, 3))
    entry = dataset("atlas_difumo")
    maps = f"{dimension}/{resolution_mm}mm/maps.nii.gz"
    table = f"{dimension}/labels_{dimension}_dictionary.csv"
    plan = make_plan(entry, [entry.archive(f"difumo_{dimension}.zip", table, maps)], data_dir)
    if not as_flag("download", download):
        return plan
    paths = fetch(plan, resume=resume, verbose=verbose)
    labels = pd.read_csv(paths[table]).rename(columns=str.lower)
    return _probabilistic(entry, paths[maps], labels, template="MNI152NLin6Asym")


def fetch_atlas_yeo_2011(
    data_dir: AnyPath | None = None, url: str | None = None, resume: bool = True, verbose: int = 1,
    n_networks: Literal[7, 17] = 7, thickness: Literal["thin", "thick"] = "thick", *,
    download: bool = True,
) -> Bunch | DownloadPlan:  # fmt: skip
    """Fetch the 7 or 17 cortical networks of Yeo et al. 2011.

    One small archive, of unknown size.

    Parameters
    ----------
    n_networks : {7, 17}
    thickness : {"thin", "thick"}
        Thickness of the cortex that the labels cover.
    data_dir, url, resume, verbose, download
        See :mod:`nbica.datasets.fetchers.common`.

    Returns
    -------
    yeo : sklearn.utils.Bunch
        `maps` (path, integers, (256, 256, 256, 1)), `labels` (list of str, "Background" first),
        `lut` (DataFrame: index, name, color), `anat` (path), `atlas_type` ("deterministic"),
        `template`, `description`, `licence`, `citation`.

    Raises
    ------
    DownloadError
        If the archive did not come.

    See Also
    --------
    fetch_atlas_schaefer_2018 : parcels of these networks.

    Examples
    --------
    >>> from nbica import datasets
    >>> datasets.fetch_atlas_yeo_2011(n_networks=17, download=False).table["file"].tolist()
    ['Yeo_JNeurophysiol11_MNI152.zip']
    >>> yeo = datasets.fetch_atlas_yeo_2011(n_networks=17)  # doctest: +SKIP
    >>> masker = NiftiLabelsMasker(yeo.maps, lut=yeo.lut)  # doctest: +SKIP
    """
    check_one_of("n_networks", n_networks, (7, 17))
    check_one_of("thickness", thickness, ("thin", "thick"))
    entry = dataset("atlas_yeo_2011", url)
    folder = "Yeo_JNeurophysiol11_MNI152"
    start, liberal = (
        f"{folder}/Yeo2011_{n_networks}Networks",
        "_LiberalMask" * (thickness == "thick"),
    )
    maps = f"{start}_MNI152_FreeSurferConformed1mm{liberal}.nii.gz"
    table = f"{start}_ColorLUT.txt"
    anat = f"{folder}/FSL_MNI152_FreeSurferConformed_1mm.nii.gz"
    archive = entry.archive("Yeo_JNeurophysiol11_MNI152.zip", maps, table, anat)
    plan = make_plan(entry, [archive], data_dir)
    if not as_flag("download", download):
        return plan
    paths = fetch(plan, resume=resume, verbose=verbose)
    return deterministic(entry, paths[maps], _color_table(paths[table], skip=1), anat=paths[anat])


def fetch_atlas_schaefer_2018(
    n_rois: int = 400, yeo_networks: Literal[7, 17] = 7, resolution_mm: Literal[1, 2] = 1,
    data_dir: AnyPath | None = None, base_url: str | None = None, resume: bool = True,
    verbose: int = 1, *, download: bool = True,
) -> Bunch | DownloadPlan:  # fmt: skip
    """Fetch 100 to 1000 cortical parcels of Schaefer et al. 2018, ordered by the networks of Yeo.

    Two files of some 100 kB, of unknown exact size.

    Parameters
    ----------
    n_rois : int
        100, 200, … 1000.
    yeo_networks : {7, 17}
    resolution_mm : {1, 2}
    base_url : str, optional
        Where to look instead of the registry's address.
    data_dir, resume, verbose, download
        See :mod:`nbica.datasets.fetchers.common`.

    Returns
    -------
    schaefer : sklearn.utils.Bunch
        `maps` (path, integers), `labels` (list of str, "Background" first), `lut` (DataFrame:
        index, name, color), `atlas_type`, `template`, `description`, `licence`, `citation`.

    Raises
    ------
    DownloadError
        If a file did not come.

    See Also
    --------
    nbica.NiftiLabelsMasker : takes the mean time course of each parcel.

    Examples
    --------
    >>> from nbica import datasets
    >>> planned = datasets.fetch_atlas_schaefer_2018(n_rois=100, resolution_mm=2, download=False)
    >>> for path in planned.table["file"]:
    ...     print(path)
    Schaefer2018_100Parcels_7Networks_order.txt
    Schaefer2018_100Parcels_7Networks_order_FSLMNI152_2mm.nii.gz
    >>> schaefer = datasets.fetch_atlas_schaefer_2018(n_rois=100)  # doctest: +SKIP
    >>> masker = NiftiLabelsMasker(schaefer.maps, lut=schaefer.lut)  # doctest: +SKIP
    """
    check_one_of("n_rois", n_rois, tuple(range(100, 1001, 100)))
    check_one_of("yeo_networks", yeo_networks, (7, 17))
    check_one_of("resolution_mm", resolution_mm, (1, 2))
    entry = dataset("atlas_schaefer_2018", base_url)
    start = f"Schaefer2018_{n_rois}Parcels_{yeo_networks}Networks_order"
    table, maps = f"{start}.txt", f"{start}_FSLMNI152_{resolution_mm}mm.nii.gz"
    plan = make_plan(entry, [entry.files[table], entry.files[maps]], data_dir)
    if not as_flag("download", download):
        return plan
    paths = fetch(plan, resume=resume, verbose=verbose)
    return deterministic(entry, paths[maps], _color_table(paths[table]))


def deterministic(entry, maps, lut, **more):
    """The Bunch of an atlas of integers; the table's names are its labels."""
    more = {"template": "MNI152NLin6Asym"} | more
    return bunch(
        entry, maps=maps, labels=lut["name"].tolist(), lut=lut, atlas_type="deterministic", **more
    )


def _probabilistic(entry, maps, labels=None, template="MNI152", **more):
    labels = {} if labels is None else {"labels": labels}
    return bunch(entry, maps=maps, **labels, atlas_type="probabilistic", template=template, **more)


def _in_order(file, mirror):
    return replace(file, urls=file.urls[::-1]) if mirror == "nitrc" else file


def _color_table(path, skip=0):
    """Index, name and color of each label, background first, from FreeSurfer's columns."""
    columns = ["index", "name", "r", "g", "b", "end"]
    table = pd.read_csv(path, sep=r"\s+", names=columns, skiprows=skip)
    background = pd.DataFrame([[0, "Background", 0, 0, 0, 0]], columns=columns)
    table = pd.concat([background, table[table["index"] != 0]], ignore_index=True)
    colors = table[["r", "g", "b"]].astype(int).to_numpy()
    table["color"] = [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in colors]
    return table[["index", "name", "color"]]
