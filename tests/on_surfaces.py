"""Small runs on grayordinates, for tests: two hemispheres of an icosahedron, and a thalamus."""

import nibabel as nib
import numpy as np
from nibabel.cifti2 import BrainModelAxis, ScalarAxis, SeriesAxis

N_VERTICES, T_R = 642, 0.72
AFFINE = np.array([[-2.0, 0, 0, 10], [0, 2, 0, -12], [0, 0, 2, -8], [0, 0, 0, 1]])


def models(n_left=300, n_right=280, with_voxels=True):
    """Part of two cortices, and the voxels of a thalamus."""
    rng = np.random.default_rng(7)
    left, right = (
        np.sort(rng.choice(N_VERTICES, n, replace=False)).astype(np.int32)
        for n in (n_left, n_right)
    )
    axis = BrainModelAxis.from_surface(left, N_VERTICES, "CortexLeft")
    axis = axis + BrainModelAxis.from_surface(right, N_VERTICES, "CortexRight")
    if not with_voxels:
        return axis
    voxels = np.zeros((8, 9, 7), bool)
    voxels[2:6, 3:7, 1:5] = True
    return axis + BrainModelAxis.from_mask(voxels, affine=AFFINE, name="thalamus_left")


def planted(n, n_maps=4, seed=0):
    """Sparse maps, one per row."""
    rng = np.random.default_rng(seed)
    return (rng.laplace(size=(n_maps, n)) * (rng.random((n_maps, n)) < 0.1)).astype("f4")


def series(maps, seed, n_timepoints=60):
    """A run in which the maps take part, around a mean of 100: (n_timepoints, n)."""
    rng = np.random.default_rng(seed)
    courses = rng.normal(size=(n_timepoints, len(maps)))
    noise = rng.normal(size=(n_timepoints, maps.shape[1]))
    return (courses @ maps + 0.5 * noise + 100).astype("f4")


def save_cifti(path, values, rows, columns):
    """Write values with two axes; the path, as text."""
    img = nib.Cifti2Image(values, header=(rows, columns))
    img.nifti_header.set_intent("ConnDenseSeries" if isinstance(rows, SeriesAxis) else
                                "ConnDenseScalar")  # fmt: skip
    img.to_filename(path)
    return str(path)


def save_series(path, values, columns, t_r=T_R):
    """Write a dtseries; the path, as text."""
    return save_cifti(path, values, SeriesAxis(0, t_r, len(values)), columns)


def save_maps(path, values, columns):
    """Write a dscalar; the path, as text."""
    names = [f"map {row}" for row in range(len(values))]
    return save_cifti(path, values, ScalarAxis(names), columns)


def write_runs(folder, axis=None, n_runs=4, maps=None):
    """Some dtseries of the same planted maps; their paths."""
    axis = models() if axis is None else axis
    maps = planted(len(axis)) if maps is None else maps
    return [
        save_series(folder / f"sub-{n}.dtseries.nii", series(maps, seed=n), axis)
        for n in range(n_runs)
    ]


def save_hemisphere(path, values, side, t_r=2.0):
    """Write a GIFTI time series of (n_timepoints, n_vertices); the path, as text."""
    facts = {"AnatomicalStructurePrimary": f"Cortex{side.title()}", "TimeStep": f"{t_r * 1000:g}"}
    arrays = [nib.gifti.GiftiDataArray(row, intent="NIFTI_INTENT_TIME_SERIES") for row in values]
    nib.gifti.GiftiImage(darrays=arrays, meta=nib.gifti.GiftiMetaData(facts)).to_filename(path)
    return str(path)


def write_pairs(folder, n_runs=3, n_vertices=N_VERTICES):
    """Some pairs of GIFTI of the same planted maps; (left, right) of each, and their values."""
    maps = planted(2 * n_vertices)
    runs = [series(maps, seed=n) for n in range(n_runs)]
    pairs = [
        tuple(
            save_hemisphere(folder / f"sub-{n}_hemi-{side[0].upper()}.func.gii", part, side)
            for side, part in (("left", run[:, :n_vertices]), ("right", run[:, n_vertices:]))
        )
        for n, run in enumerate(runs)
    ]
    return pairs, runs
