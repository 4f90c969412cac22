"""The cohort on grayordinates: dtseries files with the same twelve networks, in a few seconds."""

import hashlib
import json
from typing import NamedTuple

import nibabel as nib
import numpy as np
from scipy import signal, sparse

from nbica.datasets import files
from nbica.datasets.simulation import networks, scanner
from nbica.datasets.simulation.hemispheres import brain
from nbica.datasets.simulation.subjects import (
    Subject,
    correlation_of,
    generator,
    group_of,
    write_courses,
)
from nbica.image.grayordinates import CORTEX, axis_of
from nbica.image.surface_images import cifti_image
from nbica.runtime.atomic import atomic

_VERSION = 1  # bump when the same parameters give other files
_ORDER = 4  # of the icosahedron: 2562 vertices a hemisphere
_MEAN, _UNIT = 10000.0, 60.0  # what the HCP scales a run to, and a network's deviation
_STEP = 4.0  # numbers are whole quarters: the same on every processor
_SMOOTH, _WHITE, _MOTION = 0.9, 1.1, 0.5  # deviations of noise, in those of a network
_KEPT = 0.6  # of the smooth noise, from frame to frame at 1 s
_BELOW = ("cerebellum", "basal ganglia")
_MIDLINE = 3  # mm: peaks nearer to it are on both sides

_DESCRIPTION = """\
Simulated group of resting-state runs on grayordinates, made by nbica: no person was scanned.

{n} grayordinates: two hemispheres of {n_vertices} vertices each (icosahedra in the shape of a brain
without folds, the medial wall left out), and voxels of {voxel_size:g} mm in ten structures below.
Networks ({n_networks}), in `maps_img`: Gaussians around published peaks in MNI mm, see
nbica.datasets.simulation.networks. Subjects differ in their peaks by about 2 mm, in strength by
15 %, and in their time courses. Disturbances: motion, of which the confounds know; smooth
autocorrelated noise; thermal noise.
Parameters: {parameters}
"""


class SurfacePlan(NamedTuple):
    """All that determines the files, and hence the folder's name."""

    n_timepoints: int
    t_r: float
    voxel_size: float
    noise: float
    random_state: int


class _Subject(Subject):
    """Where the files of a subject on surfaces are."""

    __slots__ = ()

    @property
    def series(self):
        return self.path("space-fsLR_den-5k_bold.dtseries.nii")


def simulate(n_subjects, plan, data_dir, n_jobs):
    """As :func:`group.simulate_group` with `space="surface"`; the folder, and where what is."""
    folder = files.make_folder(files.data_folder(data_dir) / "simulated" / _folder_name(plan))
    subjects = [_Subject(folder, index) for index in range(n_subjects)]
    missing = [one for one in subjects if not files.is_complete(one.manifest)]
    if missing or not files.is_complete(folder / "manifest.json"):
        _write_missing(folder, plan, missing, n_jobs)
    maps, mask, *meshes = _shared_paths(folder)
    return {
        "func": [str(one.series) for one in subjects],
        "confounds": [str(one.confounds) for one in subjects],
        "full_confounds": [str(one.confounds) for one in subjects],
        "mask_img": nib.load(mask),
        "anat_img": None,
        "maps_img": nib.load(maps),
        "surf_mesh": tuple(map(str, meshes)),
        "labels": networks.labels(),
        "t_r": plan.t_r,
        "timecourses": [str(one.timecourses) for one in subjects],
        "data_dir": str(folder),
        "description": _describe(plan),
    }


def _folder_name(plan):
    digest = hashlib.sha256(json.dumps([_VERSION, *plan]).encode()).hexdigest()[:8]
    return f"rest_surface_{plan.n_timepoints}x{plan.t_r:g}s_{digest}"


def _describe(plan):
    space = brain(_ORDER, plan.voxel_size).space
    return _DESCRIPTION.format(
        n=space.n_voxels, n_vertices=space.structures[0].n_vertices, voxel_size=plan.voxel_size,
        n_networks=len(networks.NETWORKS), parameters=json.dumps(plan._asdict()),
    )  # fmt: skip


