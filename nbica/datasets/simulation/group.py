"""The embedded cohort: a group of subjects with known networks, written as fMRIPrep would.

The journey: `Scene` holds what all subjects share, `_draw_subject` what sets one apart, and
`write_run` streams one run to disk. Files are written once and found again by the parameters
in the folder's name.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import nibabel as nib
import numpy as np

from nbica.datasets import files
from nbica.datasets.simulation import networks
from nbica.datasets.simulation.subjects import (
    GROUPS,
    SPACE,
    Plan,
    Scene,
    Subject,
    generator,
    group_of,
    write_subject,
)
from nbica.datasets.simulation.surfaces import SurfacePlan, simulate
from nbica.image import template
from nbica.image.writing import write_image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike
    from sklearn.utils import Bunch

    from nbica.hints import AnyPath

_VERSION = 7  # bump when the same parameters give other files: old ones are then left alone
_FEWEST_FRAMES = 20
_FIELD = ((-80.0, -112.0, -72.0), (80.0, 80.0, 84.0))  # mm, the default grid covers this

_DESCRIPTION = """\
Simulated group of resting-state runs, made by nbica: no person was scanned.

Anatomy: MNI152 (ICBM 2009a, nonlinear, symmetric; Fonov et al. 2011), read from nilearn's wheel;
`anat_img` is its T1 at 2 mm, without the skull. The runs see its tissues through the scanner.
Networks ({n_networks}), in `maps_img` (maximum 1, zero outside grey matter), spread along the
cortical ribbon from peaks in MNI mm:
{networks}
{sources}
Subjects differ: peaks shifted by about 2 mm, reach by 8 %, strengths by 15 %, own time courses
(white noise through a double-gamma haemodynamic response).
Groups: {groups}; they differ in one pair, {pair}.
Disturbances: head motion with jerks, of which the confounds know; linear drift and slow waves;
aliased heart beat and breathing; slow flow in five large vessels; spatially smooth autocorrelated
noise; thermal noise; signal dropout. `confounds` has fMRIPrep's columns, `timecourses` the true
time courses.
Parameters: {parameters}
"""


def simulate_group(
    n_subjects: int = 8,
    n_timepoints: int = 168,
    *,
    voxel_size: float = 4.0,
    t_r: float = 2.0,
    affine: ArrayLike | None = None,
    shape: Sequence[int] | None = None,
    noise: float = 1.0,
    data_dir: AnyPath | None = None,
    random_state: int = 0,
    n_jobs: int = 1,
    space: Literal["volume", "surface"] = "volume",
) -> Bunch:
    """Simulate a group of resting-state runs with known networks, on disk, once.

    The default cohort takes about five seconds, 200 MB of memory and 120 MB of disk; a second
    call with the same parameters takes milliseconds. Runs are written a block of frames at a time:
    memory is about (n_sources + 3 x 8) x n_voxels x 8 B with some 30 sources, whatever
    `n_timepoints`; time and disk are proportional to n_subjects x n_timepoints x n_voxels.

    Parameters
    ----------
    n_subjects : int
        One run each; of two groups in turn. The first subjects are the same for any number.
    n_timepoints : int
        Frames per run, at least 20.
    voxel_size : float
        Voxel size of the runs, isotropic, in mm.
    t_r : float
        Repetition time in s.
    affine, shape : array-like of shape (4, 4) and tuple of 3 int, optional
        Grid of the runs instead of `voxel_size`, voxel indices to MNI mm.
    noise : float
        Factor on all that is not a network; 0 leaves networks on a still brain.
    data_dir : path, optional
        Data folder. By default the one of the environment variable `NBICA_DATA`, else the
        cache folder of the platform.
    random_state : int
        Seed; the same seed gives the same bytes.
    n_jobs : int
        Subjects written at a time, by joblib. Does not change the files.
    space : {"volume", "surface"}
        "surface" writes CIFTI-2 time series instead: the same networks on two hemispheres of 2562
        vertices and on voxels of `voxel_size` below them, some 4 MB a run.

    Returns
    -------
    cohort : sklearn.utils.Bunch
        `func` and `confounds` (lists of paths, one per subject; the tables hold the 24 motion
        columns, as nilearn's `fetch_development_fmri` reduces them) and `full_confounds` (all of
        fMRIPrep's columns, of which nobody would use all at once); `mask_img` (3D), `anat_img`
        (3D, 2 mm, T1 contrast) and `maps_img` (4D, the true networks) as nibabel images, read
        when their data are asked for; `labels` (list of str, in the order of the maps); `t_r`
        (s); `phenotypic` (pandas.DataFrame: participant_id, group, age, sex); `timecourses`
        (list of paths, the true time courses); `data_dir` (str); `description` (str). On surfaces
        `mask_img` and `maps_img` are dscalars, there is no `anat_img`, and `surf_mesh` has the
        paths of both hemispheres' meshes.

    Raises
    ------
    ValueError
        A parameter is out of range.
    OSError
        The data folder cannot be written to.

    See Also
    --------
    simulate_task : one subject who looks at pictures.
    find_bids : runs of your own.

    Notes
    -----
    Sources of the coordinates are in `nbica.datasets.simulation.networks` and in `description`.

    Examples
    --------
    >>> from nbica import datasets
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> len(cohort.func), cohort.mask_img.shape, cohort.t_r
    (4, (13, 16, 14), 2.0)
    >>> cohort.labels[:3]
    ['default mode', 'dorsal attention', 'left fronto-parietal']
    >>> cohort.phenotypic["group"].tolist()
    ['control', 'patient', 'control', 'patient']
    """
    plan = _plan(n_timepoints, voxel_size, t_r, affine, shape, noise, random_state)
    _check_count("n_subjects", n_subjects, at_least=1)
    if _is_surface(space, affine):
        of_surfaces = SurfacePlan(
            plan.n_timepoints, plan.t_r, float(voxel_size), plan.noise, plan.random_state
        )
        return _surface_bunch(n_subjects, of_surfaces, data_dir, n_jobs)
    folder = files.make_folder(files.data_folder(data_dir) / "simulated" / _folder_name(plan))
    subjects = [Subject(folder, index) for index in range(n_subjects)]
    missing = [s for s in subjects if not files.is_complete(s.manifest)]
    if missing or not files.is_complete(folder / "manifest.json"):
        _write_missing(folder, plan, missing, n_jobs)
    phenotypic = _phenotypic(plan.random_state, n_subjects)
    _update_participants(folder / "participants.tsv", phenotypic)
    return _bunch(folder, plan, subjects, phenotypic)


def _is_surface(space, affine):
    if space not in ("volume", "surface"):
        msg = f"space is {space!r}; expected 'volume' or 'surface'."
        raise ValueError(msg)
    if space == "surface" and affine is not None:
        msg = (
            "affine and shape are for volumes; on surfaces choose the voxel_size of what is below."
        )
        raise ValueError(msg)
    return space == "surface"


def _surface_bunch(n_subjects, plan, data_dir, n_jobs):
    from nbica.datasets.dataset import Dataset

    found = simulate(n_subjects, plan, data_dir, n_jobs)
    phenotypic = _phenotypic(plan.random_state, n_subjects)
    _update_participants(Path(found["data_dir"]) / "participants.tsv", phenotypic)
    return Dataset(**found, phenotypic=phenotypic)


def find_group(n_subjects=8, n_timepoints=168, *, voxel_size=4.0, data_dir=None):
    """Folder of a cohort that :func:`simulate_group` has already written; a few milliseconds.

    Parameters
    ----------
    n_subjects, n_timepoints, voxel_size, data_dir
        As :func:`simulate_group` takes them; its other parameters at their defaults.

    Returns
    -------
    Path or None
        None if a file is missing.
    """
    plan = _plan(n_timepoints, voxel_size, 2.0, None, None, 1.0, 0)
    folder = files.data_folder(data_dir) / "simulated" / _folder_name(plan)
    manifests = [Subject(folder, index).manifest for index in range(n_subjects)]
    is_there = all(map(files.is_complete, [folder / "manifest.json", *manifests]))
    return folder if is_there else None


# --- parameters ---


def _plan(n_timepoints, voxel_size, t_r, affine, shape, noise, random_state):
    """The parameters, checked, in the form that names the folder."""
    _check_count("n_timepoints", n_timepoints, at_least=_FEWEST_FRAMES)
    _check_count("random_state", random_state, at_least=0)
    _check_number("t_r", t_r, "in s, for instance 2.0")
    if not (np.isscalar(noise) and np.isfinite(noise) and noise >= 0):
        msg = f"noise is {noise!r}; expected a factor of 0 or more, 1.0 being realistic."
        raise ValueError(msg)
    affine, shape = _grid(voxel_size, affine, shape)
    return Plan(
        int(n_timepoints),
        float(t_r),
        tuple(map(tuple, affine.tolist())),
        tuple(int(n) for n in shape),
        float(noise),
        int(random_state),
    )


def _grid(voxel_size, affine, shape):
    """Affine and shape of the runs, as given or around the head."""
    if (affine is None) != (shape is None):
        given, other = ("affine", "shape") if shape is None else ("shape", "affine")
        msg = f"{given} is given without {other}; give both, or only voxel_size."
        raise ValueError(msg)
    if affine is None:
        _check_number("voxel_size", voxel_size, "in mm, for instance 4.0")
        low, high = (np.array(corner) for corner in _FIELD)
        if voxel_size > 20:
            msg = f"voxel_size is {voxel_size} mm; above 20 mm no network is left. Use 2 to 10."
            raise ValueError(msg)
        first = np.ceil(low / voxel_size)
        last = np.floor(high / voxel_size)
        affine = nib.affines.from_matvec(np.eye(3) * voxel_size, first * voxel_size)
        return affine, (last - first + 1).astype(int)
    affine, shape = np.asarray(affine, dtype=float), np.asarray(shape)
    if affine.shape != (4, 4) or not np.isfinite(affine).all() or np.linalg.det(affine) == 0:
        msg = f"affine has shape {affine.shape}; expected an invertible (4, 4) matrix to MNI mm."
        raise ValueError(msg)
    if shape.shape != (3,) or shape.dtype.kind not in "iu" or shape.min() < 2:
        msg = f"shape is {tuple(shape.tolist())}; expected three numbers of voxels, 2 or more."
        raise ValueError(msg)
    return affine, shape


def _check_count(name, value, at_least):
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_whole or not at_least <= value < 10**9:
        msg = f"{name} is {value!r}; expected an integer of at least {at_least}, below 10⁹."
        raise ValueError(msg)


def _check_number(name, value, unit):
    if not (isinstance(value, (int, float, np.number)) and np.isfinite(value) and value > 0):
        msg = f"{name} is {value!r}; expected a number above 0, {unit}."
        raise ValueError(msg)


def _folder_name(plan):
    digest = hashlib.sha256(json.dumps([_VERSION, *plan]).encode()).hexdigest()[:8]
    size = np.cbrt(abs(np.linalg.det(np.array(plan.affine)[:3, :3])))
    return f"rest_{size:.3g}mm_{plan.n_timepoints}x{plan.t_r:g}s_{digest}"


# --- what the subjects share ---


def _write_missing(folder, plan, missing, n_jobs):
    from joblib import Parallel, delayed

    scene = Scene(plan)
    if not files.is_complete(folder / "manifest.json"):
        _write_shared(folder, scene)
    Parallel(n_jobs=n_jobs)(delayed(write_subject)(subject, scene) for subject in missing)


def _write_shared(folder, scene):
    """Write the anatomy, the mask, the true maps and the description of the folder."""
    maps = networks.network_maps(scene.affine, scene.grey)
    anat, mask, truth = _shared_paths(folder)
    write_image(anat, template.load_tissue("t1"), template.AFFINE)
    write_image(mask, scene.mask.astype(np.uint8), scene.affine)
    write_image(truth, np.moveaxis(maps, 0, -1).astype(np.float32), scene.affine)
    description = folder / "dataset_description.json"
    files.write_json(
        description,
        {
            "Name": "nbica simulated resting-state cohort",
            "BIDSVersion": "1.8.0",
            "DatasetType": "derivative",
            "GeneratedBy": [{"Name": "nbica", "Description": "nbica.datasets.simulate_group"}],
            "Parameters": scene.plan._asdict(),
        },
    )
    files.write_manifest(folder / "manifest.json", [anat, mask, truth, description])


def _shared_paths(folder):
    names = ("desc-preproc_T1w", "desc-brain_mask", "desc-networks_probseg")
    return [folder / "anat" / f"{SPACE}_{name}.nii.gz" for name in names]


# --- who they are ---


def _phenotypic(random_state, n_subjects):
    import pandas as pd

    rows = []
    for index in range(n_subjects):
        rng = generator(random_state, index, stream=0)
        age, sex = int(rng.integers(19, 46)), str(rng.choice(["F", "M"]))
        rows.append((f"sub-{index + 1:02d}", group_of(index), age, sex))
    return pd.DataFrame(rows, columns=["participant_id", "group", "age", "sex"])


def _update_participants(path, phenotypic):
    """Write participants.tsv unless the one there already lists as many."""
    n_listed = len(path.read_text(encoding="utf-8").splitlines()) - 1 if path.exists() else 0
    if n_listed < len(phenotypic):
        files.write_table(path, phenotypic)


# --- what is returned ---


def _bunch(folder, plan, subjects, phenotypic):
    from nbica.datasets.dataset import Dataset

    anat_img, mask_img, maps_img = (nib.load(path) for path in _shared_paths(folder))
    return Dataset(
        func=[str(subject.bold) for subject in subjects],
        confounds=[str(subject.reduced_confounds) for subject in subjects],
        full_confounds=[str(subject.confounds) for subject in subjects],
        mask_img=mask_img,
        anat_img=anat_img,
        maps_img=maps_img,
        labels=networks.labels(),
        t_r=plan.t_r,
        phenotypic=phenotypic,
        timecourses=[str(subject.timecourses) for subject in subjects],
        data_dir=str(folder),
        description=_describe(plan),
    )


def _describe(plan):
    lines, sources = [], list(dict.fromkeys(network.source for network in networks.NETWORKS))
    for network in networks.NETWORKS:
        peaks = ", ".join(str(peak).replace(" ", "") for peak in network.peaks)
        lines.append(f"  {network.name} [{sources.index(network.source) + 1}]: {peaks}")
    return _DESCRIPTION.format(
        n_networks=len(lines),
        networks="\n".join(lines),
        sources="\n".join(f"  [{i}] {source}" for i, source in enumerate(sources, start=1)),
        groups=", ".join(f"{name} r = {r}" for name, r in GROUPS.items()),
        pair=" – ".join(networks.GROUP_PAIR),
        parameters=json.dumps(plan._asdict()),
    )
