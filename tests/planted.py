"""Small data with a known answer: arrays of low rank, and cohorts of runs with planted networks."""

from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np

from nbica import CanICA

SHAPE = (18, 20, 16)
AFFINE = np.array([[4.0, 0, 0, -34], [0, 4.0, 0, -40], [0, 0, 4.0, -28], [0, 0, 0, 1]])

# In voxels; two peaks make a bilateral network, not quite symmetric.
PEAKS = [
    [(5, 5, 7), (12, 5, 7)],
    [(9, 14, 8)],
    [(4, 11, 8), (13, 11, 9)],
    [(8, 10, 3)],
    [(11, 8, 12)],
]


class Cohort(NamedTuple):
    """Runs on disk, and what was planted in them."""

    func: list
    confounds: list
    mask_img: nib.Nifti1Image
    maps: np.ndarray


def brain_mask(shape=SHAPE):
    """An ellipsoid that leaves a margin of background."""
    centre = (np.array(shape) - 1) / 2
    offsets = (np.indices(shape).T - centre) / (centre - 0.7)
    return ((offsets**2).sum(axis=-1) < 1).T


def mask_image(mask=None, affine=AFFINE):
    mask = brain_mask() if mask is None else mask
    return nib.Nifti1Image(mask.astype(np.uint8), affine)


def network_maps(mask, width=1.3):
    """Sparse maps inside a mask, rows of maximum 1: a Gaussian blob around each peak."""
    voxels = np.argwhere(mask)
    maps = []
    for peaks in PEAKS:
        distances = [((voxels - peak) ** 2).sum(axis=1) for peak in np.array(peaks)]
        blobs = [np.exp(-0.5 * d / width**2) for d in distances]
        maps.append(np.max(blobs, axis=0))
    maps = np.array(maps)
    maps[maps < 0.1] = 0
    return maps


def run_signals(rng, maps, n_timepoints, noise=1.0):
    """A run: networks of one's own strength, a baseline, a drift, a confound's trace, noise.

    Returns
    -------
    signals : ndarray of float32, shape (n_timepoints, n_voxels)
    confounds : ndarray of shape (n_timepoints, 2)
    """
    n_maps, n_voxels = maps.shape
    strengths = rng.uniform(2, 4, n_maps)
    courses = rng.standard_normal((n_timepoints, n_maps)) * strengths
    confounds = rng.standard_normal((n_timepoints, 2))
    trace = 5 * confounds @ rng.standard_normal((2, n_voxels))
    drift = np.linspace(0, 10, n_timepoints)[:, np.newaxis]
    baseline = rng.uniform(900, 1100, n_voxels)
    own = noise * rng.standard_normal((n_timepoints, n_voxels))
    return (courses @ maps + trace + drift + baseline + own).astype(np.float32), confounds


def run_image(signals, mask, affine=AFFINE, dtype=np.float32):
    """Signals as a 4D image, 0 outside of the mask."""
    data = np.zeros((*mask.shape, len(signals)), dtype)
    data[mask] = np.round(signals.T) if np.dtype(dtype).kind == "i" else signals.T
    img = nib.Nifti1Image(data, affine)
    img.header.set_xyzt_units("mm", "sec")
    img.header.set_zooms((*img.header.get_zooms()[:3], 2.0))
    return img


def write_cohort(folder, n_runs=6, n_timepoints=60, seed=0, noise=1.0):
    """A cohort of compressed and plain files, with one table of confounds each."""
    rng = np.random.default_rng(seed)
    mask = brain_mask()
    maps = network_maps(mask)
    func, tables = [], []
    for number in range(n_runs):
        signals, confounds = run_signals(rng, maps, n_timepoints + number, noise)
        func.append(Path(folder) / f"sub-{number:02d}_bold{'.nii.gz' if number % 2 else '.nii'}")
        nib.save(run_image(signals, mask), func[-1])
        tables.append(func[-1].with_name(f"sub-{number:02d}_confounds.tsv"))
        np.savetxt(tables[-1], confounds, delimiter="\t", header="one\ttwo", comments="")
    return Cohort([str(path) for path in func], tables, mask_image(mask), maps)


def estimator(**options):
    """A CanICA for the cohort: all that a test says nothing of is small and without a threshold.

    And the group step that nilearn has, which exact answers are known of.
    """
    defaults = {
        "mask": mask_image(), "n_components": 5, "smoothing_fwhm": None, "threshold": None,
        "random_state": 0, "n_init": 3, "do_cca": True,
    }  # fmt: skip
    return CanICA(**(defaults | options))


def low_rank(rng, n_rows, n_voxels, rank, decay=0.8):
    """A matrix of exact rank (to float32) with a decaying spectrum."""
    left = np.linalg.qr(rng.standard_normal((n_rows, rank)))[0]
    right = np.linalg.qr(rng.standard_normal((n_voxels, rank)))[0]
    return ((left * decay ** np.arange(rank)) @ right.T).astype(np.float32)


def sparse_sources(rng, n_sources, n_voxels):
    """Independent Laplace sources of mean 0 and norm 1, as rows."""
    sources = rng.laplace(size=(n_sources, n_voxels))
    sources -= sources.mean(axis=1, keepdims=True)
    return sources / np.linalg.norm(sources, axis=1, keepdims=True)


def mixed(rng, sources):
    """An orthonormal basis of the sources' span, as a group subspace is (float32)."""
    mixing = rng.standard_normal((len(sources), len(sources)))
    return np.ascontiguousarray(np.linalg.qr((mixing @ sources).T)[0].T, dtype=np.float32)


def cosines(first, second):
    """Cosines of the principal angles between the spans of two sets of rows (float64)."""
    first, second = (np.linalg.qr(np.asarray(rows, float).T)[0] for rows in (first, second))
    return np.linalg.svd(first.T @ second, compute_uv=False)


# A box in mm to look at, and grids that lie in the world in different ways.
BOX = np.array([[-60, 60], [-70, 50], [-40, 60]], dtype=float)

c, s = np.cos(0.4), np.sin(0.4)
AFFINES = {
    "plain": np.diag([4.0, 4, 4, 1]),
    "flipped": np.diag([-4.0, 4, 4, 1]),
    "anisotropic": np.diag([3.0, 4, 6, 1]),
    "permuted": np.array([[0, 4, 0, 0], [0, 0, -4, 0], [4, 0, 0, 0], [0, 0, 0, 1.0]]),
    "oblique": np.array([[4 * c, -4 * s, 0, 0], [4 * s, 4 * c, 0, 0], [0, 0, 5, 0], [0, 0, 0, 1]]),
}


def one_voxel(affine, mm, shape=(40, 42, 44), value=5.0):
    """One voxel of the given value whose centre lies at the given mm; a centred field of view."""
    affine = affine.copy()
    voxel = np.array(shape) // 2 + [3, -2, 1]
    affine[:3, 3] = mm - affine[:3, :3] @ voxel
    data = np.zeros(shape, np.float32)
    data[tuple(voxel)] = value
    return data, affine