# --- what the subjects share ---


class _Scene(NamedTuple):
    """Grayordinates, what smooths noise on them, and what motion does to them."""

    plan: SurfacePlan
    brain: object
    axis: object
    smoother: object
    motion: np.ndarray


def _scene(plan):
    small = brain(_ORDER, plan.voxel_size)
    smoother = _neighbours(small)
    rng = generator(plan.random_state, 0, stream=9)
    motion = _smoothed(rng.standard_normal((6, small.space.n_voxels)), smoother)
    return _Scene(plan, small, axis_of(small.space), smoother, motion)


def _neighbours(small):
    """A mean over each grayordinate and those around it, within its structure: sparse, (n, n)."""
    blocks = []
    for one in small.space.structures:
        if one.n_vertices:
            faces = small.space.mesh[one.name].faces
            ends = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
            places = np.full(one.n_vertices, -1)
            places[one.indices] = np.arange(len(one.indices))
            ends = places[ends]
            ends = ends[(ends >= 0).all(axis=1)]
        else:
            apart = np.abs(one.indices[:, np.newaxis] - one.indices).sum(axis=2)
            ends = np.argwhere(apart == 1)
        n = len(one.indices)
        near = sparse.coo_array((np.ones(len(ends)), tuple(ends.T)), shape=(n, n)).tocsr()
        near = ((near + near.T) > 0).astype(float) + sparse.eye_array(n)
        blocks.append(sparse.diags_array(1 / near.sum(axis=1)) @ near)
    return sparse.block_diag(blocks, format="csr")


def _smoothed(rows, smoother):
    """Rows, smooth over a few neighbours, each grayordinate of variance 1."""
    for _ in range(3):
        rows = rows @ smoother.T
    wide = smoother @ smoother @ smoother
    return rows / np.sqrt(wide.multiply(wide).sum(axis=1))


def network_maps(small, shifts=None):
    """The networks on grayordinates: ndarray of shape (n_networks, n), largest value 1."""
    maps = np.zeros((len(networks.NETWORKS), small.space.n_voxels))
    is_cortex, sides = small.on_cortex(), small.sides()
    for row, network in enumerate(networks.NETWORKS):
        width = network.reach / 2.5
        for number, peak in enumerate(network.peaks):
            allowed = is_cortex != (network.name in _BELOW)
            if abs(peak[0]) > _MIDLINE:
                allowed = allowed & (sides == np.sign(peak[0]))
            moved = np.array(peak) + (0 if shifts is None else shifts[row][number])
            apart = np.linalg.norm(small.places - moved, axis=1)
            for half in (-1, 1):  # a peak at the midline has a nearest place on each side
                there = np.flatnonzero(allowed & (sides == half))
                if len(there):
                    centre = small.places[there[apart[there].argmin()]]
                    d2 = ((small.places[there] - centre) ** 2).sum(axis=1)
                    maps[row, there] = np.maximum(maps[row, there], np.exp(-d2 / (2 * width**2)))
    maps[maps < 0.02] = 0
    return maps


def _write_missing(folder, plan, missing, n_jobs):
    from joblib import Parallel, delayed

    scene = _scene(plan)
    if not files.is_complete(folder / "manifest.json"):
        _write_shared(folder, scene)
    Parallel(n_jobs=n_jobs)(delayed(_write_subject)(subject, scene) for subject in missing)


def _shared_paths(folder):
    shared = folder / "anat"
    return [
        shared / "space-fsLR_den-5k_desc-networks_probseg.dscalar.nii",
        shared / "space-fsLR_den-5k_desc-brain_mask.dscalar.nii",
        *(shared / f"hemi-{side}_space-fsLR_den-5k_midthickness.surf.gii" for side in "LR"),
    ]


def _write_shared(folder, scene):
    maps, mask, *meshes = _shared_paths(folder)
    names = nib.cifti2.ScalarAxis(networks.labels())
    truth = network_maps(scene.brain).astype(np.float32)
    _write(maps, cifti_image(truth, names, scene.axis))
    ones = np.ones((1, len(scene.axis)), np.float32)
    _write(mask, cifti_image(ones, nib.cifti2.ScalarAxis(["brain"]), scene.axis))
    for path, side in zip(meshes, CORTEX, strict=True):
        _write(path, _gifti(scene.brain.space.mesh[CORTEX[side]], side))
    description = folder / "dataset_description.json"
    files.write_json(
        description,
        {
            "Name": "nbica simulated resting-state cohort on grayordinates",
            "BIDSVersion": "1.8.0",
            "DatasetType": "derivative",
            "GeneratedBy": [{"Name": "nbica", "Description": "nbica.datasets.simulate_group"}],
            "Parameters": scene.plan._asdict(),
        },
    )
    files.write_manifest(folder / "manifest.json", [maps, mask, *meshes, description])


def _gifti(surface, side):
    arrays = [
        nib.gifti.GiftiDataArray(surface.coordinates, intent="NIFTI_INTENT_POINTSET"),
        nib.gifti.GiftiDataArray(surface.faces, intent="NIFTI_INTENT_TRIANGLE"),
    ]
    facts = nib.gifti.GiftiMetaData({"AnatomicalStructurePrimary": f"Cortex{side.title()}"})
    return nib.gifti.GiftiImage(darrays=arrays, meta=facts)


def _write(path, img):
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as temporary:
        temporary.write_bytes(img.to_bytes())


# --- one subject ---


def _write_subject(subject, scene):
    from threadpoolctl import threadpool_limits

    plan = scene.plan
    with threadpool_limits(1):  # how a product is split changes its last bits
        courses, motion, values = _draw(subject.index, scene)
    rows = nib.cifti2.SeriesAxis(0, plan.t_r, plan.n_timepoints)
    _write(subject.series, cifti_image(values, rows, scene.axis))
    files.write_table(subject.confounds, _motion_table(motion))
    write_courses(subject.timecourses, courses)
    written = [subject.series, subject.confounds, subject.timecourses]
    files.write_manifest(subject.manifest, written)


def _draw(index, scene):
    """Time courses, motion and the run of a subject."""
    plan, n = scene.plan, scene.brain.space.n_voxels
    rng = generator(plan.random_state, index, stream=1)
    correlation = correlation_of(rng, group_of(index))
    courses = scanner.haemodynamic_courses(rng, plan.n_timepoints, plan.t_r, correlation)
    shifts = [rng.normal(0, 2.0, (len(one.peaks), 3)) for one in networks.NETWORKS]
    strengths = np.exp(rng.normal(0, 0.15, (len(networks.NETWORKS), 1)))
    motion = scanner.draw_motion(rng, plan.n_timepoints, plan.t_r) * min(plan.noise, 1.0)
    values = courses @ (strengths * network_maps(scene.brain, shifts))
    if plan.noise:
        noise = generator(plan.random_state, index, stream=2)
        smooth = _smoothed(noise.standard_normal((plan.n_timepoints, n)), scene.smoother)
        kept = _KEPT**plan.t_r
        smooth = signal.lfilter([np.sqrt(1 - kept**2)], [1, -kept], smooth, axis=0)
        moved = motion / np.maximum(motion.std(axis=0), 1e-9)
        values += plan.noise * (
            _SMOOTH * smooth
            + _WHITE * noise.standard_normal((plan.n_timepoints, n))
            + _MOTION * moved @ scene.motion / np.sqrt(6)
        )
    values = _MEAN + _UNIT * values
    return courses, motion, (np.rint(_STEP * values) / _STEP).astype(np.float32)


def _motion_table(motion):
    """The 24 motion columns that fMRIPrep would write: six, their derivatives, and the squares."""
    import pandas as pd

    table = pd.DataFrame(motion, columns=[f"{kind}_{axis}" for kind in ("trans", "rot")
                                          for axis in "xyz"])  # fmt: skip
    steps = table.diff().add_suffix("_derivative1")
    both = pd.concat([table, steps], axis=1)
    return pd.concat([both, (both**2).add_suffix("_power2")], axis=1)
